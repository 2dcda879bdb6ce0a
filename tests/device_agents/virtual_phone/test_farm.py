"""The farm's command line says what it needs, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from device_agents.virtual_phone import cgroup, farm
from device_agents.virtual_phone.control import ask
from device_agents.virtual_phone.errors import FarmError
from device_agents.virtual_phone.phone import Phone, save
from tests.farm_phones import free_network, run_farm


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A farm for one test, which is taken down whatever happens."""
    try:
        farm.check("x86_64")
    except FarmError as error:
        pytest.skip(str(error))
    farm_of_its_own = {"POCKETLAB_FARM": str(tmp_path / "farm")}
    yield farm_of_its_own
    assert run_farm(farm_of_its_own, "down").returncode == 0


def only(environment: dict[str, str]) -> Phone:
    """Return the only phone of a farm."""
    (phone,) = farm.phones(Path(environment["POCKETLAB_FARM"]))
    return phone


def left_of(phone: Phone) -> list[str]:
    """List everything of a phone on this machine: processes, mounts, control groups, disks, files."""
    found = [f"process {pid}" for pid in cgroup.processes(phone.group)]
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = entry.read_bytes().decode(errors="replace")
        except OSError:
            continue
        found += [f"process {entry.parent.name}"] if str(phone.folder) in text else []
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    found += [line for line in mounts.splitlines() if str(phone.folder) in line]
    found += [str(folder) for folder in cgroup.folders(phone.group).values() if folder.exists()]
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        found += [str(backing)] if str(phone.folder) in backing.read_text(encoding="utf-8") else []
    return found + ([str(phone.folder)] if phone.folder.exists() else [])


def test_up_twice_is_up_once_and_down_leaves_nothing(environment: dict[str, str]) -> None:
    """The second `up` leaves the phone alone; `down` leaves no process, mount, control group, disk or file."""
    network = free_network()
    first = run_farm(environment, "up", "--phones", "1", "--network", network)
    assert first.stdout.splitlines()[1].split() == [
        "virtual-1",
        f"{network}.1:5555",
        "x86_64",
        "virtual",
        "up",
        "up",
    ]
    phone = only(environment)
    pid = ask(phone, "status")["pid"]
    assert run_farm(environment, "up", "--phones", "1", "--network", network).stdout == first.stdout
    assert ask(phone, "status")["pid"] == pid
    assert left_of(phone)

    down = run_farm(environment, "down")

    assert (down.returncode, down.stdout) == (0, "ended: virtual-1\n")
    assert left_of(phone) == []
    assert not Path(environment["POCKETLAB_FARM"]).exists()
    assert run_farm(environment, "down").stdout == "no phones were up\n"


def test_a_killed_supervisor_takes_its_phone_along_and_up_starts_both_again(environment: dict[str, str]) -> None:
    """Even SIGKILL leaves no phone without its supervisor; files in /data stay."""
    run_farm(environment, "up", "--network", free_network())
    phone = only(environment)
    pid = int(str(ask(phone, "status")["pid"]))
    Path(f"/proc/{pid}/root/data/local/tmp/kept").write_text("kept", encoding="ascii")
    supervisor = int((phone.folder / "supervisor.pid").read_text(encoding="ascii").split()[0])
    os.kill(supervisor, signal.SIGKILL)
    began = time.monotonic()
    while cgroup.processes(phone.group):
        assert time.monotonic() - began < 10, "the phone outlived its supervisor"
        time.sleep(0.02)
    assert "lost" in run_farm(environment, "status").stdout

    assert run_farm(environment, "up", "--network", free_network()).returncode == 0

    again = int(str(ask(phone, "status")["pid"]))
    assert Path(f"/proc/{again}/root/data/local/tmp/kept").read_text(encoding="ascii") == "kept"


def test_a_hung_phone_whose_supervisor_was_killed_is_taken_down(environment: dict[str, str]) -> None:
    """`down` ends stopped processes, too."""
    run_farm(environment, "up", "--network", free_network())
    phone = only(environment)
    ask(phone, "hang")
    supervisor = int((phone.folder / "supervisor.pid").read_text(encoding="ascii").split()[0])
    os.kill(supervisor, signal.SIGKILL)
    assert run_farm(environment, "down").returncode == 0
    assert left_of(phone) == []


def test_two_commands_at_once_take_turns(environment: dict[str, str]) -> None:
    """Both print the same table, and there is one phone."""
    network = free_network()
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: run_farm(environment, "up", "--network", network), range(2)))
    assert both[0].stdout == both[1].stdout
    assert "virtual-1" in both[0].stdout
    only(environment)


def test_an_address_in_use_is_told_and_nothing_stays(environment: dict[str, str], tmp_path: Path) -> None:
    """If another farm has the same addresses, the message names the address and says what to do."""
    network = free_network()
    run_farm(environment, "up", "--network", network)
    other = {"POCKETLAB_FARM": str(tmp_path / "other")}
    up = run_farm(other, "up", "--network", network)
    assert up.returncode == 2
    assert f"wanted {network}.1:5555 for a phone, found it in use" in up.stderr
    phone = only(other)
    assert run_farm(other, "down").returncode == 0
    assert left_of(phone) == []


def test_what_is_missing_is_asked_for_in_words(tmp_path: Path) -> None:
    """Without debootstrap and the like, the message names the programs and their packages."""
    if os.geteuid() != 0:
        pytest.skip("root is asked for first")
    up = run_farm({"POCKETLAB_FARM": str(tmp_path / "farm"), "PATH": str(tmp_path)}, "up")
    assert up.returncode == 2
    assert "not found: apt-get install apt debootstrap dpkg e2fsprogs" in up.stderr


def test_somebody_else_than_root_is_told_so(tmp_path: Path) -> None:
    """The message says that root is needed, before anything is done."""
    if os.geteuid() != 0:
        pytest.skip("wants root, to become somebody else")
    code = (
        "import os, sys\n"
        "from device_agents.virtual_phone.__main__ import main\n"
        "os.setuid(65534)\n"
        "sys.exit(main(['up']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"POCKETLAB_FARM": str(tmp_path / "farm")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "virtual phones need root" in done.stderr
    assert not (tmp_path / "farm").exists()


def test_a_phone_that_does_not_exist_is_named(environment: dict[str, str]) -> None:
    """The message lists the existing phones."""
    done = run_farm(environment, "fault", "virtual-9", "unplug")
    assert (done.returncode, done.stderr) == (2, "farm: no phone 'virtual-9'; there are: none\n")


def quiet(line: str) -> None:
    """Say nothing."""


def files_of(folder: Path) -> list[str]:
    """List everything below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("verb", ["up", "down", "addresses"])
def test_a_folder_that_is_no_farm_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """With files of somebody else, even with phones in it, the folder stays as it is, rights included."""
    if verb == "up":
        try:
            farm.check("x86_64")
        except FarmError as error:
            pytest.skip(str(error))
    monkeypatch.setenv("POCKETLAB_FARM", str(tmp_path))
    (tmp_path / "phones/virtual-1").mkdir(parents=True)
    (tmp_path / "phones/virtual-1/phone.json").write_text("{}", encoding="ascii")
    (tmp_path / "thesis.tex").write_text("three years", encoding="ascii")
    before, rights = files_of(tmp_path), tmp_path.stat().st_mode

    with pytest.raises(FarmError, match=r"no file pocketlab-farm.*nothing was touched"):
        if verb == "up":
            farm.up(1, "x86_64", quiet)
        elif verb == "down":
            farm.down(quiet)
        else:
            farm.phones(tmp_path)

    assert (files_of(tmp_path), tmp_path.stat().st_mode) == (before, rights)


def test_down_removes_what_up_made_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that somebody put into the farm stays, and is told; an interrupted phone goes."""
    monkeypatch.setenv("POCKETLAB_FARM", str(tmp_path))
    (tmp_path / farm.MARK).write_text(farm.MARKED, encoding="ascii")
    (tmp_path / "phones/virtual-1").mkdir(parents=True)
    (tmp_path / "phones/notes").mkdir()
    (tmp_path / "thesis.tex").write_text("three years", encoding="ascii")
    said: list[str] = []

    assert farm.down(said.append) == []

    assert files_of(tmp_path) == ["phones", "phones/notes", "thesis.tex"]
    assert said == [f"left {tmp_path} in place, with 'phones', 'thesis.tex', which `up` did not make"]


def test_a_phone_that_points_elsewhere_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A phone.json cannot name another folder, which `down` would then sweep."""
    monkeypatch.setenv("POCKETLAB_FARM", str(tmp_path / "farm"))
    phone = Phone("virtual-1", "x86_64", "127.0.90.1", tmp_path / "precious", tmp_path, "pocketlab-x")
    folder = tmp_path / "farm/phones/virtual-1"
    for made in (phone.folder, folder):
        made.mkdir(parents=True)
    (tmp_path / "farm" / farm.MARK).touch()
    save(phone)
    (phone.folder / "phone.json").rename(folder / "phone.json")

    with pytest.raises(FarmError, match="precious: delete the file"):
        farm.down(quiet)

    assert phone.folder.is_dir()
