"""The stages of an image's encoding on a time axis, and how much of them ran at the same time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.errors import RunError
from lab.records import Answer, Cell, Trial
from lab.report.wording import cell_phrase, quantity, varying
from lab.stats.sample import counted, trial_median
from lab.store import events
from lab.store.events import NotAnEvent, Row

MOST = 2000
"""Most stages of a picture; a trace has all. A judgement: no screen has more columns."""


@dataclass(frozen=True)
class Stage:
    """A stretch of work: its stage, the role and the unit that did it, and its time since the first stage began.

    `items` is the number of patches or tokens it worked on; None where that is unknown.
    """

    name: str
    role: str
    unit: str
    index: int
    start_s: float
    duration_s: float
    items: int | None


@dataclass(frozen=True)
class Pipeline:
    """The stages of one iteration of a trial; `overlapped_s` is the time in which more than one was at work."""

    cell: str
    trial: int
    iteration: int
    stages: tuple[Stage, ...]
    overlapped_s: float

    @property
    def whole_s(self) -> float:
        """The time from the first stage's beginning to the last one's end."""
        return max((each.start_s + each.duration_s for each in self.stages), default=0.0)


def pair_of(answer: Answer) -> tuple[Cell, ...]:
    """Return the first pipelined cell and the same work in turn; empty where a run does not hold both kinds."""
    cells = answer.run.cells
    piped = next((each for each in cells if each.parameters.get("pipelined") is True), None)
    serial = [each for each in cells if each.parameters.get("pipelined") is False]
    if piped is None or not serial:
        return ()
    wanted = {**piped.parameters, "pipelined": False}
    return piped, next((each for each in serial if dict(each.parameters) == wanted), serial[0])


def typical(trials: Sequence[Trial], cell: str, metric: str) -> tuple[Trial, int] | None:
    """Return the trial of a cell whose median is the middle one, and which of its measured iterations is nearest.

    None when no trial counts.
    """
    own = [
        (trial_median(found), trial)
        for trial in trials
        if trial.cell == cell and (found := counted(trial, metric))
    ]
    if not own:
        return None
    value, trial = sorted(own, key=lambda pair: (pair[0], pair[1].number))[(len(own) - 1) // 2]
    counts = range(trial.first_steady, len(trial.samples[metric]))
    return trial, min(counts, key=lambda at: abs(trial.samples[metric][at] - value))


def pipelines_of(folder: Path, answer: Answer, trials: Sequence[Trial]) -> tuple[list[Pipeline], list[str]]:
    """Return a typical iteration of each cell of :func:`pair_of`, and why others have none.

    `folder` holds the run's trials by number.
    """
    found: list[Pipeline] = []
    problems: list[str] = []
    for cell in pair_of(answer):
        chosen = typical(trials, cell.key, answer.metric.name)
        if chosen is None:
            problems.append(
                f"{cell_phrase(cell, varying(answer.run.cells))} has no timeline: no trial of it counts"
            )
            continue
        trial, place = chosen
        try:
            found.append(pipeline_of(folder / f"{trial.number:04d}", cell.key, trial.number, place))
        except RunError as error:
            problems.append(str(error))
    return found, problems


def pipeline_of(folder: Path, cell: str, trial: int, place: int) -> Pipeline:
    """Return the stages of the measured iteration at `place` (from 0) of the trial whose files lie in `folder`.

    Raises `RunError` when its events are lost, damaged, parsed from a foreign tool or too many to draw.
    """
    try:
        iteration, rows = _measured(events.read(events.source(folder)).rows, place)
    except (OSError, NotAnEvent) as error:
        raise RunError(f"trial {trial} has no timeline: its events cannot be read ({error})") from error
    if not rows or len(rows) > MOST:
        found = f"{len(rows):,} stages: more than a picture holds" if rows else "no stage in this iteration"
        raise RunError(f"trial {trial} has no timeline: {found}; `lab trace` writes what there is")
    if any(words[5] == "parsed" for words, *_ in rows):
        raise RunError(f"trial {trial} has no timeline: a foreign tool printed durations, not when stages began")
    stages = _stages(rows)
    return Pipeline(cell, trial, iteration, stages, overlapped(stages))


def overlapped(stages: Iterable[Stage]) -> float:
    """Return the seconds in which two stages or more were at work."""
    edges = sorted(edge for each in stages for edge in ((each.start_s, 1), (each.start_s + each.duration_s, -1)))
    total, busy, since = 0.0, 0, 0.0
    for at, change in edges:
        total += at - since if busy > 1 else 0.0
        busy, since = busy + change, at
    return total


def overlap_sentence(found: Pipeline, name: str) -> str:
    """Say how much of the work of an iteration ran at the same time; `name` is the cell's."""
    whole = f"{name}: {quantity(found.whole_s, 's')} in all"
    if not found.overlapped_s:
        return f"{whole}, no two stages at the same time."
    return f"{whole}, in {quantity(found.overlapped_s, 's')} of it two stages ran at the same time."


def _measured(rows: Iterable[Row], place: int) -> tuple[int, list[Row]]:
    """Return the number and the rows of the measured iteration at `place`; no row when there are not so many."""
    own: list[Row] = []
    seen = 0
    for row in rows:
        (event, phase, *_), iteration = row[0], row[1]
        if event == "span":
            own.append(row)
            continue
        own = [each for each in own if each[1] == iteration]
        if phase == "measure":
            if seen == place:
                return iteration, [each for each in own if each[0][2] != "user" and each[0][4] is None]
            seen += 1
        own = []
    return 0, []


def _stages(rows: Sequence[Row]) -> tuple[Stage, ...]:
    begin = min(row[3] for row in rows)
    found = [
        Stage(words[1], words[2], words[3], index, (start - begin) / 1e9, duration / 1e9, true)
        for words, _, index, start, duration, _, true, _ in rows
    ]
    return tuple(sorted(found, key=lambda each: (each.start_s, each.name)))
