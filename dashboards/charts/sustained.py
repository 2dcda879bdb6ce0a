"""The rate of long trials over time, and below it the skin temperature on the same axis."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.charts.style import GREY, KINDS, MOST_POINTS, PALETTE, Option, frame
from dashboards.charts.thinned import thinned
from lab.records import Sustained
from lab.report.wording import quantity

HEIGHT = 486
"""Pixels of the chart."""


def sustained(curves: Sequence[Sustained], kind: str) -> Option:
    """Return the curves of one run on a device of this kind; {} when no trial has a window."""
    shown = [each for each in curves if each.windows]
    if not shown:
        return {}
    most = max(8, MOST_POINTS // (2 * len(shown)))
    unit = shown[0].unit
    grids = [{"left": 64, "right": 24, "top": 70, "height": 200, "outerBoundsMode": "none"},
             {"left": 64, "right": 24, "top": 336, "height": 100, "outerBoundsMode": "none"}]  # fmt: skip
    series: list[Option] = []
    for at, curve in enumerate(shown):
        own = KINDS.get(kind, GREY) if len(shown) == 1 else PALETTE[at % len(PALETTE)]
        times = [(each.start_s + curve.window_s / 2) / 60 for each in curve.windows]
        warm = [each.celsius for each in curve.windows]
        rates = [each.rate for each in curve.windows]
        drawn = thinned(times, rates, most)
        points = [
            {"value": [times[i], rates[i]], "name": f"minute {times[i]:.1f}: {quantity(rates[i], unit)}"}
            for i in drawn
        ]
        heat = [
            {"value": [times[i], warm[i]], "name": f"minute {times[i]:.1f}: {warm[i]:.1f} °C" if warm[i] else ""}
            for i in thinned(times, [float("nan") if each is None else each for each in warm], most)
        ]
        name = f"trial {curve.trial}"
        series += [
            {"type": "line", "name": name, "data": points, "color": own, "symbolSize": 4, "markLine":
             _peak(curve)},
            {"type": "line", "name": name, "data": heat, "color": own, "symbolSize": 4, "xAxisIndex": 1,
             "yAxisIndex": 1, "lineStyle": {"type": "dashed"}},
        ]  # fmt: skip
    along = {"type": "value", "name": "minutes since the first iteration", "nameLocation": "middle", "nameGap": 26}
    align = {"align": "left", "padding": [0, 0, 4, -40]}
    return frame(
        legend={"top": 0, "left": 0, "data": list(dict.fromkeys(each["name"] for each in series))},
        tooltip={"confine": True, "formatter": "{b}"},
        grid=grids,
        xAxis=[{"type": "value", "gridIndex": 0}, {**along, "gridIndex": 1}],
        yAxis=[
            {"type": "value", "scale": True, "name": f"rate ({unit}), ↑ higher is better", "gridIndex": 0,
             "nameTextStyle": align},
            {"type": "value", "scale": True, "name": "skin temperature (°C), ↓ lower is better", "gridIndex": 1,
             "nameTextStyle": align},
        ],
        series=series,
    )  # fmt: skip


def _peak(curve: Sustained) -> Option:
    """Return lines at the rate of the best minutes and of the last quarter, where they are known."""
    known = [("peak", curve.peak), ("last quarter", curve.lasting)]
    return {
        "silent": True,
        "symbol": "none",
        "data": [
            {"yAxis": value, "name": name, "label": {"formatter": name, "position": "insideEndTop"}}
            for name, value in known
            if value is not None
        ],
    }
