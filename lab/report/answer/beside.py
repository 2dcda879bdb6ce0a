"""Runs of one scenario in one table: shown side by side, never compared by a verdict."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table as RichTable

from lab.records import Answer, Cell
from lab.report.table import Column, Head, Table, table
from lab.report.terminal import draw
from lab.report.wording import cell_short, estimate, kind_of, span, varying

FACT = "source"
"""The fact of a run's Context that says a foreign tool printed its figures; runs of our own agents lack it."""


def source_of(answer: Answer) -> str:
    """Return where a run's figures come from: `measured` by our own agent or `parsed` from a tool's output."""
    return answer.run.context.facts.get(FACT, "measured")


def together(answers: Sequence[Answer]) -> list[list[Answer]]:
    """Return the answers that ask the same question of several builds or devices, grouped by scenario.

    Answers of emulated phones are left out: their times are not measurements.
    """
    by_scenario: dict[tuple[object, ...], list[Answer]] = {}
    for answer in answers:
        if kind_of(answer.run) == "emulated":
            continue
        cells = tuple(cell.key for cell in answer.run.cells)
        by_scenario.setdefault((answer.run.scenario, answer.metric.name, cells), []).append(answer)
    return [group for group in by_scenario.values() if len(group) > 1]


def beside_table(answers: Sequence[Answer]) -> Table:
    """Return a table of answers to one question: a row for each run, a column for each cell."""
    metric, cells = answers[0].metric, answers[0].run.cells

    def figures_of(cell: Cell) -> Column[Answer]:
        return Column(Head(cell_short(cell, varying(cells)), "words"), lambda a: _figure(a, cell.key, metric.unit))

    columns: list[Column[Answer]] = [
        Column(Head("build", "words"), lambda a: f"{a.run.build_line} {a.run.build[:8]}"),
        Column(Head("device", "words"), lambda a: f"{a.run.device} ({kind_of(a.run)})"),
        Column(Head("source", "words"), source_of),
        *map(figures_of, cells),
    ]
    return table(
        columns,
        answers,
        title=f"{answers[0].run.scenario}: {metric.label}, run beside run",
        note="Shown, not compared: builds may differ in precision and in what their runtime counts. "
        "parsed: printed by a foreign tool, whose outputs were not checked.",
    )


def render_beside(answers: Sequence[Answer]) -> RichTable:
    """Return the table for a terminal."""
    return draw(beside_table(answers))


def _figure(answer: Answer, key: str, unit: str) -> str:
    """Return the estimate of a cell above its interval."""
    found = next((summary.interval for summary in answer.summaries if summary.cell.key == key), None)
    if found is None:
        return "none"
    interval = span(found, unit)
    return estimate(found, unit) if interval == "none" else f"{estimate(found, unit)}\n{interval}"
