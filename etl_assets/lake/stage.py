"""Writes the files that a commit will take up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import polars as pl
from polars.io.partition import SinkedPathsCallbackArgs

from etl_assets.lake.files import PERIOD, StagedFile
from etl_assets.lake.places import LakePath, delete, move, polars_options, scannable

if TYPE_CHECKING:
    from etl_assets.lake.tables import LakeTable

COMPRESSION_LEVEL = 1
"""zstd's lowest level: on the benchmark's order lines as fast as the default, with files 1 % smaller."""

ROW_GROUP_ROWS = 32_768
"""Rows of a Parquet row group, each a unit of reading and writing. Polars' default, 262,144, takes nearly
twice the memory on both sides, and more time; its files are 12 % smaller."""


@dataclass
class Stage:
    """Writes rows under names that are unique to one attempt; nothing is visible until the commit."""

    table: LakeTable
    attempt: str
    files: list[StagedFile] = field(default_factory=list)
    _batches: int = 0

    def sink(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Turn rows (with `_period`) into a lazy sink, one file or more per period."""
        name = f"{self.attempt}-{self._batches}"
        self._batches += 1
        if self.table.partitioned:
            target: pl.PartitionBy | Path | str = pl.PartitionBy(
                scannable(self.table.path),
                key=PERIOD,
                include_key=False,
                file_path_provider=lambda args: (
                    f"{PERIOD}={args.partition_keys.item(0, PERIOD)}/{name}-{args.index_in_partition}.parquet"
                ),
            )
        else:
            rows = rows.drop(PERIOD)
            target = scannable(self.table.path / f"{name}.parquet")
        return rows.sink_parquet(
            target,
            mkdir=True,
            lazy=True,
            compression="zstd",
            compression_level=COMPRESSION_LEVEL,
            row_group_size=ROW_GROUP_ROWS,
            sinked_paths_callback=self._written,
            **polars_options(self.table.path),
        )

    def _written(self, sinked: SinkedPathsCallbackArgs) -> None:
        for file in sinked.paths:
            path = PurePosixPath(file.path).relative_to(PurePosixPath(str(self.table.path)))
            period = path.parts[0].removeprefix(f"{PERIOD}=") if self.table.partitioned else ""
            self.files.append(StagedFile(str(path), period, file.num_rows, file.num_bytes))

    def discard(self, files: Iterable[StagedFile]) -> None:
        """Delete staged files that will not be committed."""
        for file in list(files):
            delete(self.table.path / file.path)
            self.files.remove(file)

    def move(self, files: Iterable[StagedFile], folder: LakePath) -> None:
        """Move staged files out of the table, into a folder of their own."""
        for file in list(files):
            move(self.table.path / file.path, folder)
            self.files.remove(file)
