"""Percentiles of iterations and of the times between tokens, where there are enough samples to print one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from rich.table import Table as RichTable

from device_agents.contract import Event, Stage
from lab.records import Answer, Interval, Trial
from lab.report.table import Column, Head, Table, table
from lab.report.terminal import draw
from lab.report.wording import cell_phrase, estimate_with_interval, varying
from lab.stats.quantiles import NOT_ESTIMABLE, needed, over_trials
from lab.stats.sample import counted, usable
from lab.trial.folder import EVENTS, read_events, read_or_empty
from lab.trial.metrics import NS, end_ns, measured, spans_by_iteration

QUANTILES = (0.5, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Row:
    """The percentiles of one cell: of `what` (iterations or tokens), in `unit`; `most` samples in one trial."""

    cell: str
    what: str
    most: int
    unit: str
    values: tuple[Interval | None, ...]


def percentiles(found: Answer, trials: Sequence[Trial], folder: Path) -> tuple[Row, ...]:
    """Return for each cell a row of the headline metric's iterations, and one of its tokens where it streams any.

    Each figure is the trials' own percentile, summarised over trials (`lab.stats.quantiles.over_trials`); only
    trials and iterations that count enter. `folder` holds the run's trials by number.
    """
    rows = []
    for cell in found.run.cells:
        name = cell_phrase(cell, varying(found.run.cells))
        own = [trial for trial in trials if trial.cell == cell.key and counted(trial, found.metric.name)]
        iterations = [counted(trial, found.metric.name) for trial in own]
        tokens = [
            token_times(read_events(read_or_empty(folder / f"{t.number:04d}" / EVENTS)).events, t.first_steady)
            for t in own
        ]
        for what, unit, samples in (
            (found.metric.label, found.metric.unit, iterations),
            ("between tokens", "s", [one for one in tokens if one and usable(one)]),
        ):
            if samples:
                values = tuple(over_trials(samples, q) for q in QUANTILES)
                rows.append(Row(name, what, max(map(len, samples)), unit, values))
    return tuple(rows)


def token_times(events: Sequence[Event], first_steady: int = 0) -> tuple[float, ...]:
    """Return the seconds from each visible token to the next, in iterations that count; none for parsed spans."""
    found: list[float] = []
    by_iteration = spans_by_iteration(events)
    for iteration in measured(events)[first_steady:]:
        spans = by_iteration.get(iteration.iteration, [])
        if any(span.source == "parsed" for span in spans):
            return ()
        shown = sorted(end_ns(span) for span in spans if span.stage == Stage.DETOKENISE)
        found += [(after - before) * NS for before, after in pairwise(shown)]
    return tuple(found)


def percentiles_table(rows: Sequence[Row]) -> Table:
    """Return the percentiles as a table; one that cannot be estimated says so."""

    def figures_at(place: int) -> Column[Row]:
        return Column(Head(f"p{100 * QUANTILES[place]:g}", "words"), lambda row: texts(row)[place])

    columns: list[Column[Row]] = [
        Column(Head("cell", "words"), lambda row: row.cell, len({row.cell for row in rows}) > 1),
        Column(Head("of", "words"), lambda row: row.what),
        Column(Head("samples", "words"), lambda row: str(row.most)),
        *map(figures_at, range(len(QUANTILES))),
    ]
    least = ", ".join(f"p{100 * q:g} {needed(q)}" for q in QUANTILES)
    return table(
        columns,
        rows,
        note=f"samples: the most in one trial. {NOT_ESTIMABLE}: too few samples in every trial; needed: {least}",
    )


def render_percentiles(rows: Sequence[Row]) -> RichTable:
    """Return the table for a terminal."""
    return draw(percentiles_table(rows))


def texts(row: Row) -> tuple[str, ...]:
    """Return a row's figures, each with its interval over trials where there is one."""
    return tuple(NOT_ESTIMABLE if found is None else _short(found, row.unit) for found in row.values)


def _short(found: Interval, unit: str) -> str:
    text = estimate_with_interval(found, unit)
    return text.replace("95 % interval ", "").partition(" (no interval")[0]
