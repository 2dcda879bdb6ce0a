"""The breakdown kept beside a run's files: `runs/<id>/profile.json`."""

from __future__ import annotations

import logging
from pathlib import Path

from lab.files import write_atomically
from lab.records import Breakdown, plain

log = logging.getLogger(__name__)

FILE = "profile.json"


def read(root: Path, run_id: str) -> Breakdown | None:
    """Return the breakdown that was kept for a run; None without one that this version can read."""
    try:
        return plain.loads(Breakdown, (root / "runs" / run_id / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.debug("%s: no breakdown of run %s: %s", root, run_id, error)
        return None


def write(root: Path, found: Breakdown) -> None:
    """Keep a run's breakdown, in place of an earlier one; raises `OSError`."""
    write_atomically(root / "runs" / found.run / FILE, plain.dumps(found).encode())
