"""The values of a column that other tables refer to, looked up in the index of its table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from etl_assets.contracts.dataset import TableId
from etl_assets.lake.key_index import KeyIndex
from etl_assets.lake.segment import SCHEMA, Built, Entry
from etl_assets.ledger.records import Validation
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.digest import digest
from etl_assets.quality.stable_hash import HASH, hashed

HOLDS = "holds:"
"""Prefix of an entry's name: the values of a column that others refer to."""


@dataclass(frozen=True)
class ReferencedKeys:
    """The values of one column, in the partitions of a table that are published."""

    pipeline: DatasetPipeline
    index: KeyIndex
    table: TableId
    column: str
    published: Mapping[str, Validation]

    @property
    def name(self) -> str:
        """What the index calls them."""
        return HOLDS + self.column

    @cached_property
    def built(self) -> frozenset[Built]:
        """The attempts whose rows are published."""
        return frozenset((period, one.attempt) for period, one in self.published.items())

    def known(self, hashes: pl.DataFrame) -> pl.DataFrame:
        """Those of some hashes that a published row has."""
        found = self.index.find(hashes, [self.name], self.built).select(HASH)
        lacking = [period for period, attempt in self._not_indexed()]
        if lacking and not hashes.is_empty():
            rows = self._rows(lacking).join(hashes, on=HASH, how="semi")
            found = pl.concat([found, rows.select(HASH)])
        return found.unique()

    def missing(self, keys: pl.DataFrame) -> pl.DataFrame:
        """Those of some keys (with their hashes) that no published row has."""
        return keys.join(self.known(keys), on=HASH, how="anti")

    def complete(self, attempt: str) -> None:
        """Add to the index what it lacks, from the table itself.

        A partition whose rows in the lake are not those of its publication is left for the hop that mends it.
        """
        lacking = dict(self._not_indexed())
        if not lacking:
            return
        whole = whole_periods(self.pipeline, self.table, {key: self.published[key] for key in lacking})
        lacking = {period: attempt for period, attempt in lacking.items() if period in whole}
        if not lacking:
            return
        built = pl.DataFrame(list(lacking.items()), schema=["period", "attempt"], orient="row")
        keys = self._rows(list(lacking)).join(built, on="period").with_columns(name=pl.lit(self.name))
        entries = [Entry(self.name, period, one) for period, one in lacking.items()]
        self.index.add(f"{attempt}-{digest(self.name)[:8]}", keys.select(*SCHEMA), entries)

    def _not_indexed(self) -> frozenset[Built]:
        indexed = {(one.period, one.attempt) for one in self.index.entries() if one.name == self.name}
        return self.built - indexed

    def _rows(self, periods: list[str]) -> pl.DataFrame:
        schema = {self.column: self.pipeline.contract(self.table).schema[self.column]}
        rows = self.pipeline.accepted(self.table).scan(schema, periods).drop_nulls(self.column)
        found = hashed(rows.unique(), [self.column], "_period").collect(engine="streaming")
        return found.rename({"_period": "period"})


def whole_periods(
    pipeline: DatasetPipeline, table: TableId, published: Mapping[str, Validation]
) -> frozenset[str]:
    """Those of some partitions of which the lake holds the very rows of their publications."""
    rows = dict.fromkeys(published, 0)
    other = set()
    for file in pipeline.accepted(table).files(list(published)):
        rows[file.period] += file.rows
        if not file.path.name.startswith(f"{published[file.period].attempt}-"):
            other.add(file.period)
    return frozenset(period for period, one in published.items() if rows[period] == one.accepted) - other
