"""The `measuring` lock: devices that share cores take turns.

The lock belongs to the machine, not to a data root, a user or a temporary folder: all labs share the cores. It is
a `flock` on a file and, on Linux, an abstract socket's name, which also labs see that have another /run (as in a
container on the host's network). The kernel releases both when their holder dies, however it dies. The file's text
counts the turns, and says who holds the lock and which agent runs.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import secrets
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from lab.device import lockfile
from lab.device.local import LocalTransport, start_time
from lab.device.transport import Process
from lab.errors import DeviceBusy, RunError
from lab.files import doing

log = logging.getLogger(__name__)

HOST = "host"
"""The name of this machine as a device."""

POLL_S = 0.5
"""How often a waiting lab looks again; a judgement: no measurement is running in the waiting one."""

OVERRIDE = "POCKETLAB_LOCK"
"""The environment variable that names another lock file."""

RECORD = 512
"""Bytes of the lock's text: always as many, so that a disk that fills up later does not stop the count."""

Elsewhere = Callable[[str, Process], None]
"""End the process that a killed lab left on the device of this name."""


class Held(Protocol):
    """A device that is ours to measure on, until its turn ends."""

    @property
    def number(self) -> int | None:
        """The number of this machine's turn; None for a phone, whose cores are its own.

        Two turns with consecutive numbers prove that nobody measured in between: a file begins at a random one.
        """
        ...

    @property
    def lock(self) -> str | None:
        """The machine's lock that is held, for the Context; None for a phone."""
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
    """The turn of this machine, for agents on `device`: this machine itself, or a device that shares its cores.

    `notes` are the open files in which the agent is noted: the lock's, and one that only this user can write.
    """

    number: int
    device: str
    lock: str
    notes: tuple[int, ...]
    doing: str = ""
    fence: int = 0

    def note(self, process: Process | None) -> None:
        """Write the agent into the notes."""
        for descriptor in self.notes:
            try:
                _write(descriptor, _Text(os.getpid(), self.number, self.device, process, self.doing))
            except OSError:
                log.debug("the measuring lock's note could not be written")

    def again(self) -> None:
        """Do nothing: a device's reboot does not end this machine's turn."""

    def on(self, device: str) -> MachineTurn:
        """Return the same turn for agents on another device."""
        return replace(self, device=device)


def lock_path() -> Path:
    """Return the machine's lock file; ``POCKETLAB_LOCK`` names another, for tests and for containers."""
    return Path(os.environ.get(OVERRIDE) or lockfile.machine_lock())


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
    on another device, calls `elsewhere`. Raises `DeviceBusy` when the lock is not free within `wait_s` or another
    user's agent is left, and `RunError` when its file cannot be used at all: that is this machine's fault, not a
    device's.
    """
    with ExitStack() as stack:
        descriptor = _acquire(path, stack, wait_s=wait_s, tell=tell, sleep=sleep)
        notes = [descriptor]
        if (own := lockfile.own_note(path)) is not None:
            stack.callback(os.close, own)
            notes.append(own)
        before = _read(descriptor)
        ours = lockfile.only_ours(descriptor) or (own is not None and _read(own).process == before.process)
        _end_orphan(before, elsewhere, ours=ours)
        turn = MachineTurn(before.turns + 1, device, str(path), tuple(notes), doing())
        try:
            _write(descriptor, _Text(os.getpid(), turn.number, doing=turn.doing))
        except OSError as error:
            raise RunError(
                f"cannot count this turn in the measuring lock {path} ({error.strerror or error}): others would "
                "not see that we measured meanwhile. Free some space there"
            ) from error
        turn.note(None)
        try:
            yield turn
        finally:
            turn.note(None)


def state(path: Path) -> str:
    """Return who holds a lock, in words, without making its file; raises `RunError` if it cannot be used."""
    if not os.path.exists(path) and os.access(path.parent, os.W_OK):  # noqa: PTH110 - no name is an error for it
        return "free"
    with ExitStack() as stack:
        found = _tried(path, stack)
        return "free" if isinstance(found, int) else found


def _acquire(
    path: Path,
    stack: ExitStack,
    *,
    wait_s: float,
    tell: Callable[[str], None],
    sleep: Callable[[float], None],
) -> int:
    """Return the open file of the lock, which `stack` holds from now on."""
    waited, told = 0.0, False
    while True:
        with ExitStack() as attempt:
            found = _tried(path, attempt)
            if isinstance(found, int):
                stack.push(attempt.pop_all())
                return found
        if waited >= wait_s:
            raise DeviceBusy(f"{found}; waited {wait_s:g} s for {path}. Try again later, or wait longer: --wait")
        if not told:
            tell(f"{found}; waiting up to {wait_s:g} s for it to end")
            told = True
        sleep(POLL_S)
        waited += POLL_S


def _tried(path: Path, stack: ExitStack) -> int | str:
    """Take the lock once: return its open file, or who has it, in words."""
    while True:
        descriptor = lockfile.opened(path)
        stack.callback(os.close, descriptor)
        holder = _read(descriptor)
        what = f": {holder.doing}" if holder.doing else ""
        busy = f"another lab (pid {holder.pid or 'unknown'}{what}) is measuring on this machine"
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise RunError(f"cannot lock {path}: {error}") from error
            return busy
        if lockfile.still_there(descriptor, path):
            break
    if path == lockfile.machine_lock() and not _named(stack):
        return "another lab, which has another file for its lock, is measuring on this machine"
    return descriptor


def _named(stack: ExitStack) -> bool:
    """Take the machine-wide name; return False if another lab has it. Where there are no such names: True."""
    if sys.platform != "linux":
        return True
    try:
        name = stack.enter_context(closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)))
        name.bind(f"\0{lockfile.NAME}")
    except OSError as error:  # a service may be forbidden sockets
        return error.errno != errno.EADDRINUSE
    return True


@dataclass(frozen=True)
class _Text:
    """The content of the lock's file: the holder, the number of turns so far, the agent that runs, where, why."""

    pid: int = 0
    turns: int = 0
    device: str = HOST
    process: Process | None = None
    doing: str = ""


def _read(descriptor: int) -> _Text:
    """Return the content of the lock's file, which any user may have written.

    Where it cannot be read, turns are counted from a random number on, so that none follows an earlier one.
    """
    try:
        found = json.loads(os.pread(descriptor, 4096, 0))
        process = Process(int(found["agent"]), int(found["started"])) if "agent" in found else None
        turns = int(found["turns"]) if "turns" in found else _any_number()
        said = str(found.get("doing", ""))
        return _Text(int(found.get("pid", 0)), turns, str(found.get("device", HOST)), process, said)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return _Text(turns=_any_number())


def _any_number() -> int:
    return secrets.randbelow(2**48)


def _write(descriptor: int, text: _Text) -> None:
    process = text.process
    agent = {"device": text.device, "agent": process.pid, "started": process.started} if process else {}
    line = json.dumps({"pid": text.pid, "turns": text.turns, **agent, "doing": text.doing}).encode().ljust(RECORD)
    os.pwrite(descriptor, line, 0)
    os.ftruncate(descriptor, len(line))


def _end_orphan(left: _Text, elsewhere: Elsewhere | None, *, ours: bool) -> None:
    """End the agent that a killed lab left behind: it would share the cores with ours.

    Raises `DeviceBusy` for a process here whose note another user may have written: it could be any of ours.
    """
    if left.process is None:
        return
    if left.device != HOST:
        if elsewhere is not None:
            elsewhere(left.device, left.process)
        return
    if start_time(left.process.pid) != left.process.started:
        return
    if not ours:
        raise DeviceBusy(
            f"the agent of a killed lab of another user (pid {left.process.pid}) still runs on this machine; "
            f"let its owner or root end it: kill {left.process.pid}"
        )
    log.warning("ending agent %d, left behind by a lab that was killed", left.process.pid)
    LocalTransport().kill(left.process)
