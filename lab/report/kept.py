"""What was computed from a run's files, kept beside them so that it need not be computed again.

What is kept is valid for exactly the files it was computed from and the code that computed it: each of these files
has a stamp, and what is kept names the digest of all stamps. When one file differs, is new or is gone, it is
computed again, which is always possible.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from device_agents import reasons
from lab import errors
from lab.documents.strict import json_of
from lab.errors import StoreError
from lab.files import RECORD_BYTES, read, write_atomically
from lab.records import plain
from lab.records.explanation import Explanation
from lab.scenario.known import SCENARIOS
from lab.store import glance

log = logging.getLogger(__name__)

Record = TypeVar("Record")

ANSWER, EXPLANATION = "answer.json", "explanation.json"
"""What is kept in a run's folder: what `lab show` says of it, and what `lab explain` says."""


def kept(kind: type[Record], path: Path, beside: Iterable[Path] = ()) -> Record | None:
    """Return what was kept in the file `path` of a run's folder; None when there is nothing that is valid.

    `beside` are the files and folders that it was computed from beside the run's own.
    """
    try:
        found = json_of(read(path, RECORD_BYTES), finite=False)
        if isinstance(found, dict) and found["of"] == digest(path.parent, beside):
            return plain.record_of(kind, found["kept"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.debug("%s is not used: %s", path, error)
    return None


def keep(path: Path, of: str, record: object) -> None:
    """Keep a record in a run's folder; `of` is the digest taken before the files were read that it is made of.

    One that does not survive the way to JSON and back is not kept. A disk that takes no file is no error.
    """
    text = plain.dumps({"of": of, "kept": record})
    try:
        if plain.record_of(type(record), cast("Any", json_of(text, finite=False))["kept"]) == record:
            write_atomically(path, text.encode())
    except OSError as error:
        log.debug("%s is not written: %s", path, error)


def judged_beside(root: Path, run_id: str) -> list[Path]:
    """Return the files that the verdict of a run's comparison is made of, which an explanation of the run quotes.

    None of them for a run that is no side of a comparison. Raises `StoreError` when one is gone or damaged.
    """
    kind, _, comparison = glance.one(root, "run", run_id).part_of.partition(" ")
    if kind != "comparison":
        return []
    found = glance.one(root, "comparison", comparison)
    builds = [root / "builds" / side.id / "manifest.json" for side in found.builds]
    runs = [root / "runs" / run_id for run_id in found.runs]
    return [root / "comparisons" / f"{comparison}.json", root / "selfchecks", *runs, *builds]


def kept_explanation(root: Path, run_id: str) -> Explanation | None:
    """Return the explanation of a run as it was kept; None when there is none that is valid."""
    try:
        return kept(Explanation, root / "runs" / run_id / EXPLANATION, judged_beside(root, run_id))
    except StoreError:
        return None


def digest(folder: Path, beside: Iterable[Path] = ()) -> str:
    """Return the digest of the stamps of a run's files, of those `beside` it and of the lab's code.

    A stamp is what git's index goes by too: inode, size, and the times of the last change of content and of inode.
    Raises `OSError`.
    """
    stamps = {stamp for place in (folder, *beside) for stamp in _stamps(place)}
    return hashlib.sha256("\n".join(sorted(stamps | _code())).encode()).hexdigest()


@cache
def _code() -> frozenset[str]:
    """Return the stamps of the code that this process runs: what changes later does not count."""
    places = [Path(errors.__file__).parent, Path(reasons.__file__).parent, SCENARIOS]  # lab/ and device_agents/
    return frozenset(stamp for place in places for stamp in _stamps(place, (".py", ".toml")))


def _stamps(place: Path, endings: tuple[str, ...] = ("",)) -> Iterator[str]:
    """Yield a stamp for a file, or for each file below a folder whose name ends so; not for what is kept."""
    below = (Path(base, name) for base, _, names in os.walk(place) for name in names)
    for path in [place] if place.is_file() else below:
        if path.name.endswith(endings) and not any(kept in path.name for kept in (ANSWER, EXPLANATION)):
            found = path.lstat() if path.is_symlink() and not path.exists() else path.stat()
            yield f"{path} {found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"
