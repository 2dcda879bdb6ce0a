"""The seal of a run that has ended: the SHA-256 of each of its files, by which a later change is noticed.

`runs/<id>/seal.json` lies beside the files, so it proves nothing against who changes both; it finds an edited
sample, a half-copied folder, a disk that lost a page.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from lab.documents.strict import Malformed, json_of
from lab.errors import StoreError
from lab.files import RECORD_BYTES, read, sha256, write_atomically

FILE = "seal.json"

MOST_BYTES = 1 << 30
"""The largest file of a run that is hashed again. A judgement: a million events have a quarter of that."""

FORMAT = 1
"""The version of this file."""

RUN = "run.json"
"""The file of a run itself that is sealed, beside all of its trials'. Answers and profiles may change later."""


def close(folder: Path) -> None:
    """Seal the files of the run in `folder` as they are now; raises `OSError`."""
    files = {path.relative_to(folder).as_posix(): sha256(path) for path in _files(folder)}
    write_atomically(folder / FILE, json.dumps({"format": FORMAT, "files": files}, indent=2).encode() + b"\n")


def open_again(folder: Path) -> None:
    """Remove the seal of a run that is about to change; raises `OSError`."""
    (folder / FILE).unlink(missing_ok=True)


def sums(folder: Path) -> Mapping[str, str]:
    """Return path -> SHA-256 of the sealed files of a run; nothing for one that is measured or older than seals.

    Raises `StoreError` when the seal itself is damaged. Read without pydantic, which `lab trace` has no time for.
    """
    path = folder / FILE
    if not path.exists():
        return {}
    try:
        found = json_of(read(path, RECORD_BYTES))
    except (OSError, Malformed) as error:
        why = error.strerror or error if isinstance(error, OSError) else error
        raise StoreError(f"{path}: damaged, not a seal: {why}; restore it from a copy, or move it away") from error
    files = found.get("files") if isinstance(found, dict) and found.get("format") == FORMAT else None
    if not isinstance(files, dict) or not all(isinstance(each, str) for each in files.values()):
        raise StoreError(
            f"{path}: damaged, or of a newer lab: wanted format {FORMAT} and the sums of files; restore it from a "
            "copy, or move it away"
        )
    return files


def changed(folder: Path, name: str, data: bytes | None = None) -> str:
    """Return a sentence if the file `name` of a run is not what was sealed, else nothing; `data` is its content.

    A run without a seal has no changes that can be seen. Raises `StoreError` for a damaged seal and `OSError`.
    """
    return differs(folder / name, sums(folder).get(name), data)


def differs(path: Path, sealed: str | None, data: bytes | None = None) -> str:
    """Return a sentence if a file does not have the sum that was `sealed`; None: it was not sealed."""
    if sealed is None:
        return ""
    if not path.is_file():
        return f"{path}: gone since its run ended; restore it from a copy"
    try:
        found = sha256(path, MOST_BYTES) if data is None else hashlib.sha256(data).hexdigest()
    except OSError as error:
        return f"{path}: changed since its run ended: {error.strerror or error}; restore it from a copy"
    if found == sealed:
        return ""
    return (
        f"{path}: changed since its run ended: wanted SHA-256 {sealed[:12]}, found {found[:12]}; "
        "restore it from a copy"
    )


def _files(folder: Path) -> Iterator[Path]:
    """Yield the regular files that are sealed."""
    if (folder / RUN).is_file():
        yield folder / RUN
    for base, _, names in os.walk(folder / "trials"):
        for name in names:
            path = Path(base, name)
            if path.is_file() and not path.is_symlink() and not name.startswith("."):
                yield path


def refuse_changed(folder: Path, name: str) -> None:
    """Raise `StoreError` if a sealed file of the run in `folder` has changed or cannot be read."""
    try:
        words = changed(folder, name)
    except OSError as error:
        raise StoreError(
            f"{folder / name}: could not be read: {error.strerror or error}; restore it from a copy"
        ) from error
    if words:
        raise StoreError(words)
