"""How far a large staging area was listed, slice by slice."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the place where the next slice begins."""
    op.add_column("datasets", sa.Column("listed_through", sa.Text()))
