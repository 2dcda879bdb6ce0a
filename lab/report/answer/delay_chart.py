"""The layout of the curve of waits against delays: numbers in, positions out; the page template draws them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.records import Answer, Interval
from lab.report.answer.delays import Delays, Point, delays_of
from lab.report.scale import SMALL, WIDTH, Scale
from lab.report.wording import estimate_with_interval, quantity, scale_of

_MARGINS = (74.0, 26.0), (50.0, 14.0)
"""Pixels left and right of the curve: for a desk, and for a phone's screen."""
_TOP, _HEIGHT, _FOOT = 34.0, 300.0, 46.0
_STEPS = 60
"""Points of a line of arithmetic: enough for its bend to look like one."""

NAMES = {
    "together": "coupled: image and instruction given together",
    "late": "decoupled, as in the paper",
    "early": "decoupled and prefilled early: ours, not the paper's",
}


@dataclass(frozen=True)
class Dot:
    """A cell: its estimate, the ends of its interval (equal without one), and a tooltip."""

    x: float
    y: float
    low: float
    high: float
    title: str


@dataclass(frozen=True)
class Series:
    """One kind of cell: its dots, the SVG path that joins them, and the arithmetic's, which may be empty."""

    style: str
    name: str
    dots: tuple[Dot, ...]
    path: str
    arithmetic: str


@dataclass(frozen=True)
class DelayChart:
    """Everything the template needs. `band` is the coupled cell's (top, estimate, bottom)."""

    width: float
    height: float
    left: float
    right: float
    top: float
    bottom: float
    across: tuple[tuple[float, str], ...]
    up: tuple[tuple[float, str], ...]
    title: str
    band: tuple[float, float, float]
    band_title: str
    series: tuple[Series, ...]


def delay_charts(answer: Answer) -> list[DelayChart]:
    """Return the curve for a desk and for a phone; none where a run asks nothing about delays."""
    found = delays_of(answer.summaries, answer.metric, answer.other_metrics)
    if found is None or found.coupled.interval is None:
        return []
    return [_chart(answer, found, found.coupled.interval, small=small) for small in (False, True)]


def _chart(answer: Answer, found: Delays, coupled: Interval, *, small: bool) -> DelayChart:
    width, (left, margin) = (SMALL if small else WIDTH), _MARGINS[small]
    right, bottom = width - margin, _TOP + _HEIGHT
    points = [*found.late, *found.early]
    most = max(point.delay_s for point in points)
    across = Scale([0.0, most], left + 8, right - 8, linear=True)
    tops = [end for each in (coupled, *(p.wait for p in points)) for end in (each.high, each.estimate) if end]
    up = Scale([max(tops)], bottom, _TOP, from_zero=True)
    ticks = up.ticks(4 if small else 6)
    divisor, unit = scale_of(ticks[-1], "s")
    by_style = {"late": found.late, "early": found.early}
    high, low = coupled.high or coupled.estimate, coupled.low or coupled.estimate
    return DelayChart(
        width=width,
        height=bottom + _FOOT,
        left=left,
        right=right,
        top=_TOP,
        bottom=bottom,
        across=tuple((across(tick), f"{tick:.10g}") for tick in across.ticks(5 if small else 10)),
        up=tuple((up(tick), f"{tick / divisor:.10g}") for tick in ticks),
        title=f"{answer.metric.label} ({unit})",
        band=(up(high), up(coupled.estimate), up(low)),
        band_title=f"coupled: {estimate_with_interval(coupled, 's')}",
        series=tuple(_series(found, style, own, across, up) for style, own in by_style.items() if own),
    )


def _series(found: Delays, style: str, points: Sequence[Point], across: Scale, up: Scale) -> Series:
    dots = tuple(_dot(point, across, up) for point in points)
    line, most = [], max(point.delay_s for point in (*found.late, *found.early))
    for step in range(_STEPS + 1):
        delay_s = most * step / _STEPS
        if (sum_s := found.arithmetic_s(style, delay_s)) is not None:
            line.append((across(delay_s), up(sum_s)))
    return Series(style, NAMES[style], dots, _path([(dot.x, dot.y) for dot in dots]), _path(line))


def _dot(point: Point, across: Scale, up: Scale) -> Dot:
    wait = point.wait
    said = f"instruction after {point.delay_s:g} s: {estimate_with_interval(wait, 's')}"
    if point.arithmetic_s is not None:
        said += f"; by arithmetic {quantity(point.arithmetic_s, 's')}"
    low, high = wait.low or wait.estimate, wait.high or wait.estimate
    return Dot(across(point.delay_s), up(wait.estimate), up(low), up(high), said)


def _path(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{'L' if i else 'M'}{x} {y}" for i, (x, y) in enumerate(points))
