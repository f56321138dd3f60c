"""Run by Alembic: migrates on the connection, and inside the transaction, that `upgrade` hands over."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from etl_assets.ledger.schema import VERSION_TABLE, metadata

connection: Connection = context.config.attributes["connection"]
# SQLite can't alter a column in place; "batch" copies the table.
context.configure(
    connection=connection, target_metadata=metadata, version_table=VERSION_TABLE, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
