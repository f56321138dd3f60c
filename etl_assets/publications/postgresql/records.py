"""What we write down at the destination about each table that we keep there: `etl_publications`.

It is what the next writer compares the table with, and it lies in the same database: a server that was put
back to yesterday has yesterday's rows and yesterday's record of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from psycopg2 import sql

from etl_assets.publications.declaration import RECORDS
from etl_assets.publications.postgresql.catalog import find_table
from etl_assets.publications.postgresql.session import Cursor, Table

_CREATE = """
CREATE TABLE IF NOT EXISTS {records} (
    target text PRIMARY KEY,
    publication text NOT NULL,
    state_id text,
    token bigint NOT NULL,
    row_count bigint NOT NULL,
    written_at timestamptz NOT NULL,
    table_oid oid NOT NULL,
    columns jsonb NOT NULL,
    key_columns jsonb NOT NULL,
    parts jsonb NOT NULL
)"""
_COMMENT = (
    "What etl_assets has written into this schema. state_id set to null: the table is written anew as a "
    "whole, whatever was changed in it by hand."
)


@dataclass(frozen=True)
class RecordedPart:
    """One partition as it was written: its state, its rows, and the sum of their hashes."""

    state_id: str
    rows: int
    checksum: str


@dataclass(frozen=True)
class Record:
    """What was written last.

    Attributes:
        state_id: None if somebody asks for the whole table to be written anew.
        oid: The table's, by which it is found again under another name.
        columns: Column -> type.
        key: The columns of the primary key that we made.
    """

    publication: str
    state_id: str | None
    token: int
    oid: int
    columns: Mapping[str, str]
    key: tuple[str, ...] = ()
    parts: Mapping[str, RecordedPart] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Rows of all partitions."""
        return sum(part.rows for part in self.parts.values())

    def by(self, token: int) -> Record:
        """The same, found unchanged by a later writer."""
        return replace(self, token=token)


def has_records(cursor: Cursor, table: Table) -> bool:
    """Whether anything was ever written into this schema."""
    return find_table(cursor, records_of(table)) is not None


def create_records(cursor: Cursor, table: Table) -> None:
    """Make the table of records."""
    name = records_of(table).identifier
    cursor.execute(sql.SQL(_CREATE).format(records=name))
    cursor.execute(sql.SQL("COMMENT ON TABLE {} IS {}").format(name, sql.Literal(_COMMENT)))


def read_record(cursor: Cursor, table: Table) -> Record | None:
    """What is written down of a table, locked until the transaction ends; None if nothing is."""
    if not has_records(cursor, table):
        return None
    names = "publication, state_id, token, table_oid, columns, key_columns, parts"
    query = f"SELECT {names} FROM {{}} WHERE target = %s FOR UPDATE"
    cursor.execute(sql.SQL(query).format(records_of(table).identifier), [table.name])
    row = cursor.fetchone()
    if row is None:
        return None
    publication, state_id, token, oid, columns, key, parts = row
    found = {period: RecordedPart(*one) for period, one in _json(parts).items()}
    return Record(publication, state_id, token, int(oid), dict(_json(columns)), tuple(_json(key)), found)


def write_record(cursor: Cursor, table: Table, record: Record) -> None:
    """Write down what the table holds from now on."""
    parts = {period: [one.state_id, one.rows, one.checksum] for period, one in record.parts.items()}
    values = {
        "target": table.name,
        "publication": record.publication,
        "state_id": record.state_id,
        "token": record.token,
        "row_count": record.rows,
        "table_oid": record.oid,
        # As a list: jsonb does not keep the order of keys.
        "columns": json.dumps(list(record.columns.items())),
        "key_columns": json.dumps(record.key),
        "parts": json.dumps(parts),
    }
    names = sql.SQL(", ").join(map(sql.Identifier, values))
    places = sql.SQL(", ").join(sql.Placeholder(name) for name in values)
    update = sql.SQL(", ").join(sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(name)) for name in values)
    query = sql.SQL(
        "INSERT INTO {} ({}, written_at) VALUES ({}, now()) "
        "ON CONFLICT (target) DO UPDATE SET {}, written_at = EXCLUDED.written_at"
    )
    cursor.execute(query.format(records_of(table).identifier, names, places, update), values)


def records_of(table: Table) -> Table:
    """The table of records that lies beside a table."""
    return Table(table.schema, RECORDS)


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value
