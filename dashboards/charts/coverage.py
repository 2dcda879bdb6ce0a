"""The map of a night: what was measured on which device, and the worst that was found."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.charts.style import INK, PALE, TONES, Option, frame
from lab.report.night.covered import Covered
from lab.report.signs import SIGNS


def coverage(found: Sequence[Covered]) -> Option:
    """Return a map with a row a device and a column a scenario; each field has the sign of its outcome."""
    columns = list(dict.fromkeys(_column(each) for each in found))
    devices = sorted({each.device for each in found})
    outcomes = [outcome for outcome in SIGNS if any(each.outcome == outcome for each in found)]
    fields = [
        {
            "value": [columns.index(_column(each)), devices.index(each.device), outcomes.index(each.outcome)],
            "name": f"{each.device} · {_column(each)}: {each.words}",
            "label": {"formatter": SIGNS[each.outcome], "color": INK if each.outcome in PALE else "#FFFFFF"},
        }
        for each in found
    ]
    pieces = [
        {"value": place, "label": f"{SIGNS[outcome]} {outcome}", "color": TONES[outcome]}
        for place, outcome in enumerate(outcomes)
    ]
    return frame(
        grid={"left": 16, "right": 16, "top": 64, "bottom": 8, "outerBoundsMode": "same"},
        tooltip={"confine": True, "formatter": "{b}"},
        xAxis={
            "type": "category",
            "data": columns,
            "position": "top",
            "splitArea": {"show": False},
            "axisLabel": {
                "interval": 0,
                "rotate": 30 if len(columns) > 4 else 0,
                "width": 150,
                "overflow": "truncate",
            },
        },
        yAxis={"type": "category", "data": devices, "inverse": True},
        visualMap={
            "type": "piecewise",
            "pieces": pieces,
            "orient": "horizontal",
            "left": 0,
            "top": 0,
            "selectedMode": False,
        },
        series=[
            {
                "type": "heatmap",
                "data": fields,
                "label": {"show": True, "fontWeight": "bold", "fontSize": 14},
                "itemStyle": {"borderColor": "rgba(128,128,128,0.25)", "borderWidth": 2},
                "selectedMode": "single",
            }
        ],
    )


def height_of(found: Sequence[Covered]) -> int:
    """Return the height of the map in pixels."""
    return 170 + 30 * len({each.device for each in found})


def _column(found: Covered) -> str:
    return f"{found.scenario} · {found.line}"
