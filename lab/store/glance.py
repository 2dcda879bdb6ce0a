"""Runs at a glance: what a list says of them, read from their files without the index and without pydantic.

Both take longer to import than `lab runs` may take. Whoever measures or judges reads runs with `Store.run`.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from lab.errors import StoreError
from lab.files import disk_errors

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Glance:
    """A line of the list of runs, in the words of `lab.records.Run`."""

    id: str
    started_utc: str
    scenario: str
    suite: str
    build_line: str
    build: str
    device: str
    status: str


def run_ids(root: Path) -> list[str]:
    """Return the ids of the runs in a data root, oldest first: they are UUIDv7. Raises `StoreError`."""
    with disk_errors("list the runs", root):
        return [each for each in _folders(root) if (root / "runs" / each / "run.json").exists()]


def newest(root: Path) -> Iterator[Glance]:
    """Yield runs, newest first; one whose file is damaged hides no other. Raises `StoreError`."""
    with disk_errors("list the runs", root):
        folders = _folders(root)
    for run_id in reversed(folders):  # as far as somebody wants them: there may be thousands
        if not (root / "runs" / run_id / "run.json").exists():
            continue
        try:
            yield glance(root, run_id)
        except StoreError as error:
            log.warning("%s", error)


def _folders(root: Path) -> list[str]:
    """Return the names of the folders of runs, oldest first; none in a data root that is not there yet."""
    folder = root / "runs"
    return sorted(os.listdir(folder)) if folder.is_dir() else []  # noqa: PTH208 - names are all that is wanted


def glance(root: Path, run_id: str) -> Glance:
    """Read the line of one run; raises `StoreError` naming its file when that is missing or damaged."""
    path = root / "runs" / run_id / "run.json"
    try:
        if not path.is_file():
            raise StoreError(f"{path}: wanted a file, found none; move it away")
        found = json.loads(path.read_bytes())["run"]
        return Glance(**{field.name: str(found[field.name]) for field in fields(Glance)})
    except OSError as error:
        raise StoreError(f"{path}: could not be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(
            f"{path}: damaged, not a run: {error}; restore it from a copy, or move it away"
        ) from error
