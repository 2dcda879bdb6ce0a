"""The pairs of a comparison in the order of their measuring: both sides joined, start temperatures below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dashboards.charts.style import BLUE, RED, Option, better, frame, scaled, y_axis
from lab.records import Metric
from lab.report.incident.confirmed import Pair
from lab.report.verdict.sentence import signed
from lab.report.wording import quantity

_JOIN = "rgba(128,128,128,0.6)"


def pairs(found: Sequence[Pair], metric: Metric, names: tuple[str, str], sensor: str = "") -> Option:
    """Return the pairs with the good side and the bad one, whose names are given, joined by a line each.

    With a `sensor` a second picture below has their start temperatures, on the same axis of pairs.
    """
    factor, unit = scaled([value for pair in found for value in (pair.good, pair.bad)], metric.unit)
    numbers = [str(pair.number) for pair in found]
    values = [(round(pair.good * factor, 6), round(pair.bad * factor, 6)) for pair in found]
    words = [_words(pair, metric, names, sensor) for pair in found]
    series = _side_by_side(names, numbers, values, words, grid=0)
    grids: list[Option] = [{"left": 16, "right": 24, "top": 64, "bottom": 16, "outerBoundsMode": "same"}]
    x_axes: list[Option] = [_x(numbers, 0)]
    y_axes = [y_axis(f"{metric.label} ({unit}), {better(metric)}", gridIndex=0)]
    if sensor:
        grids[0] |= {"bottom": "42%"}
        grids.append({"left": 16, "right": 24, "top": "70%", "bottom": 16, "outerBoundsMode": "same"})
        x_axes.append(_x(numbers, 1))
        y_axes.append(y_axis(f"{sensor} at the start (°C)", gridIndex=1, splitNumber=3))
        series += _side_by_side(names, numbers, [pair.celsius for pair in found], words, grid=1)
    return frame(
        grid=grids,
        tooltip={"trigger": "item", "confine": True, "formatter": "{b}", "extraCssText": "white-space: pre-line"},
        legend={"top": 0, "left": 0, "data": list(names)},
        xAxis=x_axes,
        yAxis=y_axes,
        series=series,
    )


def height_of(sensor: str) -> int:
    """Return the height of the picture in pixels."""
    return 480 if sensor else 320


def worse(found: Sequence[Pair], metric: Metric) -> int:
    """Return in how many pairs the bad build was worse."""
    return sum((pair.bad > pair.good) == (metric.better == "lower") for pair in found if pair.bad != pair.good)


def _side_by_side(
    names: tuple[str, str],
    numbers: Sequence[str],
    values: Sequence[tuple[float | None, float | None]],
    words: Sequence[str],
    *,
    grid: int,
) -> list[Option]:
    """Return the lines that join both sides, then the points of each."""
    where = {"xAxisIndex": grid, "yAxisIndex": grid}
    joins: list[list[Any]] = []
    for number, both in zip(numbers, values, strict=True):
        joins += [[number, both[0]], [number, both[1]], [number, None]]
    looks = (("emptyCircle", BLUE), ("diamond", RED))
    points: list[Option] = [
        {
            "type": "scatter",
            "name": name,
            "symbol": symbol,
            "symbolSize": 11,
            "itemStyle": {"color": colour, "borderWidth": 2},
            "data": [
                {"value": [number, both[side]], "name": told}
                for number, both, told in zip(numbers, values, words, strict=True)
            ],
            **where,
        }
        for side, (name, (symbol, colour)) in enumerate(zip(names, looks, strict=True))
    ]
    line = {
        "type": "line",
        "name": "pair",
        "data": joins,
        "symbol": "none",
        "silent": True,
        "connectNulls": False,
        "lineStyle": {"color": _JOIN, "width": 2},
        **where,
    }
    return [line, *points]


def _x(numbers: Sequence[str], grid: int) -> Option:
    return {
        "type": "category",
        "data": list(numbers),
        "name": "pair",
        "nameLocation": "middle",
        "nameGap": 24,
        "gridIndex": grid,
    }


def _words(pair: Pair, metric: Metric, names: tuple[str, str], sensor: str) -> str:
    """Return the lines of a pair's tooltip."""
    good, bad = (quantity(value, metric.unit) for value in (pair.good, pair.bad))
    lines = [
        f"pair {pair.number}, began with {names[pair.bad_first]}",
        f"{names[0]}: {good}",
        f"{names[1]}: {bad} ({signed([pair.bad / pair.good])[0]})",
    ]
    if sensor:
        told = ["unknown" if each is None else f"{each:.1f} °C" for each in pair.celsius]
        lines.append(f"{sensor} at the start: {told[0]}, {told[1]}")
    return "\n".join(lines)
