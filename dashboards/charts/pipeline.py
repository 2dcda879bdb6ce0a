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
        for stage in each.stages:
            row = rows.index((name, _unit(stage)))
            start, end = (round(at * factor, 4) for at in (stage.start_s, stage.start_s + stage.duration_s))
            bars[stage.name].append({"coords": [[start, row], [end, row]], "name": _words(stage)})
    most = MOST_POINTS // 2 // max(1, len(stages))
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
                "data": bars[stage][:most],
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


def _words(stage: Stage) -> str:
    what = "patch" if stage.name in ("tile", "patch_embed", "vit", "project") else "token"
    ending = "" if stage.items == 1 else "es" if what == "patch" else "s"
    items = "" if stage.items is None else f", {stage.items} {what}{ending}"
    return plain(
        f"{_said(stage.name)} {stage.index + 1}{items}: {quantity(stage.duration_s, 's')}, "
        f"from {quantity(stage.start_s, 's')}"
    )
