"""The keys that rows claim in the whole table, and those that are taken by earlier partitions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from etl_assets.quality.elsewhere import AT
from etl_assets.quality.flags import JudgedRows
from etl_assets.quality.stable_hash import hashed
from etl_assets.quality.uniqueness import KeyColumns, Violations


class ClaimedKeys:
    """The keys of one validation that must be unique in the whole table.

    Without anybody who knows the other partitions they are unique among the rows at hand.

    Attributes:
        taken: Rule -> the hashes in periods that an earlier partition has.
    """

    def __init__(self, judged: JudgedRows, keys: Sequence[KeyColumns]) -> None:
        self._judged = judged
        self._elsewhere = judged.around.elsewhere
        self._keys = [key for key in keys if key.whole_table] if self._elsewhere else []
        self.taken: dict[str, pl.DataFrame] = {}

    def suspects(self, key: KeyColumns, repeated: pl.Series) -> pl.Series:
        """Add the keys that are taken to those that repeat: one more pass over the key's columns."""
        if self._elsewhere is None or key not in self._keys:
            return repeated
        frame = self._judged.frame.filter(key.takes_part).with_columns(__own=key.hash)
        at = hashed(frame, key.columns, "_period", "__own").collect(engine="streaming")
        self.taken[key.rule] = self._elsewhere.taken(key.rule, at.select(AT).unique())
        found = at.join(self.taken[key.rule], on=AT, how="semi")["__own"]
        return pl.concat([repeated, found.alias(repeated.name)]).unique()

    def plans(self, good: pl.LazyFrame) -> list[pl.LazyFrame]:
        """Write down the keys of the rows that nothing speaks against, together with these."""
        return [
            hashed(good.filter(key.takes_part), key.columns, "_period").sink_parquet(
                self._file(key), lazy=True, compression="uncompressed"
            )
            for key in self._keys
        ]

    def report(self, violations: Violations | None) -> None:
        """Tell which keys the rows claim."""
        for key in self._keys:
            claims = [pl.read_parquet(self._file(key))]
            if violations is not None:
                claims.append(violations.claims[key.rule])
            assert self._elsewhere is not None
            self._elsewhere.claimed(key.rule, pl.concat(claims).unique())

    def _file(self, key: KeyColumns) -> Path:
        number = [one.rule for one in self._keys].index(key.rule)
        return self._judged.around.scratch / f"claims-{number}.parquet"
