# No postponed annotations: Dagster reads the annotations of sensors and ops.
"""What runs by itself: a sensor and a schedule per dataset, and the jobs that people start."""

from collections.abc import Sequence

import dagster as dg

from etl_assets import logs
from etl_assets.contracts.dataset import Dataset, Layer
from etl_assets.errors import LedgerError
from etl_assets.ledger.records import DeliveryState
from etl_assets.orchestration.circuits import Health, observed
from etl_assets.orchestration.partitions import asset_key
from etl_assets.orchestration.quiet_ticks import QuietTick
from etl_assets.orchestration.requests import RunPlan, active_runs, plan_run, settle_runs, unknown_ends
from etl_assets.orchestration.resources import Pipelines
from etl_assets.orchestration.tags import DATASET_TAG
from etl_assets.orchestration.ticks import forget_idle_ticks
from etl_assets.pipeline import quiet
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.health import open_circuits
from etl_assets.pipeline.intake import Intake, report_missing
from etl_assets.pipeline.pending import Pending, Standing
from etl_assets.pipeline.settling import settle
from etl_assets.settings import DatasetSettings

LOG = logs.get_logger(__name__)

REQUESTS_PER_TICK = 20
"""A request costs the daemon 45 to 90 ms, and a tick is killed after 60 s."""

MISSING_SHOWN = 20


def build_sensor(
    dataset: Dataset, settings: DatasetSettings, partitions: dg.TimeWindowPartitionsDefinition
) -> dg.SensorDefinition:
    """Build the sensor that looks into a dataset's staging area and asks for what is pending."""
    name = f"{dataset.name}_deliveries"

    @dg.sensor(
        name=name,
        target=dg.AssetSelection.groups(dataset.name),
        minimum_interval_seconds=settings.schedule.sensor_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Looks for new and changed files of {dataset.name} and builds what they concern.",
        tags={DATASET_TAG: dataset.name},
    )
    def look(context: dg.SensorEvaluationContext, pipelines: dg.ResourceParam[Pipelines]) -> dg.SensorResult:
        with logs.context(dataset=dataset.name):
            try:
                pipeline = pipelines.of(dataset.name)
                before = QuietTick.of(context.cursor)
                return _tick(context.instance, pipeline, dataset, name, partitions, before)
            except LedgerError as error:
                # Without it nobody knows what was delivered, and nothing is lost: it waits where it lies.
                LOG.warning("the ledger is away", extra={"error_kind": str(error.kind), "error": error.what})
                return dg.SensorResult(skip_reason=_ledger_away(error, settings.schedule.sensor_seconds))

    return look


def _tick(
    instance: dg.DagsterInstance,
    pipeline: DatasetPipeline,
    dataset: Dataset,
    sensor: str,
    partitions: dg.TimeWindowPartitionsDefinition,
    before: QuietTick | None,
) -> dg.SensorResult:
    """One look: what was delivered, what is sick, what is to be done; a short one if all is as it was."""
    forget_idle_ticks(instance, sensor, pipeline.now())
    dead = settle_runs(instance, pipeline)
    # Before the look: what comes while it goes on is for the next one.
    listed = None if open_circuits(pipeline) else quiet.listed(pipeline)
    if before and not dead and before.still_holds(pipeline, listed):
        return dg.SensorResult(skip_reason=before.told)
    health = Health(pipeline)
    intake = health.look()
    if running := active_runs(instance, dataset.name):
        told = [f"run {running[0]} is under way", _seen(intake), *health.told]
        return _skipped(told, dataset, health)
    health.ask_lake()
    if health.told:
        return _skipped([*health.told, _seen(intake)], dataset, health)
    if listed is None:
        listed = quiet.looked(pipeline, intake)
        # The look was a short one already; what follows reads all that the ledger knows.
        if before and not (dead or health.changed) and before.still_holds(pipeline, listed):
            return dg.SensorResult(skip_reason=before.told)
    marker = quiet.marker(pipeline, listed)
    pending = Pending.of(pipeline)
    settle(pipeline, pending)
    requests, waiting = _requests(instance, pipeline, pending, partitions)
    if requests:
        # What was sick gets one run; it comes to the rest once that has gone through.
        asked = requests[:1] if health.on_trial else requests
        return dg.SensorResult(run_requests=asked, asset_events=observed(dataset, health.changed))
    health.nothing_to_try()
    gone = f"failed runs whose process was gone: {', '.join(dead)}" if dead else ""
    told = [*waiting, _seen(intake), _standing(pipeline, pending), gone]
    result = _skipped(told, dataset, health)
    if marker and not (waiting or gone or health.changed) and quiet.is_quiet(intake, pending):
        result = result._replace(cursor=QuietTick(marker, pipeline.now(), _sentences(told)).cursor())
    return result


def _skipped(told: Sequence[str], dataset: Dataset, health: Health) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=_sentences(told), asset_events=observed(dataset, health.changed))


def _ledger_away(error: LedgerError, seconds: int) -> str:
    place = f" ({error.where['ledger']})" if "ledger" in error.where else ""
    told = f"the ledger is away{place}, so that no run is asked for: {error.what} ({error.kind})"
    return _sentences([told, f"It is looked for again in {seconds} s", error.hint])


def _requests(
    instance: dg.DagsterInstance,
    pipeline: DatasetPipeline,
    pending: Pending,
    partitions: dg.TimeWindowPartitionsDefinition,
) -> tuple[list[dg.RunRequest], list[str]]:
    requests: list[dg.RunRequest] = []
    waiting: list[str] = []
    for stretch in pending.stretches():
        if len(requests) == REQUESTS_PER_TICK:
            break
        if unknown := unknown_ends(partitions, stretch):
            waiting.append(f"{', '.join(unknown)}: no partition of the loaded code; reload the code location")
            continue
        plan = plan_run(instance, pipeline, stretch)
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


def _sentences(parts: Sequence[str]) -> str:
    return ". ".join(part for part in parts if part)


def _seen(intake: Intake) -> str:
    parts = [
        f"{len(intake.registered)} new deliveries" if intake.registered else "",
        f"{len(intake.unsettled)} files may still be written" if intake.unsettled else "",
        f"{intake.unread} files are left for the next look" if intake.unread else "",
        f"{len(intake.findings)} findings, see `dq status`" if intake.findings else "",
    ]
    return ", ".join(part for part in parts if part)


def _standing(pipeline: DatasetPipeline, pending: Pending) -> str:
    """Why there is nothing to do."""
    deliveries = pending.states.deliveries
    if not deliveries:
        return f"no data yet: nothing was delivered to {pipeline.area.url}"
    counts = {
        "partitions are held back": len(pending.troubles()),
        "partitions wait for another try": sum(
            one.standing is Standing.WAITING for one in pending.standings.values()
        ),
        "publications wait for another try or a person": sum(
            one.standing in (Standing.WAITING, Standing.FAILED) for one in pending.publications.values()
        ),
        "deliveries are on hold": sum(one.state is DeliveryState.ON_HOLD for one in deliveries),
    }
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    return f"nothing to do; {told}" if told else "everything is up to date"


def build_missing(
    dataset: Dataset, settings: DatasetSettings
) -> tuple[dg.JobDefinition, dg.ScheduleDefinition]:
    """Build the job that looks for missing deliveries, and its daily schedule."""
    bronze = [asset_key(dataset.name, table.id) for table in dataset.tables if table.id.layer is Layer.BRONZE]

    @dg.op(
        name=f"look_for_missing_{dataset.name}_deliveries",
        description="Compares the calendar with what was delivered; writes findings and observations.",
    )
    def look_for_missing(context: dg.OpExecutionContext, pipelines: dg.ResourceParam[Pipelines]) -> None:
        missing = report_missing(pipelines.of(dataset.name))
        for key in bronze:
            if key.path[-1] in missing:
                context.log_event(_observed_missing(key, missing[key.path[-1]]))
        context.log.info(f"{sum(map(len, missing.values()))} deliveries are missing")

    @dg.job(
        name=f"{dataset.name}_missing_deliveries",
        description=f"Writes down which due deliveries of {dataset.name} have not come.",
    )
    def missing_deliveries() -> None:
        look_for_missing()

    schedule = dg.ScheduleDefinition(
        name=f"{dataset.name}_missing_deliveries_daily",
        job=missing_deliveries,
        cron_schedule=settings.schedule.missing_cron,
        execution_timezone=settings.calendar.timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Looks daily for deliveries of {dataset.name} that are due and have not come.",
        tags={DATASET_TAG: dataset.name},
    )
    return missing_deliveries, schedule


def _observed_missing(key: dg.AssetKey, periods: Sequence[str]) -> dg.AssetObservation:
    more = f" and {len(periods) - MISSING_SHOWN} more" if len(periods) > MISSING_SHOWN else ""
    shown = ", ".join(periods[:MISSING_SHOWN]) + more
    return dg.AssetObservation(key, metadata={"missing_deliveries": len(periods), "missing": shown or "none"})
