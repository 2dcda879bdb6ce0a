"""`lab devices` and `lab run --device …` as a person types them, with virtual phones behind a real adb server."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.device import roster
from lab.device.addresses import address_of
from lab.device.android import Description
from lab.device.roster import Entry
from lab.errors import DeviceRefused
from tests.farm_phones import Phone
from tests.lab_process import ROOT, null_scenario, run_lab

Lab = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def lab_and_phones(tmp_path: Path, phones: list[Phone]) -> Iterator[Lab]:
    """Run `lab` on the tests' own adb server, with both phones known and whole."""
    for phone in phones:
        phone.restore()
    variables = {"POCKETLAB_ADB_SERVER": f"127.0.0.1:{phones[0].adb_server}"}

    def call(*arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
        return run_lab(tmp_path, arguments, variables={**variables, **more})

    for phone in phones:
        assert call("devices", "connect", phone.address).returncode == 0
    yield call
    for phone in phones:
        phone.restore()


# --- what is attached ----------------------------------------------------------------------------------


def test_each_device_has_a_row_that_fits_80_columns(lab_and_phones: Lab, phones: list[Phone]) -> None:
    """Name, serial, kind, SoC, Android, state, space and temperature, each on one line."""
    done = lab_and_phones("devices", COLUMNS="80")

    assert done.returncode == 0, done.stderr
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert re.search(r"^host +host ", done.stdout, re.MULTILINE)
    for phone in phones:
        row = next(line for line in done.stdout.splitlines() if line.startswith(phone.name))
        assert re.search(rf"{phone.address} +virtual +MT6989 +14 +device +[\d.]+[GM] +\d+\.\d", row), row


def test_programs_get_a_list(lab_and_phones: Lab, phones: list[Phone]) -> None:
    """The same as JSON."""
    found = json.loads(lab_and_phones("devices", "--json").stdout)

    assert {(row["name"], row["kind"], row["state"]) for row in found} >= {
        (phone.name, "virtual", "device") for phone in phones
    }


def test_a_phone_that_went_away_is_listed_with_what_to_do(lab_and_phones: Lab, phones: list[Phone]) -> None:
    """Its remembered address stays in the list until it is forgotten."""
    address = "127.0.99.1:5555"
    lab_and_phones("devices", "connect", address)

    assert address not in lab_and_phones("devices").stdout  # one that never answered is not remembered
    forgotten = lab_and_phones("devices", "disconnect", phones[1].address)

    assert forgotten.stdout == f"{phones[1].address}: disconnected and forgotten\n"
    assert phones[1].name not in lab_and_phones("devices").stdout
    refused = lab_and_phones("devices", "disconnect", phones[1].address)
    assert refused.returncode == 2
    assert "not connected, and not remembered" in refused.stderr


def test_a_server_that_speaks_something_else_is_told_in_words(tmp_path: Path) -> None:
    """The host is listed all the same, and the status is 2."""
    done = run_lab(tmp_path, ["devices"], variables={"POCKETLAB_ADB_SERVER": "nonsense"})

    assert done.returncode == 2
    assert "host" in done.stdout
    assert "POCKETLAB_ADB_SERVER is `nonsense`" in done.stderr
    assert "Traceback" not in done.stderr


def test_watching_tells_who_goes_and_comes(lab_and_phones: Lab, phones: list[Phone], tmp_path: Path) -> None:
    """A line for each change, and Ctrl-C ends it well."""
    environment = os.environ | {
        "POCKETLAB_ADB_SERVER": f"127.0.0.1:{phones[0].adb_server}", "POCKETLAB_DATA": str(tmp_path / "data"),
    }  # fmt: skip
    argv = [sys.executable, "-u", "-m", "lab.cli", "devices", "--watch"]
    watching = subprocess.Popen(argv, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    assert watching.stdout is not None
    try:
        seen = [watching.stdout.readline() for _ in phones]
        phones[1].disconnect()
        gone = next(line for line in watching.stdout if "offline" not in line)  # what adb says in passing
    finally:
        watching.send_signal(signal.SIGINT)
        watching.wait(20)
        watching.stdout.close()

    assert any(f"{phones[0].address}: {phones[0].name}, virtual, MT6989, device" in line for line in seen)
    assert re.fullmatch(rf"\d\d:\d\d:\d\d {re.escape(phones[1].address)}: gone\n", gone)
    assert watching.returncode == 0


# --- which one is meant --------------------------------------------------------------------------------


def entry(name: str, *, soc: str = "MT6989", state: str = "device", quarantined: str | None = None) -> Entry:
    """Make an entry of the list."""
    found = Description(name, f"serial-{name}", "phone", soc, "14", state, None, None, None, "")
    return Entry(found, "", quarantined)


ENTRIES = [
    entry("a"),
    entry("b", soc="SM8650"),
    entry("c", state="unauthorized"),
    entry("d", quarantined="3 failures in a row"),
]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a", ["a"]),
        ("serial-a", ["a"]),
        ("host", ["host"]),
        ("soc:mt6989", ["a"]),
        ("all", ["a", "b"]),
        ("b, host,a", ["b", "host", "a"]),
        ("a,all", ["a", "b"]),
    ],
)
def test_a_device_is_meant_by_many_words(text: str, names: list[str]) -> None:
    """Each device once, in the order named; `all` is what is attached, not the host."""
    chosen = roster.choose(text, ENTRIES, tell=lambda words: None)

    assert [each if isinstance(each, str) else each.name for each in chosen] == names


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x", r"no device 'x'; known: host, a \(MT6989\), b \(SM8650\)"),
        ("c", "c: unauthorized; unlock its screen and allow USB debugging"),
        ("d", "quarantined: 3 failures in a row; .* lab devices release d"),
        ("soc:MT9999", "no usable device with SoC MT9999"),
        (",", "wanted a device"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_list(text: str, words: str) -> None:
    """Wanted, found, and what to do."""
    with pytest.raises(DeviceRefused, match=words):
        roster.choose(text, ENTRIES, tell=lambda said: None)


def test_what_all_leaves_out_is_said() -> None:
    """An unauthorized phone and a quarantined one, each with what to do."""
    said: list[str] = []

    roster.choose("all", ENTRIES, tell=said.append)

    assert [words.partition(": ")[2][:2] for words in said] == ["c:", "d:"]


@pytest.mark.parametrize(
    ("text", "address"),
    [("phone.lan", "phone.lan:5555"), ("192.168.1.20:4444", "192.168.1.20:4444"), ("a b", None), ("x:0", None)],
)
def test_an_address_has_a_port(text: str, address: str | None) -> None:
    """5555 where none is named; nonsense is refused."""
    if address is None:
        with pytest.raises(DeviceRefused, match="wanted an address"):
            address_of(text)
    else:
        assert address_of(text) == address


# --- measuring -----------------------------------------------------------------------------------------


def with_agent(tmp_path: Path, bundle: Path, build: Path, lab: Lab) -> list[str | Path]:
    """Put an agent, a build and a scenario where the lab looks for them; return what runs it."""
    agents = tmp_path / "data/agents"
    agents.mkdir(parents=True, exist_ok=True)
    (agents / "x86_64").symlink_to(bundle)
    (tmp_path / "nothing.toml").write_text(null_scenario("nothing", blocks=1))
    return ["run", tmp_path / "nothing.toml", "--build", build]


def test_one_command_measures_every_phone_and_answers_for_each(
    lab_and_phones: Lab, phones: list[Phone], tmp_path: Path, native_bundle: Path, tiny_build: Path
) -> None:
    """The build is pushed to both, both answer below each other with their kind; a second run sends nothing."""
    command = with_agent(tmp_path, native_bundle, tiny_build, lab_and_phones)

    done = lab_and_phones(*command, "--device", "all")

    assert done.returncode == 0, done.stderr
    places = [done.stdout.index(f"on {phone.name}, a virtual phone") for phone in phones]
    assert places == sorted(places)
    assert all(f"{phone.name}: 100 %" in done.stderr for phone in phones)
    again = lab_and_phones(*command, "--device", phones[0].name)
    assert again.returncode == 0, again.stderr
    assert "sent" not in again.stderr


def test_a_phone_that_is_gone_stops_no_other(
    lab_and_phones: Lab, phones: list[Phone], tmp_path: Path, native_bundle: Path, tiny_build: Path
) -> None:
    """The disk of one is full: the other answers, the failure is told at the end, and the status is 2."""
    command = with_agent(tmp_path, native_bundle, tiny_build, lab_and_phones)
    phones[1].fault("fill-disk")

    done = lab_and_phones(*command, "--device", "all")

    assert done.returncode == 2
    assert f"on {phones[0].name}, a virtual phone" in done.stdout
    assert f"on {phones[1].name}" not in done.stdout
    assert f"lab: {phones[1].name}: nothing: " in done.stderr
    assert "no space left" in done.stderr


def test_without_an_agent_it_says_how_to_make_one(
    lab_and_phones: Lab, phones: list[Phone], tiny_build: Path
) -> None:
    """Nothing was measured, nothing is left running."""
    done = lab_and_phones("run", "null", "--build", tiny_build, "--device", phones[0].name)

    assert done.returncode == 2
    assert "make agent ABI=x86_64" in done.stderr
    assert "Traceback" not in done.stderr
