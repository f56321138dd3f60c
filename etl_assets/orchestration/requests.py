"""Which runs to ask for now: shared by the sensor and `dq run`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus, RunRecord, RunsFilter

from etl_assets.errors import ErrorKind
from etl_assets.ledger.processes import is_dead
from etl_assets.ledger.records import ProcessIdentity, Run, RunStatus
from etl_assets.orchestration.assets import INTERRUPTIONS
from etl_assets.orchestration.partitions import asset_key, publication_key
from etl_assets.orchestration.tags import DATASET_TAG, ERROR_KIND_TAG, RANGE_END, RANGE_START, STRETCH_TAG
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.pending import Stretch

_ACTIVE = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


_PASSING = (str(ErrorKind.TRANSIENT), str(ErrorKind.RESOURCE))

_BEGUN = [one for one in _ACTIVE if one is not DagsterRunStatus.QUEUED]

SILENT_START_SECONDS = 300.0
"""A run of which the ledger has not heard for so long after its start died before its first table."""


@dataclass(frozen=True)
class RunPlan:
    """One run to ask for: its assets, its partitions, and a key that is never used twice."""

    key: str
    assets: tuple[dg.AssetKey, ...]
    partition: str | None
    tags: Mapping[str, str]


def plan_run(
    instance: DagsterInstance, pipeline: DatasetPipeline, stretch: Stretch, *, by_hand: bool = False
) -> RunPlan | str:
    """Turn a stretch into a run, or say why it is not asked for now.

    What a run wrote into the ledger decides whether its work is tried again. A run that died before
    it could write anything is counted here, and tried again with the same growing waits, unless
    somebody asks for it by hand.
    """
    tags = {DATASET_TAG: pipeline.name, STRETCH_TAG: stretch.key}
    earlier = instance.get_run_records(RunsFilter(tags={STRETCH_TAG: stretch.key}))
    silent = [one for one in earlier if _came_to_nothing(pipeline, one)]
    if silent and not (by_hand or stretch.retried):
        # Those that could not write since the ledger was away are no fault of the work.
        own = [one for one in silent if one.dagster_run.tags.get(ERROR_KIND_TAG) not in _PASSING]
        if len(own) >= pipeline.retry.max_attempts:
            return f"{_runs(len(silent))} came to nothing; look at the last one, then `dq deliveries retry`"
        ended = max(one.end_time or one.create_timestamp.timestamp() for one in silent)
        again = datetime.fromtimestamp(ended + pipeline.retry.backoff.seconds(len(silent), stretch.key), UTC)
        if pipeline.now() < again:
            return f"{_runs(len(silent))} came to nothing; tried again at {again:%Y-%m-%d %H:%M:%S} UTC"
    if len(stretch.periods) > 1:
        tags |= {RANGE_START: stretch.periods[0], RANGE_END: stretch.periods[-1]}
    return RunPlan(
        key=f"{stretch.key}:{len(earlier)}",
        assets=(
            *(asset_key(pipeline.name, table) for table in stretch.tables),
            *(publication_key(pipeline.name, name) for name in stretch.publications),
        ),
        partition=stretch.periods[0] if len(stretch.periods) == 1 else None,
        tags=tags,
    )


def _came_to_nothing(pipeline: DatasetPipeline, record: RunRecord) -> bool:
    id = record.dagster_run.run_id
    if pipeline.ledger.validations_of_run(id) or pipeline.ledger.writings_of_run(id):
        return False
    # Ctrl-C is no failure: who starts `dq run` again wants to go on. A run that was terminated in
    # the UI is CANCELED, and is not to come back at once.
    run = _recorded(pipeline).get(id)
    stopped = run is not None and run.error_class in {one.__name__ for one in INTERRUPTIONS}
    return not (stopped and record.dagster_run.status is DagsterRunStatus.FAILURE)


def _recorded(pipeline: DatasetPipeline) -> dict[str, Run]:
    """The newest runs that the ledger has heard of, by id."""
    return {run.id: run for run in pipeline.ledger.runs(pipeline.name, limit=200)}


def _runs(count: int) -> str:
    return "one run" if count == 1 else f"{count} runs"


def unknown_ends(partitions: dg.PartitionsDefinition[str], stretch: Stretch) -> list[str]:
    """Ends of a stretch that Dagster does not have as partitions: it would silently run other days."""
    ends = stretch.periods[:1] + stretch.periods[-1:]
    return [key for key in dict.fromkeys(ends) if not partitions.has_partition_key(key)]


def active_runs(instance: DagsterInstance, dataset: str) -> list[str]:
    """The ids of the dataset's runs that are queued or under way, however they were started."""
    return [one.dagster_run.run_id for one in _active_records(instance, dataset, _ACTIVE)]


def _active_records(
    instance: DagsterInstance, dataset: str, statuses: Sequence[DagsterRunStatus]
) -> list[RunRecord]:
    def concerns(run: DagsterRun) -> bool:
        # A run that was started by hand has no tag of ours, but it names its assets.
        keys = run.asset_selection or ()
        return run.tags.get(DATASET_TAG) == dataset or any(key.path[0] == dataset for key in keys)

    records = instance.get_run_records(RunsFilter(statuses=list(statuses)))
    return [record for record in records if concerns(record.dagster_run)]


def settle_runs(instance: DagsterInstance, pipeline: DatasetPipeline) -> list[str]:
    """Close runs in the ledger that Dagster saw end, and fail those whose process is gone.

    Returns:
        The runs that were found dead.
    """
    for run in pipeline.ledger.runs(pipeline.name, RunStatus.RUNNING):
        known = instance.get_run_by_id(run.id)
        if known is not None and known.is_finished:
            close_run(pipeline, run.id, success=known.is_success)
    pipeline.ledger.reap_runs(silent_seconds=pipeline.limits.lease_seconds * 3)
    recorded = _recorded(pipeline)
    dead = []
    for record in _active_records(instance, pipeline.name, _BEGUN):
        id = record.dagster_run.run_id
        if _is_dead(record, recorded.get(id), pipeline.now().timestamp()):
            instance.report_run_failed(
                record.dagster_run, "Its process is gone; what it left undone is asked for again"
            )
            dead.append(id)
    return dead


def _is_dead(record: RunRecord, run: Run | None, now: float) -> bool:
    if run is None:
        if record.dagster_run.status is DagsterRunStatus.STARTING:
            return False  # a launcher is at it, and Dagster's run monitoring watches that
        # It died before its first table, which comes seconds after the start.
        return now - (record.start_time or record.create_timestamp.timestamp()) > SILENT_START_SECONDS
    if run.status is RunStatus.RUNNING:
        return False
    return run.status is RunStatus.UNFINISHED or is_dead(
        ProcessIdentity(run.host, run.pid, run.process_started_at)
    )


def close_run(pipeline: DatasetPipeline, run_id: str, *, success: bool) -> None:
    """Write into the ledger how a run ended, and how many rows it validated.

    A failed run keeps the error that its failing step has written down.
    """
    known = _recorded(pipeline).get(run_id)
    if known is None:
        return  # it failed before its first table: the ledger has never heard of it
    validations = pipeline.ledger.validations_of_run(run_id)
    status = RunStatus.FAILED
    if success:
        worked = validations or pipeline.ledger.writings_of_run(run_id)
        status = RunStatus.COMPLETED if worked else RunStatus.SKIPPED
    pipeline.ledger.finish_run(
        run_id,
        status,
        rows=sum(one.rows_in for one in validations),
        error_class="" if success else known.error_class,
        error="" if success else known.error,
        error_kind="" if success else known.error_kind,
    )
