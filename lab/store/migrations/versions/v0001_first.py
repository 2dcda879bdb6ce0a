"""Builds in their lines, runs, trials and the medians of trials."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
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
    op.create_table(
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
    )
    op.create_index("runs_started_utc", "runs", ["started_utc"])
    op.create_table(
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
    op.create_table(
        "medians",
        sa.Column("run", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("metric", sa.Text, primary_key=True),
        sa.Column("iterations", sa.Integer, nullable=False),
        sa.Column("median", sa.Double, nullable=False),
    )


def downgrade() -> None:
    """Drop the tables; the files hold all that was in them."""
    for table in ("medians", "trials", "runs", "builds"):
        op.drop_table(table)
