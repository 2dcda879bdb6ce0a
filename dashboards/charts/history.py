"""Series over nights or builds: lines with gaps, what happened beside them, a step and the usual band."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from dashboards.charts.style import MOST_POINTS, ORANGE, PALETTE, Option, frame, named, scaled, y_axis
from dashboards.charts.thinned import thinned
from lab.records import Metric
from lab.report.wording import quantity

SHAPES = {
    "phone": "circle",
    "host": "rect",
    "virtual": "triangle",
    "emulated": "arrow",
    "simulated": "emptyCircle",
    "published": "diamond",
}
"""Kind of device, and `published` -> the shape of its points."""

MOST_LABELS = 12
"""Most marks whose words stand in the chart; more would overlap, and the tooltip has them. A judgement."""

_GREY = "#8A8A8A"
_LABEL = 130
"""Pixels for the words of a mark; the tooltip has them whole."""


@dataclass(frozen=True)
class Line:
    """One series: a value and a note a date, NaN for none. `kind` is that of its device, or `published`."""

    name: str
    kind: str
    dates: tuple[str, ...]
    values: tuple[float, ...]
    notes: tuple[str, ...]


def history(
    lines: Sequence[Line],
    metric: Metric,
    *,
    marks: Sequence[tuple[str, str]] = (),
    level: tuple[str, float, float] | None = None,
    band: tuple[float, float] | None = None,
    selectable: bool = False,
) -> Option:
    """Return lines of one metric over dates (or builds: whatever sorts), with a zoom below them.

    `marks` are (date, words); `level` is the date of a step with the level before and after it; `band` is shaded.
    The series come first, in the order of `lines`; point n of a series is :func:`drawn` n of its line.
    """
    known = [value for line in lines for value in line.values if math.isfinite(value)]
    factor, unit = scaled(known, metric.unit)
    steps = [level[0]] if level else []
    dates = in_order([*(date for line in lines for date in line.dates), *(date for date, _ in marks), *steps])
    beside = [_events(marks)] if marks else []
    beside += [_level(level, dates, factor)] if level else []
    beside += [_band(band, factor)] if band else []
    series = [
        _series(place, line, found, metric, factor, selectable=selectable)
        for place, (line, found) in enumerate(zip(lines, drawn(lines), strict=True))
    ]
    return frame(
        grid={"left": 16, "right": 24, "top": 64, "bottom": 56, "outerBoundsMode": "same"},
        tooltip={
            "trigger": "item",
            "confine": True,
            "formatter": "{b}",
            "extraCssText": "white-space: pre-line; max-width: 340px",
        },
        legend={
            "type": "scroll",
            "top": 0,
            "left": 0,
            "right": 90,
            "data": [each["name"] for each in [*series, *beside]],
        },
        xAxis={"type": "category", "data": dates, "boundaryGap": len(dates) < 3},
        yAxis=y_axis(named(metric, unit, "emulated" if any(each.kind == "emulated" for each in lines) else "")),
        dataZoom=[{"type": "inside"}, {"type": "slider", "height": 24, "bottom": 8}],
        series=[*series, *beside],
        **(_brush() if selectable else {}),
    )


def in_order(dates: Iterable[str]) -> list[str]:
    """Return dates, or builds as ``r12``, each once and in the order of an axis: r9 comes before r10."""
    return sorted(set(dates), key=_natural)


def drawn(lines: Sequence[Line]) -> list[list[int]]:
    """Return, for each line, the places of its points that a chart of all of them draws."""
    most = max(8, MOST_POINTS // max(1, len(lines)))
    return [thinned(range(len(line.values)), line.values, most) for line in lines]


def _brush() -> Option:
    return {
        "brush": {"toolbox": ["lineX", "clear"], "xAxisIndex": 0},
        "toolbox": {"top": 28, "right": 8, "itemSize": 14},
    }


def _series(
    place: int, line: Line, found: Sequence[int], metric: Metric, factor: float, *, selectable: bool
) -> Option:
    published = line.kind == "published"
    colour = ORANGE if published else PALETTE[place % len(PALETTE)]
    return {
        "type": "scatter" if published else "line",
        "name": f"{line.name} (published)" if published else line.name,
        "symbol": SHAPES.get(line.kind, "circle"),
        "symbolSize": 10 if published else 4 if len(found) > 60 else 7,
        "showSymbol": True,
        "showAllSymbol": True,
        "connectNulls": False,
        "itemStyle": {"color": colour},
        "lineStyle": {"width": 1.5, "type": "solid" if place < len(PALETTE) else "dashed"},
        "selectedMode": "single" if selectable else False,
        "data": [_point(line, at, metric, factor) for at in found],
    }


def _point(line: Line, at: int, metric: Metric, factor: float) -> dict[str, Any]:
    value, date = line.values[at], line.dates[at]
    if not math.isfinite(value):
        return {"value": [date, None]}
    said = f"{line.name}\n{date}: {quantity(value, metric.unit)}"
    return {
        "value": [date, round(value * factor, 6)],
        "name": f"{said}\n{line.notes[at]}" if line.notes[at] else said,
    }


def _events(marks: Sequence[tuple[str, str]]) -> Option:
    few = len(marks) <= MOST_LABELS
    return _beside(
        "events",
        markLine={
            "symbol": "none",
            "lineStyle": {"type": "dotted", "color": _GREY},
            "label": {
                "show": few,
                "formatter": "{b}",
                "rotate": 90,
                "position": "insideEndTop",
                "fontSize": 10,
                "width": _LABEL,
                "overflow": "truncate",
            },
            "data": [{"xAxis": date, "name": words} for date, words in marks],
        },
    )


def _level(level: tuple[str, float, float], dates: Sequence[str], factor: float) -> Option:
    step, before, after = level
    ends = ((dates[0], step, before), (step, dates[-1], after))
    return _beside(
        "level",
        markLine={
            "symbol": "none",
            "silent": True,
            "lineStyle": {"type": "dashed", "width": 2, "color": _GREY},
            "label": {"show": False},
            "data": [
                [{"coord": [first, round(value * factor, 6)]}, {"coord": [last, round(value * factor, 6)]}]
                for first, last, value in ends
            ],
        },
    )


def _band(band: tuple[float, float], factor: float) -> Option:
    low, high = (round(end * factor, 6) for end in band)
    return _beside(
        "band",
        markArea={
            "silent": True,
            "itemStyle": {"color": "rgba(128,128,128,0.15)"},
            "data": [[{"yAxis": low}, {"yAxis": high}]],
        },
    )


def _beside(name: str, **parts: Any) -> Option:
    """Return a series without points, so that the legend can hide what stands beside the lines."""
    return {"type": "line", "name": name, "data": [], "symbol": "none", "itemStyle": {"color": _GREY}, **parts}


def _natural(date: str) -> list[tuple[int, str]]:
    """Return a key that sorts numbers in a text as numbers."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", date)]
