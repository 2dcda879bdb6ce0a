"""The panels of a sweep: their places in pixels, their axes, and the cells that are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dashboards.charts.style import Option, named, scaled
from dashboards.charts.thinned import thinned
from lab.records import Answer, CellSummary, Metric, Published, Trial
from lab.report.answer.standing import matches, standing_of
from lab.report.wording import cell_short, varying
from lab.stats.sample import value_of

MOST_CELLS = 100
"""Most cells of a chart: with ten points each in two panels, and ten trials, they are `MOST_POINTS`."""

LOG_FROM = 8.0
"""Ratio of the highest value to the lowest beyond which an axis is logarithmic, as in the report's charts."""

SHORT = 8
"""Characters up to which names of cells stand below a picture; longer ones stand left of it."""

TALL, SECOND, OTHER, ROW, TOP = 230, 170, 90, 46, 76
"""Pixels: of the first panel, the second, the published one; of a row; above all panels."""


@dataclass(frozen=True)
class Panel:
    """One grid: its place in pixels, its metric, the factor and unit of its axis."""

    number: int
    top: int
    height: int
    metric: Metric
    factor: float
    unit: str
    logarithmic: bool


@dataclass(frozen=True)
class Sweep:
    """What all panels share: the answer with the cells that are drawn, their names, and the way they run."""

    answer: Answer
    trials: Sequence[Trial]
    names: Sequence[str]
    across: bool

    def at(self, place: float, value: float | None) -> list[float | None]:
        """Return the point of a cell's place and a value, in the order of the axes."""
        return [place, value] if self.across else [value, place]


def swept(answer: Answer, trials: Sequence[Trial]) -> Sweep:
    """Return what the panels of an answer share; of very many cells the extremes are among those drawn."""
    every = [each.interval.estimate if each.interval else float("nan") for each in answer.summaries]
    drawn = [answer.summaries[at] for at in thinned(range(len(every)), every, MOST_CELLS)]
    varied = varying(answer.run.cells)
    names = [cell_short(each.cell, varied) if len(every) > 1 else "" for each in drawn]
    across = len(varied) == 1 and len(names) > 1 and max(map(len, names)) <= SHORT
    return Sweep(replace(answer, summaries=tuple(drawn)), trials, names, across)


def gap_of(own: Sweep) -> int:
    """Return the pixels between panels: the names of cells stand there, or only the values of an axis."""
    return 94 if own.across else 66


def rows_of(own: Sweep) -> int:
    """Return the pixels of a panel whose cells stand below each other."""
    return ROW * max(2, len(own.names))


def panels_of(own: Sweep, second: str) -> list[Panel]:
    """Return the panels of what was measured: of the headline metric, and of the second one."""
    wanted = [(own.answer.metric, TALL), *([(own.answer.other_metrics[second][0], SECOND)]
              if second in own.answer.other_metrics else [])]  # fmt: skip
    found: list[Panel] = []
    top = TOP
    for metric, tall in wanted:
        values = [value for each in own.trials if (value := value_of(each, metric.name)) is not None]
        if not values:
            continue
        factor, unit = scaled(values, metric.unit)
        height = tall if own.across else rows_of(own)
        wide = min(values) > 0 and max(values) / min(values) > LOG_FROM
        found.append(Panel(len(found), top, height, metric, factor, unit, logarithmic=wide))
        top += height + gap_of(own)
    return found


def grid_of(own: Sweep, panel: Panel) -> Option:
    """Return the place of a panel."""
    return {"left": _left(own), "right": 24, "top": panel.top, "height": panel.height, "outerBoundsMode": "none"}


def _left(own: Sweep) -> int:
    return 64 if own.across else 130 if any(own.names) else 24


def axes_of(own: Sweep, panel: Panel, *, published: bool = False) -> tuple[list[Option], list[Option]]:
    """Return the horizontal and the vertical axes of a panel: names of cells, their places, and values."""
    name = named(panel.metric, panel.unit)
    values: Option = {
        "type": "value",
        "name": f"published, own scale: {name}" if published else name,
        "nameTextStyle": {"align": "left", "padding": [0, 0, 4, -40 if own.across else 0]},
        "scale": not published,
        "boundaryGap": [0, "25%"] if published else [0, 0],
        "axisLine": {"onZero": False},
        "gridIndex": panel.number,
        "splitNumber": 4,
        **(_logarithmic(own, panel) if panel.logarithmic else {}),
    }
    shown = own.names if panel.number else [_label(own.answer, *each) for each in named_cells(own)]
    cells = {
        "type": "category",
        "data": list(shown),
        "gridIndex": panel.number,
        "inverse": not own.across,
        "axisTick": {"show": False},
        "axisLabel": {"hideOverlap": True, "lineHeight": 16}
        if own.across
        else {"width": 118, "overflow": "break", "lineHeight": 15},
    }
    places = {
        "type": "value",
        "min": -0.5,
        "max": len(own.names) - 0.5,
        "show": False,
        "gridIndex": panel.number,
        "inverse": not own.across,
    }
    if own.across:
        varied = varying(own.answer.run.cells)[0].replace("_", " ")
        return [
            {**cells, "name": varied, "nameLocation": "middle", "nameGap": 28 if panel.number else 44},
            places,
        ], [values]
    # The name of a horizontal axis stands above its panel.
    values |= {"position": "bottom", "nameLocation": "start", "nameGap": 0}
    values["nameTextStyle"] = {
        "align": "left",
        "verticalAlign": "bottom",
        "padding": [0, 0, panel.height + 6, 10 - _left(own)],
    }
    return [values], [cells, places]


def _logarithmic(own: Sweep, panel: Panel) -> Option:
    """Return what makes an axis logarithmic: doublings from below the lowest value to above the highest."""
    values = [
        value * panel.factor for each in own.trials if (value := value_of(each, panel.metric.name)) is not None
    ]
    return {
        "type": "log",
        "logBase": 2,
        "min": min(values) / 1.15,
        "max": max(values) * 1.15,
        "axisLabel": {"showMinLabel": False, "showMaxLabel": False},
    }


def named_cells(own: Sweep) -> list[tuple[CellSummary, str]]:
    """Return the cells that are drawn, each with its name, in the order of their places."""
    return list(zip(own.answer.summaries, own.names, strict=True))


def _label(answer: Answer, summary: CellSummary, name: str) -> str:
    """Return the name of a cell, and below it how it fared if that is worth a word."""
    standing = standing_of(answer, summary) if len(answer.run.cells) > 1 and answer.contenders else ""
    return f"{name}\n{standing}" if standing not in ("", "behind") else name


def placed_on(own: Sweep, number: int) -> Option:
    """Return the axes of a series: the hidden one of places, not the one of names beside it."""
    return {
        "xAxisIndex": 2 * number + 1 if own.across else number,
        "yAxisIndex": number if own.across else 2 * number + 1,
    }


def figures_of(own: Sweep) -> list[Published]:
    """Return the published figures of the headline metric that are about a cell that is drawn."""
    return [
        each
        for each in own.answer.published
        if each.metric == own.answer.metric.name and any(matches(each, s.cell) for s in own.answer.summaries)
    ]
