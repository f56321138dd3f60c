"""Which runs to ask for now: shared by the sensor and `dq run`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg
from dagster import DagsterInstance, DagsterRunStatus, RunsFilter

from etl_assets.ledger.records import RunStatus
from etl_assets.orchestration.assets import DATASET_TAG
from etl_assets.orchestration.partitions import asset_key
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.pending import Stretch

STRETCH_TAG = "etl/stretch"

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"

_ACTIVE = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


@dataclass(frozen=True)
class RunPlan:
    """One run to ask for: its assets, its partitions, and a key that is never used twice."""

    key: str
    assets: tuple[dg.AssetKey, ...]
    partition: str | None
    tags: Mapping[str, str]


def plan_run(
    instance: DagsterInstance, pipeline: DatasetPipeline, stretch: Stretch
) -> RunPlan | str:
    """Turn a stretch into a run, or say why it is not asked for now.

    A run that died before it could write down anything is tried again with the same backoff as
    any other failure.
    """
    tags = {DATASET_TAG: pipeline.name, STRETCH_TAG: stretch.key}
    earlier = instance.get_run_records(RunsFilter(tags={STRETCH_TAG: stretch.key}))
    if earlier and not stretch.retried:
        ended = max(record.end_time or record.create_timestamp.timestamp() for record in earlier)
        waited = pipeline.now().timestamp() - ended
        if len(earlier) >= pipeline.retry.max_attempts:
            return f"{len(earlier)} runs came to nothing; look at the last one, then `dq deliveries retry`"
        if waited < pipeline.retry.delay_seconds(len(earlier)):
            return f"the last of {len(earlier)} runs came to nothing; tried again later"
    if len(stretch.periods) > 1:
        tags |= {RANGE_START: stretch.periods[0], RANGE_END: stretch.periods[-1]}
    return RunPlan(
        key=f"{stretch.key}:{len(earlier)}",
        assets=tuple(asset_key(pipeline.name, table) for table in stretch.tables),
        partition=stretch.periods[0] if len(stretch.periods) == 1 else None,
        tags=tags,
    )


def check_range(partitions: dg.PartitionsDefinition[str], stretch: Stretch) -> None:
    """Refuse a range whose ends Dagster would silently move to other days.

    Raises:
        ValueError: An end is no partition.
    """
    for key in stretch.periods[:1] + stretch.periods[-1:]:
        if not partitions.has_partition_key(key):
            raise ValueError(f"{key} is not a partition of Dagster's calendar")


def active_runs(instance: DagsterInstance, dataset: str) -> list[str]:
    """The ids of the dataset's runs that are queued or under way."""
    records = instance.get_run_records(RunsFilter(tags={DATASET_TAG: dataset}, statuses=_ACTIVE))
    return [record.dagster_run.run_id for record in records]


def settle_runs(instance: DagsterInstance, pipeline: DatasetPipeline) -> list[str]:
    """Close runs in the ledger that Dagster saw end, and fail those whose process is gone.

    Returns:
        The runs that were found dead.
    """
    for run in pipeline.ledger.runs(pipeline.name, RunStatus.RUNNING):
        known = instance.get_run_by_id(run.id)
        if known is not None and known.is_finished:
            close_run(pipeline, run.id, success=known.is_success)
    dead = []
    for run in pipeline.ledger.reap_runs(silent_seconds=pipeline.limits.lease_seconds * 3):
        known = instance.get_run_by_id(run.id)
        if known is not None and not known.is_finished:
            instance.report_run_failed(known, "its process is gone; what it left is built again")
            dead.append(run.id)
    return dead


def close_run(pipeline: DatasetPipeline, run_id: str, *, success: bool) -> None:
    """Write into the ledger how a run ended, and how many rows it validated.

    A failed run keeps the error that its failing step has written down.
    """
    validations = pipeline.ledger.validations_of_run(run_id)
    if success:
        status = RunStatus.COMPLETED if validations else RunStatus.SKIPPED
        pipeline.ledger.finish_run(run_id, status, rows=sum(one.rows_in for one in validations))
    else:
        known = pipeline.ledger.run(run_id)
        pipeline.ledger.finish_run(
            run_id,
            RunStatus.FAILED,
            rows=sum(one.rows_in for one in validations),
            error_class=known.error_class or "",
            error=known.error or "",
        )
