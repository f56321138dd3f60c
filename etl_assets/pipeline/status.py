"""How good each table of a dataset is now, and what stands in its way: for `dq`, checks, notebooks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from etl_assets.contracts.dataset import TableId
from etl_assets.contracts.rules import CompiledContract
from etl_assets.contracts.vocabulary import Dimension, Severity
from etl_assets.ledger import records
from etl_assets.ledger.circuit_records import CircuitStanding, ErrorCount
from etl_assets.ledger.records import Delivery, DeliveryState, Finding, Outcome, Validation
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.decision_audit import AuditedDecision, audit
from etl_assets.pipeline.intake import missing_deliveries
from etl_assets.pipeline.pending import PartitionStanding, Pending, Standing
from etl_assets.pipeline.publications import PublicationStanding
from etl_assets.pipeline.waiting_rows import WaitingRows, waiting_rows
from etl_assets.quality.outcome import Tally
from etl_assets.quality.score import DimensionScore, combine, score_dimensions
from etl_assets.quality.thresholds import Threshold, Verdict


@dataclass(frozen=True)
class RowCounts:
    """Rows of the published partitions: `rows_in = accepted + quarantined + duplicates`.

    `unreadable` records are part of `quarantined`, as are those that a person `discarded`. Of the accepted
    rows, a person has `corrected` some, and `waived` what others broke.
    """

    rows_read: int = 0
    rows_in: int = 0
    accepted: int = 0
    quarantined: int = 0
    duplicates: int = 0
    unreadable: int = 0
    corrected: int = 0
    waived: int = 0
    discarded: int = 0

    @classmethod
    def of(cls, published: Iterable[Validation]) -> RowCounts:
        """Add up the counts of validations."""
        total: Counter[str] = Counter()
        for one in published:
            total.update({name: getattr(one, name) for name in cls.__dataclass_fields__})
        return cls(**total)

    @property
    def row_score(self) -> float | None:
        """Share of the rows that broke no `error` rule, 0..1; None without rows."""
        return 1 - (self.quarantined + self.waived) / self.rows_in if self.rows_in else None


@dataclass(frozen=True)
class DimensionStatus:
    """One dimension of a table over its published partitions.

    Attributes:
        score: 0..1, or None for unknown.
        evaluated: Rows (or, for aggregate rules, partitions) that the dimension's rules were applied to.
        failed: How many of these broke them.
        threshold: The limits that make a verdict of the score.
    """

    dimension: Dimension
    score: float | None
    evaluated: int
    failed: int
    threshold: Threshold
    verdict: Verdict


@dataclass(frozen=True)
class TableStatus:
    """One table as its readers see it now, and what is left to do.

    Attributes:
        partitions: Published partitions; 1 for an unpartitioned table that is published.
        rows: Sums over the published partitions, as are all scores.
        score: The weighted mean of the dimensions, 0..1, or None for unknown.
        dimensions: Every dimension of the contract, in the order of the vocabulary.
        broken: The rules that rows broke, the most broken first.
        held: Partitions whose gate is closed, with the reason.
        failed: Partitions that failed too often and wait for a person.
        waiting: Partitions that failed and are tried again by themselves.
        blocked: Partitions that lack an input.
        pending: Partitions that can be built now.
        missing: Due periods without a delivery, of all bronze tables that this one is built from.
        tolerance: Share of a partition's rows that may be quarantined, 0..1.
    """

    dataset: str
    table: TableId
    partitioned: bool
    tolerance: float
    partitions: int = 0
    rows: RowCounts = field(default_factory=RowCounts)
    score: float | None = None
    dimensions: tuple[DimensionStatus, ...] = ()
    broken: tuple[Tally, ...] = ()
    held: tuple[PartitionStanding, ...] = ()
    failed: tuple[PartitionStanding, ...] = ()
    waiting: tuple[PartitionStanding, ...] = ()
    blocked: tuple[PartitionStanding, ...] = ()
    pending: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    last_published_at: datetime | None = None

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the dimensions; unknown where there is none."""
        verdicts = {one.verdict for one in self.dimensions}
        for verdict in (Verdict.FAIL, Verdict.WARN, Verdict.UNKNOWN):
            if verdict in verdicts:
                return verdict
        return Verdict.PASS if verdicts else Verdict.UNKNOWN

    @property
    def troubled(self) -> bool:
        """Whether something waits for a person."""
        return bool(self.held or self.failed)


@dataclass(frozen=True)
class DatasetStatus:
    """A dataset's tables, upstream before downstream, and what its staging area holds against them.

    Attributes:
        deliveries: How many deliveries there are in each state.
        on_hold: The deliveries that wait for a person, or for another one, with their reasons.
        findings: What a person should know of, open ones only; missing deliveries are in the tables.
        void: Decisions of people that can do nothing any more, and ask for another.
        circuits: What is sick as a whole; closed ones are left out.
        errors: How often errors of each kind have come.
        publications: What is written out of the lake, and where each stands.
        rows_waiting: Rows in quarantine that may wait for what they refer to, by partition.
    """

    dataset: str
    tables: tuple[TableStatus, ...]
    deliveries: Mapping[DeliveryState, int] = field(default_factory=dict)
    on_hold: tuple[Delivery, ...] = ()
    findings: tuple[Finding, ...] = ()
    void: tuple[AuditedDecision, ...] = ()
    circuits: tuple[CircuitStanding, ...] = ()
    errors: tuple[ErrorCount, ...] = ()
    publications: tuple[PublicationStanding, ...] = ()
    rows_waiting: tuple[WaitingRows, ...] = ()

    @property
    def has_data(self) -> bool:
        """Whether anything was ever delivered or published."""
        return any(self.deliveries.values()) or any(table.partitions for table in self.tables)

    @property
    def troubled(self) -> bool:
        """Whether a gate is closed, a delivery on hold, a circuit open, or something waits for a person."""
        waits = any(one.waits_for_person for one in self.publications)
        return bool(self.on_hold or self.circuits) or waits or any(table.troubled for table in self.tables)


def dataset_status(pipeline: DatasetPipeline) -> DatasetStatus:
    """Compute the status of a dataset from the ledger; no row and no staging area is read."""
    ledger = pipeline.ledger
    deliveries = ledger.deliveries(pipeline.name)
    published = ledger.published_validations(pipeline.name)
    publications = ledger.publications(pipeline.name)
    latest = ledger.latest_validations(pipeline.name)
    tallies = ledger.tallies_for([one.id for one in published.values()])
    pending = Pending.of(pipeline)
    missing = missing_deliveries(pipeline)
    tables = []
    for id in pipeline.tables:
        own = {key: one for key, one in published.items() if key[:2] == (id.layer, id.name)}
        standings = [one for (table, _), one in pending.standings.items() if table == id]
        tables.append(
            table_status(
                pipeline,
                id,
                list(own.values()),
                [tally for one in own.values() for tally in tallies.get(one.id, ())],
                [_as_held(one, latest) for one in standings],
                missing=_missing_of(pipeline, id, missing),
                last_published_at=max((publications[key].published_at for key in own), default=None),
            )
        )
    findings = ledger.findings(pipeline.name)
    return DatasetStatus(
        dataset=pipeline.name,
        tables=tuple(tables),
        deliveries=Counter(one.state for one in deliveries),
        on_hold=tuple(one for one in deliveries if one.state is DeliveryState.ON_HOLD),
        findings=tuple(one for one in findings if one.kind != "missing_delivery"),
        void=tuple(one for one in audit(pipeline, pending) if one.asks),
        circuits=tuple(one for one in ledger.circuits(pipeline.name) if not one.is_closed),
        errors=tuple(ledger.error_counts(pipeline.name)),
        publications=tuple(pending.publications.values()),
        rows_waiting=tuple(waiting_rows(pipeline, published, deliveries)),
    )


def table_status(
    pipeline: DatasetPipeline,
    id: TableId,
    published: Sequence[Validation],
    tallies: Iterable[records.Tally],
    standings: Sequence[PartitionStanding],
    *,
    missing: tuple[str, ...] = (),
    last_published_at: datetime | None = None,
) -> TableStatus:
    """Sum up what is known of some partitions of one table, whose counts and tallies are given."""
    policy = pipeline.policy(id)
    contract = pipeline.contract(id)
    summed = sum_tallies(tallies, contract)
    scores = score_dimensions(summed)

    def standing_so(standing: Standing) -> tuple[PartitionStanding, ...]:
        return tuple(one for one in standings if one.standing is standing)

    return TableStatus(
        dataset=pipeline.name,
        table=id,
        partitioned=pipeline.tables[id].partitioned,
        tolerance=policy.tolerance,
        partitions=len(published),
        rows=RowCounts.of(published),
        score=combine(scores, policy.weights),
        dimensions=_judge(pipeline, id, contract, scores),
        broken=tuple(sorted((one for one in summed if one.failed), key=lambda one: (-one.failed, one.rule))),
        held=standing_so(Standing.HELD),
        failed=standing_so(Standing.FAILED),
        waiting=standing_so(Standing.WAITING),
        blocked=standing_so(Standing.BLOCKED),
        pending=tuple(one.period for one in standings if one.standing is Standing.PENDING),
        missing=missing,
        last_published_at=last_published_at,
    )


def sum_tallies(tallies: Iterable[records.Tally], contract: CompiledContract) -> tuple[Tally, ...]:
    """Add up the tallies of several partitions, rule by rule, with the weights of the contract.

    A rule that the contract does not have any more, since nothing was built anew yet, weighs 1.
    """
    weights = {rule.name: rule.weight for rule in contract.rules}
    sums: dict[tuple[str, str, str], list[int]] = {}
    for one in tallies:
        total = sums.setdefault((one.rule, one.dimension, one.severity), [0, 0])
        total[0] += one.evaluated
        total[1] += one.failed
    return tuple(
        Tally(rule, Dimension(dimension), Severity(severity), weights.get(rule, 1.0), evaluated, failed)
        for (rule, dimension, severity), (evaluated, failed) in sums.items()
    )


def _judge(
    pipeline: DatasetPipeline, id: TableId, contract: CompiledContract, scores: Iterable[DimensionScore]
) -> tuple[DimensionStatus, ...]:
    by_dimension = {one.dimension: one for one in scores}
    thresholds = pipeline.policy(id).thresholds
    found = []
    for dimension in Dimension:
        if dimension not in by_dimension and dimension not in contract.dimensions:
            continue
        one = by_dimension.get(dimension, DimensionScore(dimension, None, 0, 0))
        verdict = thresholds.verdict(dimension, one.score)
        limits = thresholds.of(dimension)
        found.append(DimensionStatus(dimension, one.score, one.evaluated, one.failed, limits, verdict))
    return tuple(found)


def _as_held(
    standing: PartitionStanding, latest: Mapping[tuple[str, str, str], Validation]
) -> PartitionStanding:
    """Take a partition for held whose only delivery is on hold since the gate closed on it."""
    if standing.standing is not Standing.NOTHING:
        return standing
    newest = latest.get((standing.table.layer, standing.table.name, standing.period))
    if newest is None or newest.outcome is not Outcome.HELD:
        return standing
    return PartitionStanding(
        standing.table, standing.period, Standing.HELD, newest.state_id, newest.gate_reason
    )


def _missing_of(
    pipeline: DatasetPipeline, id: TableId, missing: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    """Due periods without a delivery, of the bronze tables that a table is built from."""
    table = pipeline.tables[id]
    own = set(missing.get(id.name, ())) if table.transform is None else set()
    for upstream in table.inputs.values():
        own.update(_missing_of(pipeline, upstream, missing))
    return tuple(sorted(own))
