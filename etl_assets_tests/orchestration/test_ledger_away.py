"""A ledger that is away, as Dagster's sensor and runs meet it."""

from __future__ import annotations

import dagster as dg
import pytest

from etl_assets.errors import LedgerError
from etl_assets.ledger.ledger import Ledger
from etl_assets.orchestration import assets
from etl_assets.orchestration import pipelines as opening
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets_tests.orchestration.fixtures import MakeHouse
from etl_assets_tests.orchestration.house import House
from etl_assets_tests.orchestration.later import Later
from etl_assets_tests.orchestration.shop import day_of_orders

DAY, NEXT = "2024-01-01", "2024-01-02"


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "FIRST_RETRY_SECONDS", 0.001)


@pytest.fixture
def later(house: House) -> Later:
    # Somebody's folder: one of our own would be made anew.
    house.set(staging=str(house.staging))
    house.drop(f"{DAY}.csv", day_of_orders(DAY))
    return Later(house)


def test_without_its_ledger_a_tick_says_so_and_nothing_breaks(
    house: House, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    later.tick()
    nobody = "postgresql+psycopg2://etl:canary-word@127.0.0.1:9/etl"
    monkeypatch.setattr(House, "ledger", property(lambda _: opening.open_ledger(nobody)))
    definitions = house.definitions()

    class Away(dict[str, object]):
        def of(self, _: str) -> DatasetPipeline:
            opening.open_ledger(nobody)
            raise AssertionError("it was opened")

    with house.instance() as instance:
        context = dg.build_sensor_context(
            instance=instance, definitions=definitions, resources={"pipelines": Away()}
        )
        result = definitions.resolve_sensor_def("shop_deliveries")(context)
    assert isinstance(result, dg.SensorResult)
    told = result.skip_reason.skip_message or "" if result.skip_reason else ""
    assert told.startswith("the ledger is away (postgresql+psycopg2://etl:***@127.0.0.1:9/etl)")
    assert "(transient)" in told
    assert "It is looked for again in 30 s" in told
    assert "canary" not in told


def test_a_run_that_lost_its_ledger_is_asked_for_again_however_often(
    make_house: MakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = make_house(retry={"max_attempts": 1, "first_delay_seconds": 1})
    house.drop(f"{DAY}.csv", day_of_orders(DAY))
    later = Later(house)
    away = LedgerError("The ledger could not be used: connection refused")

    def lost(*_: object, **__: object) -> None:
        raise away

    for _ in range(2):
        (request,) = later.tick(600).run_requests or []
        with monkeypatch.context() as patch:
            patch.setattr(Ledger, "start_run", lost)
            patch.setattr(Ledger, "finish_run", lost)
            assert not house.execute(request).success
    (request,) = later.tick(600).run_requests or []
    assert house.execute(request).success


def test_a_run_that_begins_without_its_ledger_tries_again_and_then_says_so(
    house: House, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    (request,) = later.tick().run_requests or []
    left = [2]

    def away(url: str) -> Ledger:
        if left[0]:
            left[0] -= 1
            raise LedgerError("The ledger could not be used: connection refused")
        return Ledger.open(url)

    with monkeypatch.context() as patch:
        patch.setattr(opening, "open_ledger", away)
        assert house.execute(request).success
        left[0] = 99
        house.drop(f"{NEXT}.csv", day_of_orders(NEXT))
        (request,) = later.tick(1).run_requests or []
        result = house.execute(request)
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    data = failed.step_failure_data.user_failure_data
    assert data.description.startswith("LedgerError: The ledger could not be used: connection refused")
    assert data.description.endswith("(tried 4 times)")
    assert data.metadata["error_kind"].value == "transient"
    with house.instance() as instance:
        run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags["etl/error_kind"] == "transient"


def test_quick_tries_wait_by_the_datasets_strategy(
    make_house: MakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets, "FIRST_RETRY_SECONDS", 0.01)

    def away(*_: object, **__: object) -> None:
        raise OSError("away")

    monkeypatch.setattr(assets, "run_hop", away)
    house = make_house(retry={"strategy": "fibonacci", "jitter": 0})
    house.drop(f"{DAY}.csv", day_of_orders(DAY))
    (request,) = house.tick().run_requests or []
    waits = [
        event.event_specific_data.seconds_to_wait
        for event in house.execute(request).all_events
        if event.event_type_value == "STEP_UP_FOR_RETRY"
    ]
    assert waits == pytest.approx([0.01, 0.01, 0.02])
