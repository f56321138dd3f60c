"""Polars dtypes as types of PostgreSQL, and rows in the text of COPY."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from etl_assets.publications.destination import PublicationError
from etl_assets.publications.json_text import is_nested, json_texts

_SCALARS: Mapping[type[pl.DataType], str] = {
    pl.Boolean: "boolean",
    pl.Int8: "smallint",
    pl.Int16: "smallint",
    pl.Int32: "integer",
    pl.Int64: "bigint",
    pl.UInt8: "smallint",
    pl.UInt16: "integer",
    pl.UInt32: "bigint",
    pl.UInt64: "numeric(20,0)",
    pl.Float32: "real",
    pl.Float64: "double precision",
    pl.String: "text",
    pl.Categorical: "text",
    pl.Enum: "text",
    pl.Date: "date",
    pl.Binary: "bytea",
}
_SYSTEM_COLUMNS = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
MOST_COLUMNS = 1600
LONGEST_NAME = 63


def column_types(columns: Mapping[str, pl.DataType]) -> dict[str, str]:
    """The type of each column at the destination, as PostgreSQL's own catalog spells it.

    Raises:
        PublicationError: PostgreSQL can't hold a column; says which, and what to do.
    """
    leave_out = "leave it out by `columns`, or give it another {} in the contract"
    for name in columns:
        what = ""
        if len(name.encode()) > LONGEST_NAME:
            what = f"is longer than the {LONGEST_NAME} bytes that PostgreSQL takes"
        elif name in _SYSTEM_COLUMNS:
            what = "is a system column's in PostgreSQL"
        elif not name or "\0" in name:
            what = "is no name in PostgreSQL"
        if what:
            raise PublicationError(f"The name of column {name!r} {what}", hint=leave_out.format("name"))
    if len(columns) > MOST_COLUMNS:
        raise PublicationError(
            f"The table has {len(columns)} columns, PostgreSQL takes {MOST_COLUMNS}",
            hint="choose those that are needed by `columns`",
        )
    found = {name: _type(dtype) for name, dtype in columns.items()}
    for name, sql in found.items():
        if sql is None:
            raise PublicationError(
                f"PostgreSQL has no exact type for column {name} of dtype {columns[name]}",
                hint=leave_out.format("dtype"),
            )
    return {name: sql for name, sql in found.items() if sql is not None}


def _type(dtype: pl.DataType) -> str | None:
    if isinstance(dtype, pl.Decimal):
        return f"numeric({dtype.precision or 38},{dtype.scale})"
    if isinstance(dtype, pl.Datetime):
        # Microseconds are all that PostgreSQL has.
        exact = dtype.time_unit != "ns"
        kind = "timestamp with time zone" if dtype.time_zone else "timestamp without time zone"
        return kind if exact else None
    if isinstance(dtype, pl.Duration):
        return "interval" if dtype.time_unit != "ns" else None
    if is_nested(dtype):
        return "jsonb"
    return _SCALARS.get(dtype.base_type())


def copy_text(rows: pl.DataFrame) -> bytes:
    """Rows in COPY's text format.

    Raises:
        PublicationError: A text holds a NUL, which PostgreSQL can't store.
    """
    columns = []
    for column in rows.iter_columns():
        told = json_texts(column) if is_nested(column.dtype) else column
        _refuse_nul(told, nested=is_nested(column.dtype))
        columns.append(told)
    # The cells of a row, escaped, between tabs: what a quote or a comma is, COPY's text does not know.
    cells = pl.DataFrame(columns).select(_cell(column.name, column.dtype) for column in columns)
    text: str = cells.write_csv(include_header=False, separator="\t", quote_style="never", null_value="\\N")
    return text.encode()


def _refuse_nul(column: pl.Series, *, nested: bool) -> None:
    if isinstance(column.dtype, pl.Categorical | pl.Enum):
        column = column.cast(pl.String)
    if column.dtype != pl.String:
        return
    # Of JSON, only where the backslash is not itself escaped.
    sign = r"(^|[^\\])(\\\\)*\\u0000" if nested else "\0"
    if broken := column.str.contains(sign, literal=not nested).sum():
        raise PublicationError(
            f"Column {column.name} holds NUL characters in {broken} rows, which PostgreSQL can't store",
            hint="replace them in the silver function, such as "
            f'pl.col("{column.name}").str.replace_all("\\0", "", literal=True)',
        )


def _cell(name: str, dtype: pl.DataType) -> pl.Expr:
    cell = pl.col(name)
    if dtype == pl.String or isinstance(dtype, pl.Categorical | pl.Enum):
        return cell.cast(pl.String).str.replace_many(["\\", "\t", "\n", "\r"], ["\\\\", "\\t", "\\n", "\\r"])
    if isinstance(dtype, pl.Binary):
        return pl.concat_str(pl.lit("\\\\x"), cell.bin.encode("hex")).alias(name)
    if isinstance(dtype, pl.Datetime):
        zone = "+00" if dtype.time_zone else ""
        utc = cell.dt.convert_time_zone("UTC") if dtype.time_zone else cell
        return utc.dt.strftime(f"%Y-%m-%d %H:%M:%S%.6f{zone}")
    if isinstance(dtype, pl.Duration):
        return pl.concat_str(cell.dt.total_microseconds(), pl.lit(" microseconds")).alias(name)
    return cell
