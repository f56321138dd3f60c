"""How much CPU time and memory runs took."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add CPU time and memory to runs; null for those before."""
    op.add_column("runs", sa.Column("cpu_seconds", sa.Double()))
    op.add_column("runs", sa.Column("peak_memory_bytes", sa.BigInteger()))
