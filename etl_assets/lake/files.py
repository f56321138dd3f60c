"""The Parquet files of a table, and the rows in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from etl_assets.lake.places import LakePath, polars_options, scannable

PERIOD = "_period"


@dataclass(frozen=True)
class StagedFile:
    """A Parquet file below a table's folder that no commit knows of yet."""

    path: str
    period: str
    rows: int
    bytes: int


@dataclass(frozen=True)
class LakeFile:
    """A live Parquet file of a table."""

    path: LakePath
    period: str
    rows: int
    bytes: int


def scan_files(files: Sequence[LakeFile], schema: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    """The rows of some files, in the columns and dtypes of `schema`, with `_period`."""
    columns = {name: dtype for name, dtype in schema.items() if name != PERIOD}
    if not files:
        return pl.LazyFrame(schema={**columns, PERIOD: pl.String})
    paths: Any = [scannable(file.path) for file in files]
    reached = polars_options(files[0].path)
    if {file.period for file in files} == {""}:
        frame = pl.scan_parquet(
            paths, missing_columns="insert", extra_columns="ignore", schema=columns, **reached
        )
        return frame.with_columns(pl.lit("").alias(PERIOD))
    return pl.scan_parquet(
        paths,
        hive_partitioning=True,
        hive_schema={PERIOD: pl.String},
        missing_columns="insert",
        extra_columns="ignore",
        schema={**columns, PERIOD: pl.String},
        **reached,
    )
