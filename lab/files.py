"""Files that are either complete or absent, whatever happens to the process or the disk."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.errors import DiskFull, StoreError

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


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
    """Return the error for a full disk: one message everywhere."""
    return DiskFull(
        f"could not {doing}: no space left on the disk that holds {path}; "
        "everything saved before is safe: free some space, then resume with `lab run --resume`, `lab compare "
        "--resume` or `lab selfcheck --resume`"
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
    """Make a folder and its parents so that they survive a power cut; leave an existing one as it is."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(exist_ok=True)
        sync(path.parent)
    return path


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in lower-case hex; raises `OSError`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` against other processes of this machine; the kernel releases it if we die."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
