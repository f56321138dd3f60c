"""Whether a query's types are those that a contract expects, or may be cast to them without loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from etl_assets.staging.extracts.columns import Column

# What a contract's family may be made of.
_FROM = {
    "integer": {"integer"},
    "decimal": {"integer", "decimal"},
    "float": {"integer", "decimal", "float"},
}


def misfits(columns: Sequence[Column], contract: Mapping[str, pl.DataType]) -> str:
    """Name the columns whose types differ in kind; "" if none does. A contract's String takes everything."""
    other = [
        f"{column.name!r} is {column.type}{'[]' * column.array}, the contract has {contract[column.name]}"
        for column in columns
        if not _fits(column, contract[column.name])
    ]
    return "types differ; " + "; ".join(other) if other else ""


def _fits(column: Column, wanted: pl.DataType) -> bool:
    family = _family(wanted)
    if family == "text":
        return not column.array
    # A numeric without precision comes as text, exactly.
    found = "decimal" if column.type == "numeric" and not column.array else _family(column.dtype)
    return found in _FROM.get(family, {family})


def _family(dtype: pl.DataType) -> str:
    if isinstance(dtype, pl.List):
        inner = dtype.inner
        return f"list of {_family(inner if isinstance(inner, pl.DataType) else inner())}"
    if isinstance(dtype, pl.Datetime):
        return "moment" if dtype.time_zone else "local time"
    if isinstance(dtype, pl.Decimal):
        return "decimal"
    if dtype.is_integer():
        return "integer"
    if dtype.is_float():
        return "float"
    return "text" if isinstance(dtype, pl.String | pl.Categorical | pl.Enum) else str(dtype)
