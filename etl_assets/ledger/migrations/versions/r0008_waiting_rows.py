"""How many quarantined rows of a validation wait for what they refer to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the count; none waited before."""
    op.add_column("validations", sa.Column("waiting", sa.BigInteger(), nullable=False, server_default="0"))
