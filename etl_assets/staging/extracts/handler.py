"""Reads extracts: Parquet files of our own, whose columns and types may have changed from one to the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

import polars as pl

from etl_assets.staging.breaches import Breach
from etl_assets.staging.extracts.columns import RAW
from etl_assets.staging.formats.columnar import PARQUET
from etl_assets.staging.formats.handler import INDEX, LARGE_BYTES, PATH, Handler, Part, Task, delivery_of
from etl_assets.staging.formats.handler import too_many as too_many_of
from etl_assets.staging.formats.options import ExtractFormat
from etl_assets.staging.unreadable import Rejects

UNREPRESENTABLE = "unrepresentable_value"
"""Reason of rows with a value that their column's type can't hold, such as a date that is infinity."""


@dataclass(frozen=True)
class ExtractPart(Part):
    """An extract, and the columns that it has."""

    schema: pl.Schema = field(default_factory=pl.Schema)


def _prepare(task: Task) -> ExtractPart | Breach:
    rows = pl.scan_parquet(task.path, glob=False, hive_partitioning=False, row_index_name=INDEX)
    rejects = Rejects()
    lost = rows.filter(pl.col(RAW).is_not_null()).select(INDEX, RAW).collect(engine="streaming")
    for index, raw in lost.iter_rows():
        rejects.add(index + 1, raw, UNREPRESENTABLE)
        if rejects.overflow:
            break
    if too_many := too_many_of(rejects):
        return too_many
    content, id = task.content, task.file.delivery_id
    schema = pl.read_parquet_schema(task.path)
    large = content.size >= LARGE_BYTES
    return ExtractPart(
        id, content.records - lost.height, rejects.records, large, (task.path,), pl.Schema(schema)
    )


def _scan(parts: Sequence[ExtractPart], format: ExtractFormat, columns: Sequence[str]) -> pl.LazyFrame:
    """Rows of some extracts; one that was read before a column was there has nulls in it."""
    frames: list[pl.LazyFrame] = []
    for schema, group in groupby(parts, lambda part: part.schema):
        frames.append(_alike(list(group), [name for name in columns if name in schema]))
    rows = pl.concat(frames, how="diagonal_relaxed") if len(frames) > 1 else frames[0]
    missing = [name for name in columns if name not in rows.collect_schema()]
    return rows.with_columns(pl.lit(None).alias(name) for name in missing).select(
        *columns, "_delivery", "_line"
    )


def _alike(parts: Sequence[ExtractPart], columns: Sequence[str]) -> pl.LazyFrame:
    """Rows of extracts with the same columns, each file's lines numbered from 1."""
    frame = pl.scan_parquet(
        [path for part in parts for path in part.paths],
        glob=False,
        hive_partitioning=False,
        row_index_name=INDEX,
        include_file_paths=PATH if len(parts) > 1 else None,
    )
    line = pl.col(INDEX).cast(pl.Int64()) + 1
    if len(parts) > 1:
        before, first = {}, 0
        for part in parts:
            before[str(part.paths[0])] = first
            first += part.rows + len(part.unreadable)
        line -= pl.col(PATH).replace_strict(before, return_dtype=pl.Int64())
    readable = frame.select(*columns, RAW, delivery_of(parts), line.alias("_line")).filter(
        pl.col(RAW).is_null()
    )
    return readable.drop(RAW)


EXTRACT = Handler(PARQUET.examine, _prepare, _scan, text=False)
