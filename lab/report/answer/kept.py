"""The answer of a run, kept beside its files so that it need not be computed again: `runs/<id>/answer.json`.

A kept answer is valid for exactly the files it was computed from and the code that computed it: every file of the
run and of the lab has a stamp, and the answer names the digest of all stamps. When one file differs, is new or is
gone, the answer is computed again, which is always possible.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import lab
from lab.errors import StoreError
from lab.files import RECORD_BYTES, read, write_atomically
from lab.records import Answer, plain
from lab.scenario.known import SCENARIOS
from lab.store import glance

log = logging.getLogger(__name__)

FILE = "answer.json"


@dataclass(frozen=True)
class Kept:
    """An answer, and the digest (:func:`digest`) of what it was computed from."""

    of: str
    answer: Answer


def kept(root: Path, text: str) -> Answer | None:
    """Return the kept answer of the run that `text` names in a data root: the start of its id, or ``last``.

    Returns None when there is none that is valid, and when `text` names no run or several.
    """
    try:
        folder = root / "runs" / glance.find(root, text, ("run",)).id
        found = plain.loads(Kept, read(folder / FILE, RECORD_BYTES))
        return found.answer if found.of == digest(folder) else None
    except (OSError, StoreError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.debug("%s: no kept answer of %s: %s", root, text, error)
        return None


def keep(folder: Path, of: str, answer: Answer) -> None:
    """Keep an answer in a run's folder; `of` is the digest taken before the run's files were read.

    An answer that does not survive the way to JSON and back is not kept. A disk that takes no file is no error.
    """
    text = plain.dumps(Kept(of, answer))
    try:
        if plain.loads(Kept, text).answer == answer:
            write_atomically(folder / FILE, text.encode())
    except OSError as error:
        log.debug("%s: the answer is not kept: %s", folder, error)


def digest(folder: Path) -> str:
    """Return the digest of the stamps of a run's files and of the lab's code; raises `OSError`.

    A stamp is what git's index goes by too: inode, size, and the times of the last change of content and of inode.
    """
    package = Path(lab.__file__).parent
    stamps = [*_stamps(folder, ""), *_stamps(package, (".py", ".toml")), *_stamps(SCENARIOS, ".toml")]
    return hashlib.sha256("\n".join(sorted(stamps)).encode()).hexdigest()


def _stamps(folder: Path, endings: str | tuple[str, ...]) -> Iterator[str]:
    """Yield a stamp for each file below `folder` whose name ends so, kept answers left out."""
    for base, _, names in os.walk(folder):
        for name in names:
            if name.endswith(endings) and FILE not in name:
                path = Path(base, name)
                found = path.lstat() if path.is_symlink() and not path.exists() else path.stat()
                yield f"{path} {found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"
