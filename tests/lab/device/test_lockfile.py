"""One lock for all labs of a machine, whoever runs them and whatever their environment says."""

from __future__ import annotations

import json
import os
import re
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.device import lockfile
from lab.device.cores import measuring, state
from lab.device.local import LocalTransport, start_time
from lab.device.transport import Process
from lab.errors import DeviceBusy, RunError
from tests.lab_process import ROOT

NOBODY = 65534
LAB = """
import os, sys
from lab.device import cores, local
from lab.errors import LabError
path, user, wait_s = sys.argv[1:]
os.environ.pop("POCKETLAB_LOCK", None)
if int(user):
    os.setgroups([]); os.setgid(int(user)); os.setuid(int(user))
try:
    with cores.measuring(cores.Path(path) if path else cores.lock_path(), wait_s=float(wait_s)) as turn:
        print(turn.number, turn.lock, flush=True)
        sys.stdin.read()
except LabError as error:
    print(type(error).__name__, error, flush=True)
"""
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a process as another user")


class Lab:
    """A lab in a process of its own that holds a lock until it is closed; `said` is its turn, or its refusal."""

    def __init__(
        self, path: Path | str = "", *, user: int = 0, wait_s: float = 0, folder: Path | None = None
    ) -> None:
        chosen = ("TMPDIR", "HOME", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME") if folder else ()
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAB, str(path), str(user), str(wait_s)],
            env={**os.environ, "PYTHONPATH": str(ROOT), **dict.fromkeys(chosen, str(folder))},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()

    def __enter__(self) -> Lab:
        return self

    def __exit__(self, *ended: object) -> None:
        self.process.communicate()

    @property
    def number(self) -> int:
        """The number of its turn."""
        return int(self.said.split()[0])


def sleeper(transport: LocalTransport, folder: Path) -> Process:
    """Start a process that looks like an agent."""
    out, err = (str(folder / name) for name in ("out", "err"))
    return transport.start(["sleep", "60"], environment={}, folder=str(folder), stdout=out, stderr=err, limit_s=90)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Make a folder like /run/lock, in which every user may make files.

    Not below pytest's own: no other user may enter that, and each pytest that starts closes it again.
    """
    with tempfile.TemporaryDirectory(prefix="lock-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o1777)
        yield folder


def test_labs_with_other_temporary_folders_do_not_measure_at_once(tmp_path: Path) -> None:
    """Neither TMPDIR nor HOME nor XDG's folders choose it: the second lab is refused until the first ends."""
    first, second = tmp_path / "a", tmp_path / "b"
    for folder in (first, second):
        folder.mkdir()

    with Lab(wait_s=30, folder=first) as holder, Lab(folder=second) as refused:
        if holder.said.startswith("DeviceBusy"):
            pytest.skip("a lab is measuring on this machine")
        assert refused.said.startswith(f"DeviceBusy another lab (pid {holder.process.pid}: ")
    with Lab(wait_s=30, folder=second) as then:
        assert then.number > holder.number
        assert then.said.split()[1] == str(lockfile.machine_lock())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such names")
def test_a_lab_that_sees_another_file_is_seen_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lab in a container on the host's network has a /run/lock of its own."""
    monkeypatch.setattr(lockfile, "NAME", f"test-{os.getpid()}.lock")
    tmp_path.chmod(0o1777)
    monkeypatch.setattr(lockfile, "PLACES", (tmp_path,))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as theirs:
        theirs.bind(f"\0{lockfile.NAME}")
        with (
            pytest.raises(DeviceBusy, match="another file for its lock"),
            measuring(lockfile.machine_lock(), wait_s=0),
        ):
            pass

    with measuring(lockfile.machine_lock(), wait_s=0) as turn:
        assert turn.lock == str(tmp_path / lockfile.NAME)


@as_root
def test_another_user_takes_the_same_lock_and_counts_in_it(open_folder: Path) -> None:
    """Whoever made the file: one is refused while the other measures, and each turn counts one on."""
    path = open_folder / "lock"
    numbers = []
    for one, other in ((0, NOBODY), (NOBODY, 0)):
        with Lab(path, user=one) as holder, Lab(path, user=other) as refused:
            assert refused.said.startswith("DeviceBusy another lab")
        numbers.append(holder.number)
    with Lab(path, user=NOBODY) as last:
        numbers.append(last.number)

    assert numbers == list(range(numbers[0], numbers[0] + 3))


@as_root
def test_the_first_user_need_not_be_root(open_folder: Path) -> None:
    """Root locks a file that another user made, and the kernel's protection of such folders does not stop it."""
    with Lab(open_folder / "lock", user=NOBODY) as first:
        pass
    with Lab(open_folder / "lock") as second:
        assert second.number == first.number + 1


@as_root
def test_a_lock_that_one_user_kept_for_himself_is_no_reason_for_a_second_one(open_folder: Path) -> None:
    """The advice is to open it to all, never to choose another."""
    path = open_folder / "lock"
    path.touch(0o600)

    with Lab(path, user=NOBODY) as refused:
        assert refused.said.startswith(f"RunError cannot open the measuring lock {path}")
        assert "chmod 666" in refused.said
        assert "POCKETLAB_LOCK" not in refused.said


@as_root
def test_a_note_of_another_user_ends_no_process_of_ours(open_folder: Path, tmp_path: Path) -> None:
    """Anybody may have written it: the lab names the process and does not measure beside it."""
    transport, path = LocalTransport(), open_folder / "lock"
    ours = sleeper(transport, tmp_path)
    with Lab(path, user=NOBODY):
        pass
    path.write_text(json.dumps({"pid": 1, "turns": 4, "agent": ours.pid, "started": start_time(ours.pid)}))

    with pytest.raises(DeviceBusy, match=f"kill {ours.pid}"), measuring(path, wait_s=0):
        pass

    assert transport.wait(ours, timeout_s=0) is None
    transport.kill(ours)
    with measuring(path, wait_s=0) as turn:
        assert turn.number == 5


def test_our_own_note_ends_our_killed_labs_agent(tmp_path: Path) -> None:
    """The file that all users may write is backed by one that only we can."""
    transport, path = LocalTransport(), tmp_path / "lock"
    orphan = sleeper(transport, tmp_path)
    with measuring(path, wait_s=0) as turn:
        turn.note(orphan)
        left = path.read_bytes(), (tmp_path / f"lock.{os.geteuid()}").read_bytes()
    path.write_bytes(left[0])
    (tmp_path / f"lock.{os.geteuid()}").write_bytes(left[1])
    assert stat.S_IMODE(path.stat().st_mode) == 0o666

    with measuring(path, wait_s=0):
        pass

    assert transport.wait(orphan, timeout_s=5.0) == -9


@pytest.mark.parametrize("kind", ["link", "second name", "pipe", "folder"])
def test_a_lock_that_is_no_plain_file_is_refused(kind: str, tmp_path: Path) -> None:
    """In a folder open to all, somebody could make the lab write to a file of his choice."""
    victim, path = tmp_path / "victim", tmp_path / "lock"
    victim.write_text("precious")
    if kind == "link":
        path.symlink_to(victim)
    elif kind == "second name":
        path.hardlink_to(victim)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()

    with pytest.raises(RunError, match="cannot open the measuring lock"), measuring(path, wait_s=0):
        pass

    assert victim.read_text() == "precious"


def test_a_lock_that_was_removed_begins_at_a_number_that_follows_none(tmp_path: Path) -> None:
    """Two turns in a row prove that nobody measured in between; across two files they prove nothing."""
    path = tmp_path / "lock"
    with measuring(path, wait_s=0) as first:
        pass
    with measuring(path, wait_s=0) as second:
        path.unlink()
        assert state(path) == "free"
    with measuring(path, wait_s=0) as third:
        assert re.fullmatch(
            rf"another lab \(pid {os.getpid()}: .+, since [0-9: -]+ UTC\) is measuring on this machine",
            state(path),
        )

    assert second.number == first.number + 1
    assert third.number != second.number + 1


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"turns": 1e999}', b"[" * 4096, b'{"turns": "x"}', b"\xff"])
def test_a_damaged_note_is_no_number(tmp_path: Path, text: bytes) -> None:
    """Every user may write there; turns are counted from another number on."""
    path = tmp_path / "lock"
    path.write_bytes(text)

    with measuring(path, wait_s=0) as turn:
        note = json.loads(path.read_bytes())
        assert (note["pid"], note["turns"], "agent" in note) == (os.getpid(), turn.number, False)


def test_the_place_is_the_first_that_all_users_may_write_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root could write to the first one; the others could not, and would have another lock."""
    places = [tmp_path / name for name in ("missing", "closed", "open", "open too")]
    for place, mode in zip(places[1:], (0o755, 0o1777, 0o1777), strict=True):
        place.mkdir()
        place.chmod(mode)
    monkeypatch.setattr(lockfile, "PLACES", tuple(places))

    assert lockfile.machine_lock() == places[2] / lockfile.NAME
