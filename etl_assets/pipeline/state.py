"""What a partition's content depends on, as one id: the same inputs give the same id, and the same rows.

A state id is a hash of the ids of everything that goes in: deliveries for bronze, the states of the
upstream partitions otherwise, and always the contract and the code of the transformation. A table
is up to date where the id of what is published equals the id of what its inputs are now.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from etl_assets.contracts.dataset import Layer, Table, TableId
from etl_assets.ledger.decision_records import Decision
from etl_assets.ledger.records import Delivery, DeliveryState, PartitionKey, Validation
from etl_assets.pipeline.code_version import code_version
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.decisions import Decisions
from etl_assets.pipeline.digest import digest
from etl_assets.pipeline.ties import Ties
from etl_assets.staging.content import declared
from etl_assets.staging.source import Mode, PeriodFrom, Source

StateOf = Callable[[TableId, str], str | None]
"""(table, period) -> state id of what can be read there, None where there is nothing."""


RETRY_ASKED = "a retry was asked for"
CAME_BACK = "its file was delivered again"
ANOTHER_TRY = (RETRY_ASKED, CAME_BACK)
"""Reasons of a pending delivery whose partition is to be tried again, once, whatever came of it before."""

OUTRANKED = "a newer version of the snapshot was ingested"
"""Why an older version of a snapshot is superseded. It is a word for people: which version counts is decided
among all of them each time, whatever they were called before."""

ENGINE = 1
"""Raise it when the same inputs give other rows because this project reads or validates differently."""


def table_version(pipeline: DatasetPipeline, table: Table) -> str:
    """Hash what a table's content depends on beside its inputs: contract, code, how files are read."""
    contract = pipeline.contract(table.id).fingerprint
    if table.id.layer is Layer.BRONZE:
        source = pipeline.sources[table.id.name]
        read = [json.loads(declared(source.format)), source.mode, source.period_column]
        if source.period_from is PeriodFrom.COLUMN:
            read.append(source.period_format)
        return digest(ENGINE, contract, *read)
    return digest(ENGINE, contract, code_version(table.transform))


@dataclass(frozen=True)
class Current:
    """The deliveries that a bronze partition consists of, in order, or why it can't be built.

    Attributes:
        deliveries: In the order in which their rows count as earlier and later.
        waits_for: What must come first, such as a missing part; "" if nothing.
        emptied: Newer versions of all its deliveries were ingested, and have no rows of the period; or a
            person rejected all that there was.
        rejected: Whose new delivery is awaited, since a person rejected the last one; "" if none is.
    """

    deliveries: tuple[Delivery, ...]
    waits_for: str = ""
    emptied: bool = False
    rejected: str = ""


def current_deliveries(source: Source, deliveries: Iterable[Delivery]) -> Current:
    """Choose the deliveries of one partition that count, and put them in order.

    The order depends on the deliveries themselves, never on when we saw them: by key; corrections
    newest first, so that the newest row of a key is the one that is kept.
    """
    usable = [delivery for delivery in deliveries if is_usable(delivery)]
    if source.mode is Mode.SNAPSHOT:
        newest = max(usable, key=snapshot_rank(source), default=None)
        return Current((newest,) if newest else ())
    if isinstance(source.files_per_period, tuple):
        missing = sorted(set(source.files_per_period) - {one.part for one in usable})
        if usable and missing:
            return Current((), f"waits for part {', '.join(missing)}")
    return Current(in_order(source, usable))


def is_usable(delivery: Delivery) -> bool:
    """Whether a delivery's rows may count: nothing came in its place, and it waits for nobody."""
    return delivery.state in (DeliveryState.PENDING, DeliveryState.INGESTED) or is_outranked(delivery)


def is_outranked(delivery: Delivery) -> bool:
    """Whether a delivery is superseded by another snapshot, not by a newer version of its own file."""
    return delivery.state is DeliveryState.SUPERSEDED and delivery.reason == OUTRANKED


def snapshot_rank(source: Source) -> Callable[[Delivery], tuple[datetime, int, str]]:
    """What tells which of several snapshots is the newest: its name, else when it was written."""
    return lambda one: (source.version(one.key), one.modified_ns, one.key)


def in_order(source: Source, deliveries: Iterable[Delivery]) -> tuple[Delivery, ...]:
    """Put deliveries into the order in which their rows count as earlier and later."""
    if source.mode is Mode.CORRECTION:
        return tuple(sorted(deliveries, key=lambda one: (-one.modified_ns, one.key, one.id)))
    return tuple(sorted(deliveries, key=lambda one: (one.key, one.id)))


def _was_replaced(delivery: Delivery, by_id: Mapping[str, Delivery]) -> bool:
    """Whether a newer version has taken a delivery's place, and was ingested."""
    newest = _newest_version(delivery, by_id)
    return newest.id != delivery.id and newest.state is DeliveryState.INGESTED


def _newest_version(delivery: Delivery, by_id: Mapping[str, Delivery]) -> Delivery:
    seen = set()
    while (
        delivery.state is DeliveryState.SUPERSEDED and not is_outranked(delivery) and delivery.id not in seen
    ):
        seen.add(delivery.id)
        delivery = by_id.get(delivery.superseded_by or "", delivery)
    return delivery


def _held_back(deliveries: Iterable[Delivery], by_id: Mapping[str, Delivery]) -> str:
    """Say which delivery must be settled first: one that is on hold and replaces rows that are published.

    Without it the partition would be built from the other files alone, and the rows of the last good
    version would be gone.
    """
    for one in deliveries:
        newest = _newest_version(one, by_id)
        if one.ingested_at is not None and newest.state is DeliveryState.ON_HOLD:
            return f"waits for {newest.key}, which is on hold: {newest.reason}"
    return ""


def _after_rejection(
    current: Current,
    found: Sequence[Delivery],
    rejected: Mapping[str, Decision],
    by_id: Mapping[str, Delivery],
) -> Current:
    """Await a new delivery in the place of one that a person rejected.

    Where an older version of it had been ingested, what is published stays until then; else the partition
    does without.
    """
    lost = {one.id: one for one in found if one.id in rejected and one.state is not DeliveryState.SUPERSEDED}
    if not lost:
        return current
    named = ", ".join(f"{one.key} (decision {rejected[id].id})" for id, one in sorted(lost.items()))
    reason = f"waits for a new delivery; {rejected[min(lost)].who} rejected {named}"
    for one in found:
        if one.id not in rejected and one.ingested_at is not None and _newest_version(one, by_id).id in lost:
            return Current((), reason, rejected=reason)
    if current.deliveries or current.waits_for:
        return current
    return Current((), emptied=True, rejected=reason)


class States:
    """State ids of a dataset's partitions, from the deliveries and decisions that the ledger has now."""

    def __init__(
        self,
        pipeline: DatasetPipeline,
        deliveries: Iterable[Delivery],
        published: Mapping[PartitionKey, Validation],
    ) -> None:
        self.pipeline = pipeline
        self.versions = {id: table_version(pipeline, table) for id, table in pipeline.tables.items()}
        self._by_partition: dict[tuple[TableId, str], list[Delivery]] = {}
        self._windows: dict[str, list[str]] = {}
        self.decisions = Decisions.of(pipeline)
        self.ties = Ties(pipeline, published)
        self._published = {key: one.state_id for key, one in published.items()}
        self._has_rows = {(layer, name) for layer, name, _ in published}
        self.deliveries = list(deliveries)
        self.current = self._current(self.deliveries)
        for layer, name, period in published:
            if layer == Layer.BRONZE and period:
                # Its deliveries belong to other periods by now, after a change of the settings.
                self.current.setdefault((TableId(Layer.BRONZE, name), period), Current((), emptied=True))

    def _current(self, deliveries: Sequence[Delivery]) -> dict[tuple[TableId, str], Current]:
        by_id = {one.id: one for one in deliveries}
        self._replaced_by = {one.id: one.superseded_by for one in deliveries}
        for delivery in deliveries:
            table = TableId(Layer.BRONZE, delivery.table)
            if table not in self.pipeline.tables:
                continue
            partitioned = self.pipeline.tables[table].partitioned
            for period in delivery.periods if partitioned else ("",):
                self._by_partition.setdefault((table, period), []).append(delivery)
        current = {}
        for key, found in self._by_partition.items():
            source = self.pipeline.sources[key[0].name]
            counting = [one for one in found if one.id not in self.decisions.rejected]
            current[key] = current_deliveries(source, counting)
            if source.period_from is PeriodFrom.COLUMN and all(_was_replaced(one, by_id) for one in found):
                current[key] = Current((), emptied=True)
            elif waits := _held_back(found, by_id):
                current[key] = Current((), waits)
            else:
                current[key] = _after_rejection(current[key], found, self.decisions.rejected, by_id)
        return current

    def decided(self, table: TableId, period: str) -> tuple[Decision, ...]:
        """The decisions that do something to a partition."""
        if (table, period) not in self.decisions.by_partition:
            return ()
        return self.decisions.of_partition(self.pipeline, table, period, self.present(table, period))

    def present(self, table: TableId, period: str) -> frozenset[str]:
        """The deliveries whose rows a partition has, or has kept while it waits for another one."""
        if table.layer is not Layer.BRONZE:
            inputs = self.pipeline.tables[table].inputs.values()
            return frozenset().union(*(self._present_in(table, one, period) for one in inputs))
        current = self.current.get((table, period), Current(()))
        if current.deliveries or current.emptied:
            return frozenset(one.id for one in current.deliveries)
        found = self._by_partition.get((table, period), ())
        newer = {one.id for one in found if one.ingested_at is not None}
        return frozenset(id for id in newer if self._replaced_by.get(id) not in newer)

    def _present_in(self, table: TableId, upstream: TableId, period: str) -> frozenset[str]:
        if not self.pipeline.tables[upstream].partitioned:
            return self.present(upstream, "")
        if self.pipeline.tables[table].partitioned:
            return self.present(upstream, period)
        return frozenset().union(*(self.present(upstream, key) for key in self.periods()))

    def awaits(self, table: TableId, period: str, readable: StateOf) -> str:
        """Say which delivery a silver or gold partition awaits in the place of a rejected one; '' if none.

        Its bronze partition still has the rejected rows, or no row at all, of which nothing is made.
        """
        for upstream in self.pipeline.tables[table].inputs.values():
            current = self.current.get((upstream, period), Current(()))
            if current.rejected and (current.waits_for or readable(table, period) is None):
                return current.rejected
        return ""

    def ranks(self, table: TableId) -> dict[str, int]:
        """The place of each delivery that a table's rows come from in the order of all of them."""
        while table.layer is not Layer.BRONZE:
            table = next(iter(self.pipeline.tables[table].inputs.values()))
        found = {one.id: one for (of, _), some in self._by_partition.items() if of == table for one in some}
        ordered = in_order(self.pipeline.sources[table.name], found.values())
        return {one.id: rank for rank, one in enumerate(ordered)}

    def order(self, table: TableId, period: str) -> tuple[str, ...]:
        """The ids of all deliveries that a bronze partition ever had, earlier rows first.

        What is published may be of deliveries that are not current any more.
        """
        found = self._by_partition.get((table, period), ())
        return tuple(one.id for one in in_order(self.pipeline.sources[table.name], found))

    def periods(self) -> list[str]:
        """The partition keys that something was delivered for, in the calendar's order."""
        return sorted({period for _, period in self.current if period})

    def of(self, table: TableId, period: str, readable: StateOf) -> str | None:
        """The state that a partition would have if it were built now.

        Args:
            table: The table.
            period: The partition key, '' for an unpartitioned table.
            readable: What can be read of upstream tables.

        Returns:
            The id, or None where an input is missing.
        """
        base = self.base(table, period, readable)
        return None if base is None else self.ties.settled(table, period, base)

    def base(self, table: TableId, period: str, readable: StateOf) -> str | None:
        """The same without what the partition owes to other partitions, key by key."""
        version = self.versions[table]
        # Without any, the id is what it was before there were decisions.
        decided = [[one.id for one in found]] if (found := self.decided(table, period)) else []
        if table.layer is Layer.BRONZE:
            current = self.current.get((table, period), Current(()))
            # What was never published need not be emptied.
            if current.deliveries or (current.emptied and readable(table, period) is not None):
                parts = [self._part(table, one, period) for one in current.deliveries]
                return digest(version, parts, *decided)
            return None
        if self.awaits(table, period, readable):
            return None
        states = []
        for upstream in self.pipeline.upstream(table):
            if upstream in self.ties.followed[table]:
                # Its single keys matter, and the ties say which; but it must be there.
                if not self._is_there(upstream, period, readable):
                    return None
                continue
            state = self._upstream_state(table, upstream, period, readable)
            if state is None:
                return None
            states.append([str(upstream), state])
        return digest(version, states, *decided)

    def _part(self, table: TableId, delivery: Delivery, period: str) -> object:
        """What a partition takes from a delivery: all of it, or the rows whose column names the period.

        Where a period begins and ends is for the calendar to say. Rows that name none go with the first.
        """
        if self.pipeline.sources[table.name].period_from is not PeriodFrom.COLUMN:
            return delivery.id
        others = delivery.periods if period == min(delivery.periods) else ()
        return [delivery.id, self._window(period), [self._window(one) for one in others]]

    def _window(self, key: str) -> list[str]:
        if key not in self._windows:
            period = self.pipeline.calendar.period(key)
            self._windows[key] = [key, *map(str, (period.start, period.end) if period else ())]
        return self._windows[key]

    def _is_there(self, upstream: TableId, period: str, readable: StateOf) -> bool:
        """Whether anything of a referenced table can be read when a partition is built.

        What another period's run will build can't: it may come later.
        """
        if not self.pipeline.tables[upstream].partitioned:
            return readable(upstream, "") is not None
        return (upstream.layer, upstream.name) in self._has_rows or readable(upstream, period) is not None

    def _upstream_state(
        self, table: TableId, upstream: TableId, period: str, readable: StateOf
    ) -> str | None:
        if not self.pipeline.tables[upstream].partitioned:
            return readable(upstream, "")
        if (
            self.pipeline.tables[table].partitioned
            and upstream in self.pipeline.tables[table].inputs.values()
        ):
            return readable(upstream, period)
        if self.pipeline.tables[table].partitioned:
            # Another period may be built by another run: what will be readable there is not yet.
            built = published_states(self._published)
            found = {key: (readable if key == period else built)(upstream, key) for key in self.periods()}
        else:
            found = {key: readable(upstream, key) for key in self.periods()}
        known = {key: state for key, state in found.items() if state is not None}
        return digest(known) if known else None


def published_states(states: Mapping[tuple[str, str, str], str]) -> StateOf:
    """Read what is published now: (layer, table, period) -> state id."""
    return lambda table, period: states.get((table.layer, table.name, period))
