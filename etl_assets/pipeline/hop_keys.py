"""The keys of one hop: answers what validation asks of other partitions, and adds its own to the index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from etl_assets.contracts.dataset import TableId
from etl_assets.contracts.rules import Rule
from etl_assets.errors import LakeError
from etl_assets.lake.segment import SCHEMA, Built, Entry
from etl_assets.logs import get_logger
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.restored_keys import restore
from etl_assets.pipeline.ties import (
    COMPLETE,
    UNIQUE,
    USES,
    Ties,
    columns_referred_to,
    index_of,
    tie_plan,
    ties_digests,
)
from etl_assets.quality.elsewhere import AT
from etl_assets.quality.stable_hash import HASH

LOG = get_logger(__name__)


class HopKeys:
    """The keys that one attempt finds, group by group of periods.

    Attributes:
        references: The references that are asked key by key.
    """

    def __init__(
        self,
        pipeline: DatasetPipeline,
        table: TableId,
        attempt: str,
        ties: Ties,
        periods: Sequence[str],
    ) -> None:
        self.table = table
        self.attempt = attempt
        self.plan = ties.plans[table]
        self.index = index_of(pipeline, table)
        self.referenced = {
            rule: ties.referenced(to, column) for rule, (to, column) in self.plan.references.items()
        }
        published = [one for one in ties.published_of(table).items() if one[0] not in set(periods)]
        self.others: set[Built] = {(key, one.attempt) for key, one in published}
        self._groups = 0
        restore(pipeline, table, self.plan, dict(published), attempt)

    def group(self, periods: Sequence[str]) -> GroupKeys:
        """Begin with some periods, in the order of periods."""
        return GroupKeys(self, tuple(periods))

    def settle(self, group: GroupKeys) -> dict[str, str]:
        """Add what a group has to the index, and return the ties of its periods.

        The periods that follow are told that its keys are taken. If one of them is not published after all,
        its followers are built on what is not so; their ties say it, and they are built again.
        """
        names = (*self.plan.names, COMPLETE)
        entries = [Entry(name, period, self.attempt) for name in names for period in group.periods]
        self._groups += 1
        self.index.add(f"{self.attempt}-{self._groups}", group.keys(), entries)
        self.others |= {(period, self.attempt) for period in group.periods}
        some = ties_digests(group.ties(), ("period",))
        return {period: some.get((period,), "") for period in group.periods}


class GroupKeys:
    """The keys of some periods that are validated together: what `quality.elsewhere.Elsewhere` asks for."""

    def __init__(self, hop: HopKeys, periods: tuple[str, ...]) -> None:
        self.hop = hop
        self.periods = periods
        self._claims: dict[str, pl.DataFrame] = {}
        self._taken: dict[str, pl.DataFrame] = {}
        self._used: dict[str, pl.DataFrame] = {}
        self._missed: dict[str, pl.DataFrame] = {}

    def known(self, rule: Rule, used: pl.DataFrame) -> pl.DataFrame:
        """Those of some values that the referenced table has."""
        found = self.hop.referenced[rule.name].known(used)
        self._used[rule.name] = used
        self._missed[rule.name] = used.join(found, on=HASH, how="anti")
        return used.join(found, on=HASH, how="semi").select("value").unique()

    def also(self, before: GroupKeys) -> None:
        """Tie the periods to what was asked before rows were corrected, too: it says which rows are meant."""
        for mine, asked in ((self._used, before._used), (self._missed, before._missed)):
            for rule, keys in asked.items():
                own = keys.filter(pl.col("_period").is_in(self.periods))
                mine[rule] = pl.concat([mine[rule], own]).unique() if rule in mine else own

    def taken(self, rule: str, keys: pl.DataFrame) -> pl.DataFrame:
        """Those of some keys that a row of an earlier partition has."""
        found = self.hop.index.find(keys, [UNIQUE + rule], self.hop.others)
        first = found.group_by(HASH).agg(first=pl.col("period").min())
        earlier = keys.join(first, on=HASH).filter(pl.col("_period") > pl.col("first"))
        self._taken[rule] = earlier.select(AT)
        return self._taken[rule]

    def claimed(self, rule: str, keys: pl.DataFrame) -> None:
        """Take note of the keys that the rows claim."""
        self._claims[rule] = keys

    def keys(self) -> pl.DataFrame:
        """All keys for the index."""
        parts = {UNIQUE + rule: keys for rule, keys in self._claims.items()}
        parts |= {USES + rule: keys for rule, keys in self._used.items()}
        attempt = pl.lit(self.hop.attempt).alias("attempt")
        return _named(parts).with_columns(attempt).select(*SCHEMA)

    def ties(self) -> pl.DataFrame:
        """The keys that earlier partitions have, and the values that referenced tables lack."""
        ties = {USES + rule: keys for rule, keys in self._missed.items()}
        for rule, claims in self._claims.items():
            within = claims.filter(pl.col("_period") > pl.col("_period").min().over(HASH))
            outside = claims.join(self._taken[rule], on=AT, how="semi")
            ties[UNIQUE + rule] = pl.concat([within, outside]).unique()
        return _named(ties)


def tidy(
    pipeline: DatasetPipeline,
    table: TableId,
    attempt: str,
    *,
    all_: bool = False,
) -> None:
    """Make the next look at a table's keys, and at those of tables that refer to it, a short one.

    Nothing depends on it: what is not done now is done by the next hop, and asked each time until then.

    Args:
        pipeline: The dataset.
        table: What was just published.
        attempt: Who does it, unique for ever.
        all_: Also forget at once what no partition is built from any more.
    """
    plans = {other: tie_plan(pipeline, other) for other in pipeline.tables}
    referrers = {
        other for other, plan in plans.items() if table in {to for to, _ in plan.references.values()}
    }
    if not (plans[table].names or referrers):
        return
    try:
        ties = Ties(pipeline, pipeline.ledger.published_validations(pipeline.name))
        for column in columns_referred_to(pipeline, table):
            ties.referenced(table, column).complete(attempt)
        for other in {table, *referrers}:
            if plans[other].names:
                ties.view(other).save(index_of(pipeline, other), attempt)
        index_of(pipeline, table).merge(attempt, ties.current(table), all_=all_)
    except (LakeError, OSError, pl.exceptions.PolarsError) as error:
        LOG.warning("keys are not tidied", extra={"table": str(table), "error": str(error)})


def _named(parts: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    schema = {name: SCHEMA[name] for name in ("name", "period", *HASH)}
    named = [
        keys.select(pl.lit(name).alias("name"), pl.col("_period").alias("period"), *HASH)
        for name, keys in parts.items()
    ]
    return pl.concat([pl.DataFrame(schema=schema), *named])
