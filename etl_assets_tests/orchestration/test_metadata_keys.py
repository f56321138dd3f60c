"""Every key that Dagster is told is explained, and nothing is explained that it is not told."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
import pytest

from etl_assets.contracts.dataset import TableId
from etl_assets.errors import Circuit, ContractError, ErrorKind
from etl_assets.ledger.circuit_records import CircuitStanding, CircuitState
from etl_assets.orchestration import metadata_keys as keys
from etl_assets.orchestration.automation import _observed_missing
from etl_assets.orchestration.checks import GATE, ROWS
from etl_assets.orchestration.circuits import _metadata
from etl_assets.orchestration.failures import describe_failure
from etl_assets.orchestration.metadata import failure_metadata
from etl_assets_tests.orchestration.fixtures import MakeHouse
from etl_assets_tests.orchestration.house import House
from etl_assets_tests.orchestration.shop import day_of_orders

NOW = datetime(2024, 1, 4, tzinfo=UTC)
DAYS = ["2024-01-01", "2024-01-02", "2024-01-03"]


@pytest.fixture
def house(make_house: MakeHouse) -> House:
    """Two days that pass with a broken row each, and one whose gate closes."""
    house = make_house(thresholds={"default": {"default": {"warn": 1, "fail": 0.5}}})
    for day in DAYS[:2]:
        house.drop(f"{day}.csv", day_of_orders(day).replace(b",1\n", b",-1\n"))
    house.drop(f"{DAYS[2]}.csv", day_of_orders(DAYS[2]).replace(DAYS[2].encode(), b"never"))
    house.run()
    return house


def materialized(house: House) -> set[str]:
    found: set[str] = set()
    with house.instance() as instance:
        for key in house.definitions().resolve_asset_graph().materializable_asset_keys:
            for record in instance.fetch_materializations(key, limit=1000).records:
                assert record.asset_materialization is not None
                found |= set(record.asset_materialization.metadata)
    return found


@pytest.mark.slow
def test_all_keys_of_a_run_are_explained(house: House) -> None:
    assets = house.definitions().resolve_asset_graph()
    of_assets = {key for one in assets.materializable_asset_keys for key in assets.get(one).metadata}
    # Dagster's own say where the code is.
    assert {one for one in of_assets if not one.startswith("dagster/code")} == set(keys.ASSET)

    found = materialized(house)
    # A contract has rules of some dimensions only.
    absent = set(keys.MATERIALIZATION) - found
    assert found <= set(keys.MATERIALIZATION)
    decided = {"corrected", "waived", "discarded", "waiting"}
    assert absent <= {"consistency", "integrity", *decided}

    for table, name, expected in [
        ("silver/orders", "validity", keys.DIMENSION_CHECK),
        ("silver/orders", ROWS, keys.ROWS_CHECK),
        ("silver/orders", GATE, keys.GATE_CHECK),
    ]:
        assert set(house.check(TableId.parse(table), name).metadata) == set(expected), name


def test_keys_beside_runs_are_explained() -> None:
    observation = _observed_missing(dg.AssetKey("orders"), DAYS)
    assert set(observation.metadata) == set(keys.OBSERVATION)

    sick = CircuitStanding(
        dataset="orders", circuit="lake", state=CircuitState.OPEN, opened_at=NOW, probe_at=NOW
    )
    assert set(_metadata(sick)) == set(keys.CIRCUIT_OBSERVATION)
    failure = failure_metadata(ErrorKind.TRANSIENT, "LakeError", Circuit.LAKE, "wait")
    assert set(failure) == set(keys.FAILURE)

    error = ContractError(
        "It is wrong", where={"dataset": "orders", "file": "x.py", "line": 3}, hint="Mend it"
    )
    assert set(describe_failure("orders", error).metadata) == set(keys.UNLOADABLE)
