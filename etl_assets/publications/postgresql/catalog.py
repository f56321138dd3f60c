"""What the destination's catalog says of a table: is it there, its columns, what we may do with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from psycopg2 import sql

from etl_assets.publications.postgresql.session import Cursor, Table

_TABLE = """
SELECT c.oid, c.relkind, pg_has_role(c.relowner, 'MEMBER')
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
_COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod) || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END
FROM pg_attribute
WHERE attrelid = %s AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""
_DEPENDENT = """
SELECT DISTINCT d.refobjsubid, v.oid::regclass::text
FROM pg_depend d
JOIN pg_rewrite r ON r.oid = d.objid AND d.classid = 'pg_rewrite'::regclass
JOIN pg_class v ON v.oid = r.ev_class
WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = %s AND v.oid <> %s
  AND d.refobjsubid IN (SELECT attnum FROM pg_attribute WHERE attrelid = %s AND attname = ANY(%s))
ORDER BY 2
"""
PLAIN_TABLE = "r"
NOT_NULL = " NOT NULL"


@dataclass(frozen=True)
class Found:
    """A relation as the catalog has it. `owned` says whether we may change its columns."""

    oid: int
    kind: str
    owned: bool


def find_table(cursor: Cursor, table: Table) -> Found | None:
    """The relation of this name, None if there is none."""
    cursor.execute(_TABLE, [table.schema, table.name])
    row = cursor.fetchone()
    return None if row is None else Found(*row)


def name_of(cursor: Cursor, oid: int) -> str | None:
    """The name that a table has now; None if it is gone."""
    cursor.execute("SELECT oid::regclass::text FROM pg_class WHERE oid = %s AND relkind = 'r'", [oid])
    row = cursor.fetchone()
    return None if row is None else str(row[0])


def columns_of(cursor: Cursor, oid: int) -> dict[str, str]:
    """Column -> type, with NOT NULL where it is so, in order."""
    cursor.execute(_COLUMNS, [oid])
    return dict(cursor.fetchall())


def views_on(cursor: Cursor, oid: int, columns: Collection[str]) -> list[str]:
    """The views that read some of the columns."""
    cursor.execute(_DEPENDENT, [oid, oid, oid, list(columns)])
    return list(dict.fromkeys(name for _, name in cursor.fetchall()))


def missing_privileges(cursor: Cursor, found: Found) -> list[str]:
    """What we may not do with the table, though it takes that to replace its rows."""
    query = "SELECT has_table_privilege(%s::oid, %s)"
    missing = []
    for privilege in ("SELECT", "INSERT", "DELETE"):
        cursor.execute(query, [found.oid, privilege])
        if not cursor.fetchone()[0]:
            missing.append(privilege)
    return missing


def may_create(cursor: Cursor, schema: str) -> bool | None:
    """Whether we may make tables in a schema; None if there is no such schema."""
    cursor.execute(
        "SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = %s", [schema]
    )
    row = cursor.fetchone()
    return None if row is None else bool(row[0])


def create_table(cursor: Cursor, table: Table, columns: Mapping[str, str], key: Collection[str]) -> None:
    """Make the table, with what the contract promises of nulls and of its key."""
    parts = [_definition(name, kind) for name, kind in columns.items()]
    if key:
        parts.append(sql.SQL("PRIMARY KEY ({})").format(_list(key)))
    query = sql.SQL("CREATE TABLE {} ({})").format(table.identifier, sql.SQL(", ").join(parts))
    cursor.execute(query)


def create_index(cursor: Cursor, table: Table, column: str) -> None:
    """Make an index under a name of PostgreSQL's choice."""
    query = sql.SQL("CREATE INDEX ON {} ({})")
    cursor.execute(query.format(table.identifier, sql.Identifier(column)))


def change_columns(
    cursor: Cursor, table: Table, before: Mapping[str, str], columns: Mapping[str, str]
) -> None:
    """Drop and add columns of a table that holds no rows any more, so that it has those of the contract.

    A column of another type is dropped and added: to rewrite it would empty the table for every reader whose
    transaction began before.
    """

    def alter(change: str, part: sql.Composable) -> None:
        cursor.execute(sql.SQL(f"ALTER TABLE {{}} {change}").format(table.identifier, part))

    gone = dropped(before, columns)
    for name in gone:
        alter("DROP COLUMN {}", sql.Identifier(name))
    for name, kind in columns.items():
        if name not in before or name in gone:
            alter("ADD COLUMN {}", _definition(name, kind))
        elif before[name] != kind:
            change = "SET" if kind.endswith(NOT_NULL) else "DROP"
            alter(f"ALTER COLUMN {{}} {change} NOT NULL", sql.Identifier(name))


def dropped(before: Mapping[str, str], columns: Mapping[str, str]) -> list[str]:
    """The columns that are gone, or of another type."""

    def bare(kind: str | None) -> str | None:
        return kind and kind.removesuffix(NOT_NULL)

    return [name for name, kind in before.items() if bare(columns.get(name)) != bare(kind)]


def drop_key(cursor: Cursor, table: Table, oid: int) -> None:
    """Drop the primary key, if there is one."""
    cursor.execute("SELECT conname FROM pg_constraint WHERE conrelid = %s AND contype = 'p'", [oid])
    if row := cursor.fetchone():
        query = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}")
        cursor.execute(query.format(table.identifier, sql.Identifier(row[0])))


def add_key(cursor: Cursor, table: Table, key: Collection[str]) -> None:
    """Make some columns the primary key."""
    query = sql.SQL("ALTER TABLE {} ADD PRIMARY KEY ({})")
    cursor.execute(query.format(table.identifier, _list(key)))


def comment(cursor: Cursor, table: Table, description: str, columns: Mapping[str, str]) -> None:
    """Say at the destination what the table and its columns hold."""
    query = sql.SQL("COMMENT ON TABLE {} IS {}")
    cursor.execute(query.format(table.identifier, sql.Literal(description or None)))
    query = sql.SQL("COMMENT ON COLUMN {} IS {}")
    for name, told in columns.items():
        column = sql.Identifier(table.schema, table.name, name)
        cursor.execute(query.format(column, sql.Literal(told)))


def _definition(name: str, kind: str) -> sql.Composed:
    # The type is one of our own list.
    return sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind))


def _list(names: Collection[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
