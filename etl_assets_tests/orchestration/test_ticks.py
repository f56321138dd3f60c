from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.scheduler.instigation import TickStatus
from dagster._core.test_utils import InProcessTestWorkspaceLoadTarget, freeze_time
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._daemon.sensor import execute_sensor_iteration

from etl_assets.orchestration.ticks import forget_idle_ticks

NOON = datetime(2024, 3, 12, 12, tzinfo=UTC)


FAILED: set[str] = set()


def look(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Fails once, which is not forgotten."""
    if context.sensor_name not in FAILED:
        FAILED.add(context.sensor_name)
        raise RuntimeError("the first look")
    return dg.SkipReason("nothing to do")


defs = dg.Definitions(
    jobs=[dg.GraphDefinition(name="work").to_job()],
    sensors=[
        dg.SensorDefinition(
            name=f"{name}_deliveries",
            job_name="work",
            evaluation_fn=look,
            minimum_interval_seconds=30,
            default_status=dg.DefaultSensorStatus.RUNNING,
        )
        for name in ("shop", "other")
    ],
)


def ticks(instance: dg.DagsterInstance, sensor: str) -> list[tuple[float, TickStatus]]:
    (state,) = [one for one in instance.all_instigator_state() if one.instigator_name == sensor]
    found = instance.get_ticks(state.instigator_origin_id, state.selector_id)
    return [((NOON.timestamp() - one.timestamp) / 60, one.status) for one in found]


@pytest.mark.slow
def test_skipped_ticks_of_one_sensor_go_after_an_hour_and_others_stay() -> None:
    origin = InProcessCodeLocationOrigin(LoadableTargetOrigin(python_file=__file__, attribute="defs"))
    with dg.DagsterInstance.local_temp() as instance:
        target = InProcessTestWorkspaceLoadTarget(origin)
        with WorkspaceProcessContext(instance, target) as context:
            for minutes in (120, 90, 61, 59, 1):
                with freeze_time(NOON - timedelta(minutes=minutes)):
                    for _ in execute_sensor_iteration(context, logging.getLogger("quiet"), None, None):
                        pass
        others = ticks(instance, "other_deliveries")

        forget_idle_ticks(instance, "shop_deliveries", NOON + timedelta(minutes=1))
        assert len(ticks(instance, "shop_deliveries")) == len(others)
        forget_idle_ticks(instance, "shop_deliveries", NOON)

        left = [(round(age), status) for age, status in ticks(instance, "shop_deliveries")]
        assert [age for age, status in left if status is TickStatus.SKIPPED] == [1, 59]
        assert [status for _, status in left if status is not TickStatus.SKIPPED] == [
            status for _, status in others if status is not TickStatus.SKIPPED
        ]
        assert ticks(instance, "other_deliveries") == others
