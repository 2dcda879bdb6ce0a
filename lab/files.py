"""Files that are complete or absent, whatever happens to the process or the disk; and reading those of others."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import logging
import os
import shlex
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path

from lab.errors import DiskFull, StoreError

log = logging.getLogger(__name__)

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)

DOCUMENT_BYTES = 8 << 20
"""Largest document that somebody else wrote: a manifest, an input, a bundle's list. A judgement: the reference
model's manifest has 10 kB, and 8 MiB list fifty thousand files."""

RECORD_BYTES = 256 << 20
"""Largest record of the lab's own that is read back. A judgement: a trial of a million samples has 20 MB."""

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
    stat.S_IFSOCK: "a socket",
    stat.S_IFLNK: "a link that leads nowhere",
}


@contextmanager
def disk_errors(doing: str, path: Path) -> Iterator[None]:
    """Translate `OSError` into `DiskFull` or `StoreError`; `doing` reads like ``save trial 3``."""
    try:
        yield
    except OSError as error:
        where = error.filename or path
        if error.errno in _NO_SPACE:
            raise disk_full(doing, path) from error
        raise StoreError(
            f"could not {doing}: {where}: {error.strerror or error}; check the folder and its rights"
        ) from error


def disk_full(doing: str, path: Path) -> DiskFull:
    """Return the error for a full disk: one message everywhere. Each command adds how it is resumed."""
    return DiskFull(
        f"could not {doing}: no space left on the disk that holds {path}; "
        "everything saved before is safe: free some space, then resume"
    )


def write_atomically(path: Path, data: bytes) -> None:
    """Write a temporary file, sync it, rename it, sync the folder: readers see the old file or the new one.

    Raises `OSError`, and then removes the temporary file. Only one process may write a path at a time.
    """
    aside = path.with_name(f".{path.name}.part")
    try:
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    sync(path.parent)


def sync(path: Path) -> None:
    """Make a file, or the names in a folder, survive a power cut; raise `OSError`."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> Path:
    """Make a folder and its parents so that they survive a power cut; leave an existing one as it is.

    Raises `OSError`, also for a path that is something else.
    """
    if not path.is_dir():
        make_folder(path.parent)
        try:
            path.mkdir(exist_ok=True)
        except FileExistsError as error:
            found = kind(path.lstat().st_mode)
            raise OSError(errno.ENOTDIR, f"wanted a folder, found {found}", str(path)) from error
        sync(path.parent)
    return path


def open_regular(path: Path, most: int | None = None) -> FileIO:
    """Open a regular file to read, unbuffered; a link is followed.

    Raises `OSError`, as opening does, also for anything else (a pipe or a device could hang its reader, or have no
    end) and for a file of more than `most` bytes: before anything is read, whoever exchanges the file meanwhile.
    """
    _check_regular(path, os.stat(path), most)  # noqa: PTH116 - opening a device could do something already
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        _check_regular(path, os.fstat(descriptor), most)
        return FileIO(descriptor)
    except OSError:
        os.close(descriptor)
        raise


def read(path: Path, most: int = DOCUMENT_BYTES) -> bytes:
    """Return the content of a regular file of at most `most` bytes; raises `OSError` as :func:`open_regular`."""
    with open_regular(path, most) as file:
        parts, left = [], most + 1  # a file may grow, and one in /proc has no size
        while left and (part := file.read(min(left, 1 << 20))):
            parts.append(part)
            left -= len(part)
    if not left:
        raise _too_large(path, most)
    return b"".join(parts)


def kind(mode: int) -> str:
    """Return what a file of this mode is, in words: ``a pipe``."""
    return _KINDS.get(stat.S_IFMT(mode), "a regular file" if stat.S_ISREG(mode) else "something else")


def _check_regular(path: Path, found: os.stat_result, most: int | None) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, f"wanted a regular file, found {kind(found.st_mode)}", str(path))
    if most is not None and found.st_size > most:
        raise _too_large(path, most, found.st_size)


def _too_large(path: Path, most: int, size: int | None = None) -> OSError:
    found = "more" if size is None else f"{size:,}"
    return OSError(errno.EFBIG, f"wanted at most {most:,} bytes, found {found}", str(path))


def sha256(path: Path, most: int | None = None) -> str:
    """Return the SHA-256 of a regular file's content, in lower-case hex; raises as :func:`open_regular`."""
    with open_regular(path, most) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


TOLD_AFTER_S = 1.0
"""How long a lock may be waited for in silence. A judgement: what is done under a lock takes milliseconds."""

_POLL_S = 0.05

_HOLDER_BYTES = 1024

_COMMAND = 80
"""How many characters of its command a holder tells."""


@contextmanager
def locked(
    path: Path, *, tell: Callable[[str], None] = log.warning, refuse: Callable[[str], Exception] | None = None
) -> Iterator[None]:
    """Hold the lock file `path` against other processes of this machine; the kernel releases it if we die.

    Whoever waits longer than :data:`TOLD_AFTER_S` is told for whom: the holder writes its pid, its command and
    since when into the file. With `refuse` nobody waits: what it returns for the holder's words is raised. Raises
    `OSError`, also for a file that is not a regular one.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY, 0o644)
    try:
        _check_regular(path, os.fstat(descriptor), None)
        _wait(descriptor, path, tell, refuse)
        _sign(descriptor)
        yield
        with suppress(OSError):
            os.ftruncate(descriptor, 0)  # who holds it next may not sign
    finally:
        os.close(descriptor)


def _wait(
    descriptor: int, path: Path, tell: Callable[[str], None], refuse: Callable[[str], Exception] | None
) -> None:
    began = time.monotonic()
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if refuse is not None:
                raise refuse(_holder(descriptor)) from error
            if time.monotonic() - began >= TOLD_AFTER_S:
                break
            time.sleep(_POLL_S)
    tell(f"waiting for the lock {path}, held by {_holder(descriptor)}; Ctrl-C stops waiting")
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def _sign(descriptor: int) -> None:
    """Write who we are into a lock's file; a full disk is no reason not to hold it."""
    words = f"pid {os.getpid()}: {doing()}"
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, words.encode(errors="replace")[:_HOLDER_BYTES], 0)


def _holder(descriptor: int) -> str:
    """Return who holds a lock, as its file says; a killed lab left its words there, other programs write none."""
    with suppress(OSError, ValueError, IndexError, OverflowError):
        words = os.pread(descriptor, _HOLDER_BYTES, 0).decode(errors="replace")
        with suppress(PermissionError):  # another user's, and alive
            os.kill(int(words.removeprefix("pid ").split(":")[0]), 0)
        return words
    return "another process, which wrote no name into it"


def doing() -> str:
    """Return this process's command and the time, for whoever waits for it: ``lab reindex, since ...``."""
    program = Path(sys.argv[0])
    command = shlex.join(["lab" if program.parent.name == "cli" else program.name, *sys.argv[1:]])
    shown = command.encode("ascii", errors="replace").decode()[:_COMMAND]
    return f"{shown}, since {time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime())}"
