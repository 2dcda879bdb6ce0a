"""The tables of the index; `migrations/` has the steps that lead to them."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

builds = sa.Table(
    "builds",
    metadata,
    sa.Column("line", sa.Text, primary_key=True),
    sa.Column("revision", sa.Integer, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("recipe", sa.Text, nullable=False),
    sa.Column("added_utc", sa.Text, nullable=False),
    sa.Column("baseline", sa.Boolean, nullable=False),
)
runs = sa.Table(
    "runs",
    metadata,
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
    sa.Index("runs_started_utc", "started_utc"),
)
trials = sa.Table(
    "trials",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("block", sa.Integer, nullable=False),
    sa.Column("cell", sa.Text, nullable=False),
    sa.Column("valid", sa.Boolean, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("started_utc", sa.Text, nullable=False),
    sa.Column("wall_s", sa.Double, nullable=False),
)
medians = sa.Table(
    "medians",
    metadata,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("metric", sa.Text, primary_key=True),
    sa.Column("iterations", sa.Integer, nullable=False),
    sa.Column("median", sa.Double, nullable=False),
)
verdicts = sa.Table(
    "verdicts",
    metadata,
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
    sa.Index("verdicts_started_utc", "started_utc"),
)
comparisons = sa.Table(
    "comparisons",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("started_utc", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Index("comparisons_started_utc", "started_utc"),
)
selfchecks = sa.Table(
    "selfchecks",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("device", sa.Text, nullable=False),
    sa.Column("started_utc", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
    sa.Index("selfchecks_device", "device", "started_utc"),
)
