"""A comparison in pictures: the change of each cell, the trials of both sides, and their distributions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboards.charts.style import (
    BLUE,
    GREY,
    MOST_POINTS,
    ORANGE,
    TONES,
    Option,
    frame,
    named,
    scaled,
    value_axis,
    y_axis,
)
from lab.records import Metric
from lab.report.signs import SIGNS
from lab.report.wording import quantity
from lab.stats.compare import SAME_WITHIN, SMALLEST_EFFECT

SIDES = (BLUE, ORANGE)
"""The colours of baseline and candidate."""


@dataclass(frozen=True)
class Effect:
    """The change of a cell, candidate / baseline; `smallest` is the smallest change it could see, as a share."""

    name: str
    verdict: str
    ratio: float
    low: float | None
    high: float | None
    smallest: float | None = None


def forest(effects: Sequence[Effect], metric: Metric) -> Option:
    """Return a row a cell: its change in percent with its interval, over the zone in which two sides are the same.

    Dashed lines stand at the smallest change that counts as one; the row's own smallest visible change is a grey
    bar around zero.
    """
    names = [f"{SIGNS.get(each.verdict, '·')} {each.name}" for each in effects]
    return frame(
        grid={"left": 16, "right": 32, "top": 16, "bottom": 40, "outerBoundsMode": "same"},
        tooltip={
            "trigger": "item",
            "confine": True,
            "formatter": "{b}",
            "extraCssText": "white-space: pre-line",
        },
        xAxis=value_axis(
            _direction(metric),
            nameLocation="middle",
            nameGap=28,
            scale=False,
            axisLabel={"formatter": "{value} %"},
        ),
        yAxis={
            "type": "category",
            "data": names,
            "inverse": True,
            "axisLabel": {"width": 220, "overflow": "truncate", "interval": 0},
        },
        series=[
            _zone(),
            *(_row(place, each, names[place]) for place, each in enumerate(effects)),
            *(_seen(place, each) for place, each in enumerate(effects) if each.smallest is not None),
        ],
    )


def forest_height(effects: Sequence[Effect]) -> int:
    """Return the height of the picture in pixels."""
    return 110 + 34 * len(effects)


def strips(
    sides: tuple[Mapping[int, float], Mapping[int, float]],
    names: tuple[str, str],
    metric: Metric,
    lost: Sequence[tuple[int, float]] = (),
    *,
    joined: bool = True,
) -> Option:
    """Return the trials of both sides as dots in two columns, pairs that were measured as such joined by lines.

    A side maps block -> figure. `lost` are (side, figure) of trials that do not count: crosses, never joined.
    """
    baseline, candidate = sides
    values = [*baseline.values(), *candidate.values(), *(value for _, value in lost)]
    factor, unit = scaled(values, metric.unit)
    pairs: list[list[Any]] = []
    for block in sorted(baseline.keys() & candidate.keys()) if joined else ():
        pairs += [[0, _rounded(baseline[block], factor)], [1, _rounded(candidate[block], factor)], [None, None]]
    dots = [
        _dots(names[side], side, sorted(own.items()), metric, factor)
        for side, own in enumerate((baseline, candidate))
    ]
    crosses = [(side, value) for side, value in lost if math.isfinite(value)]
    return frame(
        tooltip={
            "trigger": "item",
            "confine": True,
            "formatter": "{b}",
            "extraCssText": "white-space: pre-line",
        },
        xAxis={"type": "category", "data": list(names), "axisLabel": {"width": 160, "overflow": "truncate"}},
        yAxis=y_axis(named(metric, unit)),
        series=[
            {
                "type": "line",
                "name": "pairs",
                "data": pairs,
                "symbol": "none",
                "silent": True,
                "lineStyle": {"color": GREY, "width": 1, "opacity": 0.6},
            },
            *dots,
            *([_lost(crosses, metric, factor)] if crosses else []),
        ],
    )


def ecdf(baseline: Sequence[float], candidate: Sequence[float], names: tuple[str, str], metric: Metric) -> Option:
    """Return the share of trials at or below each figure, a staircase a side."""
    factor, unit = scaled([*baseline, *candidate], metric.unit)
    return frame(
        legend={"top": 0, "type": "scroll"},
        grid={"left": 16, "right": 24, "top": 64, "bottom": 40, "outerBoundsMode": "same"},
        tooltip={"trigger": "item", "confine": True, "formatter": "{b}"},
        xAxis=value_axis(named(metric, unit), nameLocation="middle", nameGap=28),
        yAxis=y_axis("share of trials at or below", min=0, max=1, scale=False),
        series=[
            {
                "type": "line",
                "step": "end",
                "name": name,
                "symbol": "circle" if side == 0 else "diamond",
                "symbolSize": 6,
                "itemStyle": {"color": SIDES[side]},
                "lineStyle": {"type": "solid" if side == 0 else "dashed", "width": 2},
                "data": _staircase(values, name, metric, factor),
            }
            for side, (name, values) in enumerate(zip(names, (baseline, candidate), strict=True))
        ],
    )


def _direction(metric: Metric) -> str:
    left, right = ("better", "worse") if metric.better == "lower" else ("worse", "better")
    return f"← {left} · change of {metric.label} · {right} →"


def _percent(ratio: float) -> float:
    return round(100 * (ratio - 1), 3)


def _zone() -> Option:
    """Return the shaded zone of `same`, and the dashed lines of the smallest effect, both in percent.

    Its points, which nobody sees, keep the whole zone on the axis.
    """
    same, least = 100 * SAME_WITHIN, 100 * SMALLEST_EFFECT
    return {
        "type": "line",
        "name": "same",
        "data": [[-1.2 * same, 0], [1.2 * same, 0]],
        "symbol": "none",
        "silent": True,
        "lineStyle": {"opacity": 0},
        "markArea": {
            "silent": True,
            "itemStyle": {"color": "rgba(86,180,233,0.14)"},
            "data": [[{"xAxis": -same, "name": f"same: within ±{same:g} %"}, {"xAxis": same}]],
            "label": {"position": "insideTopLeft", "fontSize": 10, "color": GREY},
        },
        "markLine": {
            "silent": True,
            "symbol": "none",
            "label": {"show": False},
            "data": [
                {"xAxis": 0, "lineStyle": {"type": "solid", "color": GREY}},
                {"xAxis": -least, "lineStyle": {"type": "dashed", "color": GREY}},
                {"xAxis": least, "lineStyle": {"type": "dashed", "color": GREY}},
            ],
        },
    }


def _row(place: int, each: Effect, name: str) -> Option:
    """Return the interval of a cell as a line, and its estimate as a dot on it."""
    middle = _percent(each.ratio)
    ends = [middle, middle] if each.low is None or each.high is None else [_percent(each.low), _percent(each.high)]
    interval = "no interval" if each.low is None else f"{ends[0]:+.1f} to {ends[1]:+.1f} %"
    words = f"{name}\n{each.verdict}: {middle:+.1f} % ({interval})"
    colour = TONES.get(each.verdict, GREY)
    return {
        "type": "line",
        "name": each.name,
        "itemStyle": {"color": colour},
        "lineStyle": {"width": 3, "color": colour},
        "data": [
            {"value": [ends[0], place], "symbol": "none", "name": words},
            {"value": [middle, place], "symbol": "diamond", "symbolSize": 14, "name": words},
            {"value": [ends[1], place], "symbol": "none", "name": words},
        ],
    }


def _seen(place: int, each: Effect) -> Option:
    """Return the smallest change that nine of ten comparisons find at this spread, as a bar around zero."""
    size = round(100 * (each.smallest or 0), 3)
    return {
        "type": "line",
        "name": f"{each.name}, could see",
        "symbol": "none",
        "silent": True,
        "z": 1,
        "lineStyle": {"width": 10, "color": GREY, "opacity": 0.25, "cap": "butt"},
        "data": [[-size, place], [size, place]],
    }


def _dots(name: str, side: int, own: Sequence[tuple[int, float]], metric: Metric, factor: float) -> Option:
    return {
        "type": "scatter",
        "name": name,
        "symbol": "circle" if side == 0 else "diamond",
        "symbolSize": 9,
        "itemStyle": {"color": SIDES[side], "opacity": 0.85},
        "data": [
            {
                "value": [side, _rounded(value, factor)],
                "name": f"{name}, pair {pair}\n{quantity(value, metric.unit)}",
            }
            for pair, value in own[-MOST_POINTS // 4 :]
        ],
    }


def _lost(lost: Sequence[tuple[int, float]], metric: Metric, factor: float) -> Option:
    return {
        "type": "scatter",
        "name": "does not count",
        "symbol": "path://M0,0L10,10M10,0L0,10",
        "symbolSize": 8,
        "itemStyle": {"color": "transparent", "borderColor": GREY, "borderWidth": 2},
        "data": [
            {
                "value": [side, _rounded(value, factor)],
                "name": f"does not count\n{quantity(value, metric.unit)}",
            }
            for side, value in lost
        ],
    }


def _staircase(values: Sequence[float], name: str, metric: Metric, factor: float) -> list[dict[str, Any]]:
    ordered = sorted(values)
    steps = [(ordered[0], 0.0)] if ordered else []
    steps += [(value, (place + 1) / len(ordered)) for place, value in enumerate(ordered)]
    return [
        {
            "value": [_rounded(value, factor), round(share, 4)],
            "name": f"{name}: {100 * share:.0f} % of trials at or below {quantity(value, metric.unit)}",
        }
        for value, share in steps
    ]


def _rounded(value: float, factor: float) -> float:
    return round(value * factor, 6)
