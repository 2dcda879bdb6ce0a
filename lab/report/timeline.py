"""Where the marks of a timeline lie: strips of figures above each other, over one axis of time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lab.records import Sustained
from lab.report.answer.chart import WIDTH, Scale
from lab.report.explain.view import Explanation, Line
from lab.report.wording import plain, quantity

_LEFT, _RIGHT = 70.0, 940.0
_TITLE, _STRIP, _FOOT = 36.0, 110.0, 34.0

MINUTES_FROM = 180.0
"""Seconds from which on the axis of time counts minutes."""


@dataclass(frozen=True)
class Dot:
    """One mark: its place, what it stands for (a class of the page's style), and what it is in words."""

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
    """One value at a moment (seconds), in the unit of its strip; None lies on the strip's lower edge."""

    at_s: float
    value: float | None
    style: str
    title: str


def of_trials(found: Explanation) -> Timeline | None:
    """Lay out a run's trials over time: medians, then temperature, allowed clocks and others' CPU where known.

    None where no trial has a figure.
    """
    lines = found.lines
    wanted = [
        ("median, % of its cell's mean", [_median(line) for line in lines]),
        ("temperature, °C: ring at the start, dot the peak", [mark for line in lines for mark in _heat(line)]),
        ("clock allowed, % of the top", _each(lines, "", _cap, "{:.0f} % of its top clock")),
        ("others' CPU, cores", _each(lines, "", lambda line: line.evidence.doing.others_cores, "{:.2f} cores")),
    ]
    if all(line.relative is None for line in lines):
        return None
    return _laid_out([(title, marks, False) for title, marks in wanted if marks])


def of_curve(found: Sustained) -> Timeline:
    """Lay out a sustained trial: its rate, window by window, and the skin's temperature where that was read."""
    middle = found.window_s / 2
    rates = [
        Mark(w.start_s + middle, w.rate, "", f"{quantity(w.rate, found.unit)}, {w.iterations} iterations")
        for w in found.windows
    ]
    warm = [
        Mark(w.start_s + middle, w.celsius, "warm", f"{w.celsius:.1f} °C")
        for w in found.windows
        if w.celsius is not None
    ]
    strips = [(f"rate, {found.unit}", rates, True), ("skin, °C", warm, True)]
    return _laid_out([strip for strip in strips if strip[1]])


def _median(line: Line) -> Mark:
    if line.relative is None:
        return Mark(line.at_s, None, line.standing, f"trial {line.number} {line.cell}: no figure, {line.reason}")
    share = 100 * line.relative
    text = f"trial {line.number} {line.cell}: {share:.1f} % of its cell's mean"
    return Mark(line.at_s, share, line.standing, f"{text}, {line.reason or line.standing}")


def _heat(line: Line) -> list[Mark]:
    pair = line.evidence.doing.skin or line.evidence.doing.soc or line.evidence.doing.battery
    if pair is None:
        return []
    text = f"trial {line.number}: {pair[0]:.1f} -> {pair[1]:.1f} °C"
    return [Mark(line.at_s, pair[0], "start", text), Mark(line.at_s, pair[1], "peak", text)]


def _cap(line: Line) -> float | None:
    cap = line.evidence.doing.cap
    return None if cap is None else 100 * cap[1]


def _each(lines: Sequence[Line], style: str, value: Callable[[Line], float | None], words: str) -> list[Mark]:
    return [
        Mark(line.at_s, known, style, f"trial {line.number}: {words.format(known)}")
        for line in lines
        if (known := value(line)) is not None
    ]


def _laid_out(wanted: Sequence[tuple[str, Sequence[Mark], bool]]) -> Timeline:
    times = [mark.at_s for _, marks, _ in wanted for mark in marks]
    across = Scale([0.0, *times], _LEFT + 10, _RIGHT - 10, linear=True)
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
    scale = Scale([0.0, max(times) / unit_s], _LEFT + 10, _RIGHT - 10, linear=True)
    ticks = tuple((scale(tick), f"{tick:.10g}") for tick in scale.ticks(10))
    title = f"{'minutes' if minutes else 'seconds'} since the first"
    return Timeline(WIDTH, top - _TITLE + _FOOT, _LEFT, _RIGHT, tuple(strips), ticks, title)
