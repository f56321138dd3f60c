"""What the ledger takes and gives: frozen records with plain values, free of SQL.

Layers, dimensions and severities are plain text here, so that reading the ledger needs neither Polars nor
Pandera; their enums are `str` and fit as they are. Every time is an aware datetime, given back in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from etl_assets.ledger.decision_records import DecisionEffect

PartitionKey: TypeAlias = tuple[str, str, str]
"""(layer, table, period); the period is '' for an unpartitioned table."""


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    INGESTED = "ingested"
    SUPERSEDED = "superseded"
    ON_HOLD = "on_hold"


class Outcome(StrEnum):
    """How a validation ended: published, held back by the gate, or failed before a verdict."""

    PUBLISHED = "published"
    HELD = "held"
    FAILED = "failed"


class RunStatus(StrEnum):
    """How a run ended, if it did. unfinished: its process is gone and said nothing."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNFINISHED = "unfinished"


class ListedObject(Protocol):
    """An object as a staging area lists it; only these four attributes matter here."""

    @property
    def key(self) -> str:
        """Its name within the area."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever its content may have changed."""

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def modified_ns(self) -> int:
        """Unix time of its last change, in nanoseconds."""


@dataclass(frozen=True, kw_only=True)
class SeenObject:
    """An object that a listing showed.

    Attributes:
        first_seen_at: When this fingerprint was first seen. Earlier than `last_seen_at` means that two
            looks found the object unchanged.
        delivery_id: The delivery that its content is, None until somebody read the content.
        gone: The last complete listing did not show it.
    """

    dataset: str
    key: str
    fingerprint: str
    size: int
    modified_ns: int
    first_seen_at: datetime
    last_seen_at: datetime
    delivery_id: str | None = None
    gone: bool = False


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One version of one object. State, times and sequence are the ledger's: registering ignores them.

    Attributes:
        fingerprint: The object's fingerprint in the listing when its content was read last; without it
            the delivery can't be linked to the object, whose content would be read again and again.
        period: The partition key that its name gives; None if its rows (or nothing) decide.
        periods: Every partition key that it has rows of; `(period,)` when the name decides.
        content: What the reader proved about the bytes; anything JSON can hold.
        sequence: Order of registration within the dataset, without reuse; a delivery that becomes
            current once more gets a new one.
    """

    id: str
    dataset: str
    table: str
    key: str
    sha256: str
    size: int
    modified_ns: int
    fingerprint: str = ""
    period: str | None = None
    part: str | None = None
    periods: tuple[str, ...] = ()
    state: DeliveryState = DeliveryState.PENDING
    reason: str = ""
    content: Mapping[str, object] = field(default_factory=dict)
    registered_at: datetime | None = None
    ingested_at: datetime | None = None
    sequence: int = 0
    superseded_by: str | None = None


@dataclass(frozen=True)
class Tally:
    """How often one rule was evaluated and failed in one validation (rows; an aggregate counts as one)."""

    rule: str
    dimension: str
    severity: str
    evaluated: int
    failed: int


@dataclass(frozen=True)
class Statistic:
    """One column of one validation. Minimum and maximum are text; masked by the caller where they are pii."""

    column: str
    rows: int
    nulls: int
    minimum: str | None = None
    maximum: str | None = None
    mean: float | None = None
    distinct: int | None = None


@dataclass(frozen=True)
class Score:
    """One dimension's score, 0..1; None is unknown."""

    dimension: str
    score: float | None
    evaluated: int
    failed: int


@dataclass(frozen=True, kw_only=True)
class Validation:
    """One pass over one partition of one table, never changed once recorded.

    Attributes:
        id: Given by the ledger (0 before); a later validation of a dataset has a larger one.
        period: The partition key, '' for an unpartitioned table.
        attempt: Names what this pass wrote to the lake.
        state_id: Names everything that the table's content depends on: inputs, contract, code.
        rows_in: accepted + quarantined + duplicates, if published.
        unreadable: Records that could not be read; part of quarantined.
        corrected: Accepted rows with cells that a person changed.
        waived: Accepted rows that broke a rule of severity `error` which a person waived.
        discarded: Quarantined rows whose loss a person accepted.
        score: The table's score, 0..1; None is unknown. `row_score` alike.
        tolerance: Share of rows that could be quarantined, as it was set at the time.
        waiting: Quarantined rows that lack nothing but what they refer to, and may wait for it.
        error_kind: Of a failed one: one of `ErrorKind`.
        circuit: Of a failed one: the circuit whose business the failure is; it does not count as a try.
    """

    dataset: str
    layer: str
    table: str
    period: str
    attempt: str
    run_id: str
    state_id: str
    outcome: Outcome
    started_at: datetime
    ended_at: datetime
    rows_read: int = 0
    rows_in: int = 0
    accepted: int = 0
    quarantined: int = 0
    duplicates: int = 0
    unreadable: int = 0
    corrected: int = 0
    waived: int = 0
    discarded: int = 0
    score: float | None = None
    row_score: float | None = None
    gate_reason: str = ""
    error_class: str = ""
    error: str = ""
    error_kind: str = ""
    circuit: str = ""
    contract_fingerprint: str = ""
    lake_version: int | None = None
    quarantine_version: int | None = None
    held_path: str | None = None
    tolerance: float | None = None
    waiting: int = 0
    id: int = 0

    @property
    def partition(self) -> PartitionKey:
        """(layer, table, period)."""
        return self.layer, self.table, self.period


@dataclass(frozen=True)
class ValidationRecord:
    """A validation with its tallies, statistics, scores, and what decisions did in it, recorded together."""

    validation: Validation
    tallies: tuple[Tally, ...] = ()
    statistics: tuple[Statistic, ...] = ()
    scores: tuple[Score, ...] = ()
    effects: tuple[DecisionEffect, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Publication:
    """The validation whose rows are what readers of a partition see now."""

    dataset: str
    layer: str
    table: str
    period: str
    validation_id: int
    state_id: str
    published_at: datetime


@dataclass(frozen=True, kw_only=True)
class Failures:
    """The newest validations of a partition that all failed on the same state.

    Attributes:
        count: How many, counted back from the newest.
        error_kind: Of the newest; '' where an older version wrote it down.
    """

    state_id: str
    count: int
    first_at: datetime
    last_at: datetime
    error_kind: str = ""
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that a person should know of a dataset; '' where table, period or delivery is not meant.

    The first five attributes say which finding it is; reported again, it keeps its `first_seen_at`
    unless it had been resolved in between. The times are the ledger's: reporting ignores them.
    """

    dataset: str
    kind: str
    message: str
    table: str = ""
    period: str = ""
    delivery_id: str = ""
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None
    resolved_at: datetime | None = None


@dataclass(frozen=True)
class ProcessIdentity:
    """One process for ever: its pid may be used again, but not with the same start time.

    Attributes:
        host: Machine (and pid namespace) within which `pid` means something.
        started_at: Unix time at which it started, in seconds.
    """

    host: str
    pid: int
    started_at: float


@dataclass(frozen=True)
class Lease:
    """The right to write a dataset's tables.

    Attributes:
        owner: Who works under it, usually a run's id.
        token: Fencing number: each lease of a dataset has a larger one than all before.
    """

    dataset: str
    owner: str
    token: int


@dataclass(frozen=True, kw_only=True)
class LeaseInfo:
    """A lease as the ledger holds it, for people who ask who works on a dataset."""

    lease: Lease
    process: ProcessIdentity
    acquired_at: datetime
    renewed_at: datetime
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of a dataset; `id` is Dagster's run id.

    Attributes:
        cpu_seconds: What its steps took together, on all cores.
        peak_memory_bytes: Most memory that one of its steps held.
    """

    id: str
    dataset: str
    status: RunStatus
    started_at: datetime
    heartbeat_at: datetime
    host: str
    pid: int
    process_started_at: float
    ended_at: datetime | None = None
    rows: int | None = None
    error_class: str = ""
    error: str = ""
    error_kind: str = ""
    cpu_seconds: float | None = None
    peak_memory_bytes: int | None = None
