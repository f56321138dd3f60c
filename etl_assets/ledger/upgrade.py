"""Brings a ledger's schema up to date; costs one query when it already is."""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from etl_assets.errors import ErrorKind, LedgerError
from etl_assets.ledger.database import POSTGRES_SCHEMA, Database
from etl_assets.ledger.schema import SCHEMA_VERSION, VERSION_TABLE

# Any number will do, if nothing else that uses the same PostgreSQL server takes it.
POSTGRES_LOCK = 4_807_290_111

_ONE_AT_A_TIME = threading.Lock()


def ensure_schema(database: Database) -> None:
    """Migrate `database` to this code's schema if it is older.

    Safe with many processes at once: one migrates, in one transaction, the others wait for it.

    Raises:
        LedgerError: The schema is newer than this code, or belongs to something else.
    """
    with database.read() as connection:
        if _version(connection) == SCHEMA_VERSION:
            return
    database.use_write_ahead_log()
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": POSTGRES_LOCK})
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {POSTGRES_SCHEMA}"))
        if _version(connection) != SCHEMA_VERSION:
            _migrate(connection, database)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    version: str | None = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    return version


def _migrate(connection: Connection, database: Database) -> None:
    # Imported here: it takes as long as everything else that opening needs, and is hardly ever wanted.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    folder = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        # Alembic keeps what it works on in a module, for all threads.
        with _ONE_AT_A_TIME:
            command.upgrade(config, "head")
    except CommandError as error:
        raise LedgerError(
            f"The ledger's schema is not one that this version knows ({error})",
            where={"ledger": database.shown_url},
            hint="A newer version of etl_assets wrote it; use that one, or another ledger",
            kind=ErrorKind.CONFIGURATION,
        ) from error
