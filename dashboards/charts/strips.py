"""Strips of figures above each other, over one axis of time or of iterations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dashboards.charts.style import GREY, MOST_POINTS, Option, frame
from dashboards.charts.thinned import thinned

STRIP, GAP, TITLE, LEGEND, FOOT = 130, 44, 30, 34, 44
"""Pixels of a strip, between two of them, of a title, of the legend, and below the last strip."""

ENDS = {"showMinLabel": False, "showMaxLabel": False}
"""The ends of an axis are no round numbers: they have no label."""

LEGIBLE = 0.08
"""The share of the axis from which a band has room for its name, on a phone's screen too: a judgement."""

BANDS = ("rgba(127,127,127,0.16)", "rgba(127,127,127,0.06)")
"""Colours of bands, one after the other."""


@dataclass(frozen=True)
class Point:
    """One figure: its place on the shared axis, its value (None: drawn on the strip's edge), and its tooltip.

    `hollow` is for what does not count. `key` is for whoever asks which point was selected.
    """

    at: float
    value: float | None
    words: str
    hollow: bool = False
    key: int = 0


@dataclass(frozen=True)
class Trace:
    """Points of one colour and name; `joined` by a line or not, `picked`: a point can be selected."""

    name: str
    colour: str
    points: Sequence[Point]
    joined: bool = False
    picked: bool = False


@dataclass(frozen=True)
class Strip:
    """One figure, with its unit and its direction of better in the title."""

    title: str
    traces: Sequence[Trace]


@dataclass(frozen=True)
class Band:
    """A stretch of the shared axis that has a name."""

    name: str
    begin: float
    end: float


def strips(found: Sequence[Strip], *, axis: str, bands: Sequence[Band] = (), whole: bool = False) -> Option:
    """Return a chart of strips that were thinned (:func:`drawn`).

    `axis` names what they share; it counts in `whole` numbers or not.
    """
    low, high = _extent(found, bands)
    marked = [
        band if band.end - band.begin >= LEGIBLE * (high - low) else replace(band, name="") for band in bands
    ]
    series = [
        _series(trace, place, _edge(strip), marked if number == 0 else ())
        for place, strip in enumerate(found)
        for number, trace in enumerate(strip.traces)
    ]
    names, top = _names(found), _top(found)
    last = len(found) - 1
    return frame(
        grid=[
            {"left": 64, "right": 24, "top": top + place * (STRIP + GAP), "height": STRIP}
            for place in range(len(found))
        ],
        title=[
            {
                "text": strip.title,
                "top": top - 24 + place * (STRIP + GAP),
                "left": 0,
                "textStyle": {"fontSize": 12, "fontWeight": "normal"},
            }
            for place, strip in enumerate(found)
        ],
        legend={"data": names, "top": 0, "left": 0, "right": 0, "type": "scroll", "show": len(names) > 1},
        tooltip={"trigger": "item", "confine": True, "formatter": "{b}"},
        axisPointer={"link": [{"xAxisIndex": "all"}], "show": True, "type": "line", "label": {"show": False}},
        xAxis=[
            {
                "type": "value",
                "gridIndex": place,
                "min": low,
                "minInterval": 1 if whole else 0,
                "max": high,
                "axisLabel": {"show": place == last, "hideOverlap": True, **ENDS},
                "splitLine": {"show": False},
                "name": axis if place == last else "",
                "nameLocation": "middle",
                "nameGap": 26,
            }
            for place in range(len(found))
        ],
        yAxis=[
            {"type": "value", "gridIndex": place, "scale": True, "splitNumber": 3} for place in range(len(found))
        ],
        series=series,
    )


def drawn(found: Sequence[Strip], most: int = MOST_POINTS) -> list[Strip]:
    """Return the strips with at most about `most` points in all; an outlier is never thinned away."""
    count = sum(len(trace.points) for strip in found for trace in strip.traces)
    if count <= most:
        return list(found)
    return [
        replace(strip, traces=[_thin(trace, max(8, most * len(trace.points) // count)) for trace in strip.traces])
        for strip in found
    ]


def height_of(found: Sequence[Strip]) -> int:
    """Return the height of a chart of strips in pixels."""
    return _top(found) + len(found) * (STRIP + GAP) - GAP + FOOT


def picked_key(found: Sequence[Strip], picked: Sequence[tuple[int, int]]) -> int | None:
    """Return the key of the first selected point, of (series, place in its data); None for no selection."""
    traces = [trace for strip in found for trace in strip.traces]
    keys = [traces[at].points[place].key for at, place in picked if place < len(traces[at].points)]
    return keys[0] if keys else None


def _names(found: Sequence[Strip]) -> list[str]:
    return list(dict.fromkeys(trace.name for strip in found for trace in strip.traces if trace.name))


def _top(found: Sequence[Strip]) -> int:
    return TITLE + (LEGEND if len(_names(found)) > 1 else 0)


def _thin(trace: Trace, most: int) -> Trace:
    points = sorted(trace.points, key=lambda point: point.at)
    values = [math.nan if point.value is None else point.value for point in points]
    return replace(trace, points=[points[i] for i in thinned([point.at for point in points], values, most)])


def _series(trace: Trace, place: int, edge: float, bands: Sequence[Band]) -> Option:
    found: Option = {
        "type": "line" if trace.joined else "scatter",
        "name": trace.name,
        "xAxisIndex": place,
        "yAxisIndex": place,
        "color": trace.colour,
        "symbolSize": 4 if trace.joined else 8,
        "data": [_datum(point, edge, trace.colour) for point in trace.points],
        **({"lineStyle": {"width": 1.5}, "symbol": "circle"} if trace.joined else {}),
        **({"selectedMode": "single", "cursor": "pointer"} if trace.picked else {"cursor": "default"}),
    }
    if bands:
        found["markArea"] = {
            "silent": True,
            "label": {"position": "insideTop", "color": GREY, "fontSize": 10},
            "data": [
                [
                    {"name": band.name, "xAxis": band.begin, "itemStyle": {"color": BANDS[number % 2]}},
                    {"xAxis": band.end},
                ]
                for number, band in enumerate(bands)
            ],
        }
    return found


def _datum(point: Point, edge: float, colour: str) -> Option:
    value = edge if point.value is None else float(f"{point.value:.6g}")  # 99.99999999999999 is a tick of its own
    found: Option = {"name": point.words, "value": [point.at, value]}
    if point.value is None:
        found["symbol"] = "triangle"
    elif point.hollow:
        found["itemStyle"] = {"color": "transparent", "borderColor": colour, "borderWidth": 2}
    return found


def _edge(strip: Strip) -> float:
    """Return where a point without a value is drawn: at the lowest value."""
    known = [point.value for trace in strip.traces for point in trace.points if point.value is not None]
    return min(known, default=0.0)


def _extent(found: Sequence[Strip], bands: Sequence[Band]) -> tuple[float, float]:
    ends = [point.at for strip in found for trace in strip.traces for point in trace.points]
    ends += [end for band in bands for end in (band.begin, band.end)]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    room = 0.02 * (high - low) or 0.5
    return low - room, high + room
