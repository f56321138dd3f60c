"""Runs what is pending of one dataset in this process, through Dagster: what `dq run` does."""

from __future__ import annotations

import os
import time
from collections import Counter
from dataclasses import dataclass, field
from uuid import uuid4

import dagster as dg
from dagster import DagsterInstance
from filelock import FileLock

from etl_assets.contracts.dataset import Dataset, TableId
from etl_assets.orchestration.assets import INTERRUPTIONS
from etl_assets.orchestration.build import build_definitions
from etl_assets.orchestration.instance import dagster_home, prepare_environment, write_instance
from etl_assets.orchestration.pipelines import build_pipeline, open_ledger
from etl_assets.orchestration.progress import Progress, told_to
from etl_assets.orchestration.requests import RunPlan, close_run, plan_run, settle_runs
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.health import note_look, open_circuits
from etl_assets.pipeline.intake import report_missing, take_in
from etl_assets.pipeline.pending import PartitionStanding, Pending, Stretch
from etl_assets.pipeline.settling import settle
from etl_assets.settings import AppSettings

MOST_TRIES = 5
"""The same work is done so often at most: a safeguard against building without an end."""

SETTLE_SECONDS = 60.0
"""How long to wait for files that may still be written."""


@dataclass(frozen=True)
class FinishedRun:
    """One run that was made: its id in Dagster, whether it succeeded, what it worked on.

    Attributes:
        error: Why it failed, "" if it did not.
        publications: What it wrote out.
        interrupted: Somebody pressed Ctrl-C.
    """

    run_id: str
    success: bool
    periods: tuple[str, ...]
    tables: tuple[TableId, ...]
    error: str = ""
    interrupted: bool = False
    publications: tuple[str, ...] = ()


@dataclass
class LocalRun:
    """What came of `run_dataset`.

    Attributes:
        runs: The runs, in order.
        unsettled: Files that were still being written when we gave up waiting.
        troubles: Partitions that wait for a person.
        waiting: Work that is tried again later, with the reason.
    """

    dataset: str
    runs: list[FinishedRun] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    troubles: list[PartitionStanding] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)

    @property
    def nothing_to_do(self) -> bool:
        """Whether everything was up to date."""
        return not self.runs


def run_dataset(dataset: Dataset, settings: AppSettings, *, progress: Progress | None = None) -> LocalRun:
    """Look into the staging area and build what is pending, until nothing is left to do.

    Args:
        dataset: The dataset.
        settings: The effective settings.
        progress: Called as the work goes on.

    Returns:
        What was run, and what waits for a person.
    """
    tell = progress or (lambda *_: None)
    pipeline = build_pipeline(dataset, settings, open_ledger(settings.ledger.get_secret_value()))
    done = LocalRun(dataset.name)
    tell("looking for deliveries", None, 0, 0)
    done.unsettled = _take_in_all(pipeline)
    report_missing(pipeline)
    with open_instance(settings) as instance:
        settle_runs(instance, pipeline)
        definitions = build_definitions(settings, {dataset.name: dataset})
        tried: set[str] = set()
        tries: Counter[object] = Counter()
        while stretches := [one for one in Pending.of(pipeline).stretches() if one.key not in tried]:
            tried.add(stretches[0].key)
            work = (stretches[0].periods, stretches[0].tables, stretches[0].publications)
            tries[work] += 1
            if tries[work] > MOST_TRIES:
                done.waiting.append(
                    f"{', '.join([*map(str, work[1]), *work[2]])} stay pending, however often they are built"
                )
                break
            plan = plan_run(instance, pipeline, stretches[0], by_hand=True)
            if isinstance(plan, RunPlan):
                run_id = str(uuid4())
                # Before Dagster knows of it: whenever this process is killed, the ledger can tell.
                pipeline.ledger.start_run(run_id, pipeline.name)
                done.runs.append(_execute(definitions, instance, run_id, plan, stretches[0], tell))
                close_run(pipeline, done.runs[-1].run_id, success=done.runs[-1].success)
                if done.runs[-1].interrupted:
                    # Dagster has made a failed run of it; whoever pressed Ctrl-C wants the rest left too.
                    raise KeyboardInterrupt
                if sick := open_circuits(pipeline):
                    # All the rest would fail alike.
                    done.waiting += sick
                    break
            else:
                done.waiting.append(plan)
    pending = Pending.of(pipeline)
    settle(pipeline, pending)
    done.troubles = pending.troubles()
    return done


def open_instance(settings: AppSettings) -> DagsterInstance:
    """Dagster's instance of this project, in `ETL_HOME/dagster` unless DAGSTER_HOME names another."""
    # Told to this instance and not to the process, whose next run may be of another home.
    home = dagster_home(settings)
    prepare_environment(os.environ)
    home.mkdir(parents=True, exist_ok=True)
    if home == settings.dagster_home:
        write_instance(settings, home)  # as `make ui` does: both must see the same storage and limits
    # Dagster makes its SQLite files without a lock: of two processes in a new home one would fail.
    with FileLock(home / ".starting"):
        return DagsterInstance.from_config(str(home))


def _take_in_all(pipeline: DatasetPipeline) -> list[str]:
    """Take in until every file has settled, or too long."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while (intake := take_in(pipeline)).unsettled and time.monotonic() < deadline:
        time.sleep(0.5)
    note_look(pipeline, intake)
    return intake.unsettled


def _execute(
    definitions: dg.Definitions,
    instance: DagsterInstance,
    run_id: str,
    plan: RunPlan,
    stretch: Stretch,
    tell: Progress,
) -> FinishedRun:
    job = definitions.resolve_implicit_global_asset_job_def()
    tell("running", None, 0, len(stretch.tables) + len(stretch.publications))
    with told_to(tell):
        result = job.execute_in_process(
            instance=instance,
            run_id=run_id,
            asset_selection=list(plan.assets),
            partition_key=plan.partition,
            tags=dict(plan.tags),
            raise_on_error=False,
            # What matters is in the scorecard and in the UI; Dagster's log would bury it.
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    failures = [event for event in result.all_events if event.is_step_failure]
    failure = failures[0].step_failure_data if failures else None
    error = failure.error if failure else None
    # A failure's own words, where it has some: the error's message begins with the name of a class.
    said = failure.user_failure_data.description if failure and failure.user_failure_data else None
    return FinishedRun(
        result.run_id,
        result.success,
        stretch.periods,
        stretch.tables,
        said or (error.message.strip() if error else ""),
        interrupted=error is not None and error.cls_name in {one.__name__ for one in INTERRUPTIONS},
        publications=stretch.publications,
    )
