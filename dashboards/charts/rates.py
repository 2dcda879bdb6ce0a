"""Rates of the lab's own: the share of slow-downs found, by size, and the trials that did not count, by reason."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.charts.style import GREY, PALETTE, Option, frame, y_axis
from lab.compare.tally import tally
from lab.records import SelfCheck, Tally
from lab.report.selfcheck import lower
from lab.report.wording import stated
from lab.stats.resample import WELL_FOUND, at_least

MOST_DEVICES = 12
"""Most devices that a chart of lost trials shows: those that lost most. A judgement; the table has all."""

BESIDE = 0.1
"""Percent by which the live share of a device stands beside that of the device before it: both are seen."""


def recall(checks: Sequence[SelfCheck]) -> Option:
    """Return the share of slow-downs found by size, a device a colour: resampled as a line, live as diamonds.

    A live share has a bar down to its exact lower 95 % bound; the bounds of resampled shares stand in their words.
    Live shares of several devices stand a little beside each other; their words have the exact slow-down.
    """
    series: list[Option] = []
    for place, each in enumerate(checks):
        colour, count = PALETTE[place % len(PALETTE)], tally(each)
        drawn = [(rate.slow_down, rate.found, rate.n) for rate in each.resampled if rate.slow_down != 1]
        if drawn:
            series.append(_shares(f"{each.device}, resampled", drawn, colour, live=False))
        if count.slowed:
            points = [(each.inject.slow_down, count.found, count.slowed)]
            series.append(_shares(f"{each.device}, live", points, colour, live=True, beside=BESIDE * place))
    return frame(
        grid={"left": 16, "right": 24, "top": 64, "bottom": 32, "outerBoundsMode": "same"},
        tooltip={"trigger": "item", "confine": True, "formatter": "{b}", "extraCssText": "white-space: pre-line"},
        legend={"type": "scroll", "top": 0, "data": [each["name"] for each in series]},
        xAxis={
            "type": "value",
            "name": "injected slow-down (%)",
            "nameLocation": "middle",
            "nameGap": 26,
            "min": 0,
        },
        yAxis=y_axis("found (% of comparisons), ↑ higher is better", min=0, max=100, scale=False),
        series=[*series, _wanted()],
    )


def lost(tallies: Sequence[Tally]) -> Option:
    """Return the trials that did not count as a bar a device, stacked by reason; the devices that lost most."""
    count: dict[str, dict[str, int]] = {}
    for each in tallies:
        if each.reason:
            own = count.setdefault(each.device, {})
            own[each.reason] = own.get(each.reason, 0) + each.trials
    devices = sorted(count, key=lambda device: (-sum(count[device].values()), device))[:MOST_DEVICES]
    reasons = sorted({reason for device in devices for reason in count[device]})
    return frame(
        grid={"left": 16, "right": 24, "top": 40, "bottom": 32, "outerBoundsMode": "same"},
        tooltip={"trigger": "item", "confine": True, "formatter": "{b}, {a}: {c}"},
        legend={"type": "scroll", "top": 0},
        xAxis={
            "type": "value",
            "name": "trials that did not count, ↓ lower is better",
            "nameLocation": "middle",
            "nameGap": 26,
            "minInterval": 1,
        },
        yAxis={"type": "category", "data": devices, "inverse": True},
        series=[
            {
                "type": "bar",
                "name": reason,
                "stack": "lost",
                "barMaxWidth": 22,
                "itemStyle": {"color": PALETTE[place % len(PALETTE)]},
                "data": [count[device].get(reason, 0) for device in devices],
            }
            for place, reason in enumerate(reasons)
        ],
    )


def lost_height(tallies: Sequence[Tally]) -> int:
    """Return the height of :func:`lost` in pixels."""
    return 110 + 26 * min(MOST_DEVICES, len({each.device for each in tallies if each.reason}))


def _shares(
    name: str, found: Sequence[tuple[float, int, int]], colour: str, *, live: bool, beside: float = 0.0
) -> Option:
    """Return shares k of n at their slow-downs as a series."""
    places = [(round(100 * (slow_down - 1), 3), k, n) for slow_down, k, n in found]
    series: Option = {
        "type": "scatter" if live else "line",
        "name": name,
        "symbol": "diamond" if live else "circle",
        "symbolSize": 14 if live else 7,
        "itemStyle": {"color": colour},
        "data": [
            {
                "value": [x + beside, round(100 * k / n, 2)],
                "name": f"{name}\n{stated(x / 100)} slower: {lower(k, n)}",
            }
            for x, k, n in places
        ],
    }
    if live:
        series["markLine"] = {
            "symbol": ["none", "none"],
            "silent": True,
            "label": {"show": False},
            "lineStyle": {"color": colour, "type": "solid", "width": 3, "opacity": 0.5},
            "data": [
                [
                    {"coord": [x + beside, round(100 * at_least(k, n), 2)]},
                    {"coord": [x + beside, round(100 * k / n, 2)]},
                ]
                for x, k, n in places
            ],
        }
    return series


def _wanted() -> Option:
    """Return a line at the share that counts as well found."""
    return {
        "type": "line",
        "name": "well found",
        "data": [],
        "markLine": {
            "symbol": "none",
            "silent": True,
            "lineStyle": {"type": "dashed", "color": GREY},
            "label": {"formatter": f"{100 * WELL_FOUND:.0f} %", "position": "insideStartTop"},
            "data": [{"yAxis": 100 * WELL_FOUND}],
        },
    }
