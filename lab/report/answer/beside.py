"""Runs of one scenario beside each other, a row a run: shown, never compared by a verdict."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from lab.records import Answer, Interval
from lab.report.wording import cell_short, estimate, kind_of, plain, span, varying

FACT = "source"
"""What a run's Context says of figures that a foreign tool printed; our own agents' runs have no such fact."""


def source_of(answer: Answer) -> str:
    """Return where a run's figures come from: `measured` by our own agent, or `parsed` from a tool's output."""
    return answer.run.context.facts.get(FACT, "measured")


def together(answers: Sequence[Answer]) -> list[list[Answer]]:
    """Return the answers that ask the same of several builds or devices, scenario by scenario.

    An emulated phone's are left out: its times stand beside nothing.
    """
    by_scenario: dict[tuple[object, ...], list[Answer]] = {}
    for answer in answers:
        if kind_of(answer.run) == "emulated":
            continue
        cells = tuple(cell.key for cell in answer.run.cells)
        by_scenario.setdefault((answer.run.scenario, answer.metric.name, cells), []).append(answer)
    return [group for group in by_scenario.values() if len(group) > 1]


def render_beside(answers: Sequence[Answer]) -> Table:
    """Return a table of answers to one question: a row a run, a column a cell; the interval below the estimate."""
    metric, cells = answers[0].metric, answers[0].run.cells
    table = Table(box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    table.title = Text(plain(f"{answers[0].run.scenario}: {metric.label}, run beside run"))
    table.title_justify = "left"
    for name in ("build", "device", "source"):
        table.add_column(name)
    for cell in cells:
        table.add_column(Text(cell_short(cell, varying(cells)) if len(cells) > 1 else plain(cell.key)))
    for answer in answers:
        run = answer.run
        place = f"{run.device} ({run.context.facts.get('device_kind', 'unknown')})"
        found = {summary.cell.key: summary.interval for summary in answer.summaries}
        row = [f"{run.build_line} {run.build[:8]}", place, source_of(answer)]
        row += [_figure(found.get(cell.key), metric.unit) for cell in cells]
        table.add_row(*(Text(plain(part) if "\n" not in part else part) for part in row))
    table.caption = Text(
        "Shown, not compared: builds may differ in precision and in what their runtime counts. parsed: printed by "
        "a foreign tool, its outputs unchecked."
    )
    table.caption_justify = "left"
    return table


def _figure(found: Interval | None, unit: str) -> str:
    if found is None:
        return "none"
    interval = span(found, unit)
    return estimate(found, unit) if interval == "none" else f"{estimate(found, unit)}\n{interval}"
