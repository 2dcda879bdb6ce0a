"""Figures against another quantity, as points in groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dashboards.charts.style import MOST_POINTS, PALETTE, Option, frame, named, scaled, value_axis, y_axis
from lab.records import Metric
from lab.report.wording import quantity


def scatter(
    groups: Mapping[str, Sequence[tuple[float, float]]], across: str, metric: Metric, kind: str = ""
) -> Option:
    """Return groups of (x, value) as points; `across` names the horizontal axis, `kind` is that of the devices.

    Of more than a chart can take each group keeps its newest, which are the last.
    """
    most = MOST_POINTS // max(1, len(groups))
    kept = {name: points[-most:] for name, points in groups.items()}
    factor, unit = scaled([value for points in kept.values() for _, value in points], metric.unit)
    return frame(
        grid={"left": 16, "right": 24, "top": 64, "bottom": 32, "outerBoundsMode": "same"},
        tooltip={
            "trigger": "item",
            "confine": True,
            "formatter": "{b}",
            "extraCssText": "white-space: pre-line",
        },
        legend={"type": "scroll", "top": 0},
        xAxis=value_axis(across, nameLocation="middle", nameGap=28),
        yAxis=y_axis(named(metric, unit, kind)),
        series=[
            {
                "type": "scatter",
                "name": name,
                "symbolSize": 7,
                "itemStyle": {"color": PALETTE[place % len(PALETTE)], "opacity": 0.8},
                "data": [
                    {
                        "value": [round(x, 3), round(value * factor, 6)],
                        "name": f"{name}\n{across}: {x:.1f}\n{quantity(value, metric.unit)}",
                    }
                    for x, value in points
                ],
            }
            for place, (name, points) in enumerate(kept.items())
        ],
    )
