"""Counts over many trials that the index answers, no file read: why they do not count, and their spread."""

from __future__ import annotations

import sqlalchemy as sa

from lab.store.tables import medians, runs, trials


def tallies(root: str, since: str, until: str | None) -> sa.Select[tuple[str, str, str, int]]:
    """Return the question for the tallies of the runs that began in a time (ISO 8601, UTC), by device."""
    begun = _begun(root, since, until)
    reason = sa.func.coalesce(trials.c.reason, "").label("reason")
    grouped = (begun.c.device, begun.c.scenario, reason)
    return (
        sa.select(*grouped, sa.func.count(trials.c.number).label("trials"))
        .select_from(begun.join(trials, _of_run(root, begun, trials)))
        .group_by(*grouped)
        .order_by(*grouped)
    )


def spreads(root: str, since: str, device: str | None) -> sa.Select[tuple[str, str, str, str, int, int, float]]:
    """Return the question for the spread of every cell and metric of the runs that began since then.

    Runs of one trial have none. A run's sum of squares is relative to its mean: n (mean of squares / mean² - 1).
    The outer joins tell the database to begin with the runs: without, SQLite begins with all medians there are.
    """
    begun, value = _begun(root, since, None, device), medians.c.median
    of_trial = sa.and_(_of_run(root, begun, medians), medians.c.number == trials.c.number)
    same = (begun.c.device, begun.c.scenario, trials.c.cell, medians.c.metric)
    each = (
        sa.select(
            *same,
            sa.func.count(value).label("n"),
            sa.func.avg(value).label("mean"),
            sa.func.avg(value * value).label("square"),
        )
        .select_from(begun.outerjoin(trials, _of_run(root, begun, trials)).outerjoin(medians, of_trial))
        .group_by(begun.c.id, *same)
        .having(sa.func.count(value) > 1, sa.func.avg(value) > 0)
        .subquery()
    )
    keys = (each.c.device, each.c.scenario, each.c.cell, each.c.metric)
    squares = each.c.n * (each.c.square / (each.c.mean * each.c.mean) - 1)
    sums = (
        sa.func.count().label("runs"),
        sa.cast(sa.func.sum(each.c.n - 1), sa.Integer).label("freedom"),
        sa.func.sum(squares).label("squares"),
    )
    return sa.select(*keys, *sums).group_by(*keys).order_by(*keys)


def _begun(root: str, since: str, until: str | None, device: str | None = None) -> sa.CTE:
    """Return the runs of a root that began in a time, found first; seconds are enough, and sort as text."""
    wanted = [runs.c.root == root, runs.c.started_utc >= since[:19]]
    wanted += [] if until is None else [runs.c.started_utc < until[:19]]
    wanted += [] if device is None else [runs.c.device == device]
    found = sa.select(runs.c.id, runs.c.device, runs.c.scenario).where(*wanted)
    return found.cte("begun").prefix_with("MATERIALIZED")


def _of_run(root: str, begun: sa.CTE, table: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(table.c.root == root, table.c.run == begun.c.id)
