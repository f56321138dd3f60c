"""How often what is to be done for a dataset may have changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the count of changes."""
    op.add_column("datasets", sa.Column("changes", sa.BigInteger()))
