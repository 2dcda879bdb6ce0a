"""The iterations of a trial, and the phases of one of them, from its events: what, when, on which unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.errors import StoreError
from lab.store import events, seal
from lab.store.events import Clocks, NotAnEvent

NS = 1e-9
"""Seconds in a nanosecond."""


@dataclass(frozen=True)
class Iteration:
    """One iteration, in seconds since the agent's hello; `phase` is ``warmup`` or ``measure``."""

    number: int
    phase: str
    start_s: float
    duration_s: float


@dataclass(frozen=True)
class Iterations:
    """The iterations of a trial, in order, and its agent's clocks; `problem` says why they are not all, if so."""

    found: tuple[Iteration, ...]
    problem: str = ""
    clocks: Clocks | None = None


@dataclass(frozen=True)
class Span:
    """One stretch of work: `start_s` since its iteration began; `true` of `padded` items were wanted.

    `parent` is the stage that it is a part of, `source` is ``parsed`` for what a foreign tool printed.
    """

    stage: str
    role: str
    unit: str
    index: int
    start_s: float
    duration_s: float
    cpu_s: float
    true: int | None
    padded: int | None
    parent: str | None = None
    source: str = "measured"


@dataclass(frozen=True)
class Phase:
    """A stage of an iteration, all of its spans together; `true` and `padded` are 0 where nothing is counted."""

    stage: str
    unit: str
    spans: int
    seconds: float
    cpu_s: float
    true: int
    padded: int


def iterations_of(folder: Path) -> Iterations:
    """Return the iterations in a trial's folder, warm-up included; what is no event ends them, and is named."""
    path = events.source(folder)
    if not path.is_file():
        return Iterations((), "it has no events: its agent wrote none, or its raw lines were not kept")
    found: list[Iteration] = []
    problem, clocks = _changed(folder, path), None
    try:
        read = events.read(path)
        clocks = read.clocks
        origin_ns = None if clocks is None else clocks.monotonic_ns
        for words, number, _, start_ns, duration_ns, *_ in read.rows:
            origin_ns = start_ns if origin_ns is None else origin_ns
            if words[0] == "iteration":
                found.append(Iteration(number, words[1], (start_ns - origin_ns) * NS, duration_ns * NS))
    except (NotAnEvent, OSError) as error:
        problem = f"{path.name}: {error}"
    return Iterations(tuple(sorted(found, key=lambda one: one.number)), problem, clocks)


def spans_of(folder: Path, iteration: int) -> tuple[Span, ...]:
    """Return the spans of one iteration by their start, up to the first line that is no event."""
    path = events.source(folder)
    if not path.is_file():
        return ()
    spans, begin_ns = [], None
    try:
        for words, number, index, start_ns, duration_ns, cpu_ns, true, padded in events.read(path).rows:
            if number != iteration:
                continue
            if words[0] == "iteration":
                begin_ns = start_ns
            else:
                spans.append((words, index, start_ns, duration_ns, cpu_ns, true, padded))
    except (NotAnEvent, OSError):
        pass  # `iterations_of` says so
    spans.sort(key=lambda span: span[2])
    first_ns = begin_ns if begin_ns is not None else spans[0][2] if spans else 0
    return tuple(
        Span(words[1], words[2], words[3], index, (start_ns - first_ns) * NS, duration_ns * NS, cpu_ns * NS, true,
             padded, words[4], words[5] or "measured")
        for words, index, start_ns, duration_ns, cpu_ns, true, padded in spans
    )  # fmt: skip


def typical(found: Sequence[Iteration], first_steady: int = 0) -> int | None:
    """Return the number of the iteration of middle length, of those that count if any does; None without any."""
    measured = [one for one in found if one.phase == "measure"]
    own = sorted(measured[first_steady:] or measured or found, key=lambda one: one.duration_s)
    return own[(len(own) - 1) // 2].number if own else None


def phases_of(spans: Sequence[Span]) -> tuple[Phase, ...]:
    """Return the stages in the order in which they began; parts of a stage and the user's wait are none."""
    own = [span for span in spans if span.parent is None and span.role != "user"]
    by: dict[tuple[str, str], list[Span]] = {}
    for span in own:
        by.setdefault((span.stage, span.unit), []).append(span)
    return tuple(
        Phase(
            stage,
            unit,
            len(some),
            sum(span.duration_s for span in some),
            sum(span.cpu_s for span in some),
            sum(span.true or 0 for span in some),
            sum(span.padded or 0 for span in some),
        )
        for (stage, unit), some in by.items()
    )


def rate_of(found: Phase) -> float | None:
    """Return how many tiles or tokens a stage did a second, padding not counted; None where none is counted."""
    return found.true / found.seconds if found.true and found.seconds > 0 else None


def _changed(folder: Path, path: Path) -> str:
    """Return a sentence if the events are not what was sealed when their run ended."""
    run = folder.parents[1]
    try:
        seal.refuse_changed(run, path.relative_to(run).as_posix())
    except StoreError as error:
        return str(error)
    return ""
