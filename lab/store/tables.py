"""The tables of the index. Each row belongs to one data root, so that several roots can share a database."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

VERSION = 6
"""The version of these tables, part of their names. Raise it when a table changes: every index is then rebuilt.

Versions 1 and 2 were made by alembic, under names without a version.
"""

PREFIX = f"pocketlab_v{VERSION}_"

metadata = sa.MetaData()

roots = sa.Table(
    f"{PREFIX}roots",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("opened_utc", sa.Text, nullable=False),
)
"""Every data root that opened this index: where it lay, and when it was last opened."""


def _table(name: str, *columns: sa.schema.SchemaItem) -> sa.Table:
    """Return a table whose rows each say which root they belong to."""
    return sa.Table(f"{PREFIX}{name}", metadata, sa.Column("root", sa.Text, primary_key=True), *columns)


builds = _table(
    "builds",
    sa.Column("line", sa.Text, primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("recipe", sa.Text, nullable=False),
    sa.Column("added_utc", sa.Text, nullable=False),
    sa.Column("baseline", sa.Boolean, nullable=False),
)
runs = _table(
    "runs",
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("scenario", sa.Text, nullable=False),
    sa.Column("suite", sa.Text, nullable=False),
    sa.Column("build", sa.Text, nullable=False),
    sa.Column("build_line", sa.Text, nullable=False),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("started_utc", sa.Text, nullable=False),
    sa.Column("ended_utc", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Index(f"{PREFIX}runs_started_utc", "root", "started_utc"),
    sa.Index(f"{PREFIX}runs_device", "root", "device", "started_utc"),
    sa.Index(f"{PREFIX}runs_status", "root", "status", "id"),
    sa.Index(
        f"{PREFIX}runs_grouped", "root", "scenario", "device", "build_line", "started_utc", "id", "status", "build"
    ),
)
"""Its indexes find the runs of a time, of a device, and those that may still change; the last covers what lists
ask, so that no document is read for them."""
trials = _table(
    "trials",
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("block", sa.Integer, nullable=False),
    sa.Column("cell", sa.Text, nullable=False),
    sa.Column("valid", sa.Boolean, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("started_utc", sa.Text, nullable=False),
    sa.Column("wall_s", sa.Double, nullable=False),
)
medians = _table(
    "medians",
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("metric", sa.Text, primary_key=True),
    sa.Column("iterations", sa.Integer, nullable=False),
    sa.Column("median", sa.Double, nullable=False),
)
comparisons = _table(
    "comparisons",
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("started_utc", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Index(f"{PREFIX}comparisons_started_utc", "root", "started_utc"),
)
verdicts = _table(
    "verdicts",
    sa.Column("comparison", sa.Text, primary_key=True),
    sa.Column("cell", sa.Text, primary_key=True),
    sa.Column("started_utc", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("dimension", sa.Text, nullable=False),
    sa.Column("scenario", sa.Text, nullable=False),
    sa.Column("metric", sa.Text, nullable=False),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("baseline_run", sa.Text, nullable=False),
    sa.Column("candidate_run", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("change", sa.Double),
    sa.Column("low", sa.Double),
    sa.Column("high", sa.Double),
    sa.Column("p", sa.Double, nullable=False),
    sa.Column("pairs", sa.Integer, nullable=False),
    sa.Index(f"{PREFIX}verdicts_started_utc", "root", "started_utc"),
)
selfchecks = _table(
    "selfchecks",
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("started_utc", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Index(f"{PREFIX}selfchecks_device", "root", "device", "started_utc"),
)
nights = _table(
    "nights",
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("date", sa.Text, nullable=False),
    sa.Column("suite", sa.Text, nullable=False),
    sa.Column("started_utc", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
)
incidents = _table(
    "incidents",
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("line", sa.Text, nullable=False),
    sa.Column("night", sa.Text, nullable=False),
    sa.Column("started_utc", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
)
OWNED = (builds, runs, trials, medians, comparisons, verdicts, selfchecks, nights, incidents)
"""The tables whose rows belong to a root."""

RECORDS: Mapping[str, sa.Table] = {
    "run": runs,
    "comparison": comparisons,
    "self-check": selfchecks,
    "night": nights,
    "incident": incidents,
}
"""The table of each kind of record, by the kind's name."""
