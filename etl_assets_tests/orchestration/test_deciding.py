from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from etl_assets.orchestration import metadata_keys
from etl_assets_tests.orchestration.house import House
from etl_assets_tests.orchestration.shop import DAILY, HEADER, SILVER

DAY = "2024-01-01"
LINES = [f"A1,{DAY},Ann,3", f"A2,{DAY},Ben,-4", f"A3,{DAY},Eve,5", f"x,{DAY},Eve,6"]


@pytest.fixture
def decided(house: House) -> House:
    house.set(tolerances={"silver/orders": 0.6})
    house.drop(f"{DAY}.csv", "\n".join([HEADER, *LINES, ""]).encode())
    house.run()
    return house


def decide(house: House, decision: dict[str, Any], **said: Any) -> dg.ExecuteInProcessResult:
    config = {"decision": decision, "who": "anna", "why": "asked the shop", **said}
    with house.instance() as instance:
        return (
            house.definitions()
            .resolve_job_def("shop_decide")
            .execute_in_process(
                instance=instance,
                run_config={
                    "ops": {"decide_shop": {"config": config}},
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                },
                raise_on_error=False,
            )
        )


def failure(result: dg.ExecuteInProcessResult) -> str:
    (event,) = result.get_failed_step_keys() and result.filter_events(lambda one: one.is_step_failure)
    return str(event.step_failure_data.user_failure_data.description)


def test_what_is_decided_in_the_ui_is_built_by_the_next_run(decided: House) -> None:
    rows = {"table": "silver/orders", "rules": ["amount.greater_than_or_equal_to"]}
    result = decide(decided, {"correct": {"rows": rows, "values": {"amount": "4"}}})

    assert result.success
    (output,) = result.filter_events(lambda event: event.is_successful_output)
    assert set(output.step_output_data.metadata) == set(metadata_keys.DECIDING)
    (request,) = decided.tick().run_requests or ()
    assert request.asset_selection
    # The figures that a run shows: the same names as without decisions, and those of decisions.
    done = decided.execute(request)
    assert done.success
    (silver,) = done.asset_materializations_for_node("shop__silver__orders")
    assert (silver.metadata["corrected"].value, silver.metadata["quarantined"].value) == (1, 1)
    assert "waived" not in silver.metadata
    assert decided.rows(DAILY)["total"].to_list() == [12]

    assert decide(decided, {"undo": {"decisions": [1]}}).success
    decided.run()
    assert decided.rows(DAILY)["total"].to_list() == [8]
    assert sorted(decided.rows(SILVER)["order_id"]) == ["A1", "A3"]


def test_a_decision_that_makes_no_sense_fails_with_the_reason(decided: House) -> None:
    told = failure(decide(decided, {"undo": {"decisions": [7]}}))
    assert "There is no such decision. dataset shop, decision 7" in told
    told = failure(decide(decided, {"publish": {"table": "silver/orders", "partition": DAY}}))
    assert "The gate is not closed" in told


def test_personal_values_are_not_decided_on_where_dagster_keeps_them(decided: House) -> None:
    rows = {"table": "silver/orders", "where": [{"column": "customer", "values": ["Eve"]}]}
    told = failure(decide(decided, {"discard": {"rows": rows}}))
    assert "customer is personal" in told
    rows = {"table": "silver/orders", "rules": ["order_id.str_matches"]}
    told = failure(decide(decided, {"correct": {"rows": rows, "values": {"customer": "Adam"}}}))
    assert "customer is personal" in told
    assert "Adam" not in told


def test_a_dry_run_decides_nothing(decided: House) -> None:
    rows = {"table": "silver/orders", "rules": ["order_id.str_matches"]}
    assert decide(decided, {"discard": {"rows": rows}}, dry_run=True).success
    assert decided.ledger.decisions("shop") == []
