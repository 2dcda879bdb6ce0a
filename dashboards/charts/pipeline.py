"""The pipeline of an image's encoding on a time axis: a row a unit, a bar a stage."""

from __future__ import annotations

from collections.abc import Sequence

from dashboards.charts.style import GREY, MOST_POINTS, STAGES, Option, frame, scaled
from lab.report.pipeline import Pipeline, Stage
from lab.report.wording import plain, quantity

ROW, TOP, FOOT = 40, 40, 48
"""Pixels of a row, above all rows and below them."""


def pipeline(found: Sequence[tuple[str, Pipeline]]) -> Option:
    """Return the stages of each pipeline, under its name, all from the moment at which the first stage began."""
    rows = _rows(found)
    longest = max((each.whole_s for _, each in found), default=0.0)
    factor, unit = scaled([longest], "s")
    stages = list(dict.fromkeys(stage.name for _, each in found for stage in each.stages))
    bars: dict[str, list[Option]] = {stage: [] for stage in stages}
    for name, each in found:
        for bar in _joined(each, MOST_POINTS // 2 // len(found)):
            row = rows.index((name, _unit(bar[0])))
            start, end = (round(at * factor, 4) for at in (bar[0].start_s, _end(bar)))
            bars[bar[0].name].append({"coords": [[start, row], [end, row]], "name": _words(bar)})
    return frame(
        grid={"left": 120, "right": 24, "top": TOP, "bottom": FOOT, "outerBoundsMode": "none"},
        legend={"top": 0, "left": 0, "data": [_said(stage) for stage in stages]},
        tooltip={"confine": True, "formatter": "{b}"},
        xAxis={
            "type": "value",
            "name": f"time ({unit}), ← shorter is better",
            "nameLocation": "middle",
            "nameGap": 28,
            "min": 0,
            "max": round(longest * factor, 4),
            "axisLabel": {"showMaxLabel": False},
        },
        yAxis={
            "type": "category",
            "data": [f"{name}\n{unit}" for name, unit in rows],
            "inverse": True,
            "axisLabel": {"width": 110, "overflow": "truncate", "lineHeight": 15, "interval": 0},
        },
        series=[
            {
                "type": "lines",
                "coordinateSystem": "cartesian2d",
                "name": _said(stage),
                "data": bars[stage],
                "color": STAGES.get(stage, GREY),
                "lineStyle": {"width": 18, "opacity": 1, "cap": "butt"},
            }
            for stage in stages
        ],
    )


def height_of(found: Sequence[tuple[str, Pipeline]]) -> int:
    """Return the height of the chart in pixels."""
    return TOP + FOOT + ROW * len(_rows(found))


def _rows(found: Sequence[tuple[str, Pipeline]]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((name, _unit(stage)) for name, each in found for stage in each.stages))


def _unit(stage: Stage) -> str:
    return plain(f"{stage.role} ({stage.unit})")


def _said(stage: str) -> str:
    return plain(stage.replace("_", " "))


def _joined(found: Pipeline, most: int) -> list[list[Stage]]:
    """Return at most `most` bars: neighbours of one stage on one unit are joined, the shortest first."""
    bars = [[each] for each in sorted(found.stages, key=lambda stage: stage.start_s)]
    shortest = found.whole_s / most
    while len(bars) > most and shortest < 4 * found.whole_s:
        bars, shortest = _neighbours(bars, shortest), 2 * shortest
    return sorted(bars, key=lambda bar: bar[0].start_s - _end(bar))[:most]


def _neighbours(bars: Sequence[list[Stage]], shortest: float) -> list[list[Stage]]:
    """Join bars whose length and distance to the one before are below `shortest`, in seconds."""
    last: dict[tuple[str, str, str], list[Stage]] = {}
    found: list[list[Stage]] = []
    for bar in bars:
        same = bar[0].name, bar[0].role, bar[0].unit
        before = last.get(same)
        if before and bar[0].start_s - _end(before) < shortest > _end(bar) - bar[0].start_s:
            before.extend(bar)
        else:
            last[same] = list(bar)
            found.append(last[same])
    return found


def _end(bar: Sequence[Stage]) -> float:
    return max(stage.start_s + stage.duration_s for stage in bar)


def _words(bar: Sequence[Stage]) -> str:
    stage = bar[0]
    if len(bar) > 1:
        return plain(
            f"{_said(stage.name)} {stage.index + 1} to {bar[-1].index + 1}, drawn as one: "
            f"{quantity(_end(bar) - stage.start_s, 's')}, from {quantity(stage.start_s, 's')}"
        )
    what = "patch" if stage.name in ("tile", "patch_embed", "vit", "project") else "token"
    ending = "" if stage.items == 1 else "es" if what == "patch" else "s"
    items = "" if stage.items is None else f", {stage.items} {what}{ending}"
    return plain(
        f"{_said(stage.name)} {stage.index + 1}{items}: {quantity(stage.duration_s, 's')}, "
        f"from {quantity(stage.start_s, 's')}"
    )
