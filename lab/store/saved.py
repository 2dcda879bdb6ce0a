"""What the files of a data root say, read so that a damaged file hides no other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from lab.errors import StoreError
from lab.records import Trial
from lab.store import seal, shelf
from lab.store.kinds import KINDS, RUNS, Kind, Listed, Record
from lab.store.lines import names
from lab.store.measured import trial_files
from lab.store.raw import LineFile, TrialFile, parse, regular

log = logging.getLogger(__name__)

Result = TypeVar("Result")


@dataclass(frozen=True)
class Files:
    """Records from the files of a data root, or from some of them; `trials` by run id, all of each."""

    lines: Sequence[LineFile] = ()
    records: Sequence[Listed] = ()
    trials: Mapping[str, Sequence[Trial]] = field(default_factory=dict)


@dataclass(frozen=True)
class Trials:
    """A run's trials by number, and a sentence for each of its files that is damaged or was changed later."""

    kept: tuple[Trial, ...]
    problems: tuple[str, ...]


def everything(root: Path) -> Files:
    """Return everything in the files of a data root; a damaged file is left out with a warning."""
    runs = list(records(RUNS, root, RUNS.ids(root)))
    others = [each for kind in KINDS[1:] for each in records(kind, root, kind.ids(root))]
    return Files(lines(root), [*runs, *others], {run.id: told_trials(root, run.id) for run in runs})


def lines(root: Path) -> list[LineFile]:
    """Return the lines of a data root, sorted by name; a damaged one is left out with a warning."""
    found = (_unless_damaged(partial(shelf.read_line, root, name)) for name in names(root))
    return [line for line in found if line is not None]


def records(kind: Kind[Record], root: Path, ids: Iterable[str]) -> Iterator[Record]:
    """Yield these records; a damaged one is left out with a warning."""
    found = (_unless_damaged(partial(kind.read, root, record_id)) for record_id in ids)
    return (record for record in found if record is not None)


def told_trials(root: Path, run_id: str) -> list[Trial]:
    """Return a run's trials by number; what is wrong with its files is told in warnings."""
    found = trials(root, run_id)
    for words in found.problems:
        log.warning("left out: %s", words)
    return list(found.kept)


def trials(root: Path, run_id: str) -> Trials:
    """Return a run's trials; leave out each whose file is damaged, or is not what was sealed at its end."""
    folder = root / "runs" / run_id
    kept: list[Trial] = []
    problems: list[str] = []
    try:
        sealed = dict(seal.sums(folder))
    except StoreError as error:
        problems.append(str(error))
        sealed = {}
    for path in trial_files(root, run_id):
        try:
            kept.append(_trial(path, sealed.pop(path.relative_to(folder).as_posix(), None)))
        except StoreError as error:
            problems.append(str(error))
    rest = [name for name in sealed if "/" not in name or name.endswith("/trial.json")]
    problems += filter(None, (seal.differs(folder / name, sealed[name]) for name in rest))
    return Trials(tuple(kept), tuple(problems))


def _trial(path: Path, sealed: str | None) -> Trial:
    data = regular(path)
    if words := seal.differs(path, sealed, data):
        raise StoreError(words)
    trial = parse(TrialFile, path, data).trial
    if trial.number != int(path.parent.name):
        raise StoreError(f"{path}: says that it is trial {trial.number}; restore it from a copy, or move it away")
    return trial


def _unless_damaged(read_it: Callable[[], Result]) -> Result | None:
    """Return what is read, or None after a warning when its file is damaged."""
    try:
        return read_it()
    except StoreError as error:
        log.warning("left out: %s", error)
        return None
