"""The `measuring` lock: devices that share cores take turns.

The lock belongs to the machine, not to a data root: two labs with two data roots share the cores all the
same. It is a `flock` (released by the kernel when its holder dies, however it dies); the file's text
says who holds it and which agent runs, so that a killed lab's orphan is ended by the next holder.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.device.local import LocalTransport, start_time
from lab.device.transport import Process
from lab.errors import DeviceBusy, RunError

log = logging.getLogger(__name__)

HOST = "host"
"""The name of this machine as a device."""

POLL_S = 0.5
"""How often a waiting lab looks again; a judgement: no measurement is running in the waiting one."""

Note = Callable[[Process | None], None]
"""Tell the lease which agent runs now (None: none does)."""

Elsewhere = Callable[[str, Process], None]
"""End the process that a killed lab left on the device of this name."""


@dataclass(frozen=True)
class Held:
    """A device that is ours to measure on, for as long as the lease lasts.

    `number` counts the machine's turns: two that follow each other say that nobody measured in between
    (None: a phone, whose cores are its own). `fence` gives the number of the device's own lease, and `again`
    takes that anew, with a new number, after the device has rebooted. `care` prepares the device, and `lapsed`
    looks at the end what holds no more of that; both say it as a Context does. `note_on` notes for another device
    in the same turn.
    """

    note: Note
    number: int | None = None
    fence: Callable[[], int] = lambda: 0
    again: Callable[[], None] = lambda: None
    care: Callable[[], Mapping[str, str]] = dict
    lapsed: Callable[[], Mapping[str, str]] = dict
    note_on: Callable[[str], Note] = lambda device: lambda process: None


def lock_path() -> Path:
    """Return the machine's lock file; ``POCKETLAB_LOCK`` names another, for tests and for containers."""
    return Path(os.environ.get("POCKETLAB_LOCK") or Path(tempfile.gettempdir()) / "pocketlab-measuring.lock")


@contextmanager
def measuring(
    path: Path,
    *,
    wait_s: float,
    tell: Callable[[str], None] = log.warning,
    sleep: Callable[[float], None] = time.sleep,
    device: str = HOST,
    elsewhere: Elsewhere | None = None,
) -> Iterator[Held]:
    """Hold the lock while the block runs; raises `DeviceBusy` when it is not free within `wait_s`.

    A lock that cannot be had at all is this machine's fault, and no device's: `RunError`.

    `device` is where the holder's agents run. An agent that a killed lab left on this machine is ended;
    for one on another device that shares its cores `elsewhere` is asked.
    """
    descriptor = _open(path)
    try:
        _acquire(descriptor, path, wait_s=wait_s, tell=tell, sleep=sleep)
        before = _read(descriptor)
        _end_orphan(before, elsewhere)
        turns = before.turns + 1
        _write(descriptor, _Text(os.getpid(), turns))

        def note_on(name: str) -> Note:
            return lambda process: _write(descriptor, _Text(os.getpid(), turns, name, process))

        try:
            yield Held(note_on(device), turns, note_on=note_on)
        finally:
            _write(descriptor, _Text(os.getpid(), turns))
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    why = ""
    for flags in (os.O_RDWR, os.O_RDWR | os.O_CREAT, os.O_RDONLY):  # another user's file may only be readable
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            why = error.strerror or str(error)
    raise RunError(f"cannot open the measuring lock {path} ({why}); set POCKETLAB_LOCK to a file you may write")


def _acquire(
    descriptor: int, path: Path, *, wait_s: float, tell: Callable[[str], None], sleep: Callable[[float], None]
) -> None:
    waited, told = 0.0, False
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise RunError(f"cannot lock {path}: {error}") from error
        holder = f"another lab (pid {_read(descriptor).pid or 'unknown'}) is measuring on this machine"
        if waited >= wait_s:
            raise DeviceBusy(f"{holder}; waited {wait_s:g} s for {path}. Try again later, or wait longer: --wait")
        if not told:
            tell(f"{holder}; waiting up to {wait_s:g} s for it to end")
            told = True
        sleep(POLL_S)
        waited += POLL_S


@dataclass(frozen=True)
class _Text:
    """What the lock's file says: the holder, how many turns there were, and the agent that runs, and where."""

    pid: int = 0
    turns: int = 0
    device: str = HOST
    process: Process | None = None


def _read(descriptor: int) -> _Text:
    """Return the holder's note; an empty one when it cannot be read, or when another user wrote it."""
    if os.fstat(descriptor).st_uid != os.getuid():
        return _Text()
    try:
        found = json.loads(os.pread(descriptor, 4096, 0) or b"{}")
        process = Process(int(found["agent"]), int(found["started"])) if "agent" in found else None
        return _Text(int(found.get("pid", 0)), int(found.get("turns", 0)), str(found.get("device", HOST)), process)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return _Text()


def _write(descriptor: int, text: _Text) -> None:
    process = text.process
    agent = {"device": text.device, "agent": process.pid, "started": process.started} if process else {}
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps({"pid": text.pid, "turns": text.turns, **agent}).encode(), 0)
    except OSError:  # read-only, or no space: the lock itself holds without its note
        log.debug("the measuring lock's note could not be written")


def _end_orphan(left: _Text, elsewhere: Elsewhere | None) -> None:
    """End the agent a killed lab left behind: it would share the cores with ours."""
    if left.process is None:
        return
    if left.device != HOST:
        if elsewhere is not None:
            elsewhere(left.device, left.process)
        return
    if start_time(left.process.pid) == left.process.started:
        log.warning("ending agent %d, left behind by a lab that was killed", left.process.pid)
        LocalTransport().kill(left.process)
