"""What rows owe to other partitions and tables: keys that are taken there, values that exist there.

A key that must be unique in the whole table is taken where a row of an earlier partition has it. To know
that, somebody answers questions about hashes of keys (`Elsewhere`), and is told in turn which keys the rows
claim: those of rows that break no rule before the unique rule is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import polars as pl

from etl_assets.contracts.rules import Rule
from etl_assets.quality.stable_hash import HASH, hashed

AT = ("_period", *HASH)
"""A hash in a period."""


class Elsewhere(Protocol):
    """Knows the other partitions, and the tables that rows refer to."""

    def known(self, rule: Rule, used: pl.DataFrame) -> pl.DataFrame:
        """Those of some values (`value`, with `_period` and their hash) that the referenced table has."""

    def taken(self, rule: str, keys: pl.DataFrame) -> pl.DataFrame:
        """Those of some keys (hashes in periods) that a row of an earlier partition has."""

    def claimed(self, rule: str, keys: pl.DataFrame) -> None:
        """Take note of the keys that the rows claim; told once, when all went well."""


def known_elsewhere(
    frame: pl.LazyFrame, rules: Sequence[Rule], elsewhere: Elsewhere | None
) -> Mapping[str, pl.DataFrame]:
    """Ask which of the values that rows refer to exist: one pass over the columns that refer.

    Returns:
        Rule -> the values that exist, of those that rows have.
    """
    if elsewhere is None or not rules:
        return {}
    plans = [
        hashed(
            frame.select("_period", value=rule.columns[0]).drop_nulls("value").unique(),
            ["value"],
            "_period",
            "value",
        )
        for rule in rules
    ]
    used = pl.collect_all(plans, engine="streaming")
    return {rule.name: elsewhere.known(rule, one) for rule, one in zip(rules, used, strict=True)}
