"""An answer in a terminal: the sentence first, then the table of cells."""

from __future__ import annotations

import re

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from lab.records import Answer, CellSummary, Interval, Metric
from lab.report.answer.chart import state_of
from lab.report.answer.sustained import render_curves
from lab.report.wording import (
    KIND_STYLES,
    cell_short,
    estimate,
    interval_head,
    kind_of,
    on_device,
    percent,
    plain,
    probability,
    quantity,
    ranged,
    varying,
)

_STYLES = {"best": "bold green", "contender": "", "beaten": "dim", "unknown": "yellow"}
_MARKS = {"best": "*", "contender": "~", "beaten": "", "unknown": "?"}


def render_terminal(answer: Answer) -> RenderableType:
    """Return something for `rich.console.Console.print`; readable from 80 columns, and without colours."""
    run = answer.run
    parts: list[RenderableType] = [
        Text(plain(answer.question), style="bold"),
        *_device(answer),
        Text(plain(answer.sentence), style="green" if answer.best or answer.curves else "yellow"),
    ]
    parts += render_curves(answer.curves, run.cells) if answer.curves else [_cells(answer)]
    parts += [Text(f"! {plain(warning)}", style="yellow") for warning in answer.warnings]
    parts += _reasons(answer)
    parts += _published(answer)
    parts += _others(answer)
    parts.append(
        Text(
            plain(f"{run.scenario} on {run.device}, build {run.build_line} ({run.build[:12]}), seed {run.seed}, "),
            style="dim",
        ).append(plain(f"{run.started_utc}, run {run.id} ({run.status})"))
    )
    return Group(*parts)


def _device(answer: Answer) -> list[RenderableType]:
    """Name a device that is not this machine, in the colour of its kind."""
    kind = kind_of(answer.run)
    return [] if kind in ("host", "unknown") else [Text(f"on {on_device(answer.run)}", style=KIND_STYLES[kind])]


def _cells(answer: Answer) -> Table:
    several = len(answer.run.cells) > 1
    table = Table(box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    emulated = kind_of(answer.run) == "emulated"
    meant = "emulated, no measurement" if emulated else f"{answer.metric.better} is better"
    table.title = Text(plain(f"{answer.metric.label}, {meant}"))
    table.title_justify = "left"
    table.add_column("", width=1)
    table.add_column(Text(_heading(answer)), min_width=12)
    unsteady = any(summary.unsteady for summary in answer.summaries)
    head = interval_head(summary.interval for summary in answer.summaries)
    for name in ("estimate", head, "P(best)", "valid", "invalid", "unsteady", "CV"):
        if (several or name != "P(best)") and (unsteady or name != "unsteady"):
            table.add_column(name, justify="right")
    for summary in answer.summaries:
        state = state_of(answer, summary)
        cells = [_MARKS[state] if several else "", _name(answer, summary)]
        cells += _interval(summary.interval, answer.metric, head)
        cells += [probability(summary.probability_best).replace("unknown", "?")] if several else []
        cells += [str(summary.valid), str(sum(summary.invalid.values()))]
        cells += [str(summary.unsteady)] if unsteady else []
        cells.append("?" if summary.trial_cv is None else percent(summary.trial_cv))
        table.add_row(*(Text(cell) for cell in cells), style=_STYLES[state] if several else "")
    if several:
        table.caption = Text(
            "* best  ~ cannot be told from it, block by block  ? not judged  CV: of trial medians"
        )
        table.caption_justify = "left"
    return table


def _heading(answer: Answer) -> str:
    """Return the name of the one parameter that varies, whose bare values then name the cells."""
    names = varying(answer.run.cells)
    return plain(names[0].replace("_", " ")) if len(names) == 1 else "cell"


def _name(answer: Answer, summary: CellSummary) -> str:
    if len(answer.run.cells) == 1:
        return plain(summary.cell.key)
    return cell_short(summary.cell, varying(answer.run.cells))


def _interval(found: Interval | None, metric: Metric, head: str) -> list[str]:
    """Return estimate and interval; the interval without its unit, which is always the estimate's."""
    if found is None:
        return ["none", "none"]
    return [estimate(found, metric.unit), re.sub(r" [^\s%)]+(?=$| \()", "", ranged(found, metric.unit, head))]


def _reasons(answer: Answer) -> list[RenderableType]:
    """Say why trials did not count, a line a cell."""
    return [
        Text(
            f"  invalid, {_heading(answer)} {_name(answer, summary)}: "
            + ", ".join(f"{count} x {reason}" for reason, count in sorted(summary.invalid.items())),
            style="red",
        )
        for summary in answer.summaries
        if summary.invalid
    ]


def _published(answer: Answer) -> list[RenderableType]:
    """One line a figure under its paper's name: what another device did, shown and never compared."""
    lines: list[RenderableType] = []
    paper = ""
    for figure in answer.published:
        source, _, place = figure.source.partition(", ")
        if source != paper:
            paper = source
            lines.append(Text(plain(f"{source}: another device and another model, not compared"), style="magenta"))
        metric = answer.metric
        if figure.metric != metric.name:
            metric = answer.other_metrics[figure.metric][0]
        about = ", ".join(f"{k}={str(v).lower()}" for k, v in figure.parameters.items() if k != "input")
        text = f"{figure.kind}: {metric.label} {quantity(figure.value, metric.unit)}"
        text += f" ({about})" if about else ""
        lines.append(Padding(Text(plain(f"{text}; {place}"), style="magenta"), (0, 0, 0, 2)))
    return lines


def _others(answer: Answer) -> list[RenderableType]:
    """A second, quieter table: what else was measured, without intervals; the longer side goes down."""
    metrics = list(answer.other_metrics.values())
    if not metrics:
        return []
    heads = [plain(m.label if m.unit == "s" else f"{m.label}, {m.unit}") for m, _ in metrics]
    names = [_name(answer, summary) for summary in answer.summaries]
    grid = [[_bare(by_cell.get(s.cell.key), metric) for s in answer.summaries] for metric, by_cell in metrics]
    table = Table(box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0), style="dim", header_style="dim")
    down, across = heads, names
    if max(len(name) for name in names) > _SHORT_NAME and len(names) > 1:
        down, across, grid = names, heads, [list(column) for column in zip(*grid, strict=True)]
    table.add_column("also measured")
    for name in across if len(across) > 1 or across is heads else [""]:
        table.add_column(Text(name), justify="right")
    for name, values in zip(down, grid, strict=True):
        table.add_row(Text(name), *(Text(value) for value in values), style="dim")
    return [table]


_SHORT_NAME = 10
"""Cells with names up to this long become columns: six of them fit 80 characters."""


def _bare(found: Interval | None, metric: Metric) -> str:
    """Return the estimate; seconds keep their unit, since some are milliseconds."""
    if found is None:
        return "none"
    text = estimate(found, metric.unit)
    return text if metric.unit == "s" else text.partition(" ")[0]
