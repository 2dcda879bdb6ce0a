"""The tables of an answer and the lines beside them, said once for every format."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lab.records import LEVEL, Answer, Cell, CellSummary, Interval, Metric, Published, Sustained, Trial, Window
from lab.report.answer.standing import matches, standing_of
from lab.report.table import Column, Head, Row, Table, table
from lab.report.wording import (
    against,
    behind,
    cell_phrase,
    cell_short,
    estimate,
    interval_head,
    kind_of,
    number_of,
    percent,
    quantity,
    ranged,
    varying,
)

MARKS = {"best": "*", "tied": "~", "not judged": "?"}
"""Signs for a cell's standing where a column of words has no room."""

ADAPTS = ("s", "bytes")
"""Units that are scaled to the value: ms, MB."""

MEANT = {"best": "best", "tied": "tied: its interval reaches 0 %", "not judged": "not judged"}

SHORT_NAME = 10
"""Cells with names up to this long become columns: six of them fit 80 characters."""


def cells_table(answer: Answer, *, narrow: bool = False) -> Table:
    """Return the cells with their intervals, variation and standing.

    `narrow` fits 80 columns: short names, signs for standings, nothing on how much trials vary.
    """
    several = len(answer.run.cells) > 1
    led = several and answer.leader is not None
    metric, head = answer.metric, interval_head(summary.interval for summary in answer.summaries)
    emulated = kind_of(answer.run) == "emulated"
    label = f"{metric.label} (emulated)" if emulated else metric.label

    def interval(summary: CellSummary) -> str:
        if narrow and (summary.interval is None or summary.interval.low is None):
            return "none"
        text = _interval(summary.interval, metric, head)
        return re.sub(r" [^\s%)]+(?=$| \()", "", text) if narrow else text  # its unit is the estimate's

    def valid(summary: CellSummary) -> str:
        tried = summary.valid + sum(summary.invalid.values()) + summary.unsteady
        return f"{summary.valid} of {tried}" if narrow else str(summary.valid)

    def variation(cv: float | None) -> str:
        return "unknown" if cv is None else percent(cv)

    columns: list[Column[CellSummary]] = [
        Column(Head("", "words"), lambda s: MARKS.get(standing_of(answer, s), "") if several else "", narrow),
        Column(
            Head(_names_head(answer) if narrow else "cell", "prose"), lambda s: _name(answer, s, narrow=narrow)
        ),
        Column(Head("estimate" if narrow else label), lambda s: _estimate(s.interval, metric)),
        Column(Head(head), interval),
        Column(Head(_behind_head(answer, narrow=narrow)), lambda s: _behind(answer, s), led),
        Column(Head("valid", about="trials that count"), valid),
        Column(Head("invalid", "faults"), lambda s: str(sum(s.invalid.values())), not narrow),
        Column(
            Head("unsteady", about="trials that never settled: neither valid nor invalid, and in no figure"),
            lambda s: str(s.unsteady),
            any(summary.unsteady for summary in answer.summaries),
        ),
        Column(
            Head("CV of trials", about="coefficient of variation of trial medians"),
            lambda s: variation(s.trial_cv),
            not narrow,
        ),
        Column(
            Head("between", about="variance between trials that iterations inside a trial do not explain"),
            lambda s: variation(s.between_cv),
            not narrow,
        ),
        Column(
            Head("within", about="variance between iterations inside a trial"),
            lambda s: variation(s.within_cv),
            not narrow,
        ),
        Column(Head("standing", "words"), lambda s: standing_of(answer, s), several and not narrow),
    ]
    meant = "emulated, not a measurement" if emulated else f"{metric.better} is better"
    return table(
        columns,
        answer.summaries,
        standing=lambda s: standing_of(answer, s) if several else "",
        title=f"{metric.label}, {meant}",
        note=_legend(answer) if several else "",
    )


def others_table(answer: Answer, *, narrow: bool = False) -> Table | None:
    """Return what else was measured, each figure above its interval; None when nothing was.

    The longer side of the table goes down. `narrow` leaves intervals and repeated units out.
    """
    metrics = list(answer.other_metrics.values())
    if not metrics:
        return None
    names = [_name(answer, summary, narrow=narrow) for summary in answer.summaries]
    grid = [[by_cell.get(summary.cell.key) for summary in answer.summaries] for _, by_cell in metrics]
    head = interval_head(found for line in grid for found in line)
    if not narrow:
        labels = [metric.label for metric, _ in metrics]
        texts = [
            [_figure(found, metric, head) for found in line]
            for (metric, _), line in zip(metrics, grid, strict=True)
        ]
        title = f"Other metrics, each above its {head}"
        if len(labels) > len(names):
            return _crossed("metric", labels, names, texts, title=title)
        return _crossed("cell", names, labels, _turned(texts), title=title)
    labels = [metric.label if metric.unit in ADAPTS else f"{metric.label}, {metric.unit}" for metric, _ in metrics]
    texts = [[_bare(found, metric) for found in line] for (metric, _), line in zip(metrics, grid, strict=True)]
    if len(names) == 1:
        return _crossed("also measured", labels, [""], texts)
    if max(map(len, names)) > SHORT_NAME:
        return _crossed("also measured", names, labels, _turned(texts))
    return _crossed("also measured", labels, names, texts)


def published_table(answer: Answer) -> Table:
    """Return the published figures; each source above its note."""
    columns: list[Column[Published]] = [
        Column(Head("figure", "words"), lambda f: metric_of(answer, f).label),
        Column(Head("value"), lambda f: quantity(f.value, metric_of(answer, f).unit)),
        Column(Head("kind", "words"), lambda f: f.kind),
        Column(
            Head("for", "prose"), lambda f: ", ".join(f"{name} = {_value(v)}" for name, v in f.parameters.items())
        ),
        Column(Head("source", "prose"), lambda f: f"{f.source}\n{f.note}" if f.note else f.source),
    ]
    return table(columns, answer.published)


def published_lines(answer: Answer) -> list[str]:
    """Return a line for each published figure under its paper's name; the table has its parameters and notes.

    A figure is about the cells that agree with it; they are named as far as not all cells do.
    """
    lines: list[str] = []
    paper, names = "", varying(answer.run.cells)
    for figure in answer.published:
        source, _, place = figure.source.partition(", ")
        if source != paper:
            paper = source
            lines.append(f"{source}: another device and another model, not compared")
        metric = metric_of(answer, figure)
        cells = [cell for cell in answer.run.cells if matches(figure, cell)]
        shared = {name: figure.parameters[name] for name in names if name in figure.parameters}
        own = cells[0] if len(cells) == 1 else Cell("", shared)
        about = f" ({cell_phrase(own, names)})" if names and (len(cells) == 1 or shared) else ""
        text = f"  {figure.kind}: {metric.label} {quantity(figure.value, metric.unit)}{about}"
        where = place.partition(":")[0].partition(";")[0]  # what follows is how it was derived
        lines.append(f"{text}; {where}")
    return lines


def curve_table(curve: Sustained) -> Table:
    """Return the windows of a sustained trial."""
    columns: list[Column[Window]] = [
        Column(Head(f"trial {curve.trial}, from minute", "words"), lambda w: f"{w.start_s / 60:g}"),
        Column(Head("rate"), lambda w: quantity(w.rate, curve.unit)),
        Column(Head("skin"), lambda w: "unknown" if w.celsius is None else f"{w.celsius:.1f} °C"),
    ]
    return table(columns, curve.windows)


def invalid_table(answer: Answer, trials: Sequence[Trial]) -> Table:
    """Return the trials that are invalid, each with its reason and what was found."""
    names = {cell.key: cell_phrase(cell, varying(answer.run.cells)) for cell in answer.run.cells}
    columns: list[Column[Trial]] = [
        Column(Head("trial"), lambda t: str(t.number)),
        Column(Head("block"), lambda t: str(t.block)),
        Column(Head("cell", "prose"), lambda t: names.get(t.cell, t.cell)),
        Column(Head("reason", "words"), lambda t: t.reason or "unknown"),
        Column(Head("what was found", "prose"), lambda t: t.detail),
    ]
    return table(columns, [trial for trial in trials if not trial.valid])


def invalid_lines(answer: Answer) -> list[str]:
    """Return why trials of a cell do not count, a line a cell."""
    return [
        f"invalid, {_name(answer, summary)}: "
        + ", ".join(f"{count} x {reason}" for reason, count in sorted(summary.invalid.items()))
        for summary in answer.summaries
        if summary.invalid
    ]


def metric_of(answer: Answer, figure: Published) -> Metric:
    """Return the metric that a published figure beside an answer is about."""
    return answer.metric if figure.metric == answer.metric.name else answer.other_metrics[figure.metric][0]


def _name(answer: Answer, summary: CellSummary, *, narrow: bool = False) -> str:
    return (cell_short if narrow else cell_phrase)(summary.cell, varying(answer.run.cells))


def _behind_head(answer: Answer, *, narrow: bool) -> str:
    """Return e.g. ``slower than 128``, with what the intervals below it promise where there is room."""
    leader = next((s.cell for s in answer.summaries if s.cell.key == answer.leader), None)
    if leader is None:
        return ""
    names = varying(answer.run.cells)
    text = f"{behind(answer.metric)} than {(cell_short if narrow else cell_phrase)(leader, names)}"
    return text if narrow else f"{text}, with intervals that hold together at {LEVEL * 100:.0f} %"


def _legend(answer: Answer) -> str:
    """Return what the signs mean that a table has."""
    standings = {standing_of(answer, summary) for summary in answer.summaries}
    return "  ".join(f"{MARKS[each]} {meant}" for each, meant in MEANT.items() if each in standings)


def _behind(answer: Answer, summary: CellSummary) -> str:
    """Return by how much a cell is behind the one with the best estimate, as the sentence says it."""
    if summary.cell.key == answer.leader:
        return "-"
    if summary.against_best is None:
        return "unknown"
    share, ends = against(summary.against_best, answer.metric)
    return f"{share} ({ends})" if ends else f"{share} (none)"


def _names_head(answer: Answer) -> str:
    """Return the name of the one parameter that varies, whose bare values then name the cells."""
    names = varying(answer.run.cells)
    return names[0].replace("_", " ") if len(names) == 1 else "cell"


def _estimate(found: Interval | None, metric: Metric) -> str:
    return "none" if found is None else estimate(found, metric.unit)


def _figure(found: Interval | None, metric: Metric, head: str) -> str:
    return "none" if found is None else f"{estimate(found, metric.unit)}\n{_interval(found, metric, head)}"


def _interval(found: Interval | None, metric: Metric, head: str) -> str:
    """Return the interval, or of how few trials a figure is that has none."""
    if found is None or found.low is None:
        return "none" if found is None else f"none: {number_of(found.n, 'trial')}"
    return ranged(found, metric.unit, head)


def _bare(found: Interval | None, metric: Metric) -> str:
    """Return the estimate; seconds and bytes keep their unit, since some are milliseconds or megabytes."""
    text = _estimate(found, metric)
    return text if metric.unit in ADAPTS else text.partition(" ")[0]


def _value(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _crossed(
    corner: str, down: Sequence[str], across: Sequence[str], texts: Sequence[Sequence[str]], *, title: str = ""
) -> Table:
    rows = tuple(Row((name, *line)) for name, line in zip(down, texts, strict=True))
    return Table((Head(corner, "prose"), *map(Head, across)), rows, title)


def _turned(texts: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    return list(zip(*texts, strict=True))
