"""The folder of a site: written aside, then moved into place, so that it is the old site or the new one."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lab.documents.strict import json_of
from lab.errors import StoreError
from lab.files import disk_errors, read
from lab.report.wording import MARK

MANIFEST = "pocketlab-site.json"
"""The file that marks a folder as a site, and lists its other files: whatever is not listed is somebody else's."""

SHOWN = 3
"""How many files a message names."""


def replace_site(folder: Path, files: Iterable[tuple[str, str]], about: dict[str, str]) -> tuple[int, int]:
    """Write a site to a folder, in place of the one that is there; return its number of files, and of bytes.

    `files` are made while they are written. What stands there stays whole until all of it is. Raises `StoreError`
    for a folder that holds what no lab wrote, `DiskFull`, and whatever `files` raises.
    """
    target = folder.resolve()
    refuse_others(target)
    aside, old = (target.with_name(f".{target.name}.{word}") for word in ("part", "old"))
    with disk_errors("write the site", target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _put_back(target, old)
        for left in (aside, old):
            _remove(left)
    with _cleaned(aside), disk_errors("write the site", target):
        aside.mkdir()
        _write(aside / MANIFEST, _manifest(about, []))  # what is left of a killed publication is a lab's
        names, size = [], 0
        for name, text in files:
            names.append(name)
            size += _write(aside / name, text)
        size += _write(aside / MANIFEST, _manifest(about, names))
        refuse_others(target)  # again: making the pages takes a while
        _exchange(target, aside, old)
    return len(names) + 1, size


def refuse_others(folder: Path) -> None:
    """Raise `StoreError` for a path that is no folder, or a folder with a file that no lab wrote there."""
    if not os.path.lexists(folder):
        return
    wanted = "wanted a new folder, an empty one, or a site that a lab wrote"
    if not folder.is_dir():
        raise StoreError(f"{folder}: {wanted}, found a file; nothing was written: name another folder")
    with disk_errors("look at the site", folder):
        found = {path.relative_to(folder).as_posix() for path in _inside(folder)}
    if not found:
        return
    ours = _listed(folder)
    if others := sorted(found - ours):
        shown = ", ".join(others[:SHOWN]) + (f" and {len(others) - SHOWN} more" if len(others) > SHOWN else "")
        raise StoreError(f"{folder}: {wanted}, found {shown} in it; nothing was written: name another folder")


def _inside(folder: Path) -> Iterator[Path]:
    """Yield what lies in a folder: files and links, and folders that hold nothing."""
    for base, folders, names in os.walk(folder):
        yield from (Path(base, name) for name in names)
        yield from (Path(base, name) for name in folders if Path(base, name).is_symlink())
        if not names and not folders and Path(base) != folder:
            yield Path(base)


def _listed(folder: Path) -> set[str]:
    """Return the files that a lab wrote to a folder, by its manifest; none where there is no manifest."""
    try:
        found = json_of(read(folder / MANIFEST))
    except (OSError, ValueError, RecursionError):
        return set()
    if not isinstance(found, dict) or found.get("generator") != MARK or not isinstance(found.get("files"), list):
        return set()
    return {MANIFEST, *map(str, found["files"])}


def _manifest(about: dict[str, str], names: list[str]) -> str:
    return json.dumps({"generator": MARK, **about, "files": sorted(names)}, indent=1) + "\n"


def _write(path: Path, text: str) -> int:
    data = text.encode("utf-8", errors="replace")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return len(data)


def _exchange(target: Path, aside: Path, old: Path) -> None:
    """Move the new site into place; whatever interrupts that leaves one of both there."""
    if not target.exists():
        aside.rename(target)
        return
    try:
        target.rename(old)
        aside.rename(target)
    except BaseException:
        _put_back(target, old)
        raise
    _remove(old)


def _put_back(target: Path, old: Path) -> None:
    """Put the old site back where a publication was cut between its two moves."""
    if old.is_dir() and not target.exists():
        old.rename(target)


@contextmanager
def _cleaned(aside: Path) -> Iterator[None]:
    """Remove what was written aside if it does not come to its place."""
    try:
        yield
    except BaseException:
        with suppress(OSError, StoreError):
            _remove(aside)
        raise


def _remove(path: Path) -> None:
    """Remove a site that is left over; raise `StoreError` for a folder of that name that no lab wrote."""
    if not os.path.lexists(path):
        return
    if path.is_symlink() or not path.is_dir() or not _is_ours(path):
        raise StoreError(f"{path}: wanted this name for the new site, found something else; move it away")
    shutil.rmtree(path)


def _is_ours(path: Path) -> bool:
    return not any(path.iterdir()) or bool(_listed(path))
