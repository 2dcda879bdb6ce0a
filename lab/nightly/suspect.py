"""A suspect, and the result of measuring it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lab.records import BuildAt, CellVerdict, Incident, Point, Screen, Stage, Value


@dataclass(frozen=True)
class Suspect:
    """A series that a screen noticed tonight.

    `good` is the last good build, with which tonight's is compared; None if the build did not change, so that
    nothing can be compared. `bad` is the first build on the new level, `since` its night (a date). `score` is the
    distance from the usual in units of the screen's limit. `known` is the incident that explains the level; then
    the question is whether the figure came back. `breaks` names what else changed at that night.
    """

    value: Value
    screens: tuple[Screen, ...]
    score: float
    usual: float
    since: str
    good: BuildAt | None
    bad: BuildAt
    history: tuple[Point, ...]
    priority: int = 0
    known: Incident | None = None
    breaks: str = ""


@dataclass(frozen=True)
class Measured:
    """A cell measured again: its verdict, the ratio of each pair, and the stages that moved."""

    verdict: CellVerdict
    ratios: tuple[float, ...]
    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True)
class Confirmation:
    """The comparison of two builds for some suspects of one scenario, line and device: cell -> what it found.

    `failure` says why it could not be measured or ended early; then `cells` holds what was judged before. The
    device is `gone` if it can measure nothing more tonight, or may not judge builds.
    """

    suspects: tuple[Suspect, ...]
    comparison: str
    cells: Mapping[str, Measured]
    spent_s: float
    failure: str = ""
    gone: bool = False


Confirm = Callable[[Sequence[Suspect], float], Iterator[Confirmation]]
"""Measure suspects again, the most valuable first, within so many device-seconds; those left out yield nothing."""
