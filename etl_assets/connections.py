"""Connections to other people's PostgreSQL: how to reach it, and what its errors mean.

Each piece of work is one transaction of its own connection: poolers in front of a server (PgBouncer) allow
it, and nothing is left behind by a process that is killed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from etl_assets.errors import EtlError

if TYPE_CHECKING:
    from psycopg2 import extensions as pg

APPLICATION = "etl_assets"
"""What the server's administrator reads in pg_stat_activity."""


class DatabaseFault(StrEnum):
    """What kind of trouble an error of a database is."""

    CREDENTIALS = "credentials"
    TLS = "tls"
    ADDRESS = "address"
    NO_DATABASE = "no_database"
    NO_TABLE = "no_table"
    NO_COLUMN = "no_column"
    PERMISSION = "permission"
    QUERY = "query"
    DATA = "data"
    TRANSIENT = "transient"

    @property
    def passes(self) -> bool:
        """Whether waiting may help; else somebody has to change something."""
        return self is DatabaseFault.TRANSIENT


class DatabaseError(EtlError):
    """A database refuses, or can't be reached. What the server quotes of rows is left out."""

    def __init__(self, fault: DatabaseFault, what: str, *, where: dict[str, object], hint: str) -> None:
        super().__init__(what, where=where, hint=hint)
        self.fault = fault


@dataclass(frozen=True)
class Connection:
    """A PostgreSQL database and the role that we have there.

    Attributes:
        name: As in the settings, for messages.
        host: A name, an address, or the folder of a Unix socket.
        sslmode: As libpq has it; `verify-full` proves that it is the right server.
        sslrootcert: File of the authorities that may have signed the server's certificate; `system` for
            those of this machine.
        sslcert: File of our own certificate, with `sslkey`, where the server asks for one.
    """

    name: str
    host: str
    database: str
    user: str
    port: int = 5432
    password: str | None = field(default=None, repr=False)
    sslmode: str = "verify-full"
    sslrootcert: str | None = None
    sslcert: str | None = None
    sslkey: str | None = None
    connect_seconds: int = 10
    statement_seconds: float | None = None

    @property
    def shown(self) -> str:
        """Where it leads, without a secret."""
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.database}"

    @contextmanager
    def transaction(
        self, *, read_only: bool = True, isolation: str = "REPEATABLE READ"
    ) -> Iterator[pg.cursor]:
        """Give a cursor in a transaction: committed at the block's end, rolled back on any error.

        Times are UTC and text is UTF-8 in it, whatever the server or the role have set.

        Args:
            read_only: Let the server refuse everything that writes.
            isolation: By default every statement of the block sees the same instant.

        Raises:
            DatabaseError: The server can't be reached or refuses.
        """
        import psycopg2

        try:
            connection = self._connect()
        except psycopg2.Error as error:
            raise explained(error, self) from None
        try:
            connection.set_session(isolation_level=isolation, readonly=read_only)
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL timezone TO 'UTC'")
                cursor.execute("SET LOCAL datestyle TO 'ISO, YMD'")
                cursor.execute("SET LOCAL intervalstyle TO 'iso_8601'")
                cursor.execute("SET LOCAL extra_float_digits TO 3")
                cursor.execute("SET LOCAL bytea_output TO 'hex'")
                if self.statement_seconds is not None:
                    cursor.execute("SET LOCAL statement_timeout TO %s", [int(self.statement_seconds * 1000)])
                yield cursor
            connection.commit()
        except psycopg2.Error as error:
            raise explained(error, self) from None
        finally:
            # What was not committed is rolled back by the server.
            with suppress(psycopg2.Error):
                connection.close()

    def probe(self) -> str:
        """Connect, and return what answered: the server's version, and how the connection is protected.

        Raises:
            DatabaseError: It can't be reached or refuses; the message says what to do.
        """
        with self.transaction() as cursor:
            cursor.execute(
                "SELECT current_setting('server_version'), version FROM pg_stat_ssl "
                "WHERE pid = pg_backend_pid()"
            )
            version, tls = cursor.fetchone() or ("?", None)
        return f"PostgreSQL {version}, {tls or 'without TLS'}"

    def _connect(self) -> pg.connection:
        import psycopg2

        given: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "password": self.password,
            "sslmode": self.sslmode,
            "sslrootcert": self.sslrootcert,
            "sslcert": self.sslcert,
            "sslkey": self.sslkey,
            "connect_timeout": self.connect_seconds,
            "application_name": APPLICATION,
            "client_encoding": "UTF8",
            # A server that vanished without a word is noticed after a minute, not after two hours.
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 60_000,
        }
        return psycopg2.connect(**{key: value for key, value in given.items() if value is not None})


# -- errors -----------------------------------------------------------------------------------

_BY_STATE = {
    "28000": DatabaseFault.CREDENTIALS,
    "28P01": DatabaseFault.CREDENTIALS,
    "3D000": DatabaseFault.NO_DATABASE,
    "3F000": DatabaseFault.NO_TABLE,
    "42P01": DatabaseFault.NO_TABLE,
    "42703": DatabaseFault.NO_COLUMN,
    "42501": DatabaseFault.PERMISSION,
    "25006": DatabaseFault.QUERY,
    "57014": DatabaseFault.TRANSIENT,
}
_BY_CLASS = {"22": DatabaseFault.DATA, "23": DatabaseFault.DATA, "42": DatabaseFault.QUERY}
# A connection that is refused has no state, only words.
_WORDS = (
    (
        r"password authentication failed|no password supplied|role \".*\" does not exist",
        DatabaseFault.CREDENTIALS,
    ),
    (r"authentication failed|not permitted to log in|no pg_hba\.conf entry", DatabaseFault.CREDENTIALS),
    (r"database \".*\" does not exist", DatabaseFault.NO_DATABASE),
    (r"permission denied for database", DatabaseFault.PERMISSION),
    (
        r"certificate|SSL error|does not support SSL|SSL connection is required|sslmode|private key",
        DatabaseFault.TLS,
    ),
    (r"could not translate host name|Name or service not known", DatabaseFault.ADDRESS),
)


def fault_of(error: BaseException) -> DatabaseFault:
    """Say what kind of trouble an error of psycopg2 is; what is not known may pass."""
    state = getattr(error, "pgcode", None)
    if state:
        return _BY_STATE.get(state) or _BY_CLASS.get(state[:2], DatabaseFault.TRANSIENT)
    text = str(error)
    return next((fault for words, fault in _WORDS if re.search(words, text)), DatabaseFault.TRANSIENT)


def explained(error: BaseException, connection: Connection) -> DatabaseError:
    """Tell people what an error of psycopg2 means: its kind, what happened, and what to do."""
    fault = fault_of(error)
    said = _said(error)
    user, database = connection.user, connection.database
    variable = f"ETL_CONNECTIONS__{connection.name.upper()}__PASSWORD"
    what, hint = {
        DatabaseFault.CREDENTIALS: (
            f"The database does not let {user} in: {said}",
            f"Is the password wrong, or has it expired? Set {variable}, or ask who runs the database to let "
            f"{user} in from this machine",
        ),
        DatabaseFault.TLS: (
            f"There is no trusted TLS connection to {connection.host}: {said}",
            _tls_hint(said),
        ),
        DatabaseFault.ADDRESS: (
            f"There is no machine of the name {connection.host}",
            f"Correct host of connections.{connection.name} in app.yaml, or the network's names",
        ),
        DatabaseFault.NO_DATABASE: (
            f"There is no database {database}",
            f"Correct database of connections.{connection.name} in app.yaml",
        ),
        DatabaseFault.NO_TABLE: (
            f"The database has no such table: {said}",
            "Correct the table's name, with its schema, or ask who runs the database what became of it",
        ),
        DatabaseFault.NO_COLUMN: (
            f"The database has no such column: {said}",
            "Was it renamed or dropped? Correct the query, or ask who runs the database",
        ),
        DatabaseFault.PERMISSION: (
            f"{user} has no permission: {said}",
            f"Let who runs the database grant it to {user}, such as GRANT USAGE on the schema and SELECT on "
            "the table",
        ),
        DatabaseFault.QUERY: (f"The database refuses the query: {said}", "Correct the query"),
        DatabaseFault.DATA: (
            f"The database can't carry out the query on the data that is there ({said})",
            "Try the query there: an expression in it fails on some rows",
        ),
        DatabaseFault.TRANSIENT: (
            f"The database does not answer as it should: {said}",
            "It is tried again; if it lasts, check the server, the network, host and port",
        ),
    }[fault]
    where: dict[str, object] = {"connection": connection.name, "server": connection.shown}
    return DatabaseError(fault, what, where=where, hint=hint)


def _tls_hint(said: str) -> str:
    if "does not match host name" in said:
        return "The certificate is another machine's: set host to the name that it was made out to"
    if "does not support SSL" in said:
        return (
            "Let who runs the database switch TLS on; sslmode: disable is for networks that nobody listens to"
        )
    if "verify failed" in said or "root certificate" in said:
        return "Set sslrootcert to the file of the authority that signed the server's certificate"
    return "Check sslmode, sslrootcert, sslcert and sslkey of the connection in app.yaml"


def _said(error: BaseException) -> str:
    """The server's own words, where they can't quote a row."""
    state = getattr(error, "pgcode", None)
    if state and state[:2] in ("22", "23"):
        return f"{type(error).__name__}, SQLSTATE {state}"
    text = getattr(getattr(error, "diag", None), "message_primary", None) or str(error)
    text = re.sub(r'connection to server (on socket |at )"[^"]*"[^:]*(?:, port \d+)? failed: ', "", text)
    return " ".join(text.replace("FATAL:", "").split())[:300].removesuffix(".") or type(error).__name__
