"""One hop: builds one table for some periods. plan -> read -> validate -> stage -> commit -> ledger.

Lake first, ledger last: killed in between, the next run builds the partitions again and replaces
what this one left behind.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace

from etl_assets.contracts.dataset import Layer, TableId
from etl_assets.error_kinds import circuit_of, kind_of
from etl_assets.errors import Circuit, EtlError
from etl_assets.lake.places import LakePath, delete_folder, relative
from etl_assets.lake.stage import Stage
from etl_assets.ledger.records import Lease, Outcome, ValidationRecord
from etl_assets.pipeline.bronze import BronzeReader
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.digest import digest
from etl_assets.pipeline.faults import told, without_cells
from etl_assets.pipeline.health import note_errors, note_success
from etl_assets.pipeline.hop_keys import HopKeys, tidy
from etl_assets.pipeline.hop_result import Built, HopResult, with_details
from etl_assets.pipeline.pending import Pending
from etl_assets.pipeline.reading import Reader, read_upstream
from etl_assets.pipeline.refused import refused_schema
from etl_assets.pipeline.scratch import attempt_prefix, hop_scratch
from etl_assets.pipeline.state import States, published_states
from etl_assets.pipeline.table_validation import Progress, TableValidation

__all__ = ["Built", "HopResult", "run_hop"]


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
        note_errors(pipeline, [safe])
        if safe is error:
            raise
        raise safe from None
    finally:
        shutil.rmtree(hop.scratch, ignore_errors=True)


class Hop(TableValidation):
    """The work of one hop."""

    def __init__(self, pipeline: DatasetPipeline, table: TableId, run_id: str, lease: Lease) -> None:
        started = pipeline.now()
        # Unique for ever: a fencing token is used for one lease, which works on a table once at a time.
        attempt = attempt_prefix(lease) + digest(run_id, str(table), started.isoformat())[:8]
        scratch = hop_scratch(pipeline.scratch, attempt, lease)
        super().__init__(pipeline, table, scratch, run_id=run_id, attempt=attempt, started=started)
        self.lease = lease

    # -- plan ---------------------------------------------------------------------------------

    def run(self, periods: Sequence[str], progress: Progress | None) -> HopResult:
        """Do it."""
        result = HopResult(self.table)
        reader = self._plan(periods, result)
        accepted = self.pipeline.accepted(self.table).stage(self.attempt)
        quarantined = self.pipeline.quarantine(self.table).stage(self.attempt)
        result.built = self.validate(reader, accepted, quarantined, progress)
        result.failed = {period: one.error for period, one in self.inputs.items() if one.error}
        versions = self._publish(result, accepted, quarantined)
        self._record(result, versions)
        tidy(self.pipeline, self.table, self.attempt)
        self._note_health(result)
        return result

    def _note_health(self, result: HopResult) -> None:
        """Tell the circuits what was found sick, and what work went through."""
        sick = note_errors(self.pipeline, result.failed.values())
        through = {Circuit.LAKE} if result.built else set()
        if self.table.layer is Layer.BRONZE and result.built:
            through.add(Circuit.STAGING)
        for circuit in through - sick:
            note_success(self.pipeline, circuit, in_run=True)

    def _plan(self, periods: Sequence[str], result: HopResult) -> Reader:
        """Find out what each period is built from, by what is published at this moment."""
        deliveries = self.pipeline.ledger.deliveries(self.pipeline.name)
        published = self.pipeline.ledger.published_validations(self.pipeline.name)
        states = States(self.pipeline, deliveries, published)
        self.ranks = states.ranks(self.table)
        readable = published_states({key: one.state_id for key, one in published.items()})
        for period in periods:
            state = states.of(self.table, period, readable)
            if state is None:
                standing = Pending.of(self.pipeline).standings.get((self.table, period))
                result.without_data[period] = standing.reason if standing else "nothing was delivered"
            else:
                self.states[period] = state
                self.bases[period] = states.base(self.table, period, readable) or ""
                self.decisions[period] = states.decided(self.table, period)
        wanted = list(self.states)
        if states.ties.plans[self.table].names:
            self.keys = HopKeys(self.pipeline, self.table, self.attempt, states.ties, wanted)
        if self.table.layer is Layer.BRONZE:
            return BronzeReader.of(self.pipeline, self.table, wanted, states, self.scratch)
        return read_upstream(self.pipeline, self.table, wanted, states, published)

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
        commits = (accepted, self.contract.schema), (quarantined, refused_schema(self.pipeline, self.table))
        writer, token = self.pipeline.name, self.lease.token
        for stage, schema in commits:
            # Both first: rows whose quarantine is refused must not be published.
            stage.table.check_commit(open_periods, schema)
        version, quarantine_version = (
            stage.table.commit(stage.files, open_periods, schema, writer=writer, token=token)
            for stage, schema in commits
        )
        for period in open_periods:
            delete_folder(self._held_folder(period))
        return version, quarantine_version

    def _held_folder(self, period: str) -> LakePath:
        return self.pipeline.lake.held(self.pipeline.name, self.table.layer, self.table.name, period)

    def _put_aside(self, result: HopResult, accepted: Stage, quarantined: Stage) -> None:
        """Keep the quarantined rows of stopped periods where people can look; drop their accepted rows."""
        held = result.held
        accepted.discard([file for file in accepted.files if file.period in held])
        for period, built in held.items():
            folder = self._held_folder(period)
            delete_folder(folder)
            files = [file for file in quarantined.files if file.period == period]
            if files:
                quarantined.move(files, folder)
                validation = replace(built.validation, held_path=relative(folder, self.pipeline.lake.root))
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
        """The deliveries for which another try may have been asked: this was it, unless all was away."""
        if self.table.layer is not Layer.BRONZE:
            return []
        tried = [one for one in self.inputs.values() if not (one.error and circuit_of(one.error))]
        return [id for given in tried for id in given.deliveries]

    def _failure(self, period: str, error: Exception) -> ValidationRecord:
        validation = self.validation(period, Outcome.FAILED)
        return ValidationRecord(
            replace(
                validation,
                error_class=type(error).__name__,
                error=told(error)[:2000],
                error_kind=str(kind_of(error)),
                circuit=str(circuit_of(error) or ""),
            )
        )

    def record_failure(self, error: Exception) -> None:
        """Record for each period that it failed, so that it is tried again later and not for ever."""
        failed = [self._failure(period, error) for period in self.states]
        if not failed:
            return
        try:
            tried = () if circuit_of(error) else self._tried()
            self.pipeline.ledger.record_validations(failed, self.lease, tried=tried)
        except EtlError:
            # The ledger itself may be what broke, or the lease is lost: the first error counts.
            return
