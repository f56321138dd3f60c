# No postponed annotations: Dagster reads the annotations of asset functions.
"""One asset per table: its op takes the lease, runs the hop and reports what came of it."""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from etl_assets import logs
from etl_assets.contracts.dataset import Dataset, Layer, Table, TableId
from etl_assets.contracts.rules import compile_contract
from etl_assets.contracts.vocabulary import RuleKind
from etl_assets.errors import ContractError, EtlError, SettingsError
from etl_assets.ledger.records import RunStatus
from etl_assets.orchestration.checks import check_results, check_specs
from etl_assets.orchestration.metadata import broken_rules, column_lineage, column_schema, partition_metadata
from etl_assets.orchestration.partitions import asset_key
from etl_assets.orchestration.resources import Pipelines
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.hop import HopResult, run_hop
from etl_assets.pipeline.leases import held_lease
from etl_assets.pipeline.state import code_version, digest
from etl_assets.settings import AppSettings

LOG = logs.get_logger(__name__)

DATASET_TAG = "etl/dataset"

LEASE_WAIT_SECONDS = 600.0
"""How long a run waits for another one on the same dataset; then it is retried."""

TRANSIENT = dg.RetryPolicy(
    max_retries=3, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)


def build_assets(
    dataset: Dataset, partitions: dg.PartitionsDefinition[str], settings: AppSettings
) -> list[dg.AssetsDefinition]:
    """Build the assets of a dataset, each with its checks."""
    return [build_asset(dataset, table, partitions, settings) for table in dataset.tables]


def build_asset(
    dataset: Dataset, table: Table, partitions: dg.PartitionsDefinition[str], settings: AppSettings
) -> dg.AssetsDefinition:
    """Build one table's asset: key `[dataset, layer, table]`, described by its contract."""
    contract = compile_contract(table.contract)
    folder = settings.lake_dir / dataset.name / table.id.layer / table.id.name

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
        retry_policy=TRANSIENT,
        # Nothing was delivered: the step is green and gives nothing.
        output_required=False,
        metadata={
            "dagster/column_schema": column_schema(contract),
            "dagster/table_name": f"{dataset.name}.{table.id.layer}.{table.id.name}",
            "dagster/uri": str(folder),
        },
        tags={DATASET_TAG: dataset.name},
        op_tags={DATASET_TAG: dataset.name},
    )
    def build(
        context: dg.AssetExecutionContext, pipelines: dg.ResourceParam[Pipelines]
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:  # type: ignore[type-arg]
        pipeline = pipelines.of(dataset.name)
        periods = tuple(context.partition_keys) if table.partitioned else ("",)
        _check_keys(pipeline, table, periods)
        with logs.context(run=context.run_id, dataset=dataset.name, table=str(table.id)):
            result = _run(context, pipeline, table.id, periods)
            yield from _report(context, pipeline, dataset, table, result)

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


def _run(
    context: dg.AssetExecutionContext, pipeline: DatasetPipeline, table: TableId, periods: Sequence[str]
) -> HopResult:
    """Run the hop. Data and code faults are final, anything else is retried with backoff."""
    seconds = pipeline.limits.lease_seconds
    try:
        pipeline.ledger.start_run(context.run_id, pipeline.name)
        with held_lease(
            pipeline.ledger, pipeline.name, context.run_id, seconds, wait_seconds=LEASE_WAIT_SECONDS
        ) as lease:
            LOG.info("building", extra={"partitions": len(periods)})
            return run_hop(pipeline, table, periods, run_id=context.run_id, lease=lease, progress=_progress)
    except (ContractError, SettingsError) as error:
        _fail_run(context, pipeline, error)
        raise dg.Failure(str(error), allow_retries=False) from error
    except Exception as error:
        LOG.warning("failed", extra={"error_class": type(error).__name__})
        _fail_run(context, pipeline, error)
        raise


def _progress(table: TableId, done: int, total: int) -> None:
    LOG.info("progress", extra={"done": done, "total": total})


def _report(
    context: dg.AssetExecutionContext,
    pipeline: DatasetPipeline,
    dataset: Dataset,
    table: Table,
    result: HopResult,
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:  # type: ignore[type-arg]
    """Tell Dagster: figures of each partition, checks, and a failure where a partition was stopped."""
    uri = str(pipeline.accepted(table.id).path)
    good = {period: built for period, built in result.built.items() if built.published}
    metadata = {period: partition_metadata(built, uri) for period, built in good.items()}
    _add_details(metadata, dataset, table, result)
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
        error = dg.Failure(_stopped_told(pipeline, table.id, stopped, len(good)), allow_retries=False)
        _fail_run(context, pipeline, error)
        raise error
    if whole:
        yield dg.MaterializeResult(metadata=None if table.partitioned else metadata[""])
    else:
        LOG.info("no data yet", extra={"partitions": len(result.without_data)})


def _add_details(
    metadata: Mapping[str, dict[str, dg.MetadataValue]], dataset: Dataset, table: Table, result: HopResult
) -> None:
    """What is shown once a run rather than once a partition goes to the last partition, which the UI shows."""
    if not metadata:
        return
    last = metadata[max(metadata)]
    if table.transform is not None:
        last["dagster/column_lineage"] = dg.MetadataValue.column_lineage(column_lineage(dataset, table))
    if rules := broken_rules(result.built):
        last["broken_rules"] = dg.MetadataValue.md(rules)


def _stopped_told(
    pipeline: DatasetPipeline, table: TableId, stopped: Mapping[str, str], good: int
) -> str:
    lines = [f"{period or 'table'}: {reason}" for period, reason in sorted(stopped.items())[:10]]
    more = f" and {len(stopped) - 10} more" if len(stopped) > 10 else ""
    hint = f"see `dq deliveries list {pipeline.name}` and `dq quarantine list {pipeline.name}`"
    return (
        f"{pipeline.name} {table}: {len(stopped)} of {len(stopped) + good} partitions were stopped, "
        f"{good} published. " + "; ".join(lines) + more + f". The last good version stays; {hint}"
    )


def _fail_run(context: dg.AssetExecutionContext, pipeline: DatasetPipeline, error: Exception) -> None:
    try:
        pipeline.ledger.finish_run(
            context.run_id, RunStatus.FAILED, error_class=type(error).__name__, error=str(error)[:2000]
        )
    except EtlError:
        return  # the ledger is what broke; Dagster knows of the failure
