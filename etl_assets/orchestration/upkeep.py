# No postponed annotations: Dagster reads the annotations of ops.
"""Upkeep as a job: what nobody needs any more is cleared away, from the lake, the ledger and Dagster."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from etl_assets import logs
from etl_assets.contracts.dataset import Dataset
from etl_assets.orchestration.resources import Pipelines
from etl_assets.pipeline.upkeep import Upkeep, keep_dataset
from etl_assets.settings import DatasetSettings, UpkeepSettings

if TYPE_CHECKING:
    from etl_assets.pipeline.dataset_pipeline import DatasetPipeline

_ENDED = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
_PAGE = 100


def build_upkeep(
    dataset: Dataset, settings: DatasetSettings, upkeep: UpkeepSettings
) -> tuple[dg.JobDefinition, dg.ScheduleDefinition]:
    """Build the job that keeps a dataset's tables, and its daily schedule."""

    @dg.op(
        name=f"keep_{dataset.name}",
        description="Compacts tables, removes old versions and what killed runs left, forgets old details.",
        # Where the daemon starts both, upkeep and building wait for each other.
        pool=dataset.name,
    )
    def keep(context: dg.OpExecutionContext, pipelines: dg.ResourceParam[Pipelines]) -> None:
        with logs.context(run=context.run.run_id, dataset=dataset.name):
            done = keep_now(pipelines.of(dataset.name), context.run.run_id, upkeep)
            purged = purge_runs(context.instance, dataset.name, upkeep)
        if done.skipped:
            context.log.warning(f"skipped: {done.skipped}")
        context.add_output_metadata(_figures(done, purged))
        if done.errors:
            told = "; ".join(f"{table}: {why}" for table, why in done.errors.items())
            raise dg.Failure(f"{dataset.name}: {told}. The other tables were kept", allow_retries=False)

    @dg.job(
        name=upkeep_job(dataset.name),
        description=f"Keeps the tables of {dataset.name} small and quick to read; changes no row of them.",
    )
    def job() -> None:
        keep()

    schedule = dg.ScheduleDefinition(
        name=f"{upkeep_job(dataset.name)}_daily",
        job=job,
        cron_schedule=upkeep.cron,
        execution_timezone=settings.calendar.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Runs the upkeep of {dataset.name}.",
    )
    return job, schedule


def upkeep_job(dataset: str) -> str:
    """The name of a dataset's upkeep job."""
    return f"{dataset}_upkeep"


def keep_now(
    pipeline: "DatasetPipeline", owner: str, settings: UpkeepSettings, *, dry_run: bool = False
) -> Upkeep:
    """Do the upkeep of a dataset as the settings say."""
    return keep_dataset(
        pipeline,
        owner,
        retention=timedelta(days=settings.retention_days),
        details=timedelta(days=settings.details_days),
        dry_run=dry_run,
    )


def purge_runs(instance: DagsterInstance, dataset: str, settings: UpkeepSettings) -> int:
    """Delete old runs of the jobs that build nothing from Dagster; returns how many.

    Dagster keeps a table's history within the runs that built it: deleting one would make its partitions
    look as if they had never been built.
    """
    if settings.dagster_days is None:
        return 0
    before = datetime.now(UTC) - timedelta(days=settings.dagster_days)
    purged = 0
    for job in (upkeep_job(dataset), f"{dataset}_missing_deliveries"):
        for id in _ended_runs(instance, job, before):
            instance.delete_run(id)
            instance.compute_log_manager.delete_logs(prefix=[id])
            _delete_event_file(instance, id)
            purged += 1
    return purged


def _delete_event_file(instance: DagsterInstance, run_id: str) -> None:
    # On SQLite a run's events have a file of their own, which Dagster empties and leaves behind.
    path_of = getattr(instance.event_log_storage, "path_for_shard", None)
    if path_of is None:
        return
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path_of(run_id)}{suffix}").unlink(missing_ok=True)


def _ended_runs(instance: DagsterInstance, job: str, before: datetime) -> Iterator[str]:
    wanted = RunsFilter(job_name=job, statuses=_ENDED, created_before=before)
    while records := instance.get_run_records(wanted, limit=_PAGE):
        for record in records:
            yield record.dagster_run.run_id


def _figures(done: Upkeep, purged: int) -> dict[str, dg.MetadataValue]:
    numbers = {
        "removed_files": done.removed,
        "removed_bytes": done.removed_bytes,
        "live_files": sum(one.files_after for one in done.tables.values()),
        "live_bytes": sum(one.bytes_after for one in done.tables.values()),
        "compacted_partitions": sum(one.compacted for one in done.tables.values()),
        "forgotten_details": done.forgotten.tallies + done.forgotten.statistics,
        "forgotten_runs": done.forgotten.runs,
        "purged_dagster_runs": purged,
    }
    figures: dict[str, dg.MetadataValue] = {name: dg.MetadataValue.int(n) for name, n in numbers.items()}
    if done.skipped:
        figures["skipped"] = dg.MetadataValue.text(done.skipped)
    return figures
