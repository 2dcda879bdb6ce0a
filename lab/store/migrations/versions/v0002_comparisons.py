"""Comparisons, the verdict of each of their cells, and what devices' checks of themselves found."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
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
    )
    op.create_index("verdicts_started_utc", "verdicts", ["started_utc"])
    op.create_table(
        "comparisons",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("started_utc", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index("comparisons_started_utc", "comparisons", ["started_utc"])
    op.create_table(
        "selfchecks",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("device", sa.Text, nullable=False),
        sa.Column("started_utc", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
    )
    op.create_index("selfchecks_device", "selfchecks", ["device", "started_utc"])


def downgrade() -> None:
    """Drop the tables; the files hold all that was in them."""
    for table in ("verdicts", "comparisons", "selfchecks"):
        op.drop_table(table)
