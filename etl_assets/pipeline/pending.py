"""What is left to do, decided from the ledger for every table and partition."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from etl_assets.contracts.dataset import Layer, TableId
from etl_assets.errors import ErrorKind
from etl_assets.ledger.records import DeliveryState, Failures, Outcome, PartitionKey, Validation
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.digest import digest
from etl_assets.pipeline.publications import PublicationStanding, publication_standings
from etl_assets.pipeline.standing import FINAL, Standing
from etl_assets.pipeline.state import ANOTHER_TRY, States
from etl_assets.pipeline.strays import strays

__all__ = ["STRAY", "PartitionStanding", "Pending", "Standing", "Stretch"]

STRAY = "the lake holds other rows than were published: a run was killed, or the lake was damaged or restored"


@dataclass(frozen=True)
class PartitionStanding:
    """Where one partition stands, and why; `state` is the state that it would have if built now."""

    table: TableId
    period: str
    standing: Standing
    state: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class Stretch:
    """Work for one run: consecutive periods in which the same tables are pending.

    Attributes:
        periods: Partition keys in the calendar's order; empty if only unpartitioned tables are pending.
        tables: The tables, upstream before downstream.
        key: The same for the same work, after the same history: the states that it leads to, and the
            newest validations of its partitions. A run that wrote down anything changes it.
        retried: Somebody asked for another try, whatever came of the earlier ones.
        publications: The publications that are written after the tables.
    """

    periods: tuple[str, ...]
    tables: tuple[TableId, ...]
    key: str
    retried: bool = False
    publications: tuple[str, ...] = ()


@dataclass
class Pending:
    """The standing of every partition of a dataset, and the runs that it asks for.

    Attributes:
        states: The states that partitions would have, with the deliveries that they are computed from.
        strays: Partitions whose rows in the lake are not those of their publication.
        publications: Where each publication stands, by name.
    """

    pipeline: DatasetPipeline
    states: States
    strays: frozenset[tuple[TableId, str]] = frozenset()
    standings: dict[tuple[TableId, str], PartitionStanding] = field(default_factory=dict)
    retried: set[str] = field(default_factory=set)
    latest: dict[PartitionKey, Validation] = field(default_factory=dict)
    publications: dict[str, PublicationStanding] = field(default_factory=dict)

    @classmethod
    def of(cls, pipeline: DatasetPipeline) -> Pending:
        """Compute the standing of every partition from the ledger."""
        name = pipeline.name
        deliveries = pipeline.ledger.deliveries(name)
        published = pipeline.ledger.published_validations(name)
        states = States(pipeline, deliveries, published)
        look = _Look(
            published={key: one.state_id for key, one in published.items()},
            strays=strays(pipeline, published),
            latest=pipeline.ledger.latest_validations(name),
            failures=pipeline.ledger.failures_in_a_row(name),
            retried=_retried(states),
            now=pipeline.now(),
            closed={key: why for key in states.periods() if (why := _not_open(pipeline, key))},
        )
        asked = {period for _, period in look.retried}
        pending = cls(pipeline, states, look.strays, retried=asked, latest=look.latest)
        for table, partition in pipeline.tables.items():
            for period in states.periods() if partition.partitioned else ("",):
                pending.standings[table, period] = pending._stand(states, look, table, period)
        pending.publications = publication_standings(pipeline, lambda table: pending._parts(look, table))
        return pending

    def _stand(self, states: States, look: _Look, table: TableId, period: str) -> PartitionStanding:
        state = states.of(table, period, lambda t, p: self._readable(look, t, p))
        if state is None:
            missing = self._missing(states, look, table, period)
            return PartitionStanding(table, period, *missing)
        if look.published.get((table.layer, table.name, period)) == state:
            if (table, period) in look.strays and period not in look.closed:
                standing, reason = self._stopped(look, table, period, state) or (Standing.PENDING, STRAY)
                return PartitionStanding(table, period, standing, state, reason)
            if (table, period) not in look.retried or period in look.closed:
                return PartitionStanding(table, period, Standing.CURRENT, state)
        if period in look.closed:
            # The calendar was changed, or the period has not begun: what is published stays as it is.
            return PartitionStanding(table, period, Standing.BLOCKED, None, look.closed[period])
        if stopped := self._stopped(look, table, period, state):
            return PartitionStanding(table, period, stopped[0], state, stopped[1])
        return PartitionStanding(table, period, Standing.PENDING, state)

    def _stopped(self, look: _Look, table: TableId, period: str, state: str) -> tuple[Standing, str] | None:
        """Why building it is not tried again by itself now; None if it is."""
        if period in self.retried or (self.retried and period == ""):
            return None
        return self._held(look, table, period, state) or self._failed(look, table, period, state)

    def _readable(self, look: _Look, table: TableId, period: str) -> str | None:
        """The state that can be read once everything that is pending upstream has been built."""
        standing = self.standings.get((table, period))
        if standing and standing.standing in (Standing.PENDING, Standing.CURRENT):
            return standing.state
        return look.published.get((table.layer, table.name, period))

    def _parts(self, look: _Look, table: TableId) -> dict[str, str]:
        """The states of a table's partitions, once everything that is pending has been built."""
        published = {
            period for layer, name, period in look.published if (layer, name) == (table.layer, table.name)
        }
        periods = published | {period for of, period in self.standings if of == table}
        found = {period: self._readable(look, table, period) for period in periods}
        return {period: state for period, state in found.items() if state is not None}

    def _missing(
        self, states: States, look: _Look, table: TableId, period: str
    ) -> tuple[Standing, None, str]:
        if table.layer is Layer.BRONZE:
            current = states.current.get((table, period))
            waits = current.waits_for or current.rejected if current else ""
            return (
                (Standing.BLOCKED, None, waits)
                if waits
                else (Standing.NOTHING, None, "nothing was delivered")
            )
        if awaits := states.awaits(table, period, lambda t, p: self._readable(look, t, p)):
            return Standing.BLOCKED, None, awaits
        without = [
            upstream
            for upstream in self.pipeline.upstream(table)
            if self._readable(look, upstream, period if self.pipeline.tables[upstream].partitioned else "")
            is None
        ]
        nothing = all(
            self.standings.get(
                (up, period if self.pipeline.tables[up].partitioned else ""), _NOTHING
            ).standing
            is Standing.NOTHING
            for up in without
        )
        reason = f"waits for {', '.join(map(str, without))}" if without else "waits for its inputs"
        only_own = all(up in self.pipeline.tables[table].inputs.values() for up in without)
        return (Standing.NOTHING if nothing and only_own else Standing.BLOCKED), None, reason

    def _held(self, look: _Look, table: TableId, period: str, state: str) -> tuple[Standing, str] | None:
        latest = look.latest.get((table.layer, table.name, period))
        if latest is None or latest.outcome is not Outcome.HELD or latest.state_id != state:
            return None
        # Nothing would come of it but the same verdict, unless more is tolerated now.
        same = latest.tolerance == self.pipeline.policy(table).tolerance
        return (Standing.HELD, latest.gate_reason) if same else None

    def _failed(self, look: _Look, table: TableId, period: str, state: str) -> tuple[Standing, str] | None:
        failures = look.failures.get((table.layer, table.name, period))
        if failures is None or failures.state_id != state:
            return None
        kind, last = failures.error_kind, failures.error
        if kind in FINAL:
            return Standing.FAILED, f"{last} ({kind}: {FINAL[kind]}, or for `dq deliveries retry`)"
        # What a person has to set right takes as long as it takes: tried again, seldom, without a limit.
        limited = kind != ErrorKind.CONFIGURATION
        if limited and failures.count >= self.pipeline.retry.max_attempts:
            return Standing.FAILED, f"failed {failures.count} times, last: {last}"
        again = failures.last_at + timedelta(seconds=self._wait(table, period, failures))
        if again > look.now:
            told = f" ({kind})" if kind else ""
            return Standing.WAITING, f"tried again at {again:%Y-%m-%d %H:%M:%S} UTC after{told}: {last}"
        return None

    def _wait(self, table: TableId, period: str, failures: Failures) -> float:
        seed = f"{self.pipeline.name}/{table}/{period}"
        return self.pipeline.retry.backoff.seconds(failures.count, seed)

    # -- runs ---------------------------------------------------------------------------------

    def stretches(self) -> list[Stretch]:
        """The runs that are asked for now, in the order in which they must go.

        Unpartitioned tables that others read go first, with the first stretch. Those that are built
        from partitioned tables wait until no more than one stretch is left, and go with it: built
        earlier, they would be out of date at once. So do publications.
        """
        first, last = self._whole_tables()
        spans = list(self._spans())
        written = tuple(name for name, one in self.publications.items() if one.standing is Standing.PENDING)
        if not spans:
            alone = (*first, *last)
            return [self._stretch((), alone, written)] if alone or written else []
        out = []
        for number, (periods, tables) in enumerate(spans):
            chosen = {*tables, *(first if number == 0 else ()), *(last if len(spans) == 1 else ())}
            ordered = tuple(id for id in self.pipeline.tables if id in chosen)
            out.append(self._stretch(periods, ordered, written if len(spans) == 1 else ()))
        return out

    def _whole_tables(self) -> tuple[list[TableId], list[TableId]]:
        first: list[TableId] = []
        last: list[TableId] = []
        for table, definition in self.pipeline.tables.items():
            if definition.partitioned or not self._is_pending(table, ""):
                continue
            reads = self.pipeline.upstream(table)
            late = any(self.pipeline.tables[up].partitioned or up in last for up in reads)
            (last if late else first).append(table)
        return first, last

    def _spans(self) -> Iterator[tuple[tuple[str, ...], tuple[TableId, ...]]]:
        """Consecutive periods of the calendar with the same pending tables."""
        wanted: dict[str, list[TableId]] = {}
        for (table, period), standing in self.standings.items():
            if standing.standing is Standing.PENDING and self.pipeline.tables[table].partitioned:
                wanted.setdefault(period, []).append(table)
        if not wanted:
            return
        span: list[str] = []
        for period in _between(self.pipeline, wanted):
            same = span and wanted.get(period) == wanted[span[0]]
            if span and (not same or len(span) >= self.pipeline.limits.periods_per_run):
                yield tuple(span), tuple(wanted[span[0]])
                span = []
            if period in wanted:
                span.append(period)
        if span:
            yield tuple(span), tuple(wanted[span[0]])

    def _is_pending(self, table: TableId, period: str) -> bool:
        standing = self.standings.get((table, period))
        return standing is not None and standing.standing is Standing.PENDING

    def _stretch(
        self, periods: tuple[str, ...], tables: tuple[TableId, ...], publications: tuple[str, ...] = ()
    ) -> Stretch:
        states = [
            self.standings[table, period].state
            for table in tables
            for period in (periods if self.pipeline.tables[table].partitioned else ("",))
        ]
        newest = [
            self.latest[table.layer, table.name, period].id
            for table in tables
            for period in (periods if self.pipeline.tables[table].partitioned else ("",))
            if (table.layer, table.name, period) in self.latest
        ]
        written = [self.publications[name] for name in publications]
        tries = [[one.name, one.state, one.history.newest and one.history.newest.id] for one in written]
        key = digest(self.pipeline.name, list(map(str, tables)), periods, states, newest, tries)
        retried = any(one.asked_for for one in written) or not self.retried.isdisjoint(periods or ("",))
        return Stretch(periods, tables, key, retried, publications)

    # -- counts -------------------------------------------------------------------------------

    def count(self, table: TableId, *standings: Standing) -> int:
        """How many partitions of a table stand so."""
        return sum(one.standing in standings for (of, _), one in self.standings.items() if of == table)

    def troubles(self) -> list[PartitionStanding]:
        """Partitions that wait for a person: the gate is closed, or they failed too often."""
        return [one for one in self.standings.values() if one.standing in (Standing.HELD, Standing.FAILED)]


@dataclass(frozen=True)
class _Look:
    """What the ledger said at one moment."""

    published: dict[PartitionKey, str]
    strays: frozenset[tuple[TableId, str]]
    latest: dict[PartitionKey, Validation]
    failures: dict[PartitionKey, Failures]
    retried: frozenset[tuple[TableId, str]]
    now: datetime
    closed: dict[str, str]


_NOTHING = PartitionStanding(TableId(Layer.BRONZE, ""), "", Standing.NOTHING)


def _retried(states: States) -> frozenset[tuple[TableId, str]]:
    """The bronze partitions of which a current delivery was asked for once more.

    One that is not current can't be tried, so that nothing would ever say that it was.
    """
    return frozenset(
        partition
        for partition, current in states.current.items()
        if any(one.state is DeliveryState.PENDING and one.reason in ANOTHER_TRY for one in current.deliveries)
    )


def _not_open(pipeline: DatasetPipeline, key: str) -> str:
    """Say why nothing is built for a period now: it has not begun, or is in no calendar; '' if it may be."""
    if pipeline.period(key) is not None:
        return ""
    why = pipeline.calendar.why_not(key)
    return f"{key} is not in the calendar: {why}" if why else f"{key} has not begun yet"


def _between(pipeline: DatasetPipeline, wanted: Collection[str]) -> Iterator[str]:
    """The calendar's keys from the first to the last wanted one, in its order, with those in between."""
    periods = [period for key in wanted if (period := pipeline.calendar.period(key)) is not None]
    if not periods:
        return
    first = min(period.start for period in periods)
    for period in pipeline.calendar.periods(max(period.end for period in periods)):
        if period.start >= first:
            yield period.key
