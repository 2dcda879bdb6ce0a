"""Percentiles of iterations and of the times between tokens, where there are enough of them to print one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from device_agents.contract import Event, Stage
from lab.records import Answer, Interval, Trial
from lab.report.wording import cell_phrase, estimate_with_interval, plain, varying
from lab.stats.quantiles import NOT_ESTIMABLE, needed, over_trials
from lab.stats.sample import counted, usable
from lab.trial.folder import EVENTS, read_events
from lab.trial.metrics import NS, end_ns, measured, spans_by_iteration

QUANTILES = (0.5, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Row:
    """The percentiles of one cell: of `what` (iterations or tokens), most samples of a trial, in `unit`."""

    cell: str
    what: str
    most: int
    unit: str
    values: tuple[Interval | None, ...]


def percentiles(found: Answer, trials: Sequence[Trial], folder: Path) -> tuple[Row, ...]:
    """Return a row a cell for the headline metric's iterations, and one for its tokens where it streams any.

    Each trial's own percentile, over trials (`lab.stats.quantiles.over_trials`); only trials and iterations that
    count. `folder` holds the run's trials by number.
    """
    rows = []
    for cell in found.run.cells:
        name = cell_phrase(cell, varying(found.run.cells)) if len(found.run.cells) > 1 else cell.key
        own = [trial for trial in trials if trial.cell == cell.key and counted(trial, found.metric.name)]
        iterations = [counted(trial, found.metric.name) for trial in own]
        tokens = [
            token_times(read_events(_bytes(folder / f"{t.number:04d}" / EVENTS)).events, t.first_steady)
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
    """Return the seconds from each visible token to the next, of the iterations that count; none where parsed."""
    found: list[float] = []
    by_iteration = spans_by_iteration(events)
    for iteration in measured(events)[first_steady:]:
        spans = by_iteration.get(iteration.iteration, [])
        if any(span.source == "parsed" for span in spans):
            return ()
        shown = sorted(end_ns(span) for span in spans if span.stage == Stage.DETOKENISE)
        found += [(after - before) * NS for before, after in pairwise(shown)]
    return tuple(found)


def render_percentiles(rows: Sequence[Row]) -> Table:
    """Return a table for a terminal; what is not estimable says so."""
    table = Table(box=box.SIMPLE, pad_edge=False, padding=(0, 1, 0, 0))
    several = len({row.cell for row in rows}) > 1
    for name in (*(["cell"] if several else []), "of", "a trial", *(f"p{100 * q:g}" for q in QUANTILES)):
        table.add_column(name)
    for row in rows:
        first = [row.cell] if several else []
        table.add_row(*(Text(plain(text)) for text in (*first, row.what, str(row.most), *texts(row))))
    least = ", ".join(f"p{100 * q:g} {needed(q)}" for q in QUANTILES)
    table.caption = Text(f"{NOT_ESTIMABLE}: too few samples in every trial; the least are {least}")
    table.caption_justify = "left"
    return table


def texts(row: Row) -> tuple[str, ...]:
    """Return a row's figures, with their interval over trials where there is one."""
    return tuple(NOT_ESTIMABLE if found is None else _short(found, row.unit) for found in row.values)


def _short(found: Interval, unit: str) -> str:
    text = estimate_with_interval(found, unit)
    return text.replace("95 % interval ", "").partition(" (no interval")[0]


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""
