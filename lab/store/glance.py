"""Runs at a glance: what a list says of them, read from their files without the index and without pydantic.

Both take longer to import than `lab runs` may take. Whoever measures or judges reads runs with `Store.run`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import cast

from lab.documents.strict import json_of
from lab.errors import StoreError
from lab.files import RECORD_BYTES, disk_errors, read

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
        return sorted(path.parent.name for path in (root / "runs").glob("*/run.json"))


def newest(root: Path) -> Iterator[Glance]:
    """Yield runs, newest first; one whose file is damaged hides no other. Raises `StoreError`."""
    for run_id in reversed(run_ids(root)):
        try:
            yield glance(root, run_id)
        except StoreError as error:
            log.warning("%s", error)


def glance(root: Path, run_id: str) -> Glance:
    """Read the line of one run; raises `StoreError` naming its file when that is missing or damaged."""
    path = root / "runs" / run_id / "run.json"
    try:
        found = cast("Mapping[str, Mapping[str, object]]", json_of(read(path, RECORD_BYTES)))["run"]
        return Glance(**{field.name: str(found[field.name]) for field in fields(Glance)})
    except OSError as error:
        raise StoreError(f"{path}: could not be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path}: damaged, not a run: {error}; restore it from a copy, or move it away"
        ) from error
