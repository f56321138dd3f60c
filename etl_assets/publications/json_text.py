"""Lists and structs as JSON text, exact: what JSON has no number for stays a text."""

from __future__ import annotations

import json
import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl


def is_nested(dtype: pl.DataType) -> bool:
    """Whether a column of this dtype is written as JSON."""
    return isinstance(dtype, pl.List | pl.Array | pl.Struct)


def json_texts(column: pl.Series) -> pl.Series:
    """The values of a nested column as JSON, null where they are null.

    A Decimal, a NaN and an infinity become texts: as JSON numbers, readers would round or refuse them.
    """
    texts = [None if value is None else _dumps(value) for value in column.to_list()]
    return pl.Series(column.name, texts, dtype=pl.String)


def _dumps(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {name: _plain(one) for name, one in value.items()}
        case list():
            return [_plain(one) for one in value]
        case float() if not math.isfinite(value):
            return str(value)
        case bytes():
            return value.hex()
        case datetime():
            return value.isoformat(sep="T")
        case date() | time():
            return value.isoformat()
        case Decimal():
            return format(value, "f")
        case timedelta():
            return str(value)
        case _:
            return value
