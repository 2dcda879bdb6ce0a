"""The builds of a data root: each is kept once, under its id; lines put them in order."""

from __future__ import annotations

import logging
import os
import re
import shutil
from pathlib import Path

from device_agents.contract import ForeignManifest, canonical_json
from lab.builds.folder import MANIFEST, Build, open_build, verify
from lab.builds.packing import open_or_pack
from lab.documents.tables import nearest
from lab.errors import BuildError, DiskFull, StoreError
from lab.files import disk_errors, make_folder, sync, write_atomically
from lab.identifiers import now_utc
from lab.store.lines import BuildRow, names
from lab.store.raw import LineEntry, LineFile, encode, read

log = logging.getLogger(__name__)

ASIDE = ".adding-"
"""Prefix of a half-copied build's folder. A crash can leave one; the next addition removes it."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def rows_of_line(line: LineFile) -> list[BuildRow]:
    """Return the builds of a line, oldest first."""
    return [
        BuildRow(line=line.line, baseline=entry.id == line.baseline, **entry.model_dump()) for entry in line.builds
    ]


def checked(folder: Path, name: str) -> Build:
    """Return a build that may be added to the line `name`: opened or packed (:mod:`lab.builds.packing`), verified.

    It reads every byte, so call it without the store's lock: nobody need wait. Raises `BuildError`.
    """
    if NAME.fullmatch(name) is None:
        raise BuildError(
            f"{name!r} cannot name a line: wanted letters, digits, dots, dashes, underscores; 64 at most"
        )
    build = open_or_pack(folder)
    verify(build)
    return build


def add(root: Path, build: Build, name: str) -> tuple[Build, LineFile | None]:
    """Copy in a checked build and append it to the line `name`; return the copy, and the line if that changed.

    A build that was the newest of its line earlier and is added again becomes a new revision: the newest of a line
    is what was added last. Call it under the store's lock. Raises `BuildError` and `DiskFull`.
    """
    kept = _keep(root, build)
    line = read_line(root, name) or LineFile(line=name)
    if line.builds and line.builds[-1].id == build.id:
        log.info("build %s is already revision %d of line %s", build.id[:12], line.builds[-1].revision, name)
        return kept, None
    entry = LineEntry(
        revision=max((entry.revision for entry in line.builds), default=0) + 1,
        id=build.id,
        model=build.manifest.model,
        recipe=build.manifest.recipe,
        added_utc=now_utc(),
    )
    return kept, _write_line(root, line.model_copy(update={"builds": [*line.builds, entry]}))


def set_baseline(root: Path, name: str, build_id: str) -> LineFile:
    """Make the build of a line whose id begins with `build_id` the baseline; raise `BuildError`."""
    line = read_line(root, name)
    if line is None:
        raise BuildError(f"no line {name!r}; known: {_known(root)}")
    found = sorted({entry.id for entry in line.builds if build_id and entry.id.startswith(build_id)})
    if len(found) != 1:
        listed = ", ".join(entry.id[:12] for entry in line.builds)
        raise BuildError(f"line {name!r}: {len(found)} builds begin with {build_id!r}; it has: {listed}")
    return _write_line(root, line.model_copy(update={"baseline": found[0]}))


def find(root: Path, text: str) -> Build:
    """Open a build: the newest of the line `text`, the one whose id begins so, or the one in that folder.

    Raises `BuildError` when nothing or more than one build fits.
    """
    line = read_line(root, text) if NAME.fullmatch(text) else None
    if line is not None and line.builds:
        return open_build(root / "builds" / line.builds[-1].id)
    kept = sorted(path for path in (root / "builds").glob("*") if not path.name.startswith(ASIDE))
    found = [path for path in kept if text and path.name.startswith(text)]
    if len(found) == 1:
        return open_build(found[0])
    if len(found) > 1:
        raise BuildError(f"{len(found)} builds begin with {text!r}: {', '.join(path.name[:16] for path in found)}")
    if os.path.lexists(Path(text) / MANIFEST):
        return open_build(Path(text))
    raise BuildError(
        f"no build {text!r}: {nearest(text, names(root))}wanted a line, the beginning of an id, or a folder with "
        f"a {MANIFEST}; lines known in {root}: {_known(root)}; `lab builds add FOLDER --line NAME` adds one"
    )


def lines(root: Path) -> list[LineFile]:
    """Return every line, sorted by name; raise `StoreError` naming a damaged file."""
    return [read(LineFile, _line_path(root, name)) for name in names(root)]


def read_line(root: Path, name: str) -> LineFile | None:
    """Return the line of this name, or None when there is none; raise `StoreError` when its file is damaged."""
    path = _line_path(root, name)
    if not path.exists():
        return None
    line = read(LineFile, path)
    if line.line != name:
        raise StoreError(f"{path}: says that it is line {line.line}; restore it from a copy, or move it away")
    return line


def _write_line(root: Path, line: LineFile) -> LineFile:
    path = _line_path(root, line.line)
    with disk_errors(f"write line {line.line}", path):
        write_atomically(path, encode(line))
    return line


def _keep(root: Path, build: Build) -> Build:
    """Copy a build in, unless an intact copy is there; replace a damaged one."""
    target = root / "builds" / build.id
    if target.is_dir():
        try:
            kept = open_build(target)
            verify(kept)
            return kept
        except BuildError as error:
            log.warning("replaced a damaged copy: %s", error)
    wanted = sum(file.bytes for file in build.manifest.files)
    with disk_errors(f"add build {build.id[:12]}", target):
        free = shutil.disk_usage(target.parent).free
    if wanted > free:
        raise DiskFull(
            f"could not add build {build.id[:12]}: it has {wanted:,} bytes, and the disk that holds "
            f"{target.parent} has {free:,} free: free some space, or name another data root with --data"
        )
    aside = target.with_name(ASIDE + build.id)
    with disk_errors(f"add build {build.id[:12]}", target):
        for left in target.parent.glob(f"{ASIDE}*"):
            shutil.rmtree(left)
        try:
            _copy(build, aside)
            verify(open_build(aside))
            if target.is_dir():
                shutil.rmtree(target)
            aside.rename(target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        sync(target.parent)
    return open_build(target)


def _copy(build: Build, aside: Path) -> None:
    make_folder(aside)
    for file in build.manifest.files:
        path = aside / file.path
        make_folder(path.parent)
        shutil.copyfile(build.folder / file.path, path)
        if isinstance(build.manifest, ForeignManifest) and file.path == build.manifest.program:
            path.chmod(0o755)
        sync(path)
    write_atomically(aside / MANIFEST, canonical_json(build.manifest))


def _known(root: Path) -> str:
    return ", ".join(names(root)) or "none"


def _line_path(root: Path, name: str) -> Path:
    return root / "lines" / f"{name}.json"
