"""Decisions of people on rows, partitions and deliveries, and how many rows they concerned."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add the decisions, their effects, and counts of the rows that owe their fate to one."""
    for name in ("corrected", "waived", "discarded"):
        op.add_column("validations", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "decisions",
        sa.Column("id", ID, nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("table", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("row_id", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("replaces", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("until", sa.Text()),
        sa.Column("batch", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_decisions_dataset", "decisions", ["dataset", "id"])
    op.create_table(
        "decision_effects",
        sa.Column("validation_id", ID, nullable=False),
        sa.Column("decision_id", ID, nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("validation_id", "decision_id", name="pk_decision_effects"),
        sa.ForeignKeyConstraint(
            ["validation_id"],
            ["validations.id"],
            name="fk_decision_effects_validation_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["decision_id"], ["decisions.id"], name="fk_decision_effects_decision_id"),
        sqlite_with_rowid=False,
    )
