"""`lab devices` as a person types it, with virtual phones behind a real adb server."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from tests.farm_phones import Phone
from tests.lab_process import ROOT, Lab, run_lab


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
