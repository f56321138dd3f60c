"""The rows of a table at the destination: streamed in, deleted, counted."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping

import polars as pl
from psycopg2 import sql

from etl_assets.contracts.provenance import PERIOD
from etl_assets.publications.postgresql.session import Cursor, Table
from etl_assets.publications.postgresql.types import copy_text

BATCH_ROWS = 20_000
_CHUNK_BYTES = 1 << 18

Counts = dict[str, tuple[int, str]]
"""Partition -> how many rows it has, and the sum of their hashes."""


def count(
    cursor: Cursor, table: Table, *, partitioned: bool, periods: Collection[str] | None = None
) -> Counts:
    """Count the rows of some partitions or of all, and add up their hashes, in one scan.

    The sum is the same whatever the order of rows, and another one after any of them was changed.
    """
    period = sql.Identifier("t", PERIOD) if partitioned else sql.Literal("")
    query = sql.SQL(
        "SELECT {}, count(*), sum(hashtextextended(t::text, 0)::numeric)::text FROM {} t {} GROUP BY 1"
    )
    some = (
        sql.SQL("WHERE {} = ANY(%s)").format(period) if partitioned and periods is not None else sql.SQL("")
    )
    cursor.execute(query.format(period, table.identifier, some), [list(periods or ())])
    return {key: (rows, checksum) for key, rows, checksum in cursor.fetchall()}


def delete(cursor: Cursor, table: Table, periods: Collection[str] | None) -> None:
    """Delete the rows of some partitions, or all of them (None).

    TRUNCATE would be quicker, and empty the table for every reader whose transaction began before.
    """
    query = sql.SQL("DELETE FROM {}").format(table.identifier)
    if periods is not None:
        query += sql.SQL(" WHERE {} = ANY(%s)").format(sql.Identifier(PERIOD))
    cursor.execute(query, [list(periods or ())])


def copy(cursor: Cursor, table: Table, rows: pl.LazyFrame, columns: Mapping[str, pl.DataType]) -> int:
    """Stream rows into the table, a batch at a time; return how many they were."""
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    query = sql.SQL("COPY {} ({}) FROM STDIN").format(table.identifier, names)
    stream = _Stream(rows.select(list(columns)))
    try:
        cursor.copy_expert(query, stream, _CHUNK_BYTES)
    except Exception:
        if stream.error is not None:
            # The database only knows that we gave up.
            raise stream.error from None
        raise
    return stream.rows


class _Stream(io.RawIOBase):
    """Rows as a file in COPY's text format that is made while it is read."""

    def __init__(self, rows: pl.LazyFrame) -> None:
        self.rows = 0
        self.error: Exception | None = None
        self._texts = self._batches(rows)
        self._rest = b""

    def _batches(self, rows: pl.LazyFrame) -> Iterator[bytes]:
        for batch in rows.collect_batches(chunk_size=BATCH_ROWS, maintain_order=False, engine="streaming"):
            self.rows += batch.height
            yield copy_text(batch)

    def read(self, size: int = -1) -> bytes:
        """Give the next bytes; none at the end."""
        try:
            while not self._rest:
                self._rest = next(self._texts, b"")
                if not self._rest:
                    return b""
        except Exception as error:
            self.error = error
            raise
        # A batch without columns' text can't be empty: each row ends in a line end.
        chunk, self._rest = self._rest[:size], self._rest[size:]
        return chunk
