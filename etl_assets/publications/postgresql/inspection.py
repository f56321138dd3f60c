"""Looks at the destination before anything is changed: is it as we left it, and may we change it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from psycopg2 import sql

from etl_assets import logs
from etl_assets.contracts.provenance import PERIOD
from etl_assets.publications.content import Content
from etl_assets.publications.destination import DestinationChangedError, StalePublisherError
from etl_assets.publications.postgresql import catalog, rows
from etl_assets.publications.postgresql.catalog import Found
from etl_assets.publications.postgresql.records import Record, RecordedPart, read_record, records_of
from etl_assets.publications.postgresql.session import Cursor, Table

LOG = logs.get_logger(__name__)

_SHOWN = 5


@dataclass(frozen=True)
class Wanted:
    """What the table is to have: column -> type, and the columns of its primary key."""

    columns: Mapping[str, str]
    key: tuple[str, ...] = ()


@dataclass(frozen=True)
class Current:
    """What the destination holds.

    Attributes:
        found: The table; None if it is to be made.
        record: What was written down of it.
        columns: Column -> type, as the catalog has them.
        parts: The partitions that need not be written if they have not changed; none if all is to be.
    """

    found: Found | None = None
    record: Record | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, RecordedPart] = field(default_factory=dict)

    @property
    def state_id(self) -> str | None:
        """What the destination holds, None where that is not known."""
        return self.record.state_id if self.found is not None and self.record is not None else None

    def differs(self, wanted: Wanted) -> bool:
        """Whether the table has other columns than it is to have, or another key."""
        key = self.record.key if self.record is not None else ()
        return dict(self.columns) != dict(wanted.columns) or key != wanted.key

    def whole(self, wanted: Wanted) -> bool:
        """Whether all rows are to be replaced."""
        return self.state_id is None or self.differs(wanted)


def inspect(cursor: Cursor, table: Table, content: Content, wanted: Wanted) -> Current:
    """Find out what is there; the table is then locked against others who write, not against readers.

    Raises:
        DestinationChangedError: Somebody has changed it, it is not ours, or we may not write to it.
        StalePublisherError: A newer writer was here.
    """
    look = _Look(cursor, table, content)
    found = catalog.find_table(cursor, table)
    record = read_record(cursor, table)
    if record is not None:
        look.check_writer(record)
    if found is None:
        look.check_gone(record)
        return Current()
    if record is None:
        raise look.wrong(
            f"There is a table {table} that etl_assets has not made",
            "Choose another target, or rename or drop that table",
        )
    look.check_usable(found)
    columns = catalog.columns_of(cursor, found.oid)
    if record.state_id is not None:
        look.check_columns(columns, record)
    current = Current(found, record, columns, record.parts)
    changed = current.differs(wanted)
    if changed:
        look.check_changeable(found, columns, wanted)
    mode = "ACCESS EXCLUSIVE" if changed else "SHARE ROW EXCLUSIVE"
    cursor.execute(sql.SQL(f"LOCK TABLE {{}} IN {mode} MODE").format(table.identifier))
    if record.state_id is not None:
        look.check_rows(record)
    return current


@dataclass(frozen=True)
class _Look:
    cursor: Cursor
    table: Table
    content: Content

    def wrong(self, what: str, hint: str) -> DestinationChangedError:
        return DestinationChangedError(what, where={"publication": self.content.name}, hint=hint)

    @property
    def _anew(self) -> str:
        return (
            "To have the whole table written anew: "
            f"UPDATE {records_of(self.table)} SET state_id = NULL WHERE target = '{self.table.name}'"
        )

    def check_writer(self, record: Record) -> None:
        """Is it the same publication, and are we the newest writer?"""
        if record.publication != self.content.name:
            raise self.wrong(
                f"The table {self.table} belongs to the publication {record.publication}",
                "Choose another target. If that publication is no more, drop the table and its line in "
                f"{records_of(self.table)}",
            )
        if record.token > self.content.token:
            raise StalePublisherError(
                f"A newer run has written {self.table} already",
                where={"publication": self.content.name},
                hint="Nothing was changed; the newer run does the work",
            )

    def check_gone(self, record: Record | None) -> None:
        """There is no table: may we make it?"""
        schema = self.table.schema
        if record is not None:
            if name := catalog.name_of(self.cursor, record.oid):
                raise self.wrong(
                    f"The table {self.table} was renamed to {name}",
                    f"Rename it back, or set target: {name}; to have a second one, drop the line of "
                    f"{self.table.name} in {records_of(self.table)}",
                )
            LOG.warning("the table was dropped, and is made anew", extra={"table": str(self.table)})
        may = catalog.may_create(self.cursor, schema)
        if may is None:
            raise self.wrong(f"There is no schema {schema}", f"CREATE SCHEMA {schema}, or correct target")
        if not may:
            raise self.wrong(
                f"We may not make a table in the schema {schema}",
                f"GRANT USAGE, CREATE ON SCHEMA {schema} to the user of the connection",
            )

    def check_usable(self, found: Found) -> None:
        """Is it a table, with the rights that it takes?"""
        if found.kind != catalog.PLAIN_TABLE:
            raise self.wrong(
                f"{self.table} is no plain table any more",
                "Move it out of the way: the table that is dropped or renamed is made anew",
            )
        if missing := catalog.missing_privileges(self.cursor, found):
            raise self.wrong(
                f"We have no {', '.join(missing)} on {self.table} any more",
                f"GRANT SELECT, INSERT, DELETE ON {self.table} to the user of the connection",
            )

    def check_columns(self, columns: Mapping[str, str], record: Record) -> None:
        """Are the columns those that we made?"""
        differences = [
            *(f"{name} is gone" for name in record.columns if name not in columns),
            *(f"{name} was added" for name in columns if name not in record.columns),
            *(
                f"{name} is {columns[name]} instead of {kind}"
                for name, kind in record.columns.items()
                if columns.get(name, kind) != kind
            ),
        ]
        if differences:
            raise self.wrong(
                f"Somebody has changed the columns of {self.table}: {_listed(differences)}",
                f"Undo that; what is added belongs into a view or a table of its own. {self._anew}",
            )

    def check_changeable(self, found: Found, columns: Mapping[str, str], wanted: Wanted) -> None:
        """The contract has changed: can the table follow?"""
        gone = catalog.dropped(columns, wanted.columns)
        if gone and (views := catalog.views_on(self.cursor, found.oid, gone)):
            raise self.wrong(
                f"The contract no longer has {_listed(gone)} as it was, which {_listed(views)} read",
                f"Drop {_listed(views)}, and make it anew after the next run",
            )
        if not found.owned:
            raise self.wrong(
                f"The columns of {self.table} must follow the contract, but the table is not ours to change",
                f"ALTER TABLE {self.table} OWNER TO the user of the connection",
            )

    def check_rows(self, record: Record) -> None:
        """Are the rows those that we wrote?"""
        counted = rows.count(self.cursor, self.table, partitioned=self._had_partitions(record))
        written = {key: (part.rows, part.checksum) for key, part in record.parts.items() if part.rows}
        differing = sorted(key for key in {*counted, *written} if counted.get(key) != written.get(key))
        if not differing:
            return
        there = sum(counted.get(key, (0, ""))[0] for key in differing)
        ours = sum(written.get(key, (0, ""))[0] for key in differing)
        where = f" in {_listed(differing)}" if any(differing) else ""
        raise self.wrong(
            f"Somebody has changed rows of {self.table}{where}: {there} rows are there, {ours} were written, "
            "and they are not the same",
            f"Undo that, or keep a copy of it elsewhere. {self._anew}",
        )

    @staticmethod
    def _had_partitions(record: Record) -> bool:
        return PERIOD in record.columns and set(record.parts) != {""}


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
