"""One dataset with everything that its work needs: code, sources, calendar, staging area, lake, ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from etl_assets.backoff import Backoff
from etl_assets.connections import Connection
from etl_assets.contracts.dataset import Dataset, Layer, Table, TableId
from etl_assets.contracts.rules import CompiledContract, compile_contract
from etl_assets.contracts.vocabulary import RuleKind
from etl_assets.lake.tables import Lake, LakeTable
from etl_assets.publications.opening import Publication
from etl_assets.quality.thresholds import Thresholds
from etl_assets.staging.area import StagingArea
from etl_assets.staging.calendar import Calendar, Period
from etl_assets.staging.extracts.log import ExtractLog
from etl_assets.staging.source import Source

if TYPE_CHECKING:
    from etl_assets.ledger.ledger import (
        Ledger,  # brings a database's driver along, which a trial does without
    )


@dataclass(frozen=True)
class Policy:
    """What an operator tolerates of one table: `tolerance` is a share of rows, 0..1."""

    tolerance: float
    thresholds: Thresholds = field(default_factory=Thresholds)
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Retry:
    """After how many failures in a row work is put on hold, and how long it waits before."""

    max_attempts: int = 5
    backoff: Backoff = field(default_factory=Backoff)


@dataclass(frozen=True)
class CircuitPolicy:
    """After how many failures in a row a circuit opens, and how long it waits between probes."""

    failures: int = 3
    backoff: Backoff = field(default_factory=lambda: Backoff(first_seconds=30.0, max_seconds=600.0))


@dataclass(frozen=True)
class Limits:
    """Bounds of a run.

    Attributes:
        group_bytes: Bytes of source files (compressed as they are) that are validated at once.
        group_periods: Periods that are validated at once; each holds an open file.
        lease_seconds: After so long without a renewal another process may take over.
        periods_per_run: Periods that one run is asked for at most.
        hash_seconds: Time that a sensor's look may spend on reading new files.
    """

    group_bytes: int = 64_000_000
    group_periods: int = 64
    lease_seconds: float = 60.0
    periods_per_run: int = 400
    hash_seconds: float = 20.0


@dataclass(frozen=True)
class DatasetPipeline:
    """A dataset, its settings as plain values, and the places where it reads and writes.

    Attributes:
        extracts: Where what was read from databases is kept; None if no source is a query.
        connections: Table -> the database that its query is read from.
        publications: Name -> a table that is written out, and where to.
    """

    dataset: Dataset
    sources: Mapping[str, Source]
    calendar: Calendar
    area: StagingArea
    lake: Lake
    ledger: Ledger
    scratch: Path
    policies: Mapping[TableId, Policy] = field(default_factory=dict)
    retry: Retry = field(default_factory=Retry)
    circuit: CircuitPolicy = field(default_factory=CircuitPolicy)
    limits: Limits = field(default_factory=Limits)
    extracts: ExtractLog | None = None
    connections: Mapping[str, Connection] = field(default_factory=dict)
    publications: Mapping[str, Publication] = field(default_factory=dict)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.dataset.name

    @cached_property
    def tables(self) -> dict[TableId, Table]:
        """The tables, upstream before downstream."""
        return {table.id: table for table in self.dataset.tables}

    def area_of(self, table: str) -> StagingArea:
        """Where the deliveries of a bronze table lie: the staging area, or extracts of our own."""
        of_query = table in self.sources and self.sources[table].query is not None
        return self.extracts.area if of_query and self.extracts is not None else self.area

    def contract(self, table: TableId) -> CompiledContract:
        """A table's contract, compiled."""
        return compile_contract(self.tables[table].contract)

    def policy(self, table: TableId) -> Policy:
        """What is tolerated of a table."""
        return self.policies.get(table, Policy(0.0 if table.layer is Layer.GOLD else 0.05))

    def accepted(self, table: TableId) -> LakeTable:
        """Where the accepted rows of a table live."""
        return self.lake.table(self.name, table.layer, table.name, partitioned=self.tables[table].partitioned)

    def quarantine(self, table: TableId) -> LakeTable:
        """Where the quarantined rows of a table live."""
        partitioned = self.tables[table].partitioned
        return self.lake.quarantine(self.name, table.layer, table.name, partitioned=partitioned)

    def references(self, table: TableId) -> dict[str, TableId]:
        """The tables whose keys a table's rows must exist in, by the rule's name."""
        return {
            rule.name: TableId(Layer.SILVER, rule.reference.table)
            for rule in self.contract(table).rules
            if rule.kind is RuleKind.REFERENCE and rule.reference
        }

    def upstream(self, table: TableId) -> tuple[TableId, ...]:
        """The tables that a table is built from, referenced tables included."""
        inputs = (*self.tables[table].inputs.values(), *self.references(table).values())
        return tuple(dict.fromkeys(inputs))

    def period(self, key: str) -> Period | None:
        """A period that has begun; None if the calendar does not have it or it has not begun."""
        period = self.calendar.period(key)
        return period if period is not None and period.start <= self.now() else None

    def windows(self, keys: tuple[str, ...]) -> dict[str, tuple[datetime, datetime] | None]:
        """Start and end of each period; None for the one period of an unpartitioned table."""
        found = {key: self.calendar.period(key) if key else None for key in keys}
        return {key: (period.start, period.end) if period else None for key, period in found.items()}
