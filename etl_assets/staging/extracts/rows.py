"""Rows as they come from the database: those that are known are dropped, the others go into a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path

import polars as pl

from etl_assets.staging.extracts.columns import RAW, Column, parse_lines

HASH = "_hash"
"""Column of an extract: tells its row from all others, for as long as the columns are the same."""
HASH_BYTES = 16
BATCH_BYTES = 16_000_000
"""Text of rows that is held at once."""

_FLAG = len(b'"1",')
_WITHIN = ord("1")
_MODULUS = 1 << (8 * HASH_BYTES)


def known_rows(window: bytes) -> Counter[bytes]:
    """How often each row stood in a window, by its hash."""
    return Counter(window[at : at + HASH_BYTES] for at in range(0, len(window), HASH_BYTES))


class RowSink:
    """Takes the rows of a COPY, one by one. Each begins with 1 if it may still change, else with 0.

    The same row twice is two rows: as many are dropped as are known.

    Args:
        columns: The columns.
        known: Rows that were read before, by hash; those that come again are taken out of it.
        scratch: Where the new rows go until all have come.

    Attributes:
        rows: How many rows are new.
        unrepresentable: How many of these hold a value that their column's type can't hold.
        window: Hashes of the rows that may still change.
        left: How many rows don't any more, and the sum of their hashes.
    """

    def __init__(self, columns: Sequence[Column], known: Counter[bytes], scratch: Path) -> None:
        self._columns = columns
        self._known = known
        self._scratch = scratch
        self._lines: list[bytes] = []
        self._hashes: list[bytes] = []
        self._bytes = 0
        self._parts: list[Path] = []
        self.rows = 0
        self.unrepresentable = 0
        self.window = bytearray()
        self.left = (0, 0)

    def write(self, line: bytes) -> None:
        """Take one row, as COPY gives it."""
        digest = blake2b(memoryview(line)[_FLAG:], digest_size=HASH_BYTES).digest()
        if line[1] == _WITHIN:
            self.window += digest
        else:
            rows, total = self.left
            self.left = (rows + 1, (total + int.from_bytes(digest, "big")) % _MODULUS)
        if self._known and self._known.get(digest, 0) > 0:
            self._known[digest] -= 1
            return
        self.rows += 1
        self._lines.append(line)
        self._hashes.append(digest)
        self._bytes += len(line)
        if self._bytes >= BATCH_BYTES:
            self._flush()

    def file(self) -> Path:
        """Write the new rows into one file, in the order in which they came."""
        path = self._scratch / "extract.parquet"
        self.scan().sink_parquet(path, maintain_order=True)
        return path

    def scan(self) -> pl.LazyFrame:
        """The new rows, with their hashes, when all have come."""
        self._flush(even_empty=not self._parts)
        return pl.scan_parquet(self._parts, glob=False, hive_partitioning=False)

    def _flush(self, *, even_empty: bool = False) -> None:
        if not self._lines and not even_empty:
            return
        rows = parse_lines(self._lines, self._columns)
        self.unrepresentable += rows.height - rows[RAW].null_count()
        part = self._scratch / f"{len(self._parts):06d}.parquet"
        rows.with_columns(pl.Series(HASH, self._hashes, dtype=pl.Binary)).write_parquet(part)
        self._parts.append(part)
        self._lines, self._hashes, self._bytes = [], [], 0
