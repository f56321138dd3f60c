"""Reads from a database what is new, in one transaction that sees one instant and can't write.

Every bound is a value of the database's own, or its own clock: this machine's clock decides nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from etl_assets.staging.breaches import header_breach
from etl_assets.staging.extracts.columns import RAW, Column, described
from etl_assets.staging.extracts.fitting import misfits
from etl_assets.staging.extracts.log import Entry
from etl_assets.staging.extracts.results import Behind, Extract, ShapeError, WatermarkError
from etl_assets.staging.extracts.rows import HASH, RowSink
from etl_assets.staging.query import Query
from etl_assets.staging.source import Source

if TYPE_CHECKING:
    from psycopg2 import extensions as pg

    from etl_assets.connections import Connection

# Watermark type -> which values count as a highest one, and the database's clock to compare them with.
_KINDS: Mapping[str, tuple[str, str | None]] = {
    "int2": ("TRUE", None),
    "int4": ("TRUE", None),
    "int8": ("TRUE", None),
    # NaN and infinity are above all numbers.
    "numeric": ("{w} < 1e1000", None),
    "date": ("isfinite({w})", "current_date"),
    "timestamp": ("isfinite({w})", "(now() AT TIME ZONE 'UTC')"),
    "timestamptz": ("isfinite({w})", "now()"),
}
_AHEAD = "interval '1 day'"
"""A time so far ahead of the database's clock is no matter of timezones."""


@dataclass(frozen=True)
class _Bounds:
    top: str
    low: str
    ahead: int
    more: bool


@dataclass(frozen=True)
class Reader:
    """Reads one table's query.

    Args:
        connection: The database.
        source: What the settings say, with a query.
        contract: Column -> dtype, as the bronze contract has it.
        where: For messages: the dataset and the table.
    """

    connection: Connection
    source: Source
    contract: Mapping[str, pl.DataType]
    where: Mapping[str, object]

    @property
    def query(self) -> Query:
        """What is read."""
        assert self.source.query is not None
        return self.source.query

    def read(self, last: Entry | None, known: Counter[bytes], scratch: Path) -> Extract | None:
        """Read what is new since an entry.

        Args:
            last: The newest entry of the log; None to read everything.
            known: The rows that its window has, by hash.
            scratch: A folder of this machine, empty.

        Returns:
            The new rows and what the log is to say; None if there is nothing new.

        Raises:
            DatabaseError: The database can't be reached, or refuses.
            ShapeError: The query has other columns than the contract.
            WatermarkError: The watermark's type doesn't fit, or is another one than it was.
        """
        with self.connection.transaction() as cursor:
            columns = self._columns(cursor)
            entry = self._next(last, columns)
            if entry.columns != (last.columns if last else entry.columns):
                known = Counter()  # a row with other columns is another row
            if self.query.watermark is None:
                return self._snapshot(cursor, columns, last, entry, scratch)
            return self._increment(cursor, columns, last, entry, known, scratch)

    def count(self, last: Entry) -> Behind:
        """Count the rows behind the watermark, which no read looks at any more.

        Raises:
            DatabaseError: The database can't be reached, or refuses.
        """
        with self.connection.transaction() as cursor:
            self._next(last, self._columns(cursor))
            return self._behind(cursor, last)

    def read_behind(self, last: Entry, known: Sequence[Path], scratch: Path) -> tuple[Behind, Extract | None]:
        """Read all rows behind the watermark, and keep those that were never read as they are now.

        Args:
            last: The newest entry of the log.
            known: The extracts that were made so far with the columns that there are now.
            scratch: A folder of this machine, empty, with room for the table.

        Returns:
            What was counted, and the rows that were missing, if any.

        Raises:
            DatabaseError: The database can't be reached, or refuses.
        """
        with self.connection.transaction() as cursor:
            columns = self._columns(cursor)
            entry = self._next(last, columns)
            found = self._behind(cursor, last)
            sink = RowSink(columns, Counter(), scratch)
            self._copy(cursor, columns, self._sql("FALSE"), self._below(last), sink)
        file = scratch / "behind.parquet"
        hashes = [pl.scan_parquet(path, glob=False, hive_partitioning=False).select(HASH) for path in known]
        missing = sink.scan()
        if hashes:
            missing = missing.join(pl.concat(hashes), on=HASH, how="anti", maintain_order="left")
        missing.sink_parquet(file)
        counts = pl.scan_parquet(file, glob=False).select(pl.len(), pl.col(RAW).is_not_null().sum())
        rows, unrepresentable = counts.collect().row(0)
        found = replace(found, missing=rows)
        if not rows:
            return found, None
        entry = replace(entry, rows=rows, top=last.top, low=last.low, behind=found.rows)
        return found, Extract(rows, file, entry, b"", unrepresentable)

    # -- what is read -------------------------------------------------------------------------

    def _columns(self, cursor: pg.cursor) -> list[Column]:
        """The query's columns; those of the contract, in an order that doesn't change with it."""
        from psycopg2 import sql

        cursor.execute(sql.SQL("SELECT * FROM {} AS source LIMIT 0").format(sql.SQL(self.query.text)))
        columns = described(cursor)
        found = [column.name for column in columns]
        breach = header_breach(found, list(self.contract), self.source, None)
        told = breach.message.replace("the header differs", "the columns differ") if breach else ""
        told = told or misfits(columns, self.contract)
        if told:
            raise ShapeError(
                f"The query no longer gives what the contract has: {told}",
                where=dict(self.where),
                hint="Nothing is read until they agree again, and then everything since. Correct the query, "
                "for instance by naming its columns, or the contract in bronze.py",
            )
        return sorted(columns, key=lambda column: column.name)

    def _next(self, last: Entry | None, columns: Sequence[Column]) -> Entry:
        """The beginning of the entry that follows one."""
        number = last.number + 1 if last and last.reading == self.query.reading else 1
        watermark = self._watermark(columns)
        if last and last.watermark != watermark:
            raise WatermarkError(
                f"The watermark was {last.watermark or 'not there'} and is now {watermark or 'not there'}",
                where=dict(self.where),
                hint="Put it back, or raise `reading` of the query to read everything anew",
            )
        behind = last.behind if last else 0
        # Later extracts count as later whichever machine made them, so the time never runs backwards.
        at = max(time.time_ns(), last.modified_ns + 1 if last else 0)
        return Entry(
            self.query.reading, number, "", 0, _types(columns), watermark, behind=behind, modified_ns=at
        )

    def _watermark(self, columns: Sequence[Column]) -> str | None:
        name = self.query.watermark
        if name is None:
            return None
        found = next((one for one in columns if one.name == name), None)
        where = {**self.where, "watermark": name}
        if found is None:
            raise WatermarkError(
                "The query has no such column", where=where, hint="Correct watermark, or sql"
            )
        if found.array or found.type not in _KINDS:
            hint = f"A watermark is one of {', '.join(_KINDS)}; without one, say mode: snapshot"
            raise WatermarkError(f"The column is a {found.type}", where=where, hint=hint)
        span, of_time = self.query.overlap, _KINDS[found.type][1] is not None
        if isinstance(span, timedelta) != of_time and span != 0:
            wanted = "a span such as 15 minutes" if of_time else "a number such as 1000"
            raise WatermarkError(f"The column is a {found.type}, so overlap must be {wanted}", where=where)
        return f"{name} {found.type}"

    def _increment(
        self,
        cursor: pg.cursor,
        columns: Sequence[Column],
        last: Entry | None,
        entry: Entry,
        known: Counter[bytes],
        scratch: Path,
    ) -> Extract | None:
        since = self._since(last)
        bounds = self._bounds(cursor, last, entry, since)
        if bounds is None:
            return None
        condition = since
        if bounds.more:
            # What is above all is read each time, so that it stays known.
            condition = self._sql(
                "{since} AND ({w} <= {top} OR NOT {finite})",
                since=since,
                top=self._value(entry, bounds.top),
                finite=self._sql(_KINDS[_type_of(entry)][0]),
            )
        sink = RowSink(columns, known, scratch)
        within = self._sql("{w} >= {low}", low=self._value(entry, bounds.low))
        self._copy(cursor, columns, within, condition, sink)
        if not sink.rows:
            return None
        behind = entry.behind + sink.left[0]
        entry = replace(entry, rows=sink.rows, top=bounds.top, low=bounds.low, behind=behind)
        return Extract(
            sink.rows, sink.file(), entry, bytes(sink.window), sink.unrepresentable, bounds.ahead, bounds.more
        )

    def _snapshot(
        self, cursor: pg.cursor, columns: Sequence[Column], last: Entry | None, entry: Entry, scratch: Path
    ) -> Extract | None:
        sink = RowSink(columns, Counter(), scratch)
        self._copy(cursor, columns, self._sql("FALSE"), self._sql("TRUE"), sink)
        rows, total = sink.left
        entry = replace(entry, rows=rows, content=f"{rows}:{total:x}")
        if last and (last.content, last.columns) == (entry.content, entry.columns):
            return None
        return Extract(rows, sink.file(), entry, b"", sink.unrepresentable)

    # -- SQL ----------------------------------------------------------------------------------

    def _sql(self, text: str, **parts: Any) -> Any:
        from psycopg2 import sql

        return sql.SQL(text).format(w=sql.Identifier(self.query.watermark or ""), **parts)

    def _value(self, entry: Entry, text: str | None) -> Any:
        """A value of the watermark as the database wrote it."""
        from psycopg2 import sql

        return sql.SQL("{}::{}").format(sql.Literal(text), sql.SQL(_type_of(entry)))

    def _since(self, last: Entry | None) -> Any:
        if last is None or last.low is None:
            return self._sql("{w} IS NOT NULL")
        return self._sql("{w} >= {low}", low=self._value(last, last.low))

    def _bounds(self, cursor: pg.cursor, last: Entry | None, entry: Entry, since: Any) -> _Bounds | None:
        """How far to read, and from where on rows may still change; None where there are no rows."""
        from psycopg2 import sql

        finite, clock = (self._sql(one) if one else None for one in _KINDS[_type_of(entry)])
        source, before = sql.SQL(self.query.text), last if last and last.top and last.low else None
        later = self._sql("{w} > {top}", top=self._value(before, before.top)) if before else since
        cursor.execute(
            self._sql(
                "SELECT {w}::text FROM {source} AS source WHERE {later} AND {finite} "
                "ORDER BY {w} OFFSET {skip} LIMIT 1",
                source=source,
                later=later,
                finite=finite,
                skip=sql.Literal(self.query.max_rows),
            )
        )
        cut = cursor.fetchone()
        ahead = self._sql("{w} > {clock} + " + _AHEAD, clock=clock) if clock else self._sql("FALSE")
        cursor.execute(
            self._sql(
                "SELECT max({w}) FILTER (WHERE {finite})::text, count(*) FILTER (WHERE {ahead}) "
                "FROM {source} AS source WHERE {since}",
                source=source,
                finite=finite,
                ahead=ahead,
                since=since,
            )
        )
        highest, many = cursor.fetchone() or (None, 0)
        if highest is None:
            return None
        top = self._value(entry, cut[0] if cut else highest)
        # A time ahead of the database's clock must not keep what comes in the meantime from being read.
        high = self._sql("least({top}, {clock})", top=top, clock=clock) if clock else top
        low = self._sql(
            "({high} - {span})::" + _type_of(entry), high=high, span=self._span(clock is not None)
        )
        if before:
            # Never lower than before: what fell out of the window is not known any more.
            top = self._sql("greatest({top}, {before})", top=top, before=self._value(before, before.top))
            low = self._sql("greatest({low}, {before})", low=low, before=self._value(before, before.low))
        cursor.execute(self._sql("SELECT ({top})::text, ({low})::text", top=top, low=low))
        found = cursor.fetchone()
        assert found is not None
        return _Bounds(found[0], found[1], int(many), cut is not None)

    def _span(self, of_time: bool) -> Any:
        from psycopg2 import sql

        overlap = self.query.overlap
        if not of_time:
            return sql.Literal(overlap)
        seconds = overlap.total_seconds() if isinstance(overlap, timedelta) else 0
        return sql.SQL("interval {}").format(sql.Literal(f"{seconds:f} seconds"))

    def _copy(
        self, cursor: pg.cursor, columns: Sequence[Column], within: Any, condition: Any, sink: RowSink
    ) -> None:
        from psycopg2 import sql

        selected = [sql.SQL(one.selected).format(sql.Identifier(one.name)) for one in columns]
        statement = sql.SQL(
            "COPY (SELECT CASE WHEN {within} THEN 1 ELSE 0 END, {columns} FROM {source} AS source "
            "WHERE {condition}) TO STDOUT (FORMAT csv, FORCE_QUOTE *, ENCODING 'UTF8')"
        ).format(
            within=within,
            columns=sql.SQL(", ").join(selected),
            source=sql.SQL(self.query.text),
            condition=condition,
        )
        cursor.copy_expert(statement, sink)

    def _below(self, last: Entry) -> Any:
        if last.low is None:
            return self._sql("FALSE")
        return self._sql("{w} < {low}", low=self._value(last, last.low))

    def _behind(self, cursor: pg.cursor, last: Entry) -> Behind:
        from psycopg2 import sql

        cursor.execute(
            self._sql(
                "SELECT count(*) FILTER (WHERE {below}), count(*) FILTER (WHERE {w} IS NULL) "
                "FROM {source} AS source WHERE {below} OR {w} IS NULL",
                below=self._below(last),
                source=sql.SQL(self.query.text),
            )
        )
        rows, unmarked = cursor.fetchone() or (0, 0)
        return Behind(int(rows), int(unmarked))


def _types(columns: Sequence[Column]) -> dict[str, str]:
    return {column.name: column.type + "[]" * column.array for column in columns}


def _type_of(entry: Entry) -> str:
    """PostgreSQL's name of the watermark's type."""
    return (entry.watermark or "").rpartition(" ")[2]
