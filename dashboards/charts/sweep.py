"""The cells of a sweep: a dot a trial, a band an interval, and published figures in a panel of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dashboards.charts.style import GREY, KINDS, MOST_POINTS, Option, frame, named, scaled
from dashboards.charts.thinned import thinned
from lab.records import Answer, CellSummary, Interval, Metric, Published, Trial
from lab.report.answer.standing import matches, standing_of
from lab.report.wording import cell_short, estimate_with_interval, kind_of, plain, quantity, varying
from lab.stats.sample import counted, value_of

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


def sweep(answer: Answer, trials: Sequence[Trial], second: str = "") -> Option:
    """Return the chart of an answer's headline metric, and below it of the `second`; {} without any figure."""
    own = _swept(answer, trials)
    panels = _panels(own, second)
    if not panels:
        return {}
    series: list[Option] = []
    for panel in panels:
        series += _measured(own, panel)
    last = panels[-1]
    grids, axes = [_grid(own, each) for each in panels], [_axes(own, each) for each in panels]
    if figures := _figures(own):
        factor, unit = scaled([each.value for each in figures], answer.metric.unit)
        top = last.top + last.height + _gap(own)
        height = OTHER if own.across else _rows(own)
        panel = Panel(last.number + 1, top, height, answer.metric, factor, unit, logarithmic=False)
        grids.append(_grid(own, panel))
        axes.append(_axes(own, panel, published=True))
        series += _published(own, panel, figures)
    return frame(
        legend={
            "top": 0,
            "left": 0,
            "data": _legend(series),
            "itemWidth": 14,
        },
        tooltip={"confine": True, "formatter": "{b}"},
        grid=grids,
        xAxis=[axis for pair in axes for axis in pair[0]],
        yAxis=[axis for pair in axes for axis in pair[1]],
        series=series,
    )


def height_of(answer: Answer, trials: Sequence[Trial], second: str = "") -> int:
    """Return the height of the chart in pixels."""
    own = _swept(answer, trials)
    panels = _panels(own, second)
    bottom = panels[-1].top + panels[-1].height if panels else 0
    other = _gap(own) + (OTHER if own.across else _rows(own)) if _figures(own) else 0
    return bottom + other + (44 if own.across else 30)


def note_of(answer: Answer) -> str:
    """Say what the signs of a chart mean, and what it leaves out."""
    standings = {standing_of(answer, each) for each in answer.summaries} if len(answer.summaries) > 1 else set()
    found = ["A dot is a trial, from the first block to the last: a slope is drift. The band is the interval."]
    if "tied" in standings:
        found.append("Shaded: not distinguishable from the best.")
    if len(answer.summaries) > MOST_CELLS:
        found.append(
            f"{MOST_CELLS} of {len(answer.summaries)} cells are drawn, extremes among them: see the table."
        )
    return " ".join(found)


def _legend(series: Sequence[Option]) -> list[Option]:
    """Return the signs of the legend: a band for intervals, a bar for estimates, each other series its own."""
    icons = {"interval": "rect", "estimate": "path://M0,0h16v4h-16z"}
    names = dict.fromkeys(str(each["name"]) for each in series)
    return [{"name": name, **({"icon": icons[name]} if name in icons else {})} for name in names]


def _swept(answer: Answer, trials: Sequence[Trial]) -> Sweep:
    every = [each.interval.estimate if each.interval else float("nan") for each in answer.summaries]
    drawn = [answer.summaries[at] for at in thinned(range(len(every)), every, MOST_CELLS)]
    varied = varying(answer.run.cells)
    names = [cell_short(each.cell, varied) if len(every) > 1 else "" for each in drawn]
    across = len(varied) == 1 and len(names) > 1 and max(map(len, names)) <= SHORT
    return Sweep(replace(answer, summaries=tuple(drawn)), trials, names, across)


def _gap(own: Sweep) -> int:
    """Return the pixels between panels: the names of cells stand there, or only the values of an axis."""
    return 94 if own.across else 66


def _rows(own: Sweep) -> int:
    return ROW * max(2, len(own.names))


def _panels(own: Sweep, second: str) -> list[Panel]:
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
        height = tall if own.across else _rows(own)
        wide = min(values) > 0 and max(values) / min(values) > LOG_FROM
        found.append(Panel(len(found), top, height, metric, factor, unit, logarithmic=wide))
        top += height + _gap(own)
    return found


def _grid(own: Sweep, panel: Panel) -> Option:
    return {"left": _left(own), "right": 24, "top": panel.top, "height": panel.height, "outerBoundsMode": "none"}


def _left(own: Sweep) -> int:
    return 64 if own.across else 130 if any(own.names) else 24


def _axes(own: Sweep, panel: Panel, *, published: bool = False) -> tuple[list[Option], list[Option]]:
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
    shown = own.names if panel.number else [_label(own.answer, *each) for each in _named(own)]
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


def _named(own: Sweep) -> list[tuple[CellSummary, str]]:
    return list(zip(own.answer.summaries, own.names, strict=True))


def _label(answer: Answer, summary: CellSummary, name: str) -> str:
    """Return the name of a cell, and below it how it fared if that is worth a word."""
    standing = standing_of(answer, summary) if len(answer.run.cells) > 1 and answer.contenders else ""
    return f"{name}\n{standing}" if standing not in ("", "behind") else name


def _measured(own: Sweep, panel: Panel) -> list[Option]:
    """Return the series of what was measured: bands, estimates, and the trials by how they count."""
    color = KINDS.get(kind_of(own.answer.run), GREY)
    by_cell = _intervals(own.answer, panel.metric)
    bands: list[Any] = []
    estimates: list[Option] = []
    for place, (summary, name) in enumerate(_named(own)):
        found = by_cell.get(summary.cell.key)
        if found is None:
            continue
        words = f"{name}: {estimate_with_interval(found, panel.metric.unit)}".removeprefix(": ")
        estimates.append({"value": own.at(place, found.estimate * panel.factor), "name": words})
        if found.low is not None and found.high is not None:
            bands += [own.at(place, end * panel.factor) for end in (found.low, found.high)] + [own.at(place, None)]
    axis = _on(own, panel.number)
    return [
        {"type": "line", "name": "interval", **axis, "data": bands, "symbol": "none", "silent": True,
         "lineStyle": {"width": 16, "opacity": 0.35, "cap": "butt"}, "color": color,
         "markArea": {} if panel.number else _tied(own)},
        {"type": "scatter", "name": "estimate", **axis, "data": estimates, "symbol": "rect", "color": color,
         "itemStyle": {"opacity": 1},
         "symbolSize": [30, 4] if own.across else [4, 30]},
        *_trials(own, panel, color),
    ]  # fmt: skip


def _intervals(answer: Answer, metric: Metric) -> Mapping[str, Interval]:
    if metric.name != answer.metric.name:
        return answer.other_metrics[metric.name][1]
    return {each.cell.key: each.interval for each in answer.summaries if each.interval}


def _tied(own: Sweep) -> Option:
    """Return the shade behind the cells that cannot be told from the best."""
    name = "xAxis" if own.across else "yAxis"
    tied = [at for at, each in enumerate(own.answer.summaries) if standing_of(own.answer, each) == "tied"]
    return {
        "silent": True,
        "itemStyle": {"color": "rgba(128,128,128,0.16)"},
        "data": [[{name: at - 0.5}, {name: at + 0.5}] for at in tied],
    }


def _trials(own: Sweep, panel: Panel, color: str) -> list[Option]:
    """Return a series for trials that count, for invalid ones and for those that never settled."""
    looks: Mapping[str, Option] = {
        "trial": {"symbol": "circle", "symbolSize": 7, "itemStyle": {"color": color, "opacity": 0.8}},
        "invalid trial": {"symbol": "circle", "symbolSize": 7, "color": GREY, "itemStyle": _hollow(GREY)},
        "trial that never settled": {
            "symbol": "triangle",
            "symbolSize": 8,
            "color": GREY,
            "itemStyle": _hollow(GREY),
        },
    }
    dots: dict[str, list[Option]] = {kind: [] for kind in looks}
    most = max(8, (MOST_POINTS - 10 * len(own.names)) // (2 * max(1, len(own.names))))
    for place, (summary, name) in enumerate(_named(own)):
        found = [
            (trial, value)
            for trial in own.trials
            if trial.cell == summary.cell.key
            and trial.purpose == "time"
            and (value := value_of(trial, panel.metric.name)) is not None
        ]
        found.sort(key=lambda pair: (pair[0].block, pair[0].number))
        blocks = [trial.block for trial, _ in found]
        for at in thinned(blocks, [value for _, value in found], most):
            trial, value = found[at]
            kind = _counts(trial, panel.metric.name)
            lost = f", {kind}: {trial.reason or 'not steady'}" if kind != "trial" else ""
            words = (
                f"{name}, trial {trial.number}, block {trial.block}: {quantity(value, panel.metric.unit)}{lost}"
            )
            x = place + _offset(trial.block, blocks)
            dots[kind].append({"value": own.at(x, value * panel.factor), "name": plain(words.removeprefix(", "))})
    return [
        {"type": "scatter", "name": kind, **_on(own, panel.number), "data": data, **looks[kind]}
        for kind, data in dots.items()
        if data
    ]


def _hollow(color: str) -> Option:
    """Return the style of a sign that does not count or was derived; empty symbols are white on a dark page."""
    return {"color": "transparent", "borderColor": color, "borderWidth": 1.5, "opacity": 1}


def _counts(trial: Trial, metric: str) -> str:
    if not trial.valid:
        return "invalid trial"
    return "trial" if counted(trial, metric) else "trial that never settled"


def _offset(block: int, blocks: Sequence[int]) -> float:
    first, last = min(blocks), max(blocks)
    return round(0.5 * ((block - first) / (last - first) - 0.5), 3) if last > first else 0.0


def _on(own: Sweep, number: int) -> Option:
    """Return the axes of a series: the hidden one of places, not the one of names beside it."""
    return {
        "xAxisIndex": 2 * number + 1 if own.across else number,
        "yAxisIndex": number if own.across else 2 * number + 1,
    }


def _figures(own: Sweep) -> list[Published]:
    """Return the published figures of the headline metric that are about a cell that is drawn."""
    return [
        each
        for each in own.answer.published
        if each.metric == own.answer.metric.name and any(matches(each, s.cell) for s in own.answer.summaries)
    ]


def _published(own: Sweep, panel: Panel, figures: Sequence[Published]) -> list[Option]:
    """Return the published figures as they were published: a filled mark, or a hollow one if it was derived."""
    found: list[Option] = []
    for kind in dict.fromkeys(each.kind for each in figures):
        data = [
            {
                "value": own.at(place, each.value * panel.factor),
                "name": plain(
                    f"{kind.replace('_', ' ')}: {quantity(each.value, panel.metric.unit)}, {each.source}"
                ),
            }
            for each in figures
            if each.kind == kind
            for place, summary in enumerate(own.answer.summaries)
            if matches(each, summary.cell)
        ]
        found.append(
            {
                "type": "scatter",
                "name": "published" if kind == "published" else f"published ({kind.replace('_', ' ')})",
                **_on(own, panel.number),
                "data": data,
                "symbol": "diamond",
                "symbolSize": 14,
                "color": KINDS["published"],
                "itemStyle": {} if kind == "published" else _hollow(KINDS["published"]),
                "label": {
                    "show": True,
                    "position": "top" if own.across else "right",
                    "formatter": "{@[1]}" if own.across else "{@[0]}",
                },
            }
        )
    return found
