"""A session with the destination's database: one transaction, and what its errors mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2 import errors, sql

from etl_assets.connections import Connection, explained, fault_of
from etl_assets.errors import ErrorKind
from etl_assets.publications.destination import DestinationChangedError, PublicationError

Cursor = Any
"""psycopg2 has no types."""

LOCK_SECONDS = 30
"""How long to wait for whoever else holds the table: another writer, or a change of its columns."""

_SESSION = {
    # What the text of a row depends on, whatever the server's settings are: checksums are made of it.
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "lock_timeout": f"{LOCK_SECONDS}s",
    # The session of a machine that is gone must not hold its locks for hours.
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}


@dataclass(frozen=True)
class Table:
    """A table's name at the destination."""

    schema: str
    name: str

    @classmethod
    def parse(cls, target: str) -> Table:
        """Read `schema.name`, or a name in the schema public."""
        schema, _, name = target.rpartition(".")
        return cls(schema or "public", name)

    def __str__(self) -> str:
        """As one would write it in a statement."""
        plain = re.compile(r"[a-z_][a-z0-9_]*")
        parts = (self.schema, self.name)
        return ".".join(part if plain.fullmatch(part) else f'"{part}"' for part in parts)

    @property
    def identifier(self) -> sql.Identifier:
        """Quoted, for a statement."""
        return sql.Identifier(self.schema, self.name)


@contextmanager
def transaction(connection: Connection, table: Table) -> Iterator[Cursor]:
    """Give a cursor in one transaction, committed at the end of the block or not at all.

    Each statement sees what was committed before it: what is read after a lock was waited for is how things
    are now.

    Raises:
        PublicationError: In place of whatever the database says, without any cell that it quotes.
        DatabaseError: The database can't be reached.
    """
    with connection.transaction(read_only=False, isolation="READ COMMITTED") as cursor:
        try:
            for name, value in _SESSION.items():
                cursor.execute("SELECT set_config(%s, %s, true)", [name, value])
            yield cursor
        except psycopg2.Error as error:
            raise told(error, connection, table) from None


def told(error: psycopg2.Error, connection: Connection, table: Table) -> Exception:
    """Say what an error of the database means; what it may quote of a row is left out."""
    said = _said(error)
    what, hint, kind = f"The database refuses: {said}", "", ErrorKind.CONFIGURATION
    match error:
        case errors.LockNotAvailable():
            what = f"Somebody else has held the table for more than {LOCK_SECONDS} s"
            hint = "See who in pg_stat_activity; a session that hangs is ended by pg_terminate_backend(pid)"
            kind = ErrorKind.TRANSIENT
        case errors.InsufficientPrivilege():
            hint = f"Grant it to {connection.user}; docs/how-to/publish.md names all that is needed"
        case errors.DependentObjectsStillExist() | errors.FeatureNotSupported():
            what = f"The columns of the table can't be changed as the contract was: {said}"
            hint = "Drop what depends on the column, such as a view, and make it anew after the next run"
        case errors.ForeignKeyViolation():
            what = f"A foreign key refers to rows that are replaced: {error.diag.constraint_name}"
            hint = "Drop the constraint, or make it DEFERRABLE INITIALLY DEFERRED"
        case errors.IntegrityError() | errors.ProgramLimitExceeded():
            what = f"The rows break a constraint of the table: {error.diag.constraint_name or said}"
            hint = "Drop it if it is not the contract's; of the primary key say primary_key: false"
        case errors.DataError():
            what = f"The database can't hold a value{_column(error)}: {said}"
            hint = "Refuse such values by the column's rules in the contract, or leave the column out"
            kind = ErrorKind.DATA
        case errors.InsufficientResources():
            kind, hint = ErrorKind.RESOURCE, "It is tried again; make room on the server"
        case _ if fault_of(error).passes:
            return explained(error, connection)
    wrong = DestinationChangedError if kind is ErrorKind.CONFIGURATION else PublicationError
    return wrong(what, where={"destination": f"{connection.name} {table}"}, hint=hint, kind=kind)


def _said(error: psycopg2.Error) -> str:
    """The database's message: where it may quote a row, its detail is left out."""
    if (error.pgcode or "")[:2] in ("22", "23"):
        return f"{type(error).__name__}, SQLSTATE {error.pgcode}"
    detail = error.diag.message_detail if isinstance(error, errors.DependentObjectsStillExist) else ""
    parts = [
        error.diag.message_primary or str(error).strip().partition("\n")[0],
        *(detail or "").splitlines(),
    ]
    return "; ".join(part.strip() for part in parts if part.strip()) or type(error).__name__


def _column(error: psycopg2.Error) -> str:
    found = re.search(r"line \d+, column ([^:]+):", error.diag.context or "")
    return f" of column {found[1]}" if found else ""
