"""The `measuring` lock: devices that share cores take turns.

The lock belongs to the machine, not to a data root: labs with different data roots still share the cores. It is a
`flock`, which the kernel releases when its holder dies, however it dies. The file's text says who holds it and
which agent runs, so that the next holder can end the agent of a killed lab.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from lab.device.local import LocalTransport, start_time
from lab.device.transport import Process
from lab.errors import DeviceBusy, RunError

log = logging.getLogger(__name__)

HOST = "host"
"""The name of this machine as a device."""

POLL_S = 0.5
"""How often a waiting lab looks again; a judgement: no measurement is running in the waiting one."""

Elsewhere = Callable[[str, Process], None]
"""End the process that a killed lab left on the device of this name."""


class Held(Protocol):
    """A device that is ours to measure on, until its turn ends."""

    @property
    def number(self) -> int | None:
        """The number of this machine's turn; None for a phone, whose cores are its own.

        Two turns with consecutive numbers prove that nobody measured in between.
        """
        ...

    @property
    def fence(self) -> int:
        """The number of the lease that lies on the device; 0 where there is none."""
        ...

    def note(self, process: Process | None) -> None:
        """Write down which agent runs now (None: none), so that the next holder can end it if we die."""
        ...

    def again(self) -> None:
        """Take the device's lease again, with a new fence, after the device has rebooted."""
        ...


@dataclass(frozen=True)
class MachineTurn:
    """The turn of this machine, for agents on `device`: this machine itself, or a device that shares its cores."""

    number: int
    device: str
    lock: int
    fence: int = 0

    def note(self, process: Process | None) -> None:
        """Write the agent into the lock's file, open as `lock`."""
        _write(self.lock, _Text(os.getpid(), self.number, self.device, process))

    def again(self) -> None:
        """Do nothing: a device's reboot does not end this machine's turn."""

    def on(self, device: str) -> MachineTurn:
        """Return the same turn for agents on another device."""
        return replace(self, device=device)


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
) -> Iterator[MachineTurn]:
    """Hold the lock while the block runs.

    `device` is where the holder's agents run. First ends the agent that a killed lab left on this machine; for one
    on another device, calls `elsewhere`. Raises `DeviceBusy` when the lock is not free within `wait_s`, and
    `RunError` when its file cannot be used at all: that is this machine's fault, not a device's.
    """
    descriptor = _open(path)
    try:
        _acquire(descriptor, path, wait_s=wait_s, tell=tell, sleep=sleep)
        before = _read(descriptor)
        _end_orphan(before, elsewhere)
        turn = MachineTurn(before.turns + 1, device, descriptor)
        turn.note(None)
        try:
            yield turn
        finally:
            turn.note(None)
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
    """The content of the lock's file: the holder, the number of turns so far, the agent that runs, and where."""

    pid: int = 0
    turns: int = 0
    device: str = HOST
    process: Process | None = None


def _read(descriptor: int) -> _Text:
    """Return the content of the lock's file; an empty one if it cannot be read, or if another user wrote it."""
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
    """End the agent that a killed lab left behind: it would share the cores with ours."""
    if left.process is None:
        return
    if left.device != HOST:
        if elsewhere is not None:
            elsewhere(left.device, left.process)
        return
    if start_time(left.process.pid) == left.process.started:
        log.warning("ending agent %d, left behind by a lab that was killed", left.process.pid)
        LocalTransport().kill(left.process)
