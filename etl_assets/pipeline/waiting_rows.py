"""Rows that came before what they refer to: how many, for what, since when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from etl_assets.contracts.dataset import Layer, TableId
from etl_assets.ledger.records import Delivery, DeliveryState, PartitionKey, Validation
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline


@dataclass(frozen=True)
class WaitingRows:
    """The rows of one published partition that wait.

    Attributes:
        waits_for: The tables that they refer to.
        since: When the oldest of the partition's deliveries came; the rows are no older.
        age: How long ago that was.
        overdue: Whether that is longer than the contract says that rows may wait.
    """

    table: TableId
    period: str
    rows: int
    waits_for: tuple[TableId, ...]
    since: datetime | None
    age: timedelta | None
    overdue: bool

    def __str__(self) -> str:
        where = f"{self.table} {self.period}".rstrip()
        waits = "1 row waits" if self.rows == 1 else f"{self.rows:,} rows wait"
        told = f"{where}: {waits} for {' or '.join(map(str, self.waits_for))}"
        if self.since is not None and self.age is not None:
            told += f" since {self.since:%Y-%m-%d %H:%M} UTC{_in_words(self.age)}"
        return f"{told}, longer than they may" if self.overdue else told


def waiting_rows(
    pipeline: DatasetPipeline,
    published: Mapping[PartitionKey, Validation],
    deliveries: Iterable[Delivery],
) -> list[WaitingRows]:
    """Find the published partitions of which rows wait, the oldest first."""
    waiting = [one for one in published.values() if one.waiting]
    arrived = _arrivals(deliveries) if waiting else {}
    found = [_of(pipeline, one, arrived) for one in waiting]
    return sorted(found, key=lambda one: (-(one.age or timedelta()), str(one.table), one.period))


def _of(
    pipeline: DatasetPipeline, one: Validation, arrived: Mapping[tuple[str, str], datetime]
) -> WaitingRows:
    table = TableId(Layer(one.layer), one.table)
    targets = pipeline.references(table)
    may_wait = {
        targets[rule.name]: rule.reference.waits
        for rule in pipeline.contract(table).rules
        if rule.reference is not None and rule.reference.waits and rule.name in targets
    }
    first = table
    while first.layer is not Layer.BRONZE:
        first = next(iter(pipeline.tables[first].inputs.values()))
    since = arrived.get((first.name, one.period))
    age = None if since is None else pipeline.now() - since
    limits = [limit for limit in may_wait.values() if isinstance(limit, timedelta)]
    overdue = age is not None and any(age > limit for limit in limits)
    return WaitingRows(table, one.period, one.waiting, tuple(may_wait), since, age, overdue)


def _arrivals(deliveries: Iterable[Delivery]) -> dict[tuple[str, str], datetime]:
    """(bronze table, period) -> when the oldest of its deliveries came that count."""
    found: dict[tuple[str, str], datetime] = {}
    for one in deliveries:
        if one.state is not DeliveryState.INGESTED or one.registered_at is None:
            continue
        for period in one.periods or ("",):
            key = (one.table, period)
            found[key] = min(one.registered_at, found.get(key, one.registered_at))
    return found


def _in_words(age: timedelta) -> str:
    hours = int(age / timedelta(hours=1))
    if hours < 2:
        return ""
    return f" ({hours} hours)" if hours < 48 else f" ({hours // 24} days)"
