"""Rows of a file that Polars can't scan as it stands, converted block by block into Arrow files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from etl_assets.staging.formats.handler import LARGE_BYTES, PATH, Part, Task, delivery_of
from etl_assets.staging.unreadable import Unreadable

LINE = "\0line"

BLOCK_ROWS = 50_000
BLOCK_CHARACTERS = 16_000_000
"""A block ends at one or the other: enough to be worth a file, and few enough to be held."""


@dataclass(frozen=True)
class ConvertedPart(Part):
    """Rows in Arrow files, each with its line."""


class TableWriter:
    """Writes the rows of one delivery, block by block."""

    def __init__(self, task: Task) -> None:
        self._id = task.file.delivery_id
        self._folder = task.scratch
        self._columns = list(task.columns)
        self._paths: list[Path] = []
        self._rows = self._bytes = 0

    def write(self, lines: Sequence[int] | pl.Series, cells: pl.DataFrame) -> None:
        """Write some rows, each with its line."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{self._id}.{len(self._paths):06}.arrow"
        numbers = pl.Series(LINE, lines, dtype=pl.Int64())
        cells.with_columns(numbers).write_ipc(path, compression="uncompressed")
        self._paths.append(path)
        self._rows += cells.height
        self._bytes += path.stat().st_size

    def part(self, unreadable: Sequence[Unreadable]) -> ConvertedPart:
        """Return what was written as a part of a scan."""
        if not self._paths:
            self.write([], pl.DataFrame(schema=dict.fromkeys(self._columns, pl.String())))
        by_line = sorted(unreadable, key=lambda record: record.line)
        large = self._bytes >= LARGE_BYTES
        return ConvertedPart(self._id, self._rows, by_line, large, tuple(self._paths))


def scan_converted(parts: Sequence[Part], columns: Sequence[str]) -> pl.LazyFrame:
    """Return the rows of some parts, with `_delivery` and `_line`."""
    frame = pl.scan_ipc(
        [path for part in parts for path in part.paths],
        glob=False,
        include_file_paths=PATH if len(parts) > 1 else None,
    )
    return frame.select(*columns, delivery_of(parts), pl.col(LINE).alias("_line"))
