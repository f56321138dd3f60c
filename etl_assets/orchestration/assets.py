# No postponed annotations: Dagster reads the annotations of asset functions.
"""One asset per table: its op takes the lease, runs the hop and reports what came of it."""

import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace

import dagster as dg

from etl_assets import logs
from etl_assets.backoff import Backoff
from etl_assets.contracts.dataset import Dataset, Layer, Table, TableId
from etl_assets.contracts.rules import compile_contract
from etl_assets.contracts.vocabulary import RuleKind
from etl_assets.error_kinds import circuit_of, kind_of
from etl_assets.errors import ErrorKind, EtlError, LedgerError
from etl_assets.ledger.circuit_records import Failed
from etl_assets.ledger.processes import identity_of
from etl_assets.ledger.records import Lease, ProcessIdentity, RunStatus
from etl_assets.orchestration.checks import check_results, check_specs, told_by_period
from etl_assets.orchestration.lineage import column_lineage
from etl_assets.orchestration.metadata import (
    broken_rules,
    column_schema,
    failure_metadata,
    partition_metadata,
    usage_metadata,
)
from etl_assets.orchestration.partitions import asset_key
from etl_assets.orchestration.progress import tell
from etl_assets.orchestration.resources import Pipelines
from etl_assets.orchestration.tags import DATASET_TAG, ERROR_KIND_TAG, STRETCH_TAG
from etl_assets.pipeline.code_version import code_version
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.digest import digest
from etl_assets.pipeline.health import LONGEST, failure_of
from etl_assets.pipeline.hop import HopResult, run_hop
from etl_assets.pipeline.intake import take_in
from etl_assets.pipeline.leases import held_lease
from etl_assets.pipeline.usage import Usage
from etl_assets.settings import AppSettings

LOG = logs.get_logger(__name__)

LEASE_WAIT_SECONDS = 600.0
"""How long a run waits for another one on the same dataset; then it is retried."""

INTERRUPTIONS = (KeyboardInterrupt, dg.DagsterExecutionInterruptedError)
"""Somebody pressed Ctrl-C, or terminated the run in the UI."""

GATE_CLOSED = "GateClosed"
"""What a run that was stopped by its data is called in the ledger, beside the classes of errors."""


class PartitionsStoppedError(dg.Failure):
    """Some partitions were not published; class and kind of the first error say why, for the ledger."""

    def __init__(self, description: str, error: Exception | None) -> None:
        self.error_class = type(error).__name__ if error else GATE_CLOSED
        self.kind = kind_of(error) if error else ErrorKind.DATA
        self.circuit = circuit_of(error) if error else None
        told = failure_metadata(self.kind, self.error_class, self.circuit)
        super().__init__(description, metadata=told, allow_retries=False)


MAX_RETRIES = 3
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 5.0, 60.0
"""Quick tries within a step, by the strategy of the dataset's `retry`; what lasts is left to later runs."""


def build_assets(
    dataset: Dataset, partitions: dg.PartitionsDefinition[str], settings: AppSettings
) -> list[dg.AssetsDefinition]:
    """Build the assets of a dataset, each with its checks."""
    with warnings.catch_warnings():
        # `backfill_policy` is in beta, as every start would say once a table. Without it a year's backlog
        # is a run per day.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return [build_asset(dataset, table, partitions, settings) for table in dataset.tables]


def build_asset(
    dataset: Dataset, table: Table, partitions: dg.PartitionsDefinition[str], settings: AppSettings
) -> dg.AssetsDefinition:
    """Build one table's asset: key `[dataset, layer, table]`, described by its contract."""
    contract = compile_contract(table.contract)
    place = f"{settings.lake}/{dataset.name}/{table.id.layer}/{table.id.name}"

    @dg.asset(
        key=asset_key(dataset.name, table.id),
        deps=[asset_key(dataset.name, upstream) for upstream in _upstream(table)],
        partitions_def=partitions if table.partitioned else None,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=dataset.name,
        kinds={"polars", "deltalake", str(table.id.layer)},
        owners=list(dataset.owners),
        description=contract.description or dataset.description,
        code_version=digest(contract.fingerprint, code_version(table.transform))[:12],
        check_specs=check_specs(dataset.name, table),
        # At most one run per dataset, however it was started: see `pools` in dagster.yaml.
        pool=dataset.name,
        # Nothing was delivered: the step is green and gives nothing.
        output_required=False,
        metadata={
            "dagster/column_schema": column_schema(contract),
            "dagster/table_name": f"{dataset.name}.{table.id.layer}.{table.id.name}",
            "dagster/uri": place,
        },
        tags={DATASET_TAG: dataset.name},
        op_tags={DATASET_TAG: dataset.name},
    )
    def build(
        context: dg.AssetExecutionContext, pipelines: dg.ResourceParam[Pipelines]
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:  # type: ignore[type-arg]
        pipeline = open_pipeline(context, pipelines, dataset.name)
        periods = tuple(context.partition_keys) if table.partitioned else ("",)
        with (
            logs.context(run=context.run.run_id, dataset=dataset.name, table=str(table.id)),
            errors_told(context, pipeline),
        ):
            _check_keys(pipeline, table, periods)
            usage = Usage()
            try:
                result = _run(context, pipeline, table.id, periods)
            finally:
                record_usage(context, pipeline, usage)
            yield from _report(context, pipeline, dataset, table, result, usage)

    return build


def _upstream(table: Table) -> list[TableId]:
    referenced = [
        TableId(Layer.SILVER, rule.reference.table)
        for rule in compile_contract(table.contract).rules
        if rule.kind is RuleKind.REFERENCE and rule.reference
    ]
    return list(dict.fromkeys([*table.inputs.values(), *referenced]))


def _check_keys(pipeline: DatasetPipeline, table: Table, periods: Sequence[str]) -> None:
    # Dagster moves a range that begins on a closed day to the next one without a word.
    unknown = [period for period in periods if table.partitioned and pipeline.calendar.period(period) is None]
    if unknown:
        raise dg.Failure(f"{', '.join(unknown)}: not in the calendar of {pipeline.name}", allow_retries=False)


@contextmanager
def errors_told(context: dg.AssetExecutionContext, pipeline: DatasetPipeline) -> Iterator[None]:
    """Retry what may pass with growing waits; anything else ends the step, in words for people."""
    try:
        yield
    except (dg.Failure, *INTERRUPTIONS) as error:
        _fail_run(context, pipeline, error)
        raise
    except Exception as error:
        now = _what_now(context, error, pipeline.retry.backoff, hopeless=_is_open(pipeline, error))
        if isinstance(now, dg.Failure):
            _fail_run(context, pipeline, error)
        raise now from error


def open_pipeline(context: dg.AssetExecutionContext, pipelines: Pipelines, dataset: str) -> DatasetPipeline:
    """Open a dataset's pipeline; while the ledger is away, that is tried again as anything else is."""
    try:
        return pipelines.of(dataset)
    except Exception as error:
        now = _what_now(context, error, Backoff(jitter=0.2))
        if isinstance(now, dg.Failure):
            context.instance.add_run_tags(context.run.run_id, {ERROR_KIND_TAG: str(kind_of(error))})
        raise now from error


def _what_now(
    context: dg.AssetExecutionContext, error: Exception, backoff: Backoff, *, hopeless: bool = False
) -> dg.RetryRequested | dg.Failure:
    """What a step does about an error: another try after a while, or its end in words for people."""
    told = f"{type(error).__name__}: {error}"
    kind, tries = kind_of(error), context.retry_number + 1
    if kind.retried and tries <= MAX_RETRIES and not hopeless:
        quick = replace(backoff, first_seconds=FIRST_RETRY_SECONDS, max_seconds=LONGEST_RETRY_SECONDS)
        wait = quick.seconds(tries, context.run.run_id)
        LOG.warning("tried again", extra={"seconds": round(wait), "error_kind": str(kind), "error": told})
        return dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=wait)
    LOG.warning("failed", extra={"error_class": type(error).__name__, "error_kind": str(kind)})
    often = f" (tried {tries} times)" if tries > 1 else ""
    metadata = failure_metadata(kind, type(error).__name__, circuit_of(error), _hint(error))
    return dg.Failure(f"{told}{often}", metadata=metadata, allow_retries=False)


def _is_open(pipeline: DatasetPipeline, error: Exception) -> bool:
    """Whether the error has opened its circuit: then it is probed, and not tried again within this run."""
    circuit = circuit_of(error)
    try:
        return any(
            not one.is_closed and one.circuit == circuit for one in pipeline.ledger.circuits(pipeline.name)
        )
    except LedgerError:
        return False


def _hint(error: Exception) -> str:
    return error.hint if isinstance(error, EtlError) else ""


def _run(
    context: dg.AssetExecutionContext, pipeline: DatasetPipeline, table: TableId, periods: Sequence[str]
) -> HopResult:
    """Run the hop under the dataset's lease."""
    start_run(context, pipeline)
    if table.layer is Layer.BRONZE and STRETCH_TAG not in context.run.tags:
        # Started by hand: perhaps no sensor has looked since the files came.
        take_in(pipeline)
    id = context.run.run_id
    with lease_of_run(context, pipeline) as lease:
        LOG.info("building", extra={"partitions": len(periods)})
        return run_hop(pipeline, table, periods, run_id=id, lease=lease, progress=_progress)


def start_run(context: dg.AssetExecutionContext, pipeline: DatasetPipeline) -> None:
    """Write into the ledger that the run has begun."""
    id, ledger = context.run.run_id, pipeline.ledger
    if id not in {run.id for run in ledger.runs(pipeline.name, RunStatus.FAILED, limit=20)}:
        # A run of which one table has failed stays failed, though its other tables are still built.
        ledger.start_run(id, pipeline.name, _process(context))


def lease_of_run(
    context: dg.AssetExecutionContext, pipeline: DatasetPipeline
) -> AbstractContextManager[Lease]:
    """The dataset's lease, held in the run's name while the block runs."""
    seconds = pipeline.limits.lease_seconds
    return held_lease(
        pipeline.ledger, pipeline.name, context.run.run_id, seconds, wait_seconds=LEASE_WAIT_SECONDS
    )


def record_usage(context: dg.AssetExecutionContext, pipeline: DatasetPipeline, usage: Usage) -> None:
    """Say what a step took, in the log and in the ledger."""
    LOG.info(
        "built",
        extra={
            "seconds": round(usage.seconds, 1),
            "cpu_seconds": round(usage.cpu_seconds, 1),
            "peak_memory_bytes": usage.peak_memory_bytes,
        },
    )
    with suppress(EtlError):  # a ledger that is away fails the hop, where it matters
        pipeline.ledger.add_usage(context.run.run_id, usage.cpu_seconds, usage.peak_memory_bytes)


def _process(context: dg.AssetExecutionContext) -> ProcessIdentity:
    """The process that lives as long as the run does: with a process per step its parent."""
    per_step = context.job_def.executor_def.name == "multiprocess"
    return identity_of(os.getppid() if per_step else os.getpid())


def _progress(table: TableId, done: int, total: int) -> None:
    LOG.info("progress", extra={"done": done, "total": total})
    tell(table, done, total)


def _report(
    context: dg.AssetExecutionContext,
    pipeline: DatasetPipeline,
    dataset: Dataset,
    table: Table,
    result: HopResult,
    usage: Usage,
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:  # type: ignore[type-arg]
    """Tell Dagster: figures of each partition, checks, and a failure where a partition was stopped."""
    uri = str(pipeline.accepted(table.id).path)
    good = {period: built for period, built in result.built.items() if built.published}
    metadata = {period: partition_metadata(built, uri) for period, built in good.items()}
    _add_details(metadata, dataset, table, result, usage)
    stopped = {period: built.validation.gate_reason for period, built in result.held.items()}
    stopped |= {period: str(error) for period, error in result.failed.items()}
    whole = not stopped and not result.without_data
    if whole:
        for period, values in metadata.items() if table.partitioned else ():
            context.add_asset_metadata(values, partition_key=period)
    else:
        # Only these keys become materialized; Dagster would otherwise mark the whole range.
        for period, values in metadata.items():
            context.log_event(
                dg.AssetMaterialization(context.asset_key, partition=period or None, metadata=values)
            )
    yield from check_results(pipeline, table.id, result)
    if stopped:
        first = None if result.held else next(iter(result.failed.values()))
        raise PartitionsStoppedError(_stopped_told(pipeline, table.id, stopped, len(good)), first)
    if whole:
        yield dg.MaterializeResult(metadata=None if table.partitioned else metadata[""])
    else:
        LOG.info("no data yet", extra={"partitions": len(result.without_data)})


def _add_details(
    metadata: Mapping[str, dict[str, dg.MetadataValue]],
    dataset: Dataset,
    table: Table,
    result: HopResult,
    usage: Usage,
) -> None:
    """Add what is shown once a run, not once a partition, to the last partition: the UI shows that one."""
    if not metadata:
        return
    last = metadata[max(metadata)]
    if table.transform is not None:
        last["dagster/column_lineage"] = dg.MetadataValue.column_lineage(column_lineage(dataset, table))
    if rules := broken_rules(result.built):
        last["broken_rules"] = dg.MetadataValue.md(rules)
    last |= usage_metadata(usage)


def _stopped_told(pipeline: DatasetPipeline, table: TableId, stopped: Mapping[str, str], good: int) -> str:
    hint = f"see `dq deliveries list {pipeline.name}` and `dq quarantine list {pipeline.name}`"
    return (
        f"{pipeline.name} {table}: {len(stopped)} of {len(stopped) + good} partitions were stopped, "
        f"{good} published. {told_by_period(stopped)}. The last good version stays; {hint}"
    )


def _fail_run(context: dg.AssetExecutionContext, pipeline: DatasetPipeline, error: BaseException) -> None:
    """Write down that the run has failed, of what kind the error is, and count it."""
    if isinstance(error, PartitionsStoppedError):
        failure = Failed(error.circuit or "", error.kind, error.error_class, str(error)[:LONGEST])
    elif isinstance(error, dg.Failure):
        failure = Failed("", ErrorKind.CONFIGURATION, type(error).__name__, str(error)[:LONGEST])
    elif isinstance(error, INTERRUPTIONS):
        failure = None
    else:
        failure = failure_of(error, in_run=True)
    if failure:
        # Dagster knows it as well: the ledger may be what broke.
        context.instance.add_run_tags(context.run.run_id, {ERROR_KIND_TAG: str(failure.kind)})
    try:
        pipeline.ledger.finish_run(
            context.run.run_id,
            RunStatus.FAILED,
            error_class=failure.error_class if failure else type(error).__name__,
            error=str(error)[:2000],
            error_kind=str(failure.kind) if failure else "",
        )
        if failure and not failure.origin:  # else its circuit has counted it
            pipeline.ledger.count_error(pipeline.name, failure)
    except EtlError:
        return  # the ledger is what broke
