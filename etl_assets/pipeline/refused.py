"""Where refused rows lie: in quarantine, or put aside with a partition that a closed gate holds back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import polars as pl

from etl_assets.contracts.dataset import Layer, TableId
from etl_assets.contracts.provenance import PROVENANCE
from etl_assets.lake.files import PERIOD, LakeFile, scan_files
from etl_assets.lake.places import parquet_files
from etl_assets.ledger.records import Outcome
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.quality.decided import DECISION
from etl_assets.quality.flags import REASONS

RAW = "_raw"
"""Column of bronze quarantine: an unreadable record as far as it can be shown."""


def quarantine_schema(delivered: Mapping[str, pl.DataType], *, raw: bool) -> dict[str, pl.DataType]:
    """Columns of a table's quarantine: provenance where there is one, `_reasons`, the row as delivered.

    Rows with a provenance have `_decision` too.
    """
    provenance = {name: dtype for name, dtype in delivered.items() if name in PROVENANCE}
    cells = {name: dtype for name, dtype in delivered.items() if name not in PROVENANCE}
    extra = {DECISION: pl.String()} if provenance else {}
    extra |= {RAW: pl.String()} if raw else {}
    return {**provenance, REASONS: pl.String(), **extra, **cells}


def delivered_schema(pipeline: DatasetPipeline, table: TableId) -> Mapping[str, pl.DataType]:
    """The columns of a table's rows as they were delivered: of silver those of its bronze table."""
    if table.layer is Layer.SILVER:
        return pipeline.contract(next(iter(pipeline.tables[table].inputs.values()))).schema
    return pipeline.contract(table).schema


def refused_schema(pipeline: DatasetPipeline, table: TableId) -> dict[str, pl.DataType]:
    """The columns of a table's refused rows."""
    return quarantine_schema(delivered_schema(pipeline, table), raw=table.layer is Layer.BRONZE)


def quarantine_files(
    pipeline: DatasetPipeline, table: TableId, periods: Collection[str] | None = None
) -> list[LakeFile]:
    """The files of quarantine, of the partitions that have any rows there by the ledger."""
    published = pipeline.ledger.published_validations(pipeline.name)
    having = [
        one.period
        for one in published.values()
        if (one.layer, one.table) == (table.layer, table.name)
        and one.quarantined
        and (periods is None or one.period in periods)
    ]
    return pipeline.quarantine(table).files(having) if having else []


def held_files(
    pipeline: DatasetPipeline, table: TableId, periods: Collection[str] | None = None
) -> list[LakeFile]:
    """The files with the refused rows of partitions whose gate is closed."""
    files = []
    for one in pipeline.ledger.latest_validations(pipeline.name).values():
        if (one.layer, one.table) != (table.layer, table.name) or one.outcome is not Outcome.HELD:
            continue
        if one.held_path and (periods is None or one.period in periods):
            folder = pipeline.lake.root / one.held_path
            files += [LakeFile(path, one.period, 0, 0) for path in parquet_files(folder)]
    return sorted(files, key=lambda file: (file.period, str(file.path)))


def scan_held(files: Sequence[LakeFile], schema: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    """The rows of files that have left their table's folders, which say the period elsewhere."""
    frames = [
        scan_files([LakeFile(file.path, "", 0, 0)], schema).with_columns(pl.lit(file.period).alias(PERIOD))
        for file in files
    ]
    return pl.concat(frames)


def scan_refused(
    pipeline: DatasetPipeline, table: TableId, periods: Collection[str] | None = None
) -> pl.LazyFrame:
    """All refused rows of a table as it stands now, with `_period`.

    Of a partition whose gate is closed these are the rows that the gate stopped: what is in quarantine
    there is of its last good version, and may be gone with the next.
    """
    schema = refused_schema(pipeline, table)
    held = held_files(pipeline, table, periods)
    stopped = {file.period for file in held}
    published = [file for file in quarantine_files(pipeline, table, periods) if file.period not in stopped]
    frames = [scan_files(published, schema)]
    frames += [scan_held(held, schema)] if held else []
    columns = [*schema, PERIOD]
    return pl.concat([frame.select(columns) for frame in frames])
