"""A table of a PostgreSQL database, replaced in one transaction: see docs/adr/0018-publications.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from etl_assets import logs
from etl_assets.connections import Connection
from etl_assets.contracts.provenance import PERIOD
from etl_assets.publications.content import Content, Shape, Written
from etl_assets.publications.destination import RowsMiscountedError
from etl_assets.publications.postgresql import catalog, rows
from etl_assets.publications.postgresql.inspection import Current, Wanted, inspect
from etl_assets.publications.postgresql.records import (
    Record,
    RecordedPart,
    create_records,
    has_records,
    write_record,
)
from etl_assets.publications.postgresql.session import Cursor, Table, transaction
from etl_assets.publications.postgresql.types import column_types

LOG = logs.get_logger(__name__)

_LOCK = 4_807_290_112
"""Any number will do that nothing else on the server takes; with it, the target's name is hashed."""


@dataclass(frozen=True)
class PostgresDestination:
    """One table of a PostgreSQL database."""

    connection: Connection
    table: Table
    primary_key: bool = True

    @property
    def kind(self) -> str:
        """What it is."""
        return "postgresql"

    @property
    def place(self) -> str:
        """Where it is."""
        return f"{self.connection.name}:{self.table}"

    @property
    def identity(self) -> object:
        """The database and the table."""
        to = self.connection
        return [self.kind, to.host, to.port, to.database, str(self.table), self.primary_key]

    def check(self, shape: Shape) -> None:
        """Raise a `PublicationError` if PostgreSQL can't hold such columns."""
        column_types(shape.columns)

    def write(self, content: Content) -> Written:
        """Replace what has changed, in one transaction that readers see as a whole or not at all.

        Raises:
            PublicationError: Nothing was changed; says why, and what to do.
            DatabaseError: The database can't be reached.
        """
        wanted = self._wanted(content.shape)
        with transaction(self.connection, self.table) as cursor:
            # Two writers queue here, also while there is no table yet that could be locked.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, %s))", [str(self.table), _LOCK])
            current = inspect(cursor, self.table, content, wanted)
            if current.state_id == content.state_id:
                return self._nothing(cursor, content, current)
            if current.found is None:
                self._create(cursor, content.shape, wanted)
            replaced = self._replace(cursor, content, current, wanted)
            return self._finish(cursor, content, current, wanted, replaced)

    def _nothing(self, cursor: Cursor, content: Content, current: Current) -> Written:
        """The destination holds it already; from now on an older writer is refused."""
        assert current.record is not None
        if content.token > current.record.token:
            write_record(cursor, self.table, current.record.by(content.token))
        return Written(current.record.rows)

    def _create(self, cursor: Cursor, shape: Shape, wanted: Wanted) -> None:
        if not has_records(cursor, self.table):
            create_records(cursor, self.table)
        catalog.create_table(cursor, self.table, wanted.columns, wanted.key)
        if shape.partitioned and not wanted.key:
            catalog.create_index(cursor, self.table, PERIOD)
        catalog.comment(cursor, self.table, shape.description, shape.descriptions)

    def _wanted(self, shape: Shape) -> Wanted:
        """The columns and the key that the table is to have."""
        key: tuple[str, ...] = ()
        if self.primary_key and shape.key:
            # The contract promises it within a partition.
            key = (PERIOD, *shape.key) if shape.partitioned else shape.key
        types = column_types(shape.columns)
        required = {*shape.required, *key}
        return Wanted(
            {name: kind + (catalog.NOT_NULL if name in required else "") for name, kind in types.items()}, key
        )

    def _replace(self, cursor: Cursor, content: Content, current: Current, wanted: Wanted) -> tuple[str, ...]:
        """Put the new rows in the place of the old ones; returns the partitions that were concerned."""
        whole = current.whole(wanted) or not content.shape.partitioned
        before = {period: part.state_id for period, part in current.parts.items()}
        after = {period: part.state_id for period, part in content.parts.items()}
        replaced = [key for key in sorted({*before, *after}) if whole or before.get(key) != after.get(key)]
        if current.found is not None:
            rows.delete(cursor, self.table, None if whole else replaced)
            if current.differs(wanted):
                self._change_columns(cursor, content.shape, current, wanted)
        periods = [period for period in replaced if period in content.parts]
        LOG.info("writing", extra={"destination": self.place, "partitions": len(periods)})
        copied = rows.copy(cursor, self.table, content.read(periods), content.shape.columns)
        expected = sum(content.parts[period].rows for period in periods)
        if copied != expected:
            raise _miscount(f"{copied} rows were read from the lake, {expected} are published", self.place)
        return tuple(replaced)

    def _change_columns(self, cursor: Cursor, shape: Shape, current: Current, wanted: Wanted) -> None:
        assert current.found is not None
        catalog.drop_key(cursor, self.table, current.found.oid)
        catalog.change_columns(cursor, self.table, current.columns, wanted.columns)
        if wanted.key:
            catalog.add_key(cursor, self.table, wanted.key)
        catalog.comment(cursor, self.table, shape.description, shape.descriptions)

    def _finish(
        self,
        cursor: Cursor,
        content: Content,
        current: Current,
        wanted: Wanted,
        replaced: Iterable[str],
    ) -> Written:
        """Count what is there now, write it down, and make sure that nobody has taken over."""
        replaced = tuple(replaced)
        counted = rows.count(cursor, self.table, partitioned=content.shape.partitioned, periods=replaced)
        parts = {key: current.parts[key] for key in content.parts if key not in replaced}
        for period in replaced:
            held, checksum = counted.get(period, (0, "0"))
            part = content.parts.get(period)
            expected = part.rows if part else 0
            if held != expected:
                raise _miscount(f"{held} rows are there, {expected} were written", self.place)
            if part is not None:
                parts[period] = RecordedPart(part.state_id, held, checksum)
        found = catalog.find_table(cursor, self.table)
        assert found is not None
        record = Record(
            content.name, content.state_id, content.token, found.oid, wanted.columns, wanted.key, parts
        )
        content.check()
        write_record(cursor, self.table, record)
        written = sum(parts[period].rows for period in replaced if period in parts)
        return Written(record.rows, written, replaced)


def _miscount(what: str, place: str) -> RowsMiscountedError:
    return RowsMiscountedError(
        f"Rows do not add up: {what}",
        where={"destination": place},
        hint="Nothing was changed; is there a trigger on the table?",
    )
