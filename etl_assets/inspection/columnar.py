"""Looks at Parquet and Arrow, which say themselves what their columns are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl

from etl_assets.errors import LibraryPanicError, panics_as_errors
from etl_assets.inspection.columns import describe_column
from etl_assets.inspection.records import Certainty, Column, Kind, Proposal
from etl_assets.inspection.table import NoTableError, Table
from etl_assets.staging.content import type_name
from etl_assets.staging.formats.options import ArrowFormat, ParquetFormat

_ROWS = 100_000
_PLACES = 4


def read_columnar(path: Path, kind: str) -> Table:
    """Return rows of a Parquet or Arrow file: all of a small one, else some from several places.

    Raises:
        NoTableError: It is damaged.
    """
    format = ParquetFormat() if kind == "parquet" else ArrowFormat()
    try:
        with panics_as_errors():
            frame, rows = _rows(path, kind)
    except (pl.exceptions.PolarsError, OSError, LibraryPanicError) as error:
        # The libraries' words may quote cells.
        what = f"It is no intact {'Parquet' if kind == 'parquet' else 'Arrow'} file: {type(error).__name__}"
        raise NoTableError(what, where={"file": path}) from None
    types = dict(frame.schema)
    text = frame.select(_as_text(name, dtype) for name, dtype in types.items())
    evidence = f"its first bytes say so; it holds {rows:,} rows, {len(types):,} columns and their types"
    nested = [name for name, dtype in types.items() if dtype.is_nested()]
    problems = []
    if nested:
        problems.append(
            f"Columns that hold lists or structures: {', '.join(nested[:5])}; flatten them in silver"
        )
    return Table(
        format,
        text,
        (Proposal("format", kind, Certainty.SURE, evidence),),
        tuple(problems),
        rows,
        complete=frame.height == rows,
        types=types,
    )


def _rows(path: Path, kind: str) -> tuple[pl.DataFrame, int]:
    if kind == "parquet":
        scan = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        rows = int(scan.select(pl.len()).collect().item())
    else:
        with path.open("rb") as stream:
            is_file = stream.read(6) == b"ARROW1"
        if not is_file:
            whole = pl.read_ipc_stream(path)
            return _places(whole.lazy(), whole.height), whole.height
        scan = pl.scan_ipc(path, glob=False)
        rows = int(scan.select(pl.len()).collect().item())
    return _places(scan, rows), rows


def _places(scan: pl.LazyFrame, rows: int) -> pl.DataFrame:
    if rows <= _ROWS:
        return scan.collect()
    length = _ROWS // _PLACES
    starts = [(rows - length) * n // (_PLACES - 1) for n in range(_PLACES)]
    return pl.concat([scan.slice(start, length).collect() for start in starts])


def _nested_as_text(values: pl.Series) -> pl.Series:
    texts = [None if value is None else str(value) for value in values.to_list()]
    return pl.Series(values.name, texts, dtype=pl.String)


def _as_text(name: str, dtype: pl.DataType) -> pl.Expr:
    column = pl.col(name)
    if dtype == pl.Binary:
        return pl.lit(None, dtype=pl.String).alias(name)
    if dtype.is_nested():
        return column.map_batches(_nested_as_text, return_dtype=pl.String)
    return column.cast(pl.String, strict=False)


_KINDS = {pl.Boolean: Kind.BOOLEAN, pl.Date: Kind.DATE, pl.Datetime: Kind.DATETIME, pl.Time: Kind.TIME}


def describe_typed(name: str, cells: pl.Series, dtype: pl.DataType) -> Column:
    """Return what a column of a type is; of texts, what they hold."""
    found = describe_column(name, cells)
    if dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum):
        return found
    kind = _KINDS.get(type(dtype), Kind.TEXT)
    if dtype.is_integer():
        kind = Kind.INTEGER
    elif dtype.is_float() or dtype.is_decimal():
        kind = Kind.DECIMAL
    return replace(
        found,
        kind=kind,
        certainty=Certainty.SURE,
        fitting=found.filled,
        misfits=(),
        formats=(),
        shares=(),
        decimal=".",
        thousands=None,
        affixes=None,
        true_words=(),
        false_words=(),
        leading_zeros=False,
        evidence=f"the file says {type_name(dtype)}"
        + (f"; looks personal ({found.personal})" if found.personal else ""),
    )
