"""Hashes of keys that can be kept: the same in every process, version and place, for equal values.

They are the first 128 bits of BLAKE3 over an encoding that no two keys share, so that two keys with one hash
are as unlikely as two deliveries with one id; nothing has to be looked up to be sure. Numbers are encoded by
their value: an Int32 and the same Int64 have one hash.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import polars_hash

HASH = ("h1", "h2")
"""The halves of a hash, as columns."""

_TEXT = "__hash"
_HALF = 16


def hashed(rows: pl.LazyFrame, columns: Sequence[str], *kept: str) -> pl.LazyFrame:
    """Give the hash of some columns of each row, as `h1` and `h2`, beside the columns that are kept."""
    text = polars_hash.hash_rows(*(pl.col(name) for name in columns)).chash.blake3()
    halves = [
        pl.col(_TEXT).str.slice(place * _HALF, _HALF).str.to_integer(base=16, dtype=pl.UInt64).alias(name)
        for place, name in enumerate(HASH)
    ]
    return rows.select(*kept, text.alias(_TEXT)).select(*kept, *halves)
