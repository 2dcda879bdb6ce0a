"""The points of a series, a night or a build each, and what to say of one of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from lab.records import BuildAt, Metric, Series
from lab.report.night.view import KIND
from lab.report.verdict.sentence import signed
from lab.report.wording import number_of, quantity
from lab.store.history import Past
from lab.trial.metrics import METRICS


@dataclass(frozen=True)
class Point:
    """A figure of a series at a place `at`: the date of a night, or the revision of a build as ``r12``
    (the start of its id where its revision is not known).

    `value` is NaN, and `build` None, for a night without a figure. Of a build it is the median of its `nights`
    nights, the last of which is `date`; its `context` is that of this night.
    """

    at: str
    date: str
    value: float
    build: BuildAt | None
    context: Mapping[str, str]
    nights: int = 1

    @property
    def known(self) -> bool:
        """True if there is a figure."""
        return math.isfinite(self.value)


@dataclass(frozen=True)
class Said:
    """A point in words: its figure, what it is against the one before, and what changed between the two."""

    figure: str
    against: str
    builds: str
    changes: tuple[str, ...]


def metric_of(series: Series) -> Metric:
    """Return the metric of a series; one that this lab does not know has its name and no unit."""
    return METRICS.get(series.metric) or Metric(series.metric, series.metric, "", "lower")


def by_nights(past: Past, series: Series) -> tuple[Point, ...]:
    """Return a point a night, oldest first."""
    found = past.series[series]
    nothing: Mapping[str, str] = {}
    return tuple(
        Point(
            date,
            date,
            float(value),
            past.builds[build] if build >= 0 else None,
            past.contexts[context] if context >= 0 else nothing,
        )
        for date, value, build, context in zip(
            past.dates, found.values, found.builds.tolist(), found.contexts.tolist(), strict=True
        )
    )


def by_builds(past: Past, series: Series) -> tuple[Point, ...]:
    """Return a point a build that has a figure, in the order of their revisions."""
    nights: dict[BuildAt, list[Point]] = {}
    for each in by_nights(past, series):
        if each.build is not None and each.known:
            nights.setdefault(each.build, []).append(each)
    return tuple(
        Point(
            f"r{build.revision}" if build.revision else build.id[:8],
            own[-1].date,
            median(each.value for each in own),
            build,
            own[-1].context,
            len(own),
        )
        for build, own in sorted(nights.items(), key=lambda pair: (pair[0].revision, pair[0].id))
    )


def relative(points: Sequence[Point]) -> list[float]:
    """Return each value in percent of the first figure; NaN stays, and so does everything without a first."""
    first = next((each.value for each in points if each.known and each.value), math.nan)
    return [100 * each.value / first for each in points]


def kind_of(points: Sequence[Point]) -> str:
    """Return the kind of the device that measured the newest point, or ``unknown``."""
    return next((each.context[KIND] for each in reversed(points) if KIND in each.context), "unknown")


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return (fact, before, after) for each fact of two contexts that differs; ``(none)`` for a missing one."""
    pairs = ((name, before.get(name, "(none)"), after.get(name, "(none)")) for name in sorted({*before, *after}))
    return [each for each in pairs if each[1] != each[2]]


def said_of(points: Sequence[Point], place: int, metric: Metric) -> Said:
    """Return the words of a point that has a figure; the one before is the last one with a figure."""
    point = points[place]
    figure = f"{quantity(point.value, metric.unit)} on {point.date}"
    if point.nights > 1:
        figure = f"{quantity(point.value, metric.unit)}, the median of {number_of(point.nights, 'night')}"
    before = next((each for each in reversed(points[:place]) if each.known), None)
    if before is None:
        return Said(figure, "the first figure of this series", _name(point.build), ())
    change = signed([point.value / before.value])[0] if before.value else "from zero"
    good = "lower" if metric.better == "lower" else "higher"
    against = f"{change} against {before.at} ({quantity(before.value, metric.unit)}); {good} is better"
    same = point.build == before.build
    builds = f"{_name(point.build)}, as before" if same else f"{_name(before.build)} to {_name(point.build)}"
    told = tuple(f"{fact}: {ours} -> {theirs}" for fact, ours, theirs in changes(before.context, point.context))
    return Said(figure, against, builds, told)


def _name(build: BuildAt | None) -> str:
    return build.name if build else "a build that is not known"
