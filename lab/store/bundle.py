"""A bundle: everything behind a result in one zip file, with the SHA-256 of each file and of the whole.

    manifest.json           what it is, the lab's version, and size and SHA-256 of every other file; not compressed
    runs/<id>/…             as in the data root: unpacked into one, `lab reindex` adds them to its lists
    comparisons/<id>.json
    incidents/<id>.json     or selfchecks/<id>.json
    the archive's comment   the SHA-256 of every byte before it

The sums prove integrity against accident: a lost page, a cut copy, an edit. They prove nothing against whoever
makes the sums again; for that, send the bundle's own SHA-256 in another way.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path, PurePosixPath
from typing import Any

from lab.documents.strict import object_of
from lab.errors import StoreError
from lab.files import RECORD_BYTES, disk_errors, open_regular, sync
from lab.store.kinds import COMPARISONS, INCIDENTS, RUNS, SELFCHECKS, Kind

log = logging.getLogger(__name__)

FORMAT = 1
"""The version of the manifest."""

MARK = "written by pocketlab"
"""As `lab.report.wording.MARK`: in the first bytes of a bundle, since its manifest is first and not compressed."""

MANIFEST = "manifest.json"
LABEL, COMMENT_BYTES = b"sha256:", 71
"""The archive's comment: a label and 64 hexadecimal digits."""

MOST_BYTES = 64 << 30
"""The most bytes that a bundle may hold, unpacked. A judgement: a thousand long runs."""

_PIECE = 1 << 20
_EPOCH = (1980, 1, 1, 0, 0, 0)
_REMEDY = "get another copy of it"
_KINDS: Mapping[str, Kind[Any]] = {kind.name: kind for kind in (RUNS, COMPARISONS, INCIDENTS, SELFCHECKS)}


@dataclass(frozen=True)
class Bundle:
    """A bundle of the record `kind` `id`: its number of files, their bytes unpacked, and its own SHA-256."""

    kind: str
    id: str
    lab: str
    files: int
    bytes: int
    sha256: str


def write_bundle(root: Path, kind: str, record_id: str, target: Path, lab: str) -> Bundle:
    """Write the bundle of a record, replacing `target`; `lab` is the version of this lab.

    `kind` is a run, comparison, incident or self-check. The same files give the same bytes. Raises `DiskFull`,
    and `StoreError`, also for a file that changes meanwhile; then `target` is left as it was.
    """
    names = _names(root, kind, record_id)
    aside = target.with_name(f".{target.name[:200]}.part")
    with disk_errors(f"bundle {kind} {record_id}", target):
        sums = {name: _sum(root / name) for name in names}
        about = {
            "pocketlab": f"bundle, {MARK} {lab}",
            "format": FORMAT,
            "kind": kind,
            "id": record_id,
            "lab": lab,
            "files": {name: {"bytes": size, "sha256": found} for name, (size, found) in sums.items()},
        }
        try:
            with zipfile.ZipFile(aside, "w") as archive:
                archive.comment = bytes(COMMENT_BYTES)
                archive.writestr(_entry(MANIFEST, zipfile.ZIP_STORED), json.dumps(about, indent=1) + "\n")
                for name, (size, found) in sums.items():
                    _add(archive, root, name, size, found)
            with FileIO(aside, "r+") as file:
                comment = LABEL + _digest(file, COMMENT_BYTES)[0].encode()
                file.seek(-COMMENT_BYTES, os.SEEK_END)
                file.write(comment)
            sync(aside)
            _, digest = _sum(aside)
            aside.replace(target)
        finally:
            aside.unlink(missing_ok=True)
    return Bundle(kind, record_id, lab, len(sums), sum(size for size, _ in sums.values()), digest)


def verify_bundle(path: Path, most: int = MOST_BYTES) -> Bundle:
    """Check every byte of a bundle without unpacking it; raises `StoreError` saying what is wrong.

    First the sum of the whole, then that its manifest names each of its files, with its size and sum, and nothing
    else. Names that lead out of a folder, links, and more than `most` bytes are refused.
    """
    try:
        with open_regular(path) as file:
            found, whole = _digest(file, COMMENT_BYTES)
            file.seek(-min(COMMENT_BYTES, file.seek(0, os.SEEK_END)), os.SEEK_END)
            if (comment := file.read()) != LABEL + found.encode():
                said = "ends with another sum" if comment.startswith(LABEL) else "does not end with its sum"
                raise _bad(path, f"it {said}, wanted SHA-256 {found[:12]}: it was changed or cut, or is no bundle")
            with _crafted(path), zipfile.ZipFile(file) as archive:
                return _checked(path, archive, whole, most)
    except OSError as error:
        raise StoreError(
            f"{path}: could not be read: {error.strerror or error}; give the path of a bundle"
        ) from error


# --- writing ---------------------------------------------------------------------------------------------


def _names(root: Path, kind: str, record_id: str) -> list[str]:
    """Return the files of a record and of what it is made of, relative to the data root, sorted."""
    if kind not in _KINDS:
        raise StoreError(f"wanted a run, a comparison, an incident or a self-check, found {kind} {record_id}")
    comparisons: list[str] = []
    runs: list[str] = []
    if kind == "run":
        RUNS.read(root, record_id)  # an error if there is none
        runs = [record_id]
    elif kind == "comparison":
        comparisons = [record_id]
    elif kind == "incident":
        comparisons = [member.comparison for member in INCIDENTS.read(root, record_id).members]
    else:
        comparisons = [live.comparison for live in SELFCHECKS.read(root, record_id).live]
    for each in comparisons:
        found = COMPARISONS.read(root, each)
        runs += [run for run in (found.baseline_run, found.candidate_run) if run]
    files = [COMPARISONS.path(root, each) for each in comparisons]
    if kind != "run":
        files.append(_KINDS[kind].path(root, record_id))
    for run in dict.fromkeys(runs):
        files += _below(RUNS.path(root, run).parent)
    return sorted({file.relative_to(root).as_posix() for file in files})


def _below(folder: Path) -> Iterator[Path]:
    """Yield the regular files below a folder, but for those of a write that was cut."""
    for base, _, names in os.walk(folder, onerror=_raise):
        for name in names:
            path = Path(base, name)
            if name.startswith("."):
                continue
            if stat.S_ISREG(path.lstat().st_mode):
                yield path
            else:
                log.warning("not in the bundle: %s is no regular file", path)


def _raise(error: OSError) -> None:
    raise error


def _entry(name: str, how: int = zipfile.ZIP_DEFLATED) -> zipfile.ZipInfo:
    """Return the header of a file, which depends on its name alone."""
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type, entry.create_system, entry.external_attr = how, 3, (stat.S_IFREG | 0o644) << 16
    return entry


def _add(archive: zipfile.ZipFile, root: Path, name: str, size: int, wanted: str) -> None:
    entry = _entry(name)
    entry.file_size = size
    found = hashlib.sha256()
    with open_regular(root / name) as file, archive.open(entry, "w") as into:
        for piece in iter(lambda: file.read(_PIECE), b""):
            found.update(piece)
            into.write(piece)
    if found.hexdigest() != wanted:
        raise StoreError(f"{root / name}: changed while it was read: wait until its run has ended, and try again")


# --- reading ---------------------------------------------------------------------------------------------


def _digest(file: FileIO, but: int) -> tuple[str, str]:
    """Return the SHA-256 of a file without its last `but` bytes, and of the whole."""
    left = max(0, file.seek(0, os.SEEK_END) - but)
    file.seek(0)
    found = hashlib.sha256()
    while left and (piece := file.read(min(left, _PIECE))):
        found.update(piece)
        left -= len(piece)
    whole = found.copy()
    whole.update(file.read(but))
    return found.hexdigest(), whole.hexdigest()


def _sum(path: Path) -> tuple[int, str]:
    """Return the size and the SHA-256 of a file."""
    with open_regular(path) as file:
        _, found = _digest(file, 0)
        return file.tell(), found


def _checked(path: Path, archive: zipfile.ZipFile, whole: str, most: int) -> Bundle:
    entries = archive.infolist()
    by_name = {entry.filename: entry for entry in entries}
    if MANIFEST not in by_name or len(by_name) != len(entries):
        raise _bad(path, f"wanted one {MANIFEST} and no name twice")
    for entry in entries:
        _refuse_entry(path, entry)
    if (total := sum(entry.file_size for entry in entries)) > most:
        raise _bad(path, f"it would unpack to {total:,} bytes, wanted at most {most:,}")
    if by_name[MANIFEST].file_size > RECORD_BYTES:
        raise _bad(
            path, f"its {MANIFEST} has {by_name[MANIFEST].file_size:,} bytes, wanted at most {RECORD_BYTES:,}"
        )
    about = object_of(archive.read(MANIFEST))
    if about.get("format") != FORMAT:
        raise _bad(path, f"wanted format {FORMAT}, found {about.get('format')!r}: a newer lab may read it")
    files = about["files"]
    if not isinstance(files, dict) or files.keys() != by_name.keys() - {MANIFEST}:
        raise _bad(path, f"its {MANIFEST} does not name the files that it holds")
    for name, wanted in files.items():
        size, found = _unpacked(archive, by_name[name])
        if wanted != {"bytes": size, "sha256": found}:
            raise _bad(path, f"{name} is not as its {MANIFEST} says")
    kind, record_id, lab = (str(about[key]) for key in ("kind", "id", "lab"))
    return Bundle(kind, record_id, lab, len(files), total - by_name[MANIFEST].file_size, whole)


def _refuse_entry(path: Path, entry: zipfile.ZipInfo) -> None:
    """Refuse an entry that no lab writes: unpacked elsewhere it could do harm."""
    name = PurePosixPath(entry.filename)
    leads_out = name.is_absolute() or ".." in name.parts or "\\" in entry.filename or ":" in entry.filename
    if leads_out or entry.orig_filename != str(name):
        raise _bad(path, f"the name {entry.filename[:200]!r} is not that of a file inside a data root")
    if not stat.S_ISREG(entry.external_attr >> 16):
        raise _bad(path, f"{entry.filename[:200]!r} is a link or a folder, wanted regular files alone")


def _unpacked(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> tuple[int, str]:
    """Return size and SHA-256 of an entry, of which never more than its stated size is read."""
    size, found = 0, hashlib.sha256()
    with archive.open(entry) as file:
        while piece := file.read(_PIECE):
            size += len(piece)
            found.update(piece)
    return size, found.hexdigest()


@contextmanager
def _crafted(path: Path) -> Iterator[None]:
    """Translate what a file with a right sum but of another making raises."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, ValueError, KeyError, TypeError, RuntimeError, EOFError) as error:
        raise _bad(path, f"no bundle that a lab wrote: {error}") from error


def _bad(path: Path, why: str) -> StoreError:
    return StoreError(f"{path}: refused: {why}; {_REMEDY}")
