"""The layout of a timeline: strips of figures above each other, over one axis of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lab.records import Sustained
from lab.report.scale import SMALL, WIDTH, Scale
from lab.report.wording import number_of, plain, quantity

_MARGINS = (70.0, 20.0), (46.0, 10.0)
"""Pixels left and right of the strips: for a desk, and for a phone's screen."""
_TITLE, _STRIP, _FOOT = 36.0, 110.0, 34.0

MINUTES_FROM = 180.0
"""From this many seconds on, the axis of time counts minutes."""


@dataclass(frozen=True)
class Dot:
    """One mark: its position, its style (a CSS class of the page), and a tooltip."""

    x: float
    y: float
    style: str
    title: str


@dataclass(frozen=True)
class Strip:
    """One figure over time: `ticks` are (pixel, text), `path` an SVG path through its values, or empty."""

    top: float
    bottom: float
    title: str
    ticks: tuple[tuple[float, str], ...]
    dots: tuple[Dot, ...]
    path: str = ""
    style: str = ""


@dataclass(frozen=True)
class Timeline:
    """Everything the template needs."""

    width: float
    height: float
    left: float
    right: float
    strips: tuple[Strip, ...]
    ticks: tuple[tuple[float, str], ...]
    title: str


@dataclass(frozen=True)
class Mark:
    """One value at a moment (seconds), in its strip's unit; None is drawn on the strip's lower edge."""

    at_s: float
    value: float | None
    style: str
    title: str


def of_curve(found: Sustained, *, small: bool = False) -> Timeline:
    """Lay out a sustained trial: the rate of each window, and the skin temperature where it was read."""
    middle = found.window_s / 2
    rates = [
        Mark(
            w.start_s + middle,
            w.rate,
            "",
            f"{quantity(w.rate, found.unit)}, {number_of(w.iterations, 'iteration')}",
        )
        for w in found.windows
    ]
    warm = [
        Mark(w.start_s + middle, w.celsius, "warm", f"{w.celsius:.1f} °C")
        for w in found.windows
        if w.celsius is not None
    ]
    strips = [(f"rate, {found.unit}", rates, True), ("skin, °C", warm, True)]
    return laid_out([strip for strip in strips if strip[1]], small=small)


def laid_out(wanted: Sequence[tuple[str, Sequence[Mark], bool]], *, small: bool = False) -> Timeline:
    """Lay out strips of (title, marks, joined by a line) above each other over one axis of time.

    `small` is for a phone's screen.
    """
    width, (left, margin) = (SMALL if small else WIDTH), _MARGINS[small]
    right = width - margin
    times = [mark.at_s for _, marks, _ in wanted for mark in marks]
    across = Scale([0.0, *times], left + 10, right - 10, linear=True)
    strips = []
    top = _TITLE
    for title, marks, joined in wanted:
        bottom = top + _STRIP
        up = Scale([mark.value for mark in marks if mark.value is not None], top + _STRIP, top, linear=True)
        heights = [bottom if mark.value is None else up(mark.value) for mark in marks]
        dots = tuple(
            Dot(across(mark.at_s), y, mark.style, plain(mark.title))
            for mark, y in zip(marks, heights, strict=True)
        )
        path = " ".join(f"{'L' if i else 'M'}{dot.x} {dot.y}" for i, dot in enumerate(dots)) if joined else ""
        ticks = tuple((up(tick), f"{tick:.10g}") for tick in up.ticks(4))
        strips.append(Strip(top, top + _STRIP, title, ticks, dots, path, marks[0].style if joined else ""))
        top += _STRIP + _TITLE
    minutes = max(times) >= MINUTES_FROM
    unit_s = 60.0 if minutes else 1.0
    scale = Scale([0.0, max(times) / unit_s], left + 10, right - 10, linear=True)
    ticks = tuple((scale(tick), f"{tick:.10g}") for tick in scale.ticks(5 if small else 10))
    title = f"{'minutes' if minutes else 'seconds'} since the first"
    return Timeline(width, top - _TITLE + _FOOT, left, right, tuple(strips), ticks, title)
