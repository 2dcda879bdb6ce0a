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
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.device.local import LocalTransport, start_time
from lab.device.transport import Process
from lab.errors import DeviceRefused

log = logging.getLogger(__name__)

POLL_S = 0.5
"""How often a waiting lab looks again; a judgement: no measurement is running in the waiting one."""

Note = Callable[[Process | None], None]
"""Tell the lease which agent runs now (None: none does)."""


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
) -> Iterator[Note]:
    """Hold the lock while the block runs; raises `DeviceRefused` when it is not free within `wait_s`."""
    descriptor = _open(path)
    try:
        _acquire(descriptor, path, wait_s=wait_s, tell=tell, sleep=sleep)
        _end_orphan(descriptor)
        _write(descriptor, None)
        try:
            yield lambda process: _write(descriptor, process)
        finally:
            _write(descriptor, None)
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    for flags in (os.O_RDWR, os.O_RDWR | os.O_CREAT, os.O_RDONLY):  # another user's file may only be readable
        try:
            return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except (FileNotFoundError, PermissionError):
            continue
    raise DeviceRefused(f"cannot open the measuring lock {path}; set POCKETLAB_LOCK to a file you may write")


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
                raise DeviceRefused(f"cannot lock {path}: {error}") from error
        holder = f"another lab (pid {_read(descriptor).get('pid', 'unknown')}) is measuring on this machine"
        if waited >= wait_s:
            raise DeviceRefused(
                f"{holder}; waited {wait_s:g} s for {path}. Try again later, or wait longer: --wait"
            )
        if not told:
            tell(f"{holder}; waiting up to {wait_s:g} s for it to end")
            told = True
        sleep(POLL_S)
        waited += POLL_S


def _read(descriptor: int) -> dict[str, int]:
    """Return the holder's note; empty when it cannot be read, or when another user wrote it."""
    if os.fstat(descriptor).st_uid != os.getuid():
        return {}
    try:
        found = json.loads(os.pread(descriptor, 4096, 0) or b"{}")
    except ValueError:
        return {}
    return {k: v for k, v in found.items() if isinstance(v, int)} if isinstance(found, dict) else {}


def _write(descriptor: int, process: Process | None) -> None:
    note = {"pid": os.getpid()} | ({"agent": process.pid, "started": process.started} if process else {})
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(note).encode(), 0)
    except OSError:  # read-only, or no space: the lock itself holds without its note
        log.debug("the measuring lock's note could not be written")


def _end_orphan(descriptor: int) -> None:
    """End the agent a killed lab left behind: it would share the cores with ours."""
    note = _read(descriptor)
    if "agent" in note and "started" in note and start_time(note["agent"]) == note["started"]:
        log.warning("ending agent %d, left behind by a lab that was killed", note["agent"])
        LocalTransport().kill(Process(note["agent"], note["started"]))
