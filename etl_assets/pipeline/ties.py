"""What a partition owes to others: keys that earlier partitions have, values that referenced tables lack.

A unique rule that speaks of the whole table, and a reference, tie a partition to rows elsewhere. Its ties are
those keys of its own that are taken, and those values that are missing. They are part of its state: where
they change it is built again, and only there. See docs/adr/0022.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from etl_assets.contracts.dataset import TableId
from etl_assets.contracts.rules import Rule
from etl_assets.contracts.vocabulary import RuleKind, UniqueScope
from etl_assets.lake.key_index import KeyIndex
from etl_assets.lake.segment import Built
from etl_assets.ledger.records import Outcome, PartitionKey, Validation
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.digest import digest
from etl_assets.pipeline.key_view import KeyView, latest_view
from etl_assets.pipeline.referenced_keys import ReferencedKeys

UNIQUE, USES = "unique:", "uses:"
"""Prefixes of an entry's name: the keys that rows claim, the values that they refer to."""

COMPLETE = "complete"
"""Name of the entry of a partition of which the index says everything, as only who validated it can."""

UNKNOWN = "its keys are not known yet"


@dataclass(frozen=True)
class TiePlan:
    """Which rules of a table look elsewhere, key by key.

    Attributes:
        unique: Unique rules that speak of the whole table.
        references: References that are followed key by key -> the table and column that they refer to. Any
            other change of that table concerns nobody.
    """

    unique: tuple[str, ...]
    references: Mapping[str, tuple[TableId, str]]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all entries that a partition has in the index."""
        return (*(UNIQUE + rule for rule in self.unique), *(USES + rule for rule in self.references))


def tie_plan(pipeline: DatasetPipeline, table: TableId) -> TiePlan:
    """Find which rules of a table look elsewhere."""
    rules = pipeline.contract(table).rules
    # An unpartitioned table is validated as a whole.
    whole = [rule.name for rule in rules if rule.scope is UniqueScope.TABLE]
    unique = tuple(whole) if pipeline.tables[table].partitioned else ()
    targets = pipeline.references(table)
    references = {
        rule.name: (targets[rule.name], rule.reference.column)
        for rule in rules
        if rule.kind is RuleKind.REFERENCE and rule.reference and _is_followed(pipeline, table, rule)
    }
    return TiePlan(unique, references)


def followed(pipeline: DatasetPipeline, table: TableId) -> frozenset[TableId]:
    """The tables of which only single keys matter to a table's rows."""
    plan = tie_plan(pipeline, table)
    others = {to for rule, to in pipeline.references(table).items() if rule not in plan.references}
    wholly = {*pipeline.tables[table].inputs.values(), *others}
    return frozenset(to for to, _ in plan.references.values()) - wholly


def columns_referred_to(pipeline: DatasetPipeline, table: TableId) -> tuple[str, ...]:
    """The columns of a table whose values others refer to."""
    found = {
        column
        for other in pipeline.tables
        for to, column in tie_plan(pipeline, other).references.values()
        if to == table
    }
    return tuple(sorted(found))


def _is_followed(pipeline: DatasetPipeline, table: TableId, rule: Rule) -> bool:
    """Whether equal values of both columns have equal hashes: they hold the same kind of value."""
    if rule.reference is None:
        return False
    to = pipeline.contract(pipeline.references(table)[rule.name]).schema
    own = pipeline.contract(table).schema[rule.columns[0]]
    return rule.reference.column in to and _same_kind(own, to[rule.reference.column])


def _same_kind(one: pl.DataType, other: pl.DataType) -> bool:
    if one.is_float() or other.is_float() or one.is_nested() or other.is_nested():
        return False
    texts = (pl.String, pl.Enum, pl.Categorical)
    alike = (one.is_integer() and other.is_integer()) or (one in texts and other in texts)
    return alike or one == other


def index_of(pipeline: DatasetPipeline, table: TableId) -> KeyIndex:
    """The index of a table's keys."""
    return KeyIndex(pipeline.lake.root / pipeline.name / "keys" / f"{table.layer}_{table.name}")


def with_ties(base: str, ties: str) -> str:
    """The state of a partition whose inputs give `base`, and that has these ties ('' for none)."""
    return digest(base, ties) if ties else base


def ties_digests(ties: pl.DataFrame, by: Sequence[str]) -> dict[tuple[str, ...], str]:
    """Name the ties (`name`, `h1`, `h2`) of each partition by what they are.

    Args:
        ties: Those of some partitions; one without ties is not among them.
        by: The columns that tell the partition.
    """
    ordered = ties.unique().sort(*by, "name", "h1", "h2")
    hashes = np.ascontiguousarray(ordered.select("h1", "h2").to_numpy(), "<u8")
    found: dict[tuple[str, ...], Any] = {}
    start = 0
    for *partition, name, count in ordered.group_by(*by, "name", maintain_order=True).len().rows():
        named = found.setdefault(tuple(partition), hashlib.sha256())
        named.update(f"{name}\0{count}\0".encode())
        named.update(hashes[start : start + count].tobytes())
        start += count
    return {partition: named.hexdigest()[:32] for partition, named in found.items()}


class Ties:
    """The ties of a dataset's partitions, as the ledger and the indexes have them now."""

    def __init__(self, pipeline: DatasetPipeline, published: Mapping[PartitionKey, Validation]) -> None:
        self.pipeline = pipeline
        self.published = published
        self.plans = {table: tie_plan(pipeline, table) for table in pipeline.tables}
        self.followed = {table: followed(pipeline, table) for table in pipeline.tables}
        self._digests: dict[TableId, Mapping[Built, str]] = {}

    @cached_property
    def _latest(self) -> Mapping[PartitionKey, Validation]:
        return self.pipeline.ledger.latest_validations(self.pipeline.name)

    def settled(self, table: TableId, period: str, base: str) -> str:
        """The state of a partition whose inputs give `base`, with the ties that it has now.

        What was not built from these inputs has keys that nobody knows, and a state that nothing has.
        """
        if not self.plans[table].names:
            return base
        for one in self._built(table, period):
            ties = self._of(table).get((period, one.attempt))
            if ties is not None and with_ties(base, ties) == one.state_id:
                return one.state_id
        return digest(base, UNKNOWN)

    def _built(self, table: TableId, period: str) -> Iterable[Validation]:
        """The validations that may be of the inputs as they are: the published one, and the last held one."""
        key = (table.layer, table.name, period)
        if key in self.published:
            yield self.published[key]
        latest = self._latest.get(key)
        if latest is not None and latest.outcome is Outcome.HELD:
            yield latest

    def current(self, table: TableId) -> set[Built]:
        """The attempts whose keys count, of all partitions of a table."""
        periods = {key[2] for key in {*self.published, *self._latest} if key[:2] == (table.layer, table.name)}
        return {(period, one.attempt) for period in periods for one in self._built(table, period)}

    def published_of(self, table: TableId) -> dict[str, Validation]:
        """Period -> what is published of a table."""
        own = (table.layer, table.name)
        return {period: one for (*of, period), one in self.published.items() if tuple(of) == own}

    def view(self, table: TableId) -> KeyView:
        """The keys of a table that tie its partitions, found from what was found before."""
        plan = self.plans[table]
        index = index_of(self.pipeline, table)
        return latest_view(index).refreshed(
            index,
            self.current(table),
            [UNIQUE + rule for rule in plan.unique],
            {USES + rule: self.referenced(to, column) for rule, (to, column) in plan.references.items()},
        )

    def referenced(self, table: TableId, column: str) -> ReferencedKeys:
        """The values of a column that others refer to."""
        index = index_of(self.pipeline, table)
        return ReferencedKeys(self.pipeline, index, table, column, self.published_of(table))

    def _of(self, table: TableId) -> Mapping[Built, str]:
        if table not in self._digests:
            view = self.view(table)
            own = {(period, one.attempt) for period, one in self.published_of(table).items()}
            ties = view.ties(own)
            some = ties_digests(ties, ("period", "attempt"))
            entries = index_of(self.pipeline, table).entries()
            complete = {entry.built for entry in entries if entry.name == COMPLETE}
            self._digests[table] = {built: some.get(built, "") for built in view.own & complete}
        return self._digests[table]
