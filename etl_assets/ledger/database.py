"""One engine, two kinds of transactions: reads that see one instant, and writes that queue."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, false, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError, StatementError

from etl_assets.error_kinds import kind_of
from etl_assets.errors import ErrorKind, LedgerError

T = TypeVar("T")

BUSY_SECONDS = 30.0
"""How long a write waits for another process's before it gives up."""
POSTGRES_SCHEMA = "etl_ledger"
"""On PostgreSQL the ledger keeps to itself: Dagster's storage has a table `runs` as well."""
DRIVERS = ("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg2")
_POSTGRES_WAITS = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""A sensor's tick is killed after a minute: until then it has to know."""
# Far below the 32,766 variables that SQLite takes in a statement.
CHUNK = 5_000


class Database:
    """A database under the ledger. A transaction is one `with` block, committed at its end or not at all."""

    def __init__(self, url: str) -> None:
        self._url = parse_url(url)
        # Without the query: a password may be there as well.
        self.shown_url = self._url.set(query={}).render_as_string(hide_password=True)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        self._engine = _sqlite_engine(self._url) if self.is_sqlite else _postgres_engine(self._url)
        reads = {"begin": "BEGIN"} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self._reads = self._engine.execution_options(**reads)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection on which several queries see the same instant."""
        with self._translated(), self._reads.begin() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection whose changes become visible together at the end of the block."""
        with self._translated(), self._engine.begin() as connection:
            yield connection

    def use_write_ahead_log(self) -> None:
        """Let readers and a writer of a SQLite file work at once; it is kept in the file."""
        deadline = time.monotonic() + BUSY_SECONDS
        while self.is_sqlite:
            with self._translated(), self._engine.connect() as connection:
                raw = connection.connection.dbapi_connection
                assert raw is not None
                try:
                    # On the driver's connection, outside of any transaction, where alone SQLite can switch.
                    raw.cursor().execute("PRAGMA journal_mode=WAL")
                    return
                except sqlite3.OperationalError as error:
                    # Another process is at it as well: here, and only here, SQLite does not wait by itself.
                    if time.monotonic() > deadline:
                        raise self._error(str(error), operational=True) from error
            time.sleep(0.01)

    def back_up(self, file: Path) -> None:
        """Copy a SQLite file by SQLite's own means, which sees one instant and needs no pause of others.

        Raises:
            LedgerError: It is a PostgreSQL database, or the copy can't be written.
        """
        if not self.is_sqlite:
            raise LedgerError(
                "A ledger on PostgreSQL is backed up by PostgreSQL",
                where={"ledger": self.shown_url},
                hint=f"pg_dump --format=custom --schema={POSTGRES_SCHEMA} DATABASE > ledger.dump",
            )
        part = file.with_name(f".{file.name}.part")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            part.unlink(missing_ok=True)
            with self._translated(), self._engine.connect() as connection:
                raw = connection.connection.dbapi_connection
                assert raw is not None
                with contextlib.closing(sqlite3.connect(part)) as copy:
                    raw.backup(copy)
                    # A whole file by itself: nothing beside it to forget when it is put back.
                    copy.execute("PRAGMA journal_mode=DELETE")
            part.replace(file)
        except (OSError, sqlite3.Error) as error:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            what = f"The copy of the ledger can't be written: {getattr(error, 'strerror', None) or error}"
            raise LedgerError(what, where={"file": str(file)}) from error

    def check_writable(self, table: Table) -> None:
        """Write to a table what changes nothing.

        Raises:
            LedgerError: This user, or the disk, can only read; or there is no room.
        """
        with self.write() as connection:
            connection.execute(table.update().where(false()).values({table.c[0].name: table.c[0]}))

    def server_time(self) -> datetime | None:
        """The server's clock; None for SQLite, which is a file."""
        if self.is_sqlite:
            return None
        with self.read() as connection:
            found: datetime | None = connection.execute(text("SELECT clock_timestamp()")).scalar()
        return found

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except StatementError as error:
            # The driver's own message only: SQLAlchemy's would quote the statement.
            operational = isinstance(error, OperationalError)
            raise self._error(str(error.orig), operational, kind=kind_of(error)) from error
        except SQLAlchemyError as error:
            raise self._error(str(error), kind=kind_of(error)) from error

    def _error(
        self, message: str, operational: bool = False, kind: ErrorKind = ErrorKind.TRANSIENT
    ) -> LedgerError:
        what = " ".join(message.split()).removesuffix(".")
        hint = "Look at it with `dq doctor`"
        if "locked" in what:
            hint = f"Another process has been writing for more than {BUSY_SECONDS:.0f} s; try again"
        elif operational:
            hint = "Does the database exist, is it up, and may this user write to it?"
        if kind is ErrorKind.RESOURCE:
            hint = "Is there room on the ledger's disk, and has the server connections to spare?"
        what = f"The ledger could not be used: {what}"
        return LedgerError(what, where={"ledger": self.shown_url}, hint=hint, kind=kind)


def parse_url(text: str) -> URL:
    """Return the URL of a SQLite file or a PostgreSQL database.

    Raises:
        LedgerError: It is neither. The text itself is not repeated: it may hold a password.
    """
    hint = "Write sqlite:///relative/path.db, sqlite:////absolute/path.db or postgresql://user@host/database"
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise _wrong_url("The ledger's URL can't be understood", hint) from None
    if "@" in (url.host or ""):
        # What follows the first @ of a password would count as the host, and be shown.
        what = "The ledger's URL has more than one @"
        raise _wrong_url(what, "Write an @ within the password as %40, and a / as %2F")
    if url.drivername not in DRIVERS:
        raise _wrong_url(f"The ledger can't live in {url.drivername}", hint)
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise _wrong_url("The ledger needs a file: other processes must see it", hint)
    # psycopg2 is what dagster-postgres brings; SQLAlchemy's own default is another driver.
    return url.set(drivername="postgresql+psycopg2") if url.drivername == "postgresql" else url


def _wrong_url(what: str, hint: str) -> LedgerError:
    return LedgerError(what, hint=hint, kind=ErrorKind.CONFIGURATION)


def _sqlite_engine(url: URL) -> Engine:
    assert url.database is not None
    try:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LedgerError(
            f"The ledger's folder can't be made: {error.strerror}",
            where={"ledger": url.database},
            kind=kind_of(error),
        ) from error
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        # The driver's own idea of transactions begins them late and as readers; ours begin in `_begin`.
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys=ON")
        # A commit is on disk when it returns: after a power cut a fencing token must not run backwards.
        connection.execute("PRAGMA synchronous=FULL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer asks for the lock at once: a reader that turns writer fails when another was faster.
        begin = connection.get_execution_options().get("begin", "BEGIN IMMEDIATE")
        connection.exec_driver_sql(begin)

    return engine


def _postgres_engine(url: URL) -> Engine:
    # What the URL says comes first. A server that vanished without a word is noticed after half a minute.
    waits = {name: value for name, value in _POSTGRES_WAITS.items() if name not in url.query}
    engine = create_engine(url, connect_args=waits, hide_parameters=True, pool_pre_ping=True, pool_size=2)

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET search_path TO {POSTGRES_SCHEMA}")
        connection.commit()

    return engine


def upsert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return the dialect's INSERT, which knows ON CONFLICT."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut `values` into pieces that fit into one statement."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]
