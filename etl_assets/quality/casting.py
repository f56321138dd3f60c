"""Casts text to the contract's dtypes without losing sight of what could not be cast."""

from __future__ import annotations

import polars as pl

from etl_assets.contracts.options import Cast

TRUE_WORDS = ("true", "t", "yes", "y", "1")
FALSE_WORDS = ("false", "f", "no", "n", "0")
"""Text that means a truth value, in any case."""

DATETIME_FORMATS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f")


def cast_column(name: str, source: pl.DataType, target: pl.DataType, cast: Cast | None) -> pl.Expr:
    """Cast one column; what can't be cast faithfully becomes null.

    Text that is no number (`nan`, `inf`) and numbers that would lose their fraction count as not
    castable. A value is *not castable* where this expression is null and the column is not.

    Args:
        name: The column.
        source: Its dtype in the frame.
        target: The contract's dtype.
        cast: The contract's declaration, such as a date format.
    """
    column = pl.col(name)
    if source == target:
        return column
    if source == pl.String:
        return _from_text(column, target, cast)
    converted = column.cast(target, strict=False)
    if source.is_numeric() and target.is_numeric():
        # A cast that does not come back the same has lost something: 0.5 -> 0, 2**53 + 1 -> float.
        return pl.when(converted.cast(source, strict=False) == column).then(converted)
    return converted


def _from_text(column: pl.Expr, target: pl.DataType, cast: Cast | None) -> pl.Expr:
    declared = cast.format if cast else None
    if target.is_float():
        number = column.cast(target, strict=False)
        return pl.when(number.is_finite()).then(number)
    if target == pl.Boolean:
        word = column.str.to_lowercase()
        return pl.when(word.is_in(TRUE_WORDS)).then(True).when(word.is_in(FALSE_WORDS)).then(False)
    if target == pl.Date:
        return column.str.to_date(declared or "%Y-%m-%d", strict=False)
    if isinstance(target, pl.Datetime):
        formats = (declared,) if declared else DATETIME_FORMATS
        return pl.coalesce(_to_datetime(column, target, form) for form in formats)
    if isinstance(target, pl.Decimal):
        # Polars rounds further digits away; compared with a wider decimal, a lost one shows.
        exact = column.cast(pl.Decimal(38, min(36, target.scale + 9)), strict=False)
        number = column.cast(target, strict=False)
        return pl.when(number == exact).then(number)
    if target == pl.Time:
        return column.str.to_time(declared or "%H:%M:%S", strict=False)
    return column.cast(target, strict=False)


def _to_datetime(column: pl.Expr, target: pl.Datetime, form: str) -> pl.Expr:
    parsed = column.str.to_datetime(form, time_unit=target.time_unit, strict=False)
    if target.time_zone is None:
        return parsed
    if "%z" in form or "%Z" in form:
        return parsed.dt.convert_time_zone(target.time_zone)
    return parsed.dt.replace_time_zone(target.time_zone, ambiguous="null", non_existent="null")
