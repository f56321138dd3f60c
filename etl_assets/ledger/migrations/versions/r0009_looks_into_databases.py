"""When the queries of sources were last read, and last compared with what was read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; a query that is not in it is due."""
    op.create_table(
        "query_looks",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("table", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("dataset", "table", "kind", name="pk_query_looks"),
    )
