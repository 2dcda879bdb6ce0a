"""One cell over the nights of a device: its usual level and noise, how devices agree, and what changed on one."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from lab.records import Metric, Series
from lab.report.wording import number_of, percent, plain, quantity

RECENT = 30
"""Nights that the usual level and the noise rest on, at most: a judgement, a month."""

LEAST = 5
"""Fewest nights of which a level is told: a judgement, as few trials give an interval."""


@dataclass(frozen=True)
class Nights:
    """A series over nights, oldest first: NaN for a night without a figure; `builds` and `contexts` as long.

    `kind` is that of its device. A build is named for people; a context holds fact -> value.
    """

    series: Series
    metric: Metric
    kind: str
    dates: tuple[str, ...]
    values: tuple[float, ...]
    builds: tuple[str, ...]
    contexts: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class Level:
    """The usual level of a series: the median of its last `nights`, lowest and highest, and the newest figure.

    All of these nights have the context of the newest. `noise` is the standard deviation of the log values from
    night to night within one build (0.01 is about 1 %), with `freedom` degrees of freedom; None where no build was
    measured twice.
    """

    usual: float
    low: float
    high: float
    newest: float
    newest_date: str
    nights: int
    noise: float | None
    freedom: int


def level_of(found: Nights, recent: int = RECENT) -> Level | None:
    """Return the level of the last nights with the newest figure's context; None when there is no figure."""
    measured = [i for i, value in enumerate(found.values) if math.isfinite(value) and value > 0][-recent:]
    known = [i for i in measured if not found.contexts or found.contexts[i] == found.contexts[measured[-1]]]
    if not known:
        return None
    values = [found.values[i] for i in known]
    noise, freedom = _noise(found, known)
    return Level(
        median(values), min(values), max(values), values[-1], found.dates[known[-1]], len(values), noise, freedom
    )


def reference_words(found: Nights, level: Level | None) -> str:
    """Return in one sentence whether a device still measures what it used to measure."""
    device, unit = found.series.device, found.metric.unit
    if level is None or level.nights < LEAST:
        nights = level.nights if level else 0
        return plain(f"{device}: {number_of(nights, 'night')} of its reference: too few to tell its usual level.")
    moved = level.newest / level.usual - 1
    noise = "" if level.noise is None else f"; from night to night it varies by {percent(level.noise)} (SD)"
    way = "above" if moved >= 0 else "below"
    ends = {level.low: ", the lowest of them", level.high: ", the highest of them"}
    end = ends.get(level.newest, "") if level.low < level.high else ""
    return plain(
        f"{device}, {level.newest_date}: {quantity(level.newest, unit)}, {percent(abs(moved))} {way} the median "
        f"of its last {level.nights} nights with this context ({quantity(level.usual, unit)}){end}{noise}."
    )


def agreement_words(levels: Mapping[str, Level], metric: Metric) -> str:
    """Return how far the devices of one kind lie apart on one cell; `levels` is device -> its level."""
    if len(levels) < 2:
        return "Only one device of this kind measures this cell: there is nothing to agree with."
    usual = {device: each.usual for device, each in levels.items()}
    lowest, highest = min(usual, key=usual.__getitem__), max(usual, key=usual.__getitem__)
    apart = usual[highest] / usual[lowest] - 1
    return plain(
        f"{number_of(len(levels), 'device')}: from {quantity(usual[lowest], metric.unit)} on {lowest} to "
        f"{quantity(usual[highest], metric.unit)} on {highest}, {percent(apart)} apart. Levels of devices are "
        "never averaged, and no build is judged across them."
    )


def changes_of(found: Iterable[Nights]) -> list[tuple[str, str, str, str]]:
    """Return what changed on a device, newest first and each once: (date, fact, before, after)."""
    changes = {change: None for each in found for change in _changes(each)}
    return sorted(changes, reverse=True)


def _changes(found: Nights) -> Iterator[tuple[str, str, str, str]]:
    before: Mapping[str, str] | None = None
    for date, context in zip(found.dates, found.contexts, strict=True):
        if not context:
            continue
        if before is not None and context != before:
            for fact in sorted({*before, *context}):
                old, new = before.get(fact, "(none)"), context.get(fact, "(none)")
                if old != new:
                    yield date, fact, old, new
        before = context


def _noise(found: Nights, known: Sequence[int]) -> tuple[float | None, int]:
    """Return the standard deviation of logs within builds, pooled, and its degrees of freedom."""
    groups: dict[str, list[float]] = {}
    for i in known:
        groups.setdefault(found.builds[i], []).append(math.log(found.values[i]))
    freedom = sum(len(each) - 1 for each in groups.values())
    if not freedom:
        return None, 0
    means = {build: fmean(each) for build, each in groups.items()}
    squares = sum((log - means[build]) ** 2 for build, each in groups.items() for log in each)
    return math.sqrt(squares / freedom), freedom
