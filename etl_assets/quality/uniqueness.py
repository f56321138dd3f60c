"""Which rows repeat a key: found by hashes of the keys, decided on the keys themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

from etl_assets.quality.stable_hash import hashed

# More rows than this, and the hashes of the keys go to disk in buckets.
SPILL_ROWS = 16_000_000
BUCKETS = 32


@dataclass(frozen=True)
class KeyColumns:
    """The columns of one unique rule, as they are named in the frame.

    Attributes:
        nulls_distinct: A key with a null in it never repeats another. False for the row as
            delivered, where two empty cells are the same.
        whole_table: A key repeats that of another row of any period, not only of its own.
    """

    rule: str
    columns: tuple[str, ...]
    on_violation: str
    nulls_distinct: bool = True
    whole_table: bool = False

    @property
    def takes_part(self) -> pl.Expr:
        """Whether the row's key can repeat another's."""
        if not self.nulls_distinct:
            return pl.lit(True)
        return ~pl.any_horizontal(pl.col(column).is_null() for column in self.columns)

    @property
    def hash(self) -> pl.Expr:
        """Hash of the key among those that it may repeat, null where the key does not take part.

        The hash lives only within one process; it is never stored.
        """
        return pl.when(self.takes_part).then(pl.struct(*self.identity).hash())

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns in which rows agree that repeat each other."""
        return self.columns if self.whole_table else ("_period", *self.columns)


def repeated_hashes(frame: pl.LazyFrame, keys: KeyColumns, rows: int, scratch: Path) -> pl.Series:
    """Find the hashes that more than one row has: one pass over the key's columns alone.

    Args:
        frame: The rows, typed.
        keys: The key.
        rows: How many rows there are about; above `SPILL_ROWS` hashes are spilled to `scratch`.
        scratch: A folder that exists.

    Returns:
        A Series of UInt64, each hash once; mostly empty.
    """
    hashes = frame.select(h=keys.hash).drop_nulls()
    if rows <= SPILL_ROWS:
        return pl.Series("h", _repeated(hashes.collect(engine="streaming")["h"]), dtype=pl.UInt64)
    folder = scratch / "hashes"
    hashes.with_columns(bucket=pl.col("h") % BUCKETS).sink_parquet(
        pl.PartitionBy(folder, key="bucket", include_key=False), mkdir=True, compression="uncompressed"
    )
    found = [
        _repeated(pl.read_parquet(bucket / "*.parquet", columns=["h"])["h"])
        for bucket in sorted(folder.iterdir())
    ]
    return pl.Series("h", np.concatenate(found) if found else [], dtype=pl.UInt64)


def _repeated(hashes: pl.Series) -> np.ndarray:
    # numpy sorts 64-bit integers in place with vector instructions: 5 million in 0.06 s.
    ordered = hashes.to_numpy(writable=True)
    ordered.sort()
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


@dataclass(frozen=True)
class Violations:
    """Which of the suspected rows break a unique rule.

    Attributes:
        rows: The suspects, with `__duplicate` (Boolean) and `__reasons` (String, null where the
            row broke no rule that quarantines).
        failed: Rule -> period -> rows that broke it.
        claims: Rule that speaks of the whole table -> the hashes of the keys that the suspects claim.
    """

    rows: pl.DataFrame
    failed: dict[str, dict[str, int]]
    claims: dict[str, pl.DataFrame] = field(default_factory=dict)


def resolve(
    suspects: pl.DataFrame,
    keys: Sequence[KeyColumns],
    delivery_rank: Mapping[str, int],
    taken: Mapping[str, pl.DataFrame] | None = None,
) -> Violations:
    """Decide on the keys themselves which suspects repeat an earlier surviving row.

    The first surviving row in the order of periods, deliveries and lines is kept. Rules that quarantine go
    first; a row that one rule removed no longer counts for the next.

    Args:
        suspects: Rows that passed every row rule and whose hash repeats.
        keys: The unique rules, in the contract's order.
        delivery_rank: Delivery id -> its place in the order of deliveries.
        taken: Rule that speaks of the whole table -> hashes, in the periods in which an earlier period has
            them that is not among these rows.
    """
    rows = _in_order(suspects, delivery_rank).with_columns(
        __duplicate=pl.lit(False), __reasons=pl.lit(None, dtype=pl.String)
    )
    failed: dict[str, dict[str, int]] = {}
    claims: dict[str, pl.DataFrame] = {}
    for key in sorted(keys, key=lambda key: key.on_violation != "quarantine"):
        survives = ~pl.col("__duplicate") & pl.col("__reasons").is_null()
        takes_part = survives & key.takes_part
        repeats = takes_part & ~pl.struct(takes_part, *key.identity).is_first_distinct()
        if taken is not None and key.rule in taken:
            at = hashed(rows.lazy(), key.columns, "_period").collect()
            claims[key.rule] = at.filter(rows.select(takes_part).to_series()).unique()
            known = taken[key.rule].with_columns(__taken=True)
            found = at.join(known, on=at.columns, how="left", maintain_order="left")["__taken"]
            repeats = repeats | (takes_part & pl.lit(found.fill_null(False)))
        rows = rows.with_columns(__repeats=repeats)
        failed[key.rule] = dict(rows.filter("__repeats").group_by("_period").len().iter_rows())
        if key.on_violation == "quarantine":
            reason = pl.when("__repeats").then(pl.lit(key.rule))
            rows = rows.with_columns(
                __reasons=pl.concat_str("__reasons", reason, separator=";", ignore_nulls=True).replace(
                    "", None
                )
            )
        else:
            rows = rows.with_columns(__duplicate=pl.col("__duplicate") | pl.col("__repeats"))
    return Violations(rows.drop("__repeats", strict=False), failed, claims)


def _in_order(suspects: pl.DataFrame, delivery_rank: Mapping[str, int]) -> pl.DataFrame:
    if "_line" not in suspects.columns:
        return suspects.sort("_period", pl.all())  # gold rows have no line: any fixed order will do
    rank = pl.col("_delivery").replace_strict(
        list(delivery_rank), list(delivery_rank.values()), default=len(delivery_rank), return_dtype=pl.Int64
    )
    return suspects.sort("_period", rank, "_delivery", "_line")
