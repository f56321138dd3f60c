from __future__ import annotations

from collections.abc import Callable

import dagster as dg
import pytest

from etl_assets.contracts.dataset import TableId
from etl_assets.errors import ContractError, LedgerError
from etl_assets.ledger.records import Outcome, RunStatus
from etl_assets.orchestration import assets
from etl_assets.pipeline.hop import run_hop
from etl_assets.pipeline.pending import Pending, Standing
from etl_assets_tests.orchestration.fixtures import MakeHouse
from etl_assets_tests.orchestration.house import House
from etl_assets_tests.orchestration.shop import (
    BRONZE,
    CATALOGUE_SHOP,
    CUSTOMERS,
    DAILY,
    SHOP,
    SHOP_WITH_CUSTOMERS,
    SILVER,
    day_of_orders,
)

DAYS = ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"]
BAD_DAY = "2024-01-02"


def refunds(day: str) -> bytes:
    """A day of which 2 of 20 rows break an error rule: more than is tolerated."""
    return day_of_orders(day).replace(b",1\n", b",-1\n").replace(b",2\n", b",-2\n")


def requested(house: House) -> list[dg.RunRequest]:
    return list(house.tick().run_requests or [])


def one_run(house: House) -> dg.ExecuteInProcessResult:
    (request,) = requested(house)
    return house.execute(request)


def keys_of(request: dg.RunRequest) -> tuple[list[str], str, str]:
    """Tables, first and last day."""
    tables = [key.to_user_string().removeprefix("shop/") for key in request.asset_selection or ()]
    first = request.partition_key or request.tags["dagster/asset_partition_range_start"]
    last = request.partition_key or request.tags["dagster/asset_partition_range_end"]
    return tables, first, last


def attempts(result: dg.ExecuteInProcessResult) -> int:
    return 1 + sum(event.event_type_value == "STEP_RESTARTED" for event in result.all_events)


def failure(result: dg.ExecuteInProcessResult) -> str:
    (failed,) = [event for event in result.all_events if event.is_step_failure]
    data = failed.step_failure_data.user_failure_data
    assert data is not None
    return data.description or ""


def with_a_bad_day(make_house: MakeHouse) -> House:
    house = make_house(SHOP_WITH_CUSTOMERS)
    for day in DAYS:
        house.drop(f"{day}.csv", refunds(day) if day == BAD_DAY else day_of_orders(day))
    return house


# -- a closed gate in the middle of a range ----------------------------------------------------------


def test_a_closed_gate_in_a_range_publishes_the_others_and_raises_once(make_house: MakeHouse) -> None:
    house = with_a_bad_day(make_house)
    result = one_run(house)
    assert not result.success
    assert attempts(result) == 1
    told = failure(result)
    assert "shop silver/orders: 1 of 4 partitions were stopped, 3 published" in told
    assert f"{BAD_DAY}: 2 of 20 rows (10.0%) are quarantined, 5.0% are tolerated" in told
    assert "dq quarantine list shop" in told

    good = set(DAYS) - {BAD_DAY}
    assert house.materialized(BRONZE) == set(DAYS)
    assert house.materialized(SILVER) == good
    assert set(house.rows(SILVER)["_period"]) == good
    run = house.ledger.run(result.run_id)
    assert run.status is RunStatus.FAILED
    assert run.error_class == "GateClosed"
    assert "1 of 4 partitions were stopped" in run.error


def test_its_checks_say_which_day_is_held_and_why(make_house: MakeHouse) -> None:
    house = with_a_bad_day(make_house)
    one_run(house)
    gate = house.check(SILVER, "gate")
    assert not gate.passed
    assert gate.severity is dg.AssetCheckSeverity.ERROR
    assert gate.description == (
        "1 of 4 partitions are held back. "
        f"{BAD_DAY}: 2 of 20 rows (10.0%) are quarantined, 5.0% are tolerated"
    )
    assert gate.metadata["held"].value == 1
    assert gate.metadata["rows_held"].value == 20
    # The dimensions speak of what is published, which is good.
    validity = house.check(SILVER, "validity")
    assert validity.passed
    assert validity.metadata["partitions"].value == 3
    assert house.check(SILVER, "row_reconciliation").passed


def test_the_next_requests_ask_for_exactly_what_is_left(make_house: MakeHouse) -> None:
    house = with_a_bad_day(make_house)
    one_run(house)
    left = requested(house)
    assert [keys_of(one) for one in left] == [
        (["gold/daily"], "2024-01-01", "2024-01-01"),
        (["gold/daily"], "2024-01-03", "2024-01-04"),
    ]
    for request in left:
        assert house.execute(request).success
    # A table over all days would be out of date at once if it were built before the last of them.
    (whole,) = requested(house)
    assert ["/".join(key.path[-2:]) for key in whole.asset_selection or ()] == ["gold/customers"]
    assert house.execute(whole).success
    assert requested(house) == []
    assert set(house.rows(DAILY)["_period"]) == set(DAYS) - {BAD_DAY}

    house.drop(f"{BAD_DAY}.csv", day_of_orders(BAD_DAY))
    (corrected,) = requested(house)
    everything = ["bronze/orders", "silver/orders", "gold/daily", "gold/customers"]
    assert keys_of(corrected) == (everything, BAD_DAY, BAD_DAY)
    assert house.execute(corrected).success
    assert house.rows(DAILY)["total"].to_list() == [210] * 4
    assert house.rows(CUSTOMERS)["total"].sum() == 4 * 210
    assert house.check(SILVER, "gate").passed
    assert house.check(SILVER, "gate").description == "open"


@pytest.mark.slow
def test_a_held_day_keeps_its_last_good_version(make_house: MakeHouse) -> None:
    house = make_house(SHOP)
    house.drop(f"{BAD_DAY}.csv", day_of_orders(BAD_DAY))
    assert one_run(house).success
    house.drop(f"{BAD_DAY}.csv", refunds(BAD_DAY))
    assert not one_run(house).success
    assert requested(house) == []
    assert house.rows(DAILY)["total"].to_list() == [210]
    assert house.rows(SILVER).height == 20
    assert not house.check(SILVER, "gate").passed
    assert house.materialized(SILVER) == {BAD_DAY}


def test_another_tolerance_opens_the_gate(make_house: MakeHouse) -> None:
    house = make_house(SHOP)
    house.drop(f"{BAD_DAY}.csv", refunds(BAD_DAY))
    one_run(house)
    assert requested(house) == []
    house.set(tolerances={"silver/orders": 0.1})
    (request,) = requested(house)
    assert keys_of(request)[0] == ["silver/orders", "gold/daily"]
    assert house.execute(request).success
    assert house.rows(DAILY)["total"].to_list() == [207]
    assert house.quarantine(SILVER).sort("_line")["_line"].to_list() == [2, 3]


# -- shapes of runs ----------------------------------------------------------------------------------


def test_a_range_that_was_chosen_by_hand_builds_what_there_is(make_house: MakeHouse) -> None:
    house = make_house(SHOP)
    for day in ("2024-01-01", "2024-01-03"):
        house.drop(f"{day}.csv", day_of_orders(day))
    keys = [dg.AssetKey(["shop", str(table.layer), table.name]) for table in (BRONZE, SILVER, DAILY)]
    tags = {
        "dagster/asset_partition_range_start": "2024-01-01",
        "dagster/asset_partition_range_end": "2024-01-04",
    }
    result = house.execute(dg.RunRequest(asset_selection=keys, tags=tags))
    assert result.success
    # Days without a file are not shown as materialized; what stands on them is asked for apart.
    assert house.materialized(BRONZE) == {"2024-01-01", "2024-01-03"}
    for request in requested(house):
        assert house.execute(request).success
    assert house.rows(DAILY)["total"].to_list() == [210, 210]
    assert requested(house) == []


def test_a_run_by_hand_finds_what_has_come(house: House) -> None:
    house.drop("2024-01-01.csv", day_of_orders("2024-01-01"))
    keys = [dg.AssetKey(["shop", str(table.layer), table.name]) for table in (BRONZE, SILVER, DAILY)]
    assert house.execute(dg.RunRequest(asset_selection=keys, partition_key="2024-01-01")).success
    assert house.rows(DAILY)["total"].to_list() == [210]
    assert requested(house) == []


def test_a_run_by_hand_of_a_dataset_without_data_is_green_and_says_no_data_yet(house: House) -> None:
    keys = [dg.AssetKey(["shop", str(table.layer), table.name]) for table in (BRONZE, SILVER, DAILY)]
    result = house.execute(dg.RunRequest(asset_selection=keys, partition_key="2024-01-01"))
    assert result.success
    assert house.materialized(BRONZE) == set()
    completeness = house.check(BRONZE, "completeness")
    assert not completeness.passed
    assert completeness.severity is dg.AssetCheckSeverity.WARN
    assert completeness.description == "unknown: nothing is published yet"
    assert house.check(BRONZE, "gate").passed


@pytest.mark.slow
def test_partitioned_and_whole_tables_go_in_one_run(make_house: MakeHouse) -> None:
    house = make_house(CATALOGUE_SHOP)
    catalogue = ["product", *(f"A{day.replace('-', '')}{n:03}" for day in DAYS for n in range(1, 21))]
    house.drop("products.csv", "\n".join(catalogue).encode() + b"\n")
    for day in DAYS:
        house.drop(f"{day}.csv", day_of_orders(day))
    (request,) = requested(house)
    assert keys_of(request) == (
        [
            "bronze/products",
            "silver/products",
            "bronze/orders",
            "silver/orders",
            "gold/daily",
            "gold/customers",
        ],
        DAYS[0],
        DAYS[-1],
    )
    assert house.execute(request).success
    assert house.rows(SILVER).height == 80
    assert house.rows(CUSTOMERS)["total"].sum() == 840
    assert requested(house) == []


def test_a_reference_that_has_not_come_blocks_and_says_so(make_house: MakeHouse) -> None:
    house = make_house(CATALOGUE_SHOP)
    house.drop("2024-01-01.csv", day_of_orders("2024-01-01"))
    (request,) = requested(house)
    assert keys_of(request)[0] == ["bronze/orders"]
    assert house.execute(request).success
    assert requested(house) == []
    standing = Pending.of(house.pipeline).standings[SILVER, "2024-01-01"]
    assert (standing.standing, standing.reason) == (Standing.BLOCKED, "waits for silver/products")


# -- errors ------------------------------------------------------------------------------------------


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "FIRST_RETRY_SECONDS", 0.0)


def failing(error: BaseException, times: int, table: TableId = BRONZE) -> Callable[..., object]:
    """The hop, which raises the first few times."""
    left = [times]

    def hop(pipeline: object, id: TableId, *args: object, **options: object) -> object:
        if id == table and left[0]:
            left[0] -= 1
            raise error
        return run_hop(pipeline, id, *args, **options)  # type: ignore[arg-type]

    return hop


@pytest.mark.usefixtures("quick_retries")
@pytest.mark.parametrize("error", [OSError("no space left on device"), LedgerError("the database is away")])
def test_what_may_pass_is_retried(house: House, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(assets, "run_hop", failing(error, 3))
    house.drop("2024-01-01.csv", day_of_orders("2024-01-01"))
    result = one_run(house)
    assert result.success
    assert attempts(result) == 4
    assert house.rows(DAILY)["total"].to_list() == [210]


@pytest.mark.usefixtures("quick_retries")
def test_what_does_not_pass_is_told_with_its_cause(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "run_hop", failing(OSError("no space left on device"), 99))
    house.drop("2024-01-01.csv", day_of_orders("2024-01-01"))
    result = one_run(house)
    assert not result.success
    assert attempts(result) == 4
    assert failure(result) == "OSError: no space left on device (tried 4 times)"
    run = house.ledger.run(result.run_id)
    assert (run.status, run.error_class, run.error) == (
        RunStatus.FAILED,
        "OSError",
        "no space left on device",
    )


def test_the_waits_grow(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "FIRST_RETRY_SECONDS", 0.02)
    monkeypatch.setattr(assets, "run_hop", failing(OSError("away"), 3))
    house.drop("2024-01-01.csv", day_of_orders("2024-01-01"))
    result = one_run(house)
    waits = [
        event.event_specific_data.seconds_to_wait  # type: ignore[union-attr]
        for event in result.all_events
        if event.event_type_value == "STEP_UP_FOR_RETRY"
    ]
    assert waits == pytest.approx([0.02, 0.04, 0.08], rel=0.21)


@pytest.mark.parametrize(
    "error", [ContractError("the contract does not have x"), ValueError("a mistake of ours")]
)
def test_faults_of_data_and_code_are_not_retried(
    house: House, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(assets, "run_hop", failing(error, 1))
    house.drop("2024-01-01.csv", day_of_orders("2024-01-01"))
    result = one_run(house)
    assert not result.success
    assert attempts(result) == 1
    assert failure(result) == f"{type(error).__name__}: {error}"


def test_ctrl_c_is_not_retried(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "run_hop", failing(KeyboardInterrupt(), 1))
    house.drop("2024-01-01.csv", day_of_orders("2024-01-01"))
    result = one_run(house)
    assert not result.success
    assert attempts(result) == 1
    assert house.ledger.leases() == []
    house.tick()
    assert house.ledger.run(result.run_id).status is RunStatus.FAILED


@pytest.mark.slow
def test_ctrl_c_leaves_the_rest_undone(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "run_hop", failing(KeyboardInterrupt(), 1))
    for day in ("2024-01-01", "2024-01-03"):
        house.drop(f"{day}.csv", day_of_orders(day))
    with pytest.raises(KeyboardInterrupt):
        house.run()
    with house.instance() as instance:
        assert len(instance.get_runs()) == 1
    house.run()
    assert house.rows(DAILY).height == 2


def test_a_run_that_failed_in_one_table_stays_failed_though_another_goes_on(
    make_house: MakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = make_house(SHOP_WITH_CUSTOMERS)
    monkeypatch.setattr(assets, "run_hop", failing(ValueError("a mistake of ours"), 1, DAILY))
    house.drop("2024-01-01.csv", day_of_orders("2024-01-01"))
    result = one_run(house)
    assert house.latest(CUSTOMERS).outcome is Outcome.PUBLISHED
    run = house.ledger.run(result.run_id)
    assert (run.status, run.error) == (RunStatus.FAILED, "a mistake of ours")


def test_a_run_that_went_well_is_closed_by_the_next_look(house: House) -> None:
    house.drop("2024-01-01.csv", day_of_orders("2024-01-01"))
    result = one_run(house)
    house.tick()
    run = house.ledger.run(result.run_id)
    assert (run.status, run.rows) == (RunStatus.COMPLETED, 20 + 20 + 1)


def test_a_day_outside_the_calendar_is_refused(house: House) -> None:
    # Dagster snaps a range that begins on a closed Saturday to the Sunday; a single day it refuses itself.
    key = dg.AssetKey(["shop", "bronze", "orders"])
    with pytest.raises(dg.DagsterUnknownPartitionError, match="2024-01-06"):
        house.execute(dg.RunRequest(asset_selection=[key], partition_key="2024-01-06"))


def test_two_runs_at_once_take_turns(house: House) -> None:
    house.drop("2024-01-01.csv", day_of_orders("2024-01-01"))
    (request,) = requested(house)
    lease = house.ledger.acquire_lease("shop", "another run", ttl_seconds=0.3)
    assert house.execute(request).success
    assert house.ledger.leases() == []
    assert lease.token < int(house.latest(BRONZE, "2024-01-01").attempt.split("-")[0])
