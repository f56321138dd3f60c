"""One hop: builds one table for some periods. plan -> read -> validate -> stage -> commit -> ledger.

Lake first, ledger last: killed in between, the next run builds the partitions again and replaces
what this one left behind.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from etl_assets.contracts.dataset import Layer, TableId
from etl_assets.contracts.provenance import PROVENANCE
from etl_assets.errors import ContractError, EtlError
from etl_assets.lake.tables import Stage
from etl_assets.ledger.records import Lease, Outcome, Validation, ValidationRecord
from etl_assets.pipeline.bronze import BronzeReader
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.faults import is_code_fault, told, without_cells
from etl_assets.pipeline.hop_result import Built, HopResult, stopped, with_details, with_unreadable
from etl_assets.pipeline.pending import Pending
from etl_assets.pipeline.reading import Input, Reader, read_upstream
from etl_assets.pipeline.scratch import attempt_prefix, hop_scratch
from etl_assets.pipeline.state import States, digest, published_states
from etl_assets.quality.flags import REASONS, Surroundings
from etl_assets.quality.gate import closed_because
from etl_assets.quality.outcome import PeriodOutcome
from etl_assets.quality.score import score_outcome
from etl_assets.quality.validation import Sinks, validate

__all__ = ["RAW", "Built", "HopResult", "quarantine_schema", "run_hop"]

RAW = "_raw"
"""Column of bronze quarantine: an unreadable record as far as it can be shown."""

Progress = Callable[[TableId, int, int], None]
"""(table, periods done, periods in all)"""


def run_hop(
    pipeline: DatasetPipeline,
    table: TableId,
    periods: Sequence[str],
    *,
    run_id: str,
    lease: Lease,
    progress: Progress | None = None,
) -> HopResult:
    """Build one table for some periods and publish those whose gate is open.

    Args:
        pipeline: The dataset.
        table: What is built.
        periods: Partition keys; `("",)` for an unpartitioned table.
        run_id: Dagster's run id.
        lease: The right to write the dataset's tables.
        progress: Called after each group of periods.

    Raises:
        StaleWriterError: The lease was lost; nothing was published by this hop.
        EtlError: Something broke; recorded for each period as failed.
    """
    hop = Hop(pipeline, table, run_id, lease)
    try:
        return hop.run(periods, progress)
    except Exception as error:
        safe = without_cells(error, hop.where, hop.contract.schema)
        hop.record_failure(safe)
        if safe is error:
            raise
        raise safe from None
    finally:
        shutil.rmtree(hop.scratch, ignore_errors=True)


class Hop:
    """The work of one hop."""

    def __init__(self, pipeline: DatasetPipeline, table: TableId, run_id: str, lease: Lease) -> None:
        self.pipeline = pipeline
        self.table = table
        self.contract = pipeline.contract(table)
        self.run_id = run_id
        self.lease = lease
        self.where: dict[str, object] = {"dataset": pipeline.name, "table": str(table)}
        self.started = pipeline.now()
        # Unique for ever: a fencing token is used for one lease, which works on a table once at a time.
        self.attempt = attempt_prefix(lease) + digest(run_id, str(table), self.started.isoformat())[:8]
        self.scratch = hop_scratch(pipeline.scratch, self.attempt, lease)
        self.states: dict[str, str] = {}
        self.inputs: dict[str, Input] = {}
        self._keys: dict[str, pl.DataFrame] | None = None
        self._ranks: dict[str, int] = {}

    # -- plan ---------------------------------------------------------------------------------

    def run(self, periods: Sequence[str], progress: Progress | None) -> HopResult:
        """Do it."""
        result = HopResult(self.table)
        reader = self._plan(periods, result)
        accepted = self.pipeline.accepted(self.table).stage(self.attempt)
        quarantined = self.pipeline.quarantine(self.table).stage(self.attempt)
        outcomes: dict[str, PeriodOutcome] = {}
        self.inputs = {one.period: one for one in reader.inputs()}
        for group in self._groups(reader.inputs()):
            outcomes |= self._validate_group(reader, group, accepted, quarantined)
            if progress:
                progress(self.table, len(outcomes), len(self.inputs))
        result.failed = {period: one.error for period, one in self.inputs.items() if one.error}
        for period, outcome in outcomes.items():
            result.built[period] = self._judge(period, outcome)
        versions = self._publish(result, accepted, quarantined)
        self._record(result, versions)
        return result

    def _plan(self, periods: Sequence[str], result: HopResult) -> Reader:
        """Find out what each period is built from, by what is published at this moment."""
        deliveries = self.pipeline.ledger.deliveries(self.pipeline.name)
        published = self.pipeline.ledger.published_validations(self.pipeline.name)
        states = States(self.pipeline, deliveries, published)
        self._ranks = states.ranks(self.table)
        readable = published_states({key: one.state_id for key, one in published.items()})
        for period in periods:
            state = states.of(self.table, period, readable)
            if state is None:
                standing = Pending.of(self.pipeline).standings.get((self.table, period))
                result.without_data[period] = standing.reason if standing else "nothing was delivered"
            else:
                self.states[period] = state
        wanted = list(self.states)
        if self.table.layer is Layer.BRONZE:
            return BronzeReader.of(self.pipeline, self.table, wanted, states, self.scratch)
        return read_upstream(self.pipeline, self.table, wanted, states, published)

    def _groups(self, inputs: Iterable[Input]) -> Iterable[list[Input]]:
        """Split the periods so that one group fits into memory, however many there are."""
        group: list[Input] = []
        for one in inputs:
            full = sum(other.bytes for other in group) + one.bytes > self.pipeline.limits.group_bytes
            if group and (full or len(group) >= self.pipeline.limits.group_periods):
                yield group
                group = []
            group.append(one)
        if group:
            yield group

    # -- validate -----------------------------------------------------------------------------

    def _validate_group(
        self, reader: Reader, group: list[Input], accepted: Stage, quarantined: Stage
    ) -> dict[str, PeriodOutcome]:
        """Validate some periods at once; if that fails, one by one, so that only the broken one stops."""
        marks = len(accepted.files), len(quarantined.files)
        try:
            return self._validate(reader, group, accepted, quarantined)
        except (EtlError, MemoryError):
            raise
        except Exception as error:
            if is_code_fault(error) and self.table.layer is not Layer.BRONZE:
                safe = ContractError(told(error), where=self.where, hint="mend the transformation")
                raise safe.with_traceback(error.__traceback__) from None
            # Polars' errors, and whatever a transformation raises within Polars.
            problem = error
        accepted.discard(accepted.files[marks[0] :])
        quarantined.discard(quarantined.files[marks[1] :])
        if len(group) > 1:
            halves = group[: len(group) // 2], group[len(group) // 2 :]
            found = [self._validate_group(reader, half, accepted, quarantined) for half in halves]
            return found[0] | found[1]
        return self._give_up(group[0], problem)

    def _give_up(self, given: Input, problem: Exception) -> dict[str, PeriodOutcome]:
        """Stop one period that can't be validated; the others go on."""
        where = self.where | ({"partition": given.period} if given.period else {})
        if isinstance(problem, OSError) or self.table.layer is not Layer.BRONZE:
            # It may pass, or somebody mends it: tried again later, so and so often.
            error = without_cells(problem, where, self.contract.schema)
            self.inputs[given.period] = replace(given, error=error)
            return {}
        broken = replace(given, breach=f"can't be read: {told(problem, self.contract.schema)}")
        self.inputs[given.period] = broken
        return {given.period: stopped(broken)}

    def _validate(
        self, reader: Reader, group: list[Input], accepted: Stage, quarantined: Stage
    ) -> dict[str, PeriodOutcome]:
        opened = reader.open(group)
        self.inputs |= {one.period: one for one in opened.inputs}
        outcomes = {one.period: stopped(one) for one in opened.inputs if one.breach is not None}
        readable = [one for one in opened.inputs if one.readable]
        if not readable:
            return outcomes
        scratch = Path(tempfile.mkdtemp(dir=self.scratch))
        sinks = Sinks(accepted.sink, quarantined.sink)
        found = validate(opened.frame, self.contract, self._surroundings(readable, scratch), sinks)
        shutil.rmtree(scratch, ignore_errors=True)
        unreadable = [
            one.unreadable for one in readable if one.unreadable is not None and one.unreadable.height
        ]
        if unreadable:
            self._write_unreadable(unreadable, sinks)
        outcomes |= {one.period: with_unreadable(found[one.period], one) for one in readable}
        for period, error in opened.changed().items():
            # Another version has come while this one was read: nothing of it may be published.
            self.inputs[period] = replace(self.inputs[period], error=error)
            for stage in (accepted, quarantined):
                stage.discard([file for file in stage.files if file.period == period])
            del outcomes[period]
        return outcomes

    def _surroundings(self, readable: list[Input], scratch: Path) -> Surroundings:
        return Surroundings(
            periods=self.pipeline.windows(tuple(one.period for one in readable)),
            scratch=scratch,
            references=self._references(),
            delivery_rank=self._ranks,
            rows=sum(one.rows for one in readable),
            profile=self.table.layer is not Layer.BRONZE,
        )

    def _references(self) -> dict[str, pl.DataFrame]:
        """The keys that each reference rule compares with, read once a hop."""
        if self._keys is not None:
            return self._keys
        keys: dict[str, pl.DataFrame] = {}
        for name, table in self.pipeline.references(self.table).items():
            reference = self.contract.rule(name).reference
            column = reference.column if reference else ""
            schema = {column: self.pipeline.contract(table).schema[column]}
            rows = self.pipeline.accepted(table).scan(schema).select(column)
            keys[name] = rows.unique().drop_nulls().collect(engine="streaming")
        self._keys = keys
        return keys

    def _write_unreadable(self, unreadable: list[pl.DataFrame], sinks: Sinks) -> None:
        cells = [name for name in self.contract.schema if name not in unreadable[0].columns]
        rows = pl.concat(unreadable).with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in cells)
        pl.collect_all([sinks.quarantined(rows.lazy())], engine="streaming")

    # -- gate ---------------------------------------------------------------------------------

    def _judge(self, period: str, outcome: PeriodOutcome) -> Built:
        policy = self.pipeline.policy(self.table)
        given = self.inputs[period]
        score = score_outcome(outcome, policy.weights)
        reason = closed_because(outcome, policy.tolerance, breach=given.breach) or given.miscount(outcome)
        validation = replace(
            self._validation(period, Outcome.HELD if reason else Outcome.PUBLISHED),
            rows_read=given.rows,
            rows_in=outcome.rows_in,
            accepted=outcome.accepted,
            quarantined=outcome.quarantined,
            duplicates=outcome.duplicates,
            unreadable=outcome.unreadable,
            score=score.score,
            row_score=score.row_score,
            gate_reason=reason or "",
            tolerance=policy.tolerance,
        )
        return Built(validation, outcome, score)

    def _validation(self, period: str, outcome: Outcome) -> Validation:
        return Validation(
            dataset=self.pipeline.name,
            layer=self.table.layer,
            table=self.table.name,
            period=period,
            attempt=self.attempt,
            run_id=self.run_id,
            state_id=self.states.get(period, ""),
            outcome=outcome,
            started_at=self.started,
            ended_at=self.pipeline.now(),
            contract_fingerprint=self.contract.fingerprint,
        )

    # -- publish ------------------------------------------------------------------------------

    def _publish(
        self, result: HopResult, accepted: Stage, quarantined: Stage
    ) -> tuple[int | None, int | None]:
        """Commit what the gate let through, once per table; put aside what it stopped."""
        open_periods = [period for period, built in result.built.items() if built.published]
        self.pipeline.ledger.check_lease(self.lease)
        self._put_aside(result, accepted, quarantined)
        if not open_periods:
            return None, None
        version = self._commit(accepted, open_periods, self.contract.schema)
        quarantine_version = self._commit(quarantined, open_periods, self._quarantine_schema())
        for period in open_periods:
            shutil.rmtree(self._held_folder(period), ignore_errors=True)
        return version, quarantine_version

    def _commit(self, stage: Stage, periods: Sequence[str], schema: Mapping[str, pl.DataType]) -> int:
        return stage.table.commit(
            stage.files, periods, schema, writer=self.pipeline.name, token=self.lease.token
        )

    def _quarantine_schema(self) -> dict[str, pl.DataType]:
        """The row as delivered with its reasons: text where it came as text."""
        layer = self.table.layer
        own: Mapping[str, pl.DataType] = self.contract.schema
        if layer is Layer.SILVER:
            own = self.pipeline.contract(next(iter(self.pipeline.tables[self.table].inputs.values()))).schema
        return quarantine_schema(own, raw=layer is Layer.BRONZE)

    def _held_folder(self, period: str) -> Path:
        return self.pipeline.lake.held(self.pipeline.name, self.table.layer, self.table.name, period)

    def _put_aside(self, result: HopResult, accepted: Stage, quarantined: Stage) -> None:
        """Keep the quarantined rows of stopped periods where people can look; drop their accepted rows."""
        held = result.held
        accepted.discard([file for file in accepted.files if file.period in held])
        for period, built in held.items():
            folder = self._held_folder(period)
            shutil.rmtree(folder, ignore_errors=True)
            files = [file for file in quarantined.files if file.period == period]
            if files:
                quarantined.move(files, folder)
                validation = replace(
                    built.validation, held_path=str(folder.relative_to(self.pipeline.lake.root))
                )
                result.built[period] = replace(built, validation=validation)

    # -- ledger -------------------------------------------------------------------------------

    def _record(self, result: HopResult, versions: tuple[int | None, int | None]) -> None:
        """Write everything that was found to the ledger, in one transaction; only now is it published."""
        built = [
            replace(one.validation, lake_version=versions[0], quarantine_version=versions[1])
            if one.published
            else one.validation
            for one in result.built.values()
        ]
        ingested = [
            id
            for period, one in result.built.items()
            if one.published and self.table.layer is Layer.BRONZE
            for id in self.inputs[period].deliveries
        ]
        details = [
            with_details(validation, one)
            for validation, one in zip(built, result.built.values(), strict=True)
        ]
        failed = [self._failure(period, error) for period, error in result.failed.items()]
        if details or failed:
            self.pipeline.ledger.record_validations(
                [*details, *failed], self.lease, ingested, tried=self._tried(), on_hold=self._broken()
            )

    def _broken(self) -> dict[str, str]:
        """The deliveries that a person must look at: id -> why."""
        return {id: why for given in self.inputs.values() for id, why in given.broken_deliveries.items()}

    def _tried(self) -> list[str]:
        """The deliveries for which another try may have been asked: this was it."""
        if self.table.layer is not Layer.BRONZE:
            return []
        return [id for given in self.inputs.values() for id in given.deliveries]

    def _failure(self, period: str, error: Exception) -> ValidationRecord:
        validation = self._validation(period, Outcome.FAILED)
        return ValidationRecord(
            replace(validation, error_class=type(error).__name__, error=told(error)[:2000])
        )

    def record_failure(self, error: Exception) -> None:
        """Record for each period that it failed, so that it is tried again later and not for ever."""
        failed = [self._failure(period, error) for period in self.states]
        if not failed:
            return
        try:
            self.pipeline.ledger.record_validations(failed, self.lease, tried=self._tried())
        except EtlError:
            # The ledger itself may be what broke, or the lease is lost: the first error counts.
            return


def quarantine_schema(delivered: Mapping[str, pl.DataType], *, raw: bool) -> dict[str, pl.DataType]:
    """Columns of a table's quarantine: provenance where there is one, `_reasons`, the row as delivered."""
    provenance = {name: dtype for name, dtype in delivered.items() if name in PROVENANCE}
    cells = {name: dtype for name, dtype in delivered.items() if name not in PROVENANCE}
    extra = {RAW: pl.String()} if raw else {}
    return {**provenance, REASONS: pl.String(), **extra, **cells}
