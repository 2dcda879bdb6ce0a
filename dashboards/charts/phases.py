"""The phases of one iteration on a time axis, a track for each unit, as a trace viewer shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dashboards.charts.style import (
    GREY,
    MOST_POINTS,
    STAGES,
    Option,
    frame,
    scaled,
)
from lab.report.phases import Span
from lab.report.wording import plain, quantity

ROLES = {"user": 0, "cpu": 1, "npu": 2}
"""Tracks from top to bottom: the user's wait, the paper's two units, then any other."""

MOST_TRACKS = 24
"""From this many tracks on they become narrower: a judgement."""

TRACK, HEAD, FOOT = 44, 40, 48
"""Pixels of a track, above the first and below the last."""


def phases(spans: Sequence[Span], most: int = MOST_POINTS) -> Option:
    """Return a chart of spans; neighbours of one stage that are too short to see apart become one."""
    tracks = tracks_of(spans)
    shown = merged(spans, most)
    factor, unit = scaled([span.start_s + span.duration_s for span in spans], "s")
    stages = list(dict.fromkeys(span.stage for span in shown))
    return frame(
        grid={"left": 16, "right": 24, "top": HEAD, "bottom": FOOT, "outerBoundsMode": "same"},
        legend={
            "data": [plain(stage) for stage in stages],
            "top": 0,
            "left": 0,
            "type": "scroll",
            "selectedMode": False,
        },
        xAxis={
            "type": "value",
            "name": unit,
            "nameLocation": "middle",
            "nameGap": 26,
            "min": 0,
            "max": factor * max((span.start_s + span.duration_s for span in spans), default=1.0),
            "axisLabel": {"showMaxLabel": False},
        },
        yAxis=[
            {"type": "category", "data": tracks, "inverse": True, "splitLine": {"show": True}},
            {"type": "value", "min": 0, "max": len(tracks), "inverse": True, "show": False},
        ],
        series=[_series(stage, shown, tracks, factor) for stage in stages],
    )


def tracks_of(spans: Sequence[Span]) -> list[str]:
    """Return the names of the tracks, one for each unit; parts of a stage have one of their own."""
    order = sorted({(ROLES.get(span.role, 3), _track(span)) for span in spans})
    return list(dict.fromkeys(name for _, name in order))


def height_of(spans: Sequence[Span]) -> int:
    """Return the height of the chart in pixels."""
    return HEAD + TRACK * min(MOST_TRACKS, len(tracks_of(spans))) + FOOT


def merged(spans: Sequence[Span], most: int) -> list[Span]:
    """Return at most `most` spans: neighbours on a track with one stage are joined, the shortest first."""
    shown = sorted(spans, key=lambda span: span.start_s)
    extent = max((span.start_s + span.duration_s for span in shown), default=0.0)
    shortest = extent / most
    while len(shown) > most and shortest < 4 * extent:
        shown, shortest = _joined(shown, shortest), 2 * shortest
    longest = sorted(shown, key=lambda span: -span.duration_s)[:most]
    return sorted(longest, key=lambda span: span.start_s)


def _joined(spans: Sequence[Span], shortest: float) -> list[Span]:
    """Join spans whose length and distance to the one before are below `shortest`, in seconds."""
    found: list[Span] = []
    last: dict[tuple[str, str], int] = {}
    for span in spans:
        same = _track(span), span.stage
        before = found[last[same]] if same in last else None
        end = None if before is None else before.start_s + before.duration_s
        if before is not None and end is not None and span.start_s - end < shortest > span.duration_s:
            until = max(end, span.start_s + span.duration_s)
            found[last[same]] = replace(before, duration_s=until - before.start_s, cpu_s=before.cpu_s + span.cpu_s)
            continue
        last[same] = len(found)
        found.append(span)
    return found


def _track(span: Span) -> str:
    if span.role == "user":
        return "user's wait"
    return plain(f"{span.role} {span.unit}" if span.parent is None else f"in {span.parent}, {span.unit}")


def _series(stage: str, spans: Sequence[Span], tracks: Sequence[str], factor: float) -> Option:
    colour = STAGES.get(stage, GREY)
    return {
        "type": "line",
        "name": plain(stage),
        "color": colour,
        "symbol": "roundRect",
        "yAxisIndex": 1,
        "data": [],
        "markArea": {
            "label": {"show": False},
            "itemStyle": {"color": colour, "borderColor": colour, "borderWidth": 0.5, "opacity": 0.85},
            "tooltip": {"formatter": "{b}"},
            "data": [
                _rectangle(span, tracks.index(_track(span)), factor) for span in spans if span.stage == stage
            ],
        },
    }


def _rectangle(span: Span, track: int, factor: float) -> list[Option]:
    begin, end = span.start_s * factor, (span.start_s + span.duration_s) * factor
    return [
        {"name": _words(span), "xAxis": begin, "yAxis": track + 0.14},
        {"xAxis": end, "yAxis": track + 0.86},
    ]


def _words(span: Span) -> str:
    words = [
        f"{span.stage} {span.index} on {span.unit}",
        quantity(span.duration_s, "s"),
        f"from {quantity(span.start_s, 's')}",
    ]
    if span.cpu_s:
        words.append(f"{quantity(span.cpu_s, 's')} of CPU")
    if span.true is not None:
        words.append(f"{span.true} wanted of {span.padded} computed")
    return plain(" · ".join(words))
