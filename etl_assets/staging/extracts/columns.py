"""PostgreSQL's types, exactly: each as the Polars type that holds its values, and as text where none does.

A value that its column's type can't hold (`infinity`, NaN in a numeric, a year before Christ) makes its row
unreadable: it is kept as text, and bronze puts it into quarantine. It never becomes null by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from etl_assets.errors import ErrorKind, StagingError

if TYPE_CHECKING:
    from psycopg2 import extensions as pg

MAX_DIGITS = 38
"""More a decimal can't hold, in Polars, Parquet and Delta."""

RAW = "_unrepresentable"
"""Column of an extract: the row as text, where a value is not representable; else null."""

_INTEGERS = {"int2": pl.Int16(), "int4": pl.Int32(), "int8": pl.Int64()}
_FLOATS = {"float4": pl.Float32(), "float8": pl.Float64()}
_MOMENT = "%Y-%m-%d %H:%M:%S%.f"

Parse = Callable[[pl.Expr], pl.Expr]


@dataclass(frozen=True)
class Column:
    """One column of a query.

    Attributes:
        name: Its name.
        type: PostgreSQL's name of its type, without precision; of an array, that of its elements.
        dtype: What holds its values.
        array: Whether it is an array, of one dimension.
    """

    name: str
    type: str
    dtype: pl.DataType
    array: bool = False

    @property
    def selected(self) -> str:
        """What of the column is selected, with `{}` for its quoted name."""
        return "array_to_json({}::text[])::text" if self.array else "{}"

    def parsed(self) -> pl.Expr:
        """Read the column's text, as COPY writes it; what can't be held becomes null."""
        text = pl.col(self.name)
        if not self.array:
            return _parse(self.type, self.dtype)(text)
        assert isinstance(self.dtype, pl.List)
        inner = self.dtype.inner
        dtype = inner if isinstance(inner, pl.DataType) else inner()
        # Of more than one dimension: a list of texts can't be made of it, so it is not tried.
        flat = pl.when(~text.str.starts_with("[[")).then(text)
        parsed = flat.str.json_decode(pl.List(pl.String()))
        if dtype == pl.String():
            return parsed
        cast = parsed.list.eval(_parse(self.type, dtype)(pl.element()))
        kept = cast.list.eval(pl.element().is_not_null()).list.sum()
        given = parsed.list.eval(pl.element().is_not_null()).list.sum()
        return pl.when(kept == given).then(cast)


def _parse(type: str, dtype: pl.DataType) -> Parse:
    if type == "bool":
        # In an array it is a word.
        return lambda text: pl.when(text.is_not_null()).then(text.is_in(["t", "true"]))
    if type == "date":
        return lambda text: text.str.to_date("%Y-%m-%d", strict=False)
    if type == "time":
        return lambda text: text.str.to_time("%H:%M:%S%.f", strict=False)
    if type == "timestamp":
        return lambda text: text.str.to_datetime(_MOMENT, time_unit="us", strict=False)
    if type == "timestamptz":
        # The session's timezone is UTC.
        return lambda text: (
            text.str.strip_suffix("+00")
            .str.to_datetime(_MOMENT, time_unit="us", strict=False)
            .dt.replace_time_zone("UTC")
        )
    if type == "bytea":
        return lambda text: text.str.strip_prefix("\\x").str.decode("hex", strict=False)
    if dtype == pl.String():
        return lambda text: text
    return lambda text: text.cast(dtype, strict=False)


def described(cursor: pg.cursor) -> list[Column]:
    """Return the columns of the query that a cursor has just executed, with PostgreSQL's names of types."""
    description = list(cursor.description or ())
    oids = sorted({one.type_code for one in description})
    cursor.execute(
        "SELECT t.oid, t.typname, e.typname FROM pg_catalog.pg_type t "
        "LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A' WHERE t.oid = ANY(%s)",
        [oids],
    )
    names = {oid: (name, element) for oid, name, element in cursor.fetchall()}
    return [_column(one, *names.get(one.type_code, ("unknown", None))) for one in description]


def _column(one: Any, type: str, element: str | None) -> Column:
    if element is not None:
        # The precision of an array's elements is not told: their text is exact.
        inner = pl.String() if element in ("numeric", "bytea", "time") else _dtype(element)
        return Column(one.name, element, pl.List(inner), array=True)
    return Column(one.name, type, _dtype(type, one.precision, one.scale))


def _dtype(type: str, precision: int | None = None, scale: int | None = None) -> pl.DataType:
    if type in _INTEGERS or type in _FLOATS:
        return {**_INTEGERS, **_FLOATS}[type]
    if type == "numeric":
        # Without a precision any number of digits may come.
        if precision and scale is not None and precision <= MAX_DIGITS and 0 <= scale <= precision:
            return pl.Decimal(precision, scale)
        return pl.String()
    moments: dict[str, pl.DataType] = {
        "bool": pl.Boolean(),
        "date": pl.Date(),
        "time": pl.Time(),
        "timestamp": pl.Datetime("us"),
        "timestamptz": pl.Datetime("us", "UTC"),
        "bytea": pl.Binary(),
    }
    return moments.get(type, pl.String())


def parse_lines(lines: Sequence[bytes], columns: Sequence[Column]) -> pl.DataFrame:
    """Read rows as COPY writes them in CSV with every value quoted, and a cell before them that is not ours.

    Raises:
        StagingError: They are not as many as were given, or no UTF-8 text.
    """
    names = [column.name for column in columns]
    try:
        text = pl.read_csv(
            b"".join(lines),
            has_header=False,
            schema={"\0flag": pl.String(), **dict.fromkeys(names, pl.String())},
            quote_char='"',
            infer_schema=False,
        )
    except pl.exceptions.PolarsError:
        raise StagingError(
            "The database sent text that is no UTF-8",
            hint="Its encoding is SQL_ASCII, and somebody wrote other bytes: convert the column in the query",
            kind=ErrorKind.DATA,
        ) from None
    if text.height != len(lines):
        what = f"{len(lines)} rows came from the database, {text.height} were read"
        raise StagingError(what, kind=ErrorKind.BUG)
    parsed = text.select(column.parsed().alias(column.name) for column in columns)
    lost = pl.any_horizontal(text[name].is_not_null() & parsed[name].is_null() for name in names)
    raw = pl.concat_str([pl.col(name).fill_null("") for name in names], separator="\t")
    return parsed.with_columns(text.select(pl.when(lost).then(raw).alias(RAW))[RAW])
