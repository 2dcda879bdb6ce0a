"""The layout of a night's pictures: the history of a series, its confirming pairs, the changes of an incident."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from lab.records import Finding, Interval, Member, Metric
from lab.report.night.said import named
from lab.report.scale import SMALL, Scale
from lab.report.verdict.sentence import manner_of, signed
from lab.report.wording import quantity

HEIGHT = 132.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 58.0, 8.0, 14.0, 24.0

LEAST_REACH = math.log(1.06)
"""A scale of ratios reaches at least this far to each side: a little beyond what counts as the same."""

MOST_REACH = math.log(100.0)
"""What lies beyond this ratio is drawn at the edge; a judgement."""


@dataclass(frozen=True)
class Dot:
    """A mark: its position, its style (a class of the page), and a tooltip."""

    x: float
    y: float
    style: str
    title: str


@dataclass(frozen=True)
class Plot:
    """A picture. `rules` are horizontal (y, from x, to x, class), `step` the x of the change, `band` a range of x.

    `ticks` are (x, y, text, anchor).
    """

    width: float
    height: float
    dots: tuple[Dot, ...]
    ticks: tuple[tuple[float, float, str, str], ...]
    path: str = ""
    rules: tuple[tuple[float, float, float, str], ...] = ()
    step: float | None = None
    band: tuple[float, float, float] | None = None


def history_plot(found: Finding) -> Plot | None:
    """Lay out the nights of a series, with its usual level, its step and the level since; None without any."""
    points = [each for each in found.history if math.isfinite(each.value)]
    if len(points) < 2:
        return None
    unit, right, bottom = found.metric.unit, SMALL - _RIGHT, HEIGHT - _BOTTOM
    values = [each.value for each in points]
    up = Scale([*values, found.usual], bottom, _TOP, linear=True)
    across = Scale(range(len(points)), _LEFT + 4, right - 4, linear=True)
    since = next((i for i, each in enumerate(points) if each.date >= found.since), len(points) - 1)
    drifts = found.outcome == "trend"  # no night is its step
    since = len(points) if drifts else since
    step = right if drifts else round((across(since - 1) + across(since)) / 2, 1) if since else _LEFT
    dots = tuple(
        Dot(
            across(i),
            up(each.value),
            "event" if each.event else "new" if i >= since else "old",
            f"{named(each.date)}, build {named(each.build)}: {quantity(each.value, unit)}"
            f"{f'; {named(each.event)}' if each.event else ''}",
        )
        for i, each in enumerate(points)
    )
    texts = [(up(tick), _tick(tick, up, unit)) for tick in up.ticks(3)]
    return Plot(
        width=SMALL,
        height=HEIGHT,
        dots=dots,
        ticks=(
            *((_LEFT - 6, y + 4, text, "end") for y, text in texts),
            (_LEFT, HEIGHT - 6, named(points[0].date[:10]), "start"),
            (right, HEIGHT - 6, named(points[-1].date[:10]), "end"),
        ),
        path=" ".join(f"{'L' if i else 'M'}{dot.x} {dot.y}" for i, dot in enumerate(dots)),
        rules=(
            *((y, _LEFT, right, "grid") for y, _ in texts),
            (up(found.usual), _LEFT, step, "usual"),
            *([] if drifts else [(up(median(values[since:])), step, right, "level")]),
        ),
        step=None if drifts else step,
    )


def _tick(value: float, scale: Scale, unit: str) -> str:
    """Return a tick's text, with the digits that tell it from its neighbours."""
    return quantity(value, unit, resolution=(scale.high - scale.low) / 4).removesuffix(
        f" {unit}" if unit != "s" else ""
    )


def pairs_plot(found: Finding) -> Plot | None:
    """Lay out the confirming pairs from the first (top) to the last, with the interval; None without pairs."""
    ratios = [each for each in found.ratios if each > 0 and math.isfinite(each)]
    change = found.verdict.change if found.verdict else None
    if not ratios:
        return None
    ends = _ends(change)
    reach = _reach([*ratios, *ends])
    width, foot = 280.0, HEIGHT - _BOTTOM

    def across(ratio: float) -> float:
        return round(width / 2 + max(-1.0, min(1.0, math.log(ratio) / reach)) * (width / 2 - 10), 1)

    down = (foot - _TOP - 8) / max(1, len(ratios) - 1)
    dots = tuple(
        Dot(across(each), round(_TOP + 4 + down * i, 1), "pair", f"pair {i + 1}: {signed([each])[0]}")
        for i, each in enumerate(ratios)
    )
    manner = manner_of(found.metric)
    left, right = (text.lstrip("+-") for text in signed([math.exp(-reach), math.exp(reach)]))
    return Plot(
        width=width,
        height=HEIGHT,
        dots=dots,
        ticks=(
            (2, HEIGHT - 6, f"{left} {manner.less}", "start"),
            (width / 2, HEIGHT - 6, "equal", "middle"),
            (width - 2, HEIGHT - 6, f"{right} {manner.more}", "end"),
        ),
        step=width / 2,
        band=(across(ends[0]), across(change.estimate), across(ends[1])) if change and ends else None,
    )


def _ends(change: Interval | None) -> list[float]:
    if change is None or change.low is None or change.high is None:
        return []
    return [change.low, change.high] if change.low > 0 else []


def _reach(ratios: Sequence[float]) -> float:
    return min(MOST_REACH, max([LEAST_REACH, *(1.05 * abs(math.log(each)) for each in ratios)]))


@dataclass(frozen=True)
class Bar:
    """The change of a series of an incident: its interval and estimate in percent of a scale; worse is right."""

    member: Member
    low: float
    estimate: float
    high: float


def bars_of(members: Sequence[Member]) -> list[Bar]:
    """Lay out the changes of an incident's series on one scale, the largest first; no change is at 50."""
    known = [each for each in members if each.change.estimate > 0 and math.isfinite(each.change.estimate)]
    spans = [[*(_ends(each.change) or [each.change.estimate] * 2), each.change.estimate] for each in known]
    reach = _reach([ratio for span in spans for ratio in span])

    def place(ratio: float, metric: Metric) -> float:
        worse = math.log(ratio) * (1 if metric.better == "lower" else -1)
        return round(50 + 48 * max(-1.0, min(1.0, worse / reach)), 1)

    bars = []
    for each, (low, high, estimate) in zip(known, spans, strict=True):
        ends = sorted((place(low, each.metric), place(high, each.metric)))
        bars.append(Bar(each, ends[0], place(estimate, each.metric), ends[1]))
    return sorted(bars, key=lambda bar: -bar.estimate)
