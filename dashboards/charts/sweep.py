"""The cells of a sweep: a dot a trial, a band an interval, and published figures in a panel of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dashboards.charts.panels import (
    MOST_CELLS,
    OTHER,
    Panel,
    Sweep,
    axes_of,
    figures_of,
    gap_of,
    grid_of,
    named_cells,
    panels_of,
    placed_on,
    rows_of,
    swept,
)
from dashboards.charts.style import GREY, KINDS, MOST_POINTS, Option, frame, scaled
from dashboards.charts.thinned import thinned
from lab.records import Answer, Interval, Metric, Published, Trial, purpose_of
from lab.report.answer.standing import matches, standing_of
from lab.report.wording import estimate_with_interval, kind_of, plain, quantity
from lab.stats.sample import counted, value_of


def sweep(answer: Answer, trials: Sequence[Trial], second: str = "") -> Option:
    """Return the chart of an answer's headline metric, and below it of the `second`; {} without any figure."""
    own = swept(answer, trials)
    panels = panels_of(own, second)
    if not panels:
        return {}
    series: list[Option] = []
    for panel in panels:
        series += _measured(own, panel)
    last = panels[-1]
    grids, axes = [grid_of(own, each) for each in panels], [axes_of(own, each) for each in panels]
    if figures := figures_of(own):
        factor, unit = scaled([each.value for each in figures], answer.metric.unit)
        top = last.top + last.height + gap_of(own)
        height = OTHER if own.across else rows_of(own)
        panel = Panel(last.number + 1, top, height, answer.metric, factor, unit, logarithmic=False)
        grids.append(grid_of(own, panel))
        axes.append(axes_of(own, panel, published=True))
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
    own = swept(answer, trials)
    panels = panels_of(own, second)
    bottom = panels[-1].top + panels[-1].height if panels else 0
    other = gap_of(own) + (OTHER if own.across else rows_of(own)) if figures_of(own) else 0
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


def _measured(own: Sweep, panel: Panel) -> list[Option]:
    """Return the series of what was measured: bands, estimates, and the trials by how they count."""
    color = KINDS.get(kind_of(own.answer.run), GREY)
    by_cell = _intervals(own.answer, panel.metric)
    bands: list[Any] = []
    estimates: list[Option] = []
    for place, (summary, name) in enumerate(named_cells(own)):
        found = by_cell.get(summary.cell.key)
        if found is None:
            continue
        words = f"{name}: {estimate_with_interval(found, panel.metric.unit)}".removeprefix(": ")
        estimates.append({"value": own.at(place, found.estimate * panel.factor), "name": words})
        if found.low is not None and found.high is not None:
            bands += [own.at(place, end * panel.factor) for end in (found.low, found.high)] + [own.at(place, None)]
    axis = placed_on(own, panel.number)
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
    for place, (summary, name) in enumerate(named_cells(own)):
        found = [
            (trial, value)
            for trial in own.trials
            if trial.cell == summary.cell.key
            and trial.purpose == purpose_of(panel.metric.name)
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
        {"type": "scatter", "name": kind, **placed_on(own, panel.number), "data": data, **looks[kind]}
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
                **placed_on(own, panel.number),
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
