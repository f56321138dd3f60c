# No postponed annotations: Dagster reads the annotations of sensors and ops.
"""What runs by itself: a sensor and a schedule per dataset, and the jobs that people start."""

import dagster as dg

from etl_assets import logs
from etl_assets.contracts.dataset import Dataset, Layer
from etl_assets.ledger.records import DeliveryState
from etl_assets.orchestration.assets import DATASET_TAG
from etl_assets.orchestration.partitions import asset_key
from etl_assets.orchestration.requests import RunPlan, active_runs, check_range, plan_run, settle_runs
from etl_assets.orchestration.resources import Pipelines
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.intake import Intake, report_missing, take_in
from etl_assets.pipeline.pending import Pending, Standing
from etl_assets.settings import DatasetSettings

LOG = logs.get_logger(__name__)

REQUESTS_PER_TICK = 20
"""A request costs the daemon 45 to 90 ms, and a tick is killed after 60 s."""


def build_sensor(
    dataset: Dataset, settings: DatasetSettings, partitions: dg.TimeWindowPartitionsDefinition
) -> dg.SensorDefinition:
    """Build the sensor that looks into a dataset's staging area and asks for what is pending."""

    @dg.sensor(
        name=f"{dataset.name}_deliveries",
        target=dg.AssetSelection.groups(dataset.name),
        minimum_interval_seconds=settings.schedule.sensor_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Looks for new and changed files of {dataset.name} and builds what they concern.",
    )
    def look(context: dg.SensorEvaluationContext, pipelines: dg.ResourceParam[Pipelines]) -> dg.SensorResult:
        pipeline = pipelines.of(dataset.name)
        with logs.context(dataset=dataset.name):
            dead = settle_runs(context.instance, pipeline)
            intake = take_in(pipeline, seconds=pipeline.limits.hash_seconds)
            if running := active_runs(context.instance, dataset.name):
                return dg.SensorResult(skip_reason=f"run {running[0]} is under way. {_seen(intake)}")
            requests, waiting = _requests(context, pipeline, partitions)
        if requests:
            return dg.SensorResult(run_requests=requests)
        reasons = [*waiting, _seen(intake), _standing(pipeline)]
        if dead:
            reasons.append(f"runs whose process was gone: {', '.join(dead)}")
        return dg.SensorResult(skip_reason=". ".join(reason for reason in reasons if reason))

    return look


def _requests(
    context: dg.SensorEvaluationContext,
    pipeline: DatasetPipeline,
    partitions: dg.TimeWindowPartitionsDefinition,
) -> tuple[list[dg.RunRequest], list[str]]:
    requests: list[dg.RunRequest] = []
    waiting: list[str] = []
    for stretch in Pending.of(pipeline).stretches()[:REQUESTS_PER_TICK]:
        check_range(partitions, stretch)
        plan = plan_run(context.instance, pipeline, stretch)
        if isinstance(plan, RunPlan):
            requests.append(
                dg.RunRequest(
                    run_key=plan.key,
                    partition_key=plan.partition,
                    asset_selection=list(plan.assets),
                    tags=dict(plan.tags),
                )
            )
        else:
            waiting.append(plan)
    return requests, waiting


def _seen(intake: Intake) -> str:
    parts = [
        f"{len(intake.registered)} new deliveries" if intake.registered else "",
        f"{len(intake.unsettled)} files may still be written" if intake.unsettled else "",
        f"{intake.unread} files are left for the next look" if intake.unread else "",
        f"{len(intake.findings)} findings, see `dq status`" if intake.findings else "",
    ]
    return ", ".join(part for part in parts if part)


def _standing(pipeline: DatasetPipeline) -> str:
    """Why there is nothing to do."""
    deliveries = pipeline.ledger.deliveries(pipeline.name)
    if not deliveries:
        return f"no data yet: nothing was delivered to {pipeline.area.root}"
    pending = Pending.of(pipeline)
    counts = {
        "held back": len(pending.troubles()),
        "waiting for another try": sum(one.standing is Standing.WAITING for one in pending.standings.values()),
        "deliveries on hold": sum(one.state is DeliveryState.ON_HOLD for one in deliveries),
    }
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return f"nothing to do; {told}" if told else "everything is up to date"


def build_jobs(dataset: Dataset, settings: DatasetSettings) -> tuple[list[dg.JobDefinition | object], dg.ScheduleDefinition]:
    """Build a dataset's jobs, and the daily schedule that looks for missing deliveries."""
    bronze = [asset_key(dataset.name, table.id) for table in dataset.tables if table.id.layer is Layer.BRONZE]

    @dg.op(name=f"{dataset.name}_look_for_missing_deliveries")
    def look_for_missing(context: dg.OpExecutionContext, pipelines: dg.ResourceParam[Pipelines]) -> None:
        missing = report_missing(pipelines.of(dataset.name))
        for key in bronze:
            periods = missing.get(key.path[-1])
            if periods is not None:
                listed = ", ".join(periods[:20]) + (f" and {len(periods) - 20} more" if len(periods) > 20 else "")
                context.log_event(
                    dg.AssetObservation(key, metadata={"missing_deliveries": len(periods), "missing": listed or "none"})
                )
        context.log.info(f"{sum(map(len, missing.values()))} deliveries are missing")

    @dg.job(
        name=f"{dataset.name}_missing_deliveries",
        tags={f"{DATASET_TAG}-job": "missing"},
        description=f"Writes down which due deliveries of {dataset.name} have not come.",
    )
    def missing_deliveries() -> None:
        look_for_missing()

    build = dg.define_asset_job(
        f"{dataset.name}_build",
        selection=dg.AssetSelection.groups(dataset.name),
        tags={DATASET_TAG: dataset.name},
        description=f"Builds the tables of {dataset.name} for the partitions that you choose.",
    )
    schedule = dg.ScheduleDefinition(
        name=f"{dataset.name}_missing_deliveries_daily",
        job=missing_deliveries,
        cron_schedule=settings.schedule.missing_cron,
        execution_timezone=settings.calendar.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    return [missing_deliveries, build], schedule
