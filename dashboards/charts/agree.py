"""Devices beside each other on one cell: the usual level of each, its range, and its newest figure."""

from __future__ import annotations

from collections.abc import Mapping

from dashboards.charts.style import GREY, KINDS, Option, frame, named, scaled, value_axis
from lab.records import Metric
from lab.report.steady import Level
from lab.report.wording import quantity


def agree(levels: Mapping[str, Level], metric: Metric, kind: str) -> Option:
    """Return a row a device, in the colour of its kind: a bar from lowest to highest, a dot at the usual."""
    factor, unit = scaled([each.high for each in levels.values()], metric.unit)
    colour = KINDS.get(kind, GREY)
    rows = list(levels.items())
    return frame(
        grid={"left": 16, "right": 24, "top": 32, "bottom": 32, "outerBoundsMode": "same"},
        tooltip={"trigger": "item", "confine": True, "formatter": "{b}"},
        legend={"top": 0, "data": ["usual", "newest night"]},
        xAxis=value_axis(named(metric, unit), nameLocation="middle", nameGap=26),
        yAxis={"type": "category", "data": [device for device, _ in rows], "inverse": True},
        series=[
            {
                "type": "scatter",
                "name": "usual",
                "symbolSize": 11,
                "itemStyle": {"color": colour},
                "data": [
                    {"value": [round(each.usual * factor, 6), device], "name": _said(device, each, metric)}
                    for device, each in rows
                ],
                "markLine": {
                    "symbol": ["none", "none"],
                    "silent": True,
                    "label": {"show": False},
                    "lineStyle": {"color": colour, "type": "solid", "width": 5, "opacity": 0.35},
                    "data": [
                        [
                            {"coord": [round(each.low * factor, 6), device]},
                            {"coord": [round(each.high * factor, 6), device]},
                        ]
                        for device, each in rows
                    ],
                },
            },
            {
                "type": "scatter",
                "name": "newest night",
                "symbol": "emptyDiamond",
                "symbolSize": 11,
                "itemStyle": {"color": colour},
                "data": [
                    {
                        "value": [round(each.newest * factor, 6), device],
                        "name": f"{device}, {each.newest_date}: {quantity(each.newest, metric.unit)}",
                    }
                    for device, each in rows
                ],
            },
        ],
    )


def height_of(levels: Mapping[str, Level]) -> int:
    """Return the height of the chart in pixels."""
    return 100 + 28 * len(levels)


def _said(device: str, level: Level, metric: Metric) -> str:
    low, high = quantity(level.low, metric.unit), quantity(level.high, metric.unit)
    return f"{device}: usually {quantity(level.usual, metric.unit)}, {low} to {high} over {level.nights} nights"
