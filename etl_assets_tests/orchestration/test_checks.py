from __future__ import annotations

from dataclasses import replace

import dagster as dg
import pytest

from etl_assets.contracts.dataset import TableId
from etl_assets.orchestration.checks import check_results, told_by_period
from etl_assets.pipeline.hop import HopResult
from etl_assets_tests.orchestration.fixtures import MakeHouse
from etl_assets_tests.orchestration.house import House
from etl_assets_tests.orchestration.shop import (
    BRONZE,
    CUSTOMERS,
    DAILY,
    SHOP_WITH_CUSTOMERS,
    SILVER,
    day_of_orders,
)

DAY = "2024-01-02"


def one_refund(day: str) -> bytes:
    """Of four validity rules one fails on one of twenty rows: a score of 1 - 1/80."""
    return day_of_orders(day).replace(b",1\n", b",-1\n")


def results(house: House, table: TableId = SILVER) -> dict[str, dg.AssetCheckResult]:
    """The checks as they would come out of a run now."""
    found = check_results(house.pipeline, table, HopResult(table))
    return {one.check_name or "": one for one in found}


@pytest.fixture
def scored(make_house: MakeHouse) -> House:
    house = make_house()
    house.drop(f"{DAY}.csv", one_refund(DAY))
    house.run()
    return house


@pytest.mark.parametrize(
    ("warn", "fail", "passed", "severity"),
    [
        (0.9875, 0.9, True, dg.AssetCheckSeverity.WARN),
        (0.98751, 0.9, False, dg.AssetCheckSeverity.WARN),
        (0.99, 0.9875, False, dg.AssetCheckSeverity.WARN),
        (0.99, 0.98751, False, dg.AssetCheckSeverity.ERROR),
    ],
)
def test_a_check_passes_at_warn_and_fails_below_fail(
    scored: House, warn: float, fail: float, passed: bool, severity: dg.AssetCheckSeverity
) -> None:
    scored.set(thresholds={"silver/orders": {"validity": {"warn": warn, "fail": fail}}})
    found = results(scored)["validity"]
    assert found.metadata["score"].value == pytest.approx(0.9875)
    assert (found.passed, found.severity) == (passed, severity)
    assert "0.9875" in (found.description or "")
    assert results(scored)["uniqueness"].passed


def test_what_could_not_be_evaluated_is_a_warning_that_says_unknown(make_house: MakeHouse) -> None:
    house = make_house()
    house.drop(f"{DAY}.csv", day_of_orders(DAY).split(b"\n")[0] + b"\n")
    house.run()
    found = results(house)["validity"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found.description == (
        f"score unknown; 1 of 1 partitions do not pass: {DAY} unknown; "
        "1 of them are unknown: nothing could be evaluated"
    )
    assert "score" not in found.metadata
    assert found.metadata["unknown"].value == 1


def test_nothing_published_is_unknown_and_never_green(house: House) -> None:
    for name, found in results(house).items():
        if name not in ("gate", "row_reconciliation"):
            assert not found.passed
            assert found.severity is dg.AssetCheckSeverity.WARN
            assert found.description == "unknown: nothing is published yet"


def test_a_bad_day_among_good_ones_is_named(make_house: MakeHouse) -> None:
    house = make_house(thresholds={"silver/orders": {"validity": {"warn": 0.99, "fail": 0.5}}})
    for day in ("2024-01-01", "2024-01-03"):
        house.drop(f"{day}.csv", day_of_orders(day))
    house.drop(f"{DAY}.csv", one_refund(DAY))
    house.run()
    found = results(house)["validity"]
    # As a whole the table is good enough; the day is not, and is not lost in the mean.
    assert found.metadata["score"].value == pytest.approx(1 - 1 / 240, abs=1e-6)
    assert not found.passed
    assert found.description == f"score 0.9958; 1 of 3 partitions do not pass: {DAY} 0.988"
    assert found.metadata["worst_partition"].value == DAY


def test_the_score_of_a_check_is_the_one_that_dq_status_shows(scored: House) -> None:
    scored.drop("2024-01-03.csv", day_of_orders("2024-01-03", 5))
    scored.run()
    for table in scored.status().tables:
        found = results(scored, table.table)
        for dimension in table.dimensions:
            assert found[dimension.dimension].metadata["score"].value == pytest.approx(
                dimension.score, abs=1e-6
            )


def test_rows_that_do_not_add_up_are_an_error(scored: House) -> None:
    assert results(scored)["row_reconciliation"].passed
    # Somebody deletes a file of the table behind our back.
    next((scored.home / "lake" / "shop" / "silver" / "orders").rglob("*.parquet")).exists()
    pipeline = scored.pipeline
    published = pipeline.ledger.published_validations("shop")["silver", "orders", DAY]
    lease = pipeline.ledger.acquire_lease("shop", "a test", 60)
    from etl_assets.ledger.records import ValidationRecord

    wrong = replace(published, id=0, accepted=18, duplicates=1)
    pipeline.ledger.record_validations([ValidationRecord(wrong)], lease)
    found = results(scored)["row_reconciliation"]
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert found.description == "the table holds 19 rows, the ledger says 18"


Shown = dict[str, tuple[bool, str, str | None, dict[str, object]]]


def shown(house: House) -> Shown:
    """Every check as Dagster's UI has it, without what speaks of one run only."""
    found: Shown = {}
    for table in (BRONZE, SILVER, DAILY, CUSTOMERS):
        for name in results(house, table):
            one = house.check(table, name)
            figures = {
                key: value.value for key, value in one.metadata.items() if key != "broken_rules_of_this_run"
            }
            found[f"{table}:{name}"] = (one.passed, one.severity.value, one.description, figures)
    return found


@pytest.mark.slow
def test_checks_are_the_same_whatever_shape_the_runs_had(make_house: MakeHouse) -> None:
    days = [f"2024-01-{day:02}" for day in range(1, 6)]
    outcomes = []
    for longest in (1, 2, 400):
        house = make_house(SHOP_WITH_CUSTOMERS, schedule={"max_periods_per_run": longest})
        for day in days:
            house.drop(f"{day}.csv", one_refund(day) if day == DAY else day_of_orders(day))
        runs = house.run().runs
        assert len(runs) == {1: 5, 2: 3, 400: 1}[longest]
        outcomes.append(shown(house))
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert outcomes[0]["silver/orders:validity"][3]["partitions"] == 5


@pytest.mark.slow
def test_checks_are_the_same_with_a_gate_that_closed_and_opened(make_house: MakeHouse) -> None:
    outcomes = []
    for first in (day_of_orders(DAY), b"", day_of_orders(DAY).replace(b"amount", b"price")):
        house = make_house(SHOP_WITH_CUSTOMERS)
        for day in ("2024-01-01", "2024-01-03"):
            house.drop(f"{day}.csv", day_of_orders(day))
        house.drop(f"{DAY}.csv", first)
        house.run()
        house.drop(f"{DAY}.csv", day_of_orders(DAY))
        house.run()
        outcomes.append(shown(house))
    assert outcomes[0] == outcomes[1] == outcomes[2]


def test_many_reasons_are_told_shortly() -> None:
    reasons = {f"2024-01-{day:02}": "x" * 2_000 for day in range(1, 31)}
    told = told_by_period(reasons)
    assert len(told) < 4_000
    assert told.endswith("and 20 more")
    assert told_by_period({"": "no rows"}) == "table: no rows"
