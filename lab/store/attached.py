"""The files of a trial, to hand on as they are: names that are checked, sizes that are bounded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lab.errors import StoreError
from lab.files import read

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""A name of a file that is handed on: no path, nothing hidden, nothing that a shell or a browser would expand."""

MOST_BYTES = 64 << 20
"""The largest file that is handed on: a judgement; a browser gets it in one piece."""


@dataclass(frozen=True)
class Attached:
    """A file in a trial's folder, and its size."""

    name: str
    bytes: int


def attached(folder: Path) -> tuple[Attached, ...]:
    """Return the regular files of a trial, by name; links and odd names are left out. No folder, no files."""
    try:
        paths = sorted(folder.iterdir())
        return tuple(
            Attached(path.name, path.stat().st_size)
            for path in paths
            if NAME.fullmatch(path.name) and path.is_file() and not path.is_symlink()
        )
    except OSError:
        return ()


def content(folder: Path, name: str, most: int = MOST_BYTES) -> bytes:
    """Return the content of a file of :func:`attached`; raise `StoreError` for any other and for a larger one."""
    path = folder / name
    if not NAME.fullmatch(name) or path.is_symlink():
        raise StoreError(f"{folder}: wanted the name of a file of a trial, found {name!r}")
    try:
        return read(path, most)
    except OSError as error:
        raise StoreError(f"{path}: could not be read: {error.strerror or error}") from error


def tail(folder: Path, name: str, characters: int) -> str:
    """Return the end of a text file of a trial; empty where it is missing or cannot be read."""
    try:
        return content(folder, name).decode(errors="replace").strip()[-characters:]
    except StoreError:
        return ""
