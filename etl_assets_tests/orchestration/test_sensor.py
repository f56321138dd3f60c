from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from etl_assets.ledger.processes import this_process
from etl_assets.ledger.records import ProcessIdentity, RunStatus
from etl_assets.orchestration import automation, requests
from etl_assets.pipeline.intake import take_in
from etl_assets.pipeline.pending import Pending
from etl_assets_tests.orchestration.fixtures import MakeHouse
from etl_assets_tests.orchestration.house import House
from etl_assets_tests.orchestration.shop import SHOP, SHOP_WITH_CUSTOMERS, day_of_orders

DAYS = ["2024-01-01", "2024-01-02", "2024-01-03"]


def fill(house: House, days: list[str] = DAYS) -> House:
    for day in days:
        house.drop(f"{day}.csv", day_of_orders(day))
    return house


def reason(result: dg.SensorResult) -> str:
    assert not result.run_requests
    return result.skip_reason.skip_message or "" if result.skip_reason else ""


def only(result: dg.SensorResult) -> dg.RunRequest:
    assert result.run_requests is not None
    (request,) = result.run_requests
    return request


def as_run(house: House, request: dg.RunRequest, status: dg.DagsterRunStatus) -> str:
    """A run that Dagster has begun for a request, and that is as far as `status`."""
    job = house.definitions().resolve_implicit_global_asset_job_def()
    with house.instance() as instance:
        run = instance.create_run_for_job(
            job,
            status=status,
            tags={**request.tags, "dagster/run_key": request.run_key or ""},
            asset_selection=frozenset(request.asset_selection or ()),
        )
    return run.run_id


def a_dead_process() -> ProcessIdentity:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return replace(this_process(), pid=process.pid, started_at=time.time())


def test_the_first_tick_asks_for_one_run_over_all_days(make_house: MakeHouse) -> None:
    house = fill(make_house(SHOP_WITH_CUSTOMERS))
    request = only(house.tick())
    assert [key.to_user_string() for key in request.asset_selection or ()] == [
        "shop/bronze/orders",
        "shop/silver/orders",
        "shop/gold/daily",
        "shop/gold/customers",
    ]
    assert request.partition_key is None
    assert request.tags["dagster/asset_partition_range_start"] == DAYS[0]
    assert request.tags["dagster/asset_partition_range_end"] == DAYS[-1]
    assert request.tags["etl/dataset"] == "shop"


def test_a_tick_without_any_delivery_says_no_data_yet(house: House) -> None:
    assert reason(house.tick()) == f"no data yet: nothing was delivered to {house.staging}"


def test_two_ticks_ask_once(make_house: MakeHouse) -> None:
    house = fill(make_house())
    request = only(house.tick())
    # Asked again before the daemon has made a run of it: the same key, so that Dagster makes one only.
    assert only(house.tick()).run_key == request.run_key
    assert house.execute(request).success
    assert reason(house.tick()) == "everything is up to date"


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING])
def test_nothing_is_asked_while_a_run_is_active(house: House, status: dg.DagsterRunStatus) -> None:
    request = only(fill(house).tick())
    run_id = as_run(house, request, status)
    house.drop("2024-01-04.csv", day_of_orders("2024-01-04"))
    told = reason(house.tick())
    assert told == f"run {run_id} is under way. 1 new deliveries"


def test_a_run_that_was_started_by_hand_counts_as_active(house: House) -> None:
    request = only(fill(house).tick())
    run_id = as_run(house, replace_tags(request), dg.DagsterRunStatus.NOT_STARTED)
    assert f"run {run_id} is under way" in reason(house.tick())


def replace_tags(request: dg.RunRequest) -> dg.RunRequest:
    return dg.RunRequest(asset_selection=request.asset_selection)


def test_another_datasets_run_does_not_count(house: House) -> None:
    request = only(fill(house).tick())
    other = dg.RunRequest(asset_selection=request.asset_selection, tags={"etl/dataset": "other"})
    with house.instance() as instance:
        job = house.definitions().resolve_implicit_global_asset_job_def()
        instance.create_run_for_job(job, status=dg.DagsterRunStatus.NOT_STARTED, tags=other.tags)
    assert only(house.tick()).run_key == request.run_key


def test_the_run_key_follows_content_and_attempt(make_house: MakeHouse) -> None:
    house = fill(make_house(retry={"first_delay_seconds": 0.001}), DAYS[:1])
    first = only(house.tick())
    house.drop("2024-01-01.csv", day_of_orders("2024-01-01", 3))
    changed = only(house.tick())
    assert changed.run_key != first.run_key

    as_run(house, changed, dg.DagsterRunStatus.FAILURE)
    again = only(house.tick())
    assert again.run_key != changed.run_key
    assert again.tags["etl/stretch"] == changed.tags["etl/stretch"]
    assert again.partition_key == "2024-01-01"


def test_a_file_that_was_just_written_waits_until_it_has_settled(make_house: MakeHouse) -> None:
    house = make_house()
    path = house.drop("2024-01-01.csv", day_of_orders("2024-01-01"))
    now = datetime.now(UTC)
    os.utime(path, (now.timestamp(), now.timestamp()))
    assert "1 files may still be written" in reason(house.tick())
    later = replace(house.pipeline, now=lambda: now + timedelta(seconds=6))
    assert only(house.tick(later)).partition_key == "2024-01-01"


def test_a_run_whose_process_was_killed_is_failed_and_asked_for_again(make_house: MakeHouse) -> None:
    house = fill(make_house(retry={"first_delay_seconds": 0.001}))
    request = only(house.tick())
    run_id = as_run(house, request, dg.DagsterRunStatus.STARTED)
    house.ledger.start_run(run_id, "shop", a_dead_process())
    again = only(house.tick())
    assert again.run_key != request.run_key
    with house.instance() as instance:
        run = instance.get_run_by_id(run_id)
        assert run is not None
        assert run.status is dg.DagsterRunStatus.FAILURE
    assert house.ledger.run(run_id).status is RunStatus.UNFINISHED


def test_a_run_that_was_given_up_is_failed_all_the_same(make_house: MakeHouse) -> None:
    house = fill(make_house(retry={"first_delay_seconds": 0.001}))
    request = only(house.tick())
    run_id = as_run(house, request, dg.DagsterRunStatus.STARTED)
    # It ran on another machine, from which nothing was heard for too long; who found that out was
    # killed before it could tell Dagster.
    house.ledger.start_run(run_id, "shop", replace(this_process(), host="elsewhere"))
    house.ledger.reap_runs(silent_seconds=-1)
    assert only(house.tick()).run_key != request.run_key


def test_a_run_that_died_before_its_first_table_does_not_block_for_ever(
    make_house: MakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = fill(make_house(retry={"first_delay_seconds": 0.001}))
    request = only(house.tick())
    run_id = as_run(house, request, dg.DagsterRunStatus.STARTED)
    assert f"run {run_id} is under way" in reason(house.tick())
    monkeypatch.setattr(requests, "SILENT_START_SECONDS", -1)
    assert only(house.tick()).run_key != request.run_key


def test_a_living_run_is_left_alone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "SILENT_START_SECONDS", -1)
    run_id = as_run(house, only(fill(house).tick()), dg.DagsterRunStatus.STARTED)
    house.ledger.start_run(run_id, "shop")
    assert f"run {run_id} is under way" in reason(house.tick())


VICTIM = """
import sys, time
from pathlib import Path
from etl_assets.orchestration import assets
from etl_assets_tests.orchestration.house import House
from etl_assets_tests.orchestration.shop import SHOP

def hang(*_, **__):
    print("in", flush=True)
    time.sleep(600)

assets.run_hop = hang
house = House(Path(sys.argv[1]), SHOP)
(request,) = house.tick().run_requests
house.execute(request)
"""


@pytest.mark.slow
def test_a_real_process_is_killed_and_its_run_is_asked_for_again(make_house: MakeHouse) -> None:
    house = fill(make_house(retry={"first_delay_seconds": 0.001}))
    with subprocess.Popen(
        [sys.executable, "-c", VICTIM, str(house.home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in\n"
        assert "is under way" in reason(house.tick())
        process.send_signal(signal.SIGKILL)
    with house.instance() as instance:
        (run,) = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.STARTED
    again = only(house.tick())
    with house.instance() as instance:
        run_after = instance.get_run_by_id(run.run_id)
        assert run_after is not None
        assert run_after.status is dg.DagsterRunStatus.FAILURE
    # Its lease went with it: nobody waits for it to run out.
    assert house.execute(again).success
    assert reason(house.tick()) == "everything is up to date"


def test_a_run_that_dies_before_it_writes_anything_is_tried_again_with_growing_waits(
    make_house: MakeHouse,
) -> None:
    house = fill(make_house(retry={"first_delay_seconds": 60, "max_attempts": 3}))
    now = datetime.now(UTC)

    def tick_at(seconds: float) -> dg.SensorResult:
        return house.tick(replace(house.pipeline, now=lambda: now + timedelta(seconds=seconds)))

    request = only(tick_at(0))
    as_run(house, request, dg.DagsterRunStatus.FAILURE)
    assert "one run came to nothing; tried again at" in reason(tick_at(30))
    request = only(tick_at(70))
    as_run(house, request, dg.DagsterRunStatus.FAILURE)
    assert "2 runs came to nothing; tried again at" in reason(tick_at(90))
    request = only(tick_at(200))
    as_run(house, request, dg.DagsterRunStatus.FAILURE)
    told = reason(tick_at(100_000))
    assert "3 runs came to nothing; look at the last one, then `dq deliveries retry`" in told


@pytest.mark.slow
def test_a_table_that_was_built_and_changed_back_is_built_at_once(make_house: MakeHouse) -> None:
    house = fill(make_house(), DAYS[:1])
    for data in (20, 3, 20, 3):
        house.drop("2024-01-01.csv", day_of_orders("2024-01-01", data))
        assert house.execute(only(house.tick())).success
    assert reason(house.tick()) == "everything is up to date"


@pytest.mark.slow
def test_the_requests_of_one_tick_are_few(make_house: MakeHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(automation, "REQUESTS_PER_TICK", 2)
    house = fill(make_house(schedule={"max_periods_per_run": 1}), [*DAYS, "2024-01-04"])
    asked = house.tick().run_requests or []
    assert [one.partition_key for one in asked] == DAYS[:2]
    for request in asked:
        assert house.execute(request).success
    assert [one.partition_key for one in house.tick().run_requests or []] == ["2024-01-03", "2024-01-04"]


def test_a_tick_that_runs_out_of_time_leaves_files_for_the_next(make_house: MakeHouse) -> None:
    house = fill(make_house())
    hurried = replace(house.pipeline, limits=replace(house.pipeline.limits, hash_seconds=-1.0))
    assert "3 files are left for the next look" in reason(house.tick(hurried))
    assert only(house.tick()).tags["dagster/asset_partition_range_end"] == DAYS[-1]


def test_days_that_lie_apart_are_runs_of_their_own(make_house: MakeHouse) -> None:
    # Saturday the 6th is closed: the days around it are neighbours.
    house = fill(make_house(), ["2024-01-02", "2024-01-05", "2024-01-07"])
    asked = house.tick().run_requests or []
    assert [one.partition_key for one in asked] == ["2024-01-02", None]
    assert asked[1].tags["dagster/asset_partition_range_start"] == "2024-01-05"
    assert asked[1].tags["dagster/asset_partition_range_end"] == "2024-01-07"


def test_a_day_that_the_loaded_code_does_not_have_is_told_and_the_others_go_on(
    make_house: MakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = fill(make_house(), ["2024-01-02", "2024-01-05"])
    monkeypatch.setattr(
        automation, "unknown_ends", lambda _, stretch: [key for key in stretch.periods if key == "2024-01-02"]
    )
    assert only(house.tick()).partition_key == "2024-01-05"
    house.drop("2024-01-05.csv", b"")
    (house.staging / "2024-01-05.csv").unlink()
    take_in(house.pipeline)
    assert len(Pending.of(house.pipeline).stretches()) == 2


def test_what_waits_for_a_person_is_told(house: House) -> None:
    fill(house, DAYS[:2])
    house.drop(
        "2024-01-03.csv", day_of_orders("2024-01-03").replace(b",1\n", b",-1\n").replace(b",2\n", b",-2\n")
    )
    house.drop("2024-01-06.csv", day_of_orders("2024-01-06"))
    house.drop("notes.txt", b"hello")
    while asked := house.tick().run_requests:
        house.execute(asked[0])
    told = reason(house.tick())
    assert "1 partitions are held back" in told
    assert "1 deliveries are on hold" in told
    assert "1 findings, see `dq status`" in told


def test_the_sensor_is_on_and_has_the_settings_rhythm(make_house: MakeHouse) -> None:
    house = make_house(SHOP, schedule={"sensor_seconds": 45})
    sensor = house.definitions().resolve_sensor_def("shop_deliveries")
    assert sensor.minimum_interval_seconds == 45
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
