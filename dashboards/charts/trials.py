"""The trials of a run over time: medians, and below them temperature, allowed clocks and others' CPU."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.charts.strips import Point, Strip, Trace
from dashboards.charts.style import PALETTE, better
from lab.records.explanation import Explanation, Line
from lab.report.explain.strips import strips_of
from lab.report.timeline import MINUTES_FROM, Mark
from lab.report.wording import kind_of, plain


def of_trials(found: Explanation) -> list[Strip]:
    """Return the strips of a run's trials, coloured by cell; none where no trial has a figure.

    The key of a point is the number of its trial.
    """
    factor, _ = time_axis(found)
    cells = list(dict.fromkeys(line.evidence.trial.cell for line in found.lines))
    strips = []
    for place, strip in enumerate(strips_of(found)):
        pairs = list(zip(strip.marks, strip.lines, strict=True))
        traces = [
            Trace(_name(cell, own), PALETTE[number % len(PALETTE)], _points(own, factor), picked=True)
            for number, cell in enumerate(cells)
            if (own := [pair for pair in pairs if pair[1].evidence.trial.cell == cell])
        ]
        about = f", {better(found.metric, kind_of(found.run))}" if place == 0 else ""
        strips.append(Strip(f"{_titled(found, strip.title, place)}{about}", traces))
    return strips


def time_axis(found: Explanation) -> tuple[float, str]:
    """Return the factor from seconds to the unit of the axis of time, and the axis's name."""
    if max((line.at_s for line in found.lines), default=0.0) >= MINUTES_FROM:
        return 1 / 60, "minutes since the first trial"
    return 1.0, "seconds since the first trial"


def _titled(found: Explanation, title: str, place: int) -> str:
    return f"{found.metric.label}: {title}" if place == 0 else title


def _name(cell: str, own: Sequence[tuple[Mark, Line]]) -> str:
    return own[0][1].cell or plain(cell)


def _points(own: Sequence[tuple[Mark, Line]], factor: float) -> list[Point]:
    return [
        Point(mark.at_s * factor, mark.value, mark.title, _hollow(mark), line.number)
        for mark, line in sorted(own, key=lambda pair: pair[0].at_s)
    ]


def _hollow(mark: Mark) -> bool:
    return mark.style not in ("counts", "peak", "memory")
