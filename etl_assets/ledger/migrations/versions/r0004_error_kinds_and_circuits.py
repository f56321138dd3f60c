"""Kinds of errors: on validations and runs, counted; circuits, which keep work away from what is sick."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the kind of error where errors are kept, the counts of errors, and the circuits."""
    for table in ("validations", "runs"):
        op.add_column(table, sa.Column("error_kind", sa.Text(), nullable=False, server_default=""))
    op.add_column("validations", sa.Column("circuit", sa.Text(), nullable=False, server_default=""))
    op.create_table(
        "circuits",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("circuit", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("probes", sa.BigInteger(), nullable=False),
        sa.Column("in_run", sa.Boolean(), nullable=False),
        sa.Column("opened_at", sa.Text()),
        sa.Column("failed_at", sa.Text()),
        sa.Column("probe_at", sa.Text()),
        sa.Column("error_kind", sa.Text(), nullable=False),
        sa.Column("error_class", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("dataset", "circuit", name="pk_circuits"),
    )
    op.create_table(
        "error_counts",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("error_kind", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.Text(), nullable=False),
        sa.Column("last_at", sa.Text(), nullable=False),
        sa.Column("error_class", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("dataset", "origin", "error_kind", name="pk_error_counts"),
    )
