"""The rows of the index that a file becomes, without the root they belong to: pure."""

from __future__ import annotations

from dataclasses import asdict

import sqlalchemy as sa

from lab.records import Comparison, Trial
from lab.stats.sample import counted, trial_median
from lab.store import tables
from lab.store.kinds import Kind, Record
from lab.store.raw import LineFile
from lab.store.shelf import rows_of_line

Row = dict[str, object]


def of_line(line: LineFile) -> list[Row]:
    """Return one row a build; `position` counts from 1."""
    return [{"position": i, **asdict(row)} for i, row in enumerate(rows_of_line(line), start=1)]


def of_record(kind: Kind[Record], record: Record) -> Row:
    """Return the row of a record: the columns of its table, and its file as a document."""
    row: Row = {name: getattr(record, name) for name in _names(tables.RECORDS[kind.name], "root", "document")}
    return row | {"document": kind.encode(record).decode()}


def of_verdicts(comparison: Comparison) -> list[Row]:
    """Return one row a judged cell."""
    shared = ("started_utc", "status", "dimension", "scenario", "metric", "device")
    of_all = {name: getattr(comparison, name) for name in (*shared, "baseline_run", "candidate_run")}
    found = []
    for cell in comparison.cells:
        change = cell.change
        numbers = {
            "change": change.estimate if change else None,
            "low": change.low if change else None,
            "high": change.high if change else None,
        }
        judged = {"cell": cell.cell, "verdict": cell.verdict, "p": cell.p, "pairs": cell.pairs}
        found.append({"comparison": comparison.id, **of_all, **judged, **numbers})
    return found


def of_trial(run_id: str, trial: Trial) -> Row:
    """Return the row of a trial."""
    return {"run": run_id} | {name: getattr(trial, name) for name in _names(tables.trials, "root", "run")}


def of_medians(run_id: str, trial: Trial) -> list[Row]:
    """Return one row a metric that has samples that count, with their median; none for a trial that does not."""
    return [
        {
            "run": run_id,
            "number": trial.number,
            "metric": name,
            "iterations": len(values),
            "median": trial_median(values),
        }
        for name in trial.samples
        if (values := counted(trial, name))
    ]


def _names(table: sa.Table, *without: str) -> list[str]:
    return [column.name for column in table.columns if column.name not in without]
