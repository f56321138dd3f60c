"""How the files of one table are read together: format, dtypes, and names that a contract takes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from etl_assets.contracts.provenance import PERIOD
from etl_assets.errors import StagingError
from etl_assets.inspection.records import Inspection
from etl_assets.scaffolding.names import column_names, is_readable
from etl_assets.staging.formats.options import (
    ArrowFormat,
    DelimitedFormat,
    ExcelFormat,
    Format,
    JsonFormat,
    JsonLinesFormat,
    ParquetFormat,
)


def types_of(inspection: Inspection) -> dict[str, pl.DataType]:
    """The dtypes of a format that has some."""
    frame = _scan(inspection)
    types = {} if frame is None else dict(frame.collect_schema())
    if nested := [name for name, dtype in types.items() if dtype.is_nested()]:
        raise StagingError(
            f"The columns {', '.join(map(repr, nested[:5]))} hold lists or structs",
            where={"file": inspection.path},
            hint="Write their fields as columns of their own; a contract of such columns is written by hand",
        )
    return types


def typed_rows(inspection: Inspection, rows: int, key: str) -> pl.DataFrame:
    """The first rows of a file in its own dtypes, with its key as `_period`."""
    frame = _scan(inspection)
    assert frame is not None
    return frame.head(rows).with_columns(pl.lit(key).alias(PERIOD)).collect(engine="streaming")


def _scan(inspection: Inspection) -> pl.LazyFrame | None:
    if isinstance(inspection.format, ParquetFormat):
        return pl.scan_parquet(inspection.path, glob=False, hive_partitioning=False)
    if isinstance(inspection.format, ArrowFormat):
        return pl.scan_ipc(inspection.path, glob=False)
    return None


def renamed(format: Format, headers: Sequence[str], path: Path) -> tuple[Format, list[str], list[str]]:
    """Give names to columns that a contract can't have: those that begin with `_` are our own."""
    bad = [header for header in headers if not is_readable(header)]
    names = column_names(headers)
    told = f"unsure: {', '.join(map(repr, bad[:5]))} can't be names of columns here"
    if isinstance(format, JsonFormat | JsonLinesFormat):
        paths = {
            name if header in bad else header: format.columns.get(header, header)
            for header, name in zip(headers, names, strict=True)
            if header in bad or header in format.columns
        }
        chosen = [name if header in bad else header for header, name in zip(headers, names, strict=True)]
        return format.model_copy(update={"columns": paths}), chosen, [told]
    told += ", so that the columns are named by their places; nobody will notice when they change places"
    if isinstance(format, DelimitedFormat | ExcelFormat):
        skipped = "skip_rows" if isinstance(format, ExcelFormat) else "skip_lines"
        # A line end within a quoted name makes the header longer.
        lines = 1 + sum(header.count("\n") for header in headers if isinstance(format, DelimitedFormat))
        changes = {
            "header": False,
            "columns": tuple(names),
            "trim_header": False,
            "unique_header": False,
            skipped: getattr(format, skipped) + (lines if format.header else 0),
        }
        return type(format).model_validate({**format.model_dump(), **changes}), names, [told]
    raise StagingError(
        f"The columns {', '.join(map(repr, bad[:5]))} can't be named so in a contract",
        where={"file": path},
        hint="Names that begin with _ are reserved; have the sender rename them",
    )
