"""Rows of a Parquet file in the dtypes of a newer contract, without losing any value."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from etl_assets.lake.places import LakePath, polars_options, scannable


def differing(path: LakePath, schema: Mapping[str, pl.DataType]) -> list[str]:
    """Name the columns that a file holds in another dtype than `schema` says."""
    return [name for name, dtype in _dtypes(path).items() if schema.get(name, dtype) != dtype]


def uncastable(path: LakePath, schema: Mapping[str, pl.DataType]) -> list[str]:
    """Name the columns of a file with a value that the new dtype can't hold; no value is told."""
    held = _dtypes(path)
    found = []
    for name in differing(path, schema):
        lost = _scan(path).select(_is_lost(name, held[name], schema[name]).any())
        try:
            if lost.collect(engine="streaming").item():
                found.append(name)
        except pl.exceptions.PolarsError:
            found.append(name)  # there is no cast between such dtypes
    return found


def recast(path: LakePath, schema: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    """Give the rows of a file in the columns of `schema`: new ones null, dropped ones dropped.

    Collecting it raises a Polars error if a value can't be cast; ask `uncastable` before, which tells
    also where casting would round or cut values off.
    """
    held = _dtypes(path)
    return _scan(path).select(
        _cast(name, held[name], dtype, strict=True).alias(name)
        if name in held
        else pl.lit(None, dtype=dtype).alias(name)
        for name, dtype in schema.items()
    )


def _scan(path: LakePath) -> pl.LazyFrame:
    return pl.scan_parquet(scannable(path), **polars_options(path))


def _dtypes(path: LakePath) -> dict[str, pl.DataType]:
    return dict(_scan(path).collect_schema())


def _cast(name: str, old: pl.DataType, new: pl.DataType, *, strict: bool) -> pl.Expr:
    if old == pl.String and new == pl.Date:
        return pl.col(name).str.to_date("%Y-%m-%d", strict=strict)
    return pl.col(name).cast(new, strict=strict)


def _is_lost(name: str, old: pl.DataType, new: pl.DataType) -> pl.Expr:
    cast = _cast(name, old, new, strict=False)
    lost = cast.is_null() & pl.col(name).is_not_null()
    if old in (pl.String, pl.Binary) or new == pl.String or (new.is_float() and not old.is_integer()):
        return lost
    # Polars' strict cast makes 0 of -0.5, a day of an instant, and looks no deeper than a list or a struct.
    return lost | cast.cast(old, strict=False).ne_missing(pl.col(name))
