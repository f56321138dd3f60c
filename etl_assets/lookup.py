"""Looking up values by key, chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl


def looked_up(column: pl.Expr, values: Mapping[str, object], dtype: pl.DataType) -> pl.Expr:
    """Give the value of each key of a text column; null for a key that has none.

    The same as `replace_strict(values, default=None)`, which in Polars' streaming engine (2.1) is a
    join that holds all rows at once: on a wide table it costs twice the memory.

    Args:
        column: The keys (String). Best in runs, as delivery ids and partition keys are.
        values: Key -> value.
        dtype: The values' dtype.
    """
    keys = pl.Series(list(values), dtype=pl.String)
    found = pl.Series(list(values.values()), dtype=dtype)
    places = {key: place for place, key in enumerate(values)}

    def of_chunk(chunk: pl.Series) -> pl.Series:
        if len(chunk) and not chunk.has_nulls() and bool((chunk == chunk[0]).all()):
            place = places.get(chunk[0])
            return found.new_from_index(place, len(chunk)) if place is not None else _nulls(chunk, dtype)
        return chunk.replace_strict(keys, found, default=None) if len(keys) else _nulls(chunk, dtype)

    return column.map_batches(of_chunk, return_dtype=dtype, is_elementwise=True)


def _nulls(chunk: pl.Series, dtype: pl.DataType) -> pl.Series:
    return pl.Series(chunk.name, [None], dtype=dtype).new_from_index(0, len(chunk))
