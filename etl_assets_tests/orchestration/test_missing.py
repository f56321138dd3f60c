from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import dagster as dg

from etl_assets.staging.calendar import Calendar
from etl_assets_tests.orchestration.fixtures import MakeHouse
from etl_assets_tests.orchestration.house import CALENDAR, House
from etl_assets_tests.orchestration.shop import BRONZE, day_of_orders


def look(house: House) -> dg.ExecuteInProcessResult:
    with house.instance() as instance:
        return (
            house.definitions()
            .resolve_job_def("shop_missing_deliveries")
            .execute_in_process(
                instance=instance, run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
            )
        )


def observed(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    (event,) = [one for one in result.all_events if one.event_type_value == "ASSET_OBSERVATION"]
    observation = event.event_specific_data.asset_observation  # type: ignore[union-attr]
    assert observation.asset_key == dg.AssetKey(["shop", "bronze", "orders"])
    return {name: value.value for name, value in observation.metadata.items()}


def test_missing_days_are_findings_and_an_observation_until_they_come(make_house: MakeHouse) -> None:
    house = make_house(calendar={**CALENDAR, "end": "2024-01-08"})
    for day in ("2024-01-01", "2024-01-02", "2024-01-05"):
        house.drop(f"{day}.csv", day_of_orders(day))
    house.tick()
    missing = ["2024-01-03", "2024-01-04", "2024-01-07", "2024-01-08"]
    result = look(house)
    assert result.success
    assert observed(result) == {"missing_deliveries": 4, "missing": ", ".join(missing)}
    found = house.findings("missing_delivery")
    assert [one.period for one in found] == missing
    assert found[0].message == "nothing was delivered for orders of 2024-01-03"
    assert house.status().tables[0].missing == tuple(missing)

    house.drop("2024-01-03.csv", day_of_orders("2024-01-03"))
    house.tick()
    look(house)
    assert [one.period for one in house.findings("missing_delivery")] == missing[1:]
    (settled,) = [
        one for one in house.ledger.findings("shop", ["missing_delivery"], open_only=False) if one.resolved_at
    ]
    assert settled.period == "2024-01-03"


def test_a_dataset_without_data_misses_nothing_yet(house: House) -> None:
    result = look(house)
    assert result.success
    assert [one for one in result.all_events if one.event_type_value == "ASSET_OBSERVATION"] == []
    assert house.findings() == []


def test_a_long_list_is_cut(house: House) -> None:
    house.drop("2024-01-01.csv", day_of_orders("2024-01-01"))
    house.tick()
    told = observed(look(house))
    expected = len(Calendar.model_validate(CALENDAR).due(datetime.now(ZoneInfo("UTC")))) - 1
    assert told["missing_deliveries"] == expected == 26
    assert str(told["missing"]).endswith(" and 6 more")


def test_the_schedule_runs_the_job_daily_in_the_datasets_timezone(make_house: MakeHouse) -> None:
    house = make_house(
        calendar={**CALENDAR, "timezone": "Europe/London"}, schedule={"missing_cron": "15 7 * * *"}
    )
    schedule = house.definitions().resolve_schedule_def("shop_missing_deliveries_daily")
    assert schedule.cron_schedule == "15 7 * * *"
    assert schedule.execution_timezone == "Europe/London"
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    assert schedule.job_name == "shop_missing_deliveries"
    moment = datetime(2024, 1, 5, 7, 15, tzinfo=ZoneInfo("Europe/London"))
    data = schedule.evaluate_tick(dg.build_schedule_context(scheduled_execution_time=moment))
    assert data.run_requests is not None
    assert len(data.run_requests) == 1


def test_looking_for_missing_deliveries_does_not_stop_the_sensor(house: House) -> None:
    house.drop("2024-01-01.csv", day_of_orders("2024-01-01"))
    job = house.definitions().resolve_job_def("shop_missing_deliveries")
    with house.instance() as instance:
        instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert house.tick().run_requests
    assert house.ledger.deliveries("shop", BRONZE.name)
