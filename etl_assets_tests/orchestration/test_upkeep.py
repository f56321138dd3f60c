from __future__ import annotations

import contextlib
import os
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl

from etl_assets.orchestration.upkeep import purge_runs
from etl_assets.pipeline.leases import held_lease
from etl_assets.settings import UpkeepSettings
from etl_assets_tests.orchestration.fixtures import MakeHouse
from etl_assets_tests.orchestration.house import House
from etl_assets_tests.orchestration.shop import BRONZE, SILVER, day_of_orders

DAY = "2024-01-01"
TABLES_JOB = "__ASSET_JOB"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def keep(house: House, job: str = "shop_upkeep") -> dg.ExecuteInProcessResult:
    with house.instance() as instance:
        definition = house.definitions().resolve_job_def(job)
        return definition.execute_in_process(instance=instance, run_config=QUIET, raise_on_error=False)


def figures(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    (output,) = result.filter_events(lambda event: event.is_successful_output)
    return {name: value.value for name, value in output.step_output_data.metadata.items()}


def dead_file(house: House) -> Path:
    table = house.pipeline.accepted(BRONZE)
    stage = table.stage("00000001-dead")
    pl.collect_all([stage.sink(pl.LazyFrame({"a": [1], "_period": [DAY]}))], engine="streaming")
    return table.path / stage.files[0].path


def test_the_job_clears_away_and_says_what(house: House) -> None:
    house.drop(f"{DAY}.csv", day_of_orders(DAY))
    house.run()
    rows = house.rows(SILVER)
    old = dead_file(house)
    young = dead_file(house).with_name("00000002-young-0-0.parquet")
    old.rename(young)
    weeks_ago = (datetime.now(UTC) - timedelta(days=14)).timestamp()
    old = dead_file(house)
    os.utime(old, (weeks_ago, weeks_ago))

    result = keep(house)

    assert result.success
    assert not old.exists()
    assert young.exists()
    assert figures(result)["removed_files"] == 1
    assert figures(result)["live_files"] > 0  # type: ignore[operator]
    assert house.rows(SILVER).equals(rows)
    assert house.run().nothing_to_do


def test_a_dataset_that_is_being_built_is_skipped_and_the_job_says_so(house: House) -> None:
    house.drop(f"{DAY}.csv", day_of_orders(DAY))
    house.run()
    with held_lease(house.ledger, "shop", "a run", 60):
        result = keep(house)

    assert result.success
    assert "Another run works on this dataset" in str(figures(result)["skipped"])


def test_a_damaged_table_fails_the_job_in_words(house: House) -> None:
    house.drop(f"{DAY}.csv", day_of_orders(DAY))
    house.run()
    for path in (house.pipeline.accepted(BRONZE).path / "_delta_log").glob("*.json"):
        path.write_text("{")

    result = keep(house)

    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "bronze/orders: the table's log can't be read" in str(failure.step_failure_data.user_failure_data)


def test_upkeep_and_building_share_a_pool(house: House) -> None:
    job = house.definitions().resolve_job_def("shop_upkeep")
    assert {node.definition.pool for node in job.nodes if isinstance(node.definition, dg.OpDefinition)} == {
        "shop"
    }


def test_the_sensor_does_not_take_upkeep_for_a_run_of_tables(house: House) -> None:
    house.drop(f"{DAY}.csv", day_of_orders(DAY))
    with house.instance() as instance:
        instance.create_run_for_job(
            house.definitions().resolve_job_def("shop_upkeep"), status=dg.DagsterRunStatus.STARTED
        )
    assert house.tick().run_requests


def test_old_runs_that_build_nothing_are_deleted_and_those_of_tables_stay(house: House) -> None:
    house.drop(f"{DAY}.csv", day_of_orders(DAY))
    house.run()
    keep(house)
    keep(house, "shop_missing_deliveries")
    with contextlib.closing(sqlite3.connect(house.home / "dagster" / "history" / "runs.db")) as runs:
        runs.execute("UPDATE runs SET create_timestamp = datetime(create_timestamp, '-40 days')")
        runs.commit()
    files = house.home / "dagster" / "history" / "runs"
    before = len(list(files.glob("*.db")))

    with house.instance() as instance:
        assert purge_runs(instance, "shop", UpkeepSettings(dagster_days=None)) == 0
    assert figures(keep(house))["purged_dagster_runs"] == 2

    with house.instance() as instance:
        assert [run.job_name for run in instance.get_runs()] == ["shop_upkeep", TABLES_JOB]
    assert len(list(files.glob("*.db"))) == before + 1 - 2
    assert house.materialized(SILVER) == {DAY}


def test_when_it_runs_is_a_setting(make_house: MakeHouse) -> None:
    house = make_house()
    house.settings = house.settings.model_copy(update={"upkeep": UpkeepSettings(cron="15 2 * * 0")})
    schedule = house.definitions().resolve_schedule_def("shop_upkeep_daily")
    assert schedule.cron_schedule == "15 2 * * 0"
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
