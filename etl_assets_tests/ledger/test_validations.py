from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from etl_assets.errors import LedgerError
from etl_assets.ledger.leases import LeaseLostError
from etl_assets.ledger.ledger import Ledger
from etl_assets.ledger.records import DeliveryState, Lease, Outcome, Score, Statistic, ValidationRecord
from etl_assets_tests.ledger.builders import START, Clock, delivery, failed, numbered, record, validation

DAY = ("silver", "sales", "2010-12-01")


@pytest.fixture
def lease(ledger: Ledger) -> Lease:
    return ledger.acquire_lease("retail", "run-1", 60)


def test_everything_recorded_comes_back(ledger: Ledger, lease: Lease) -> None:
    given = [
        record(
            "2010-12-01",
            score=0.97,
            row_score=0.95,
            lake_version=3,
            quarantine_version=2,
            contract_fingerprint="abc",
            tolerance=0.05,
        ),
        record(
            "2010-12-02", Outcome.HELD, gate_reason="7 % quarantined", held_path="held/attempt-1", rows_in=0
        ),
        ValidationRecord(validation("", table="customers", layer="gold")),
    ]

    recorded = ledger.record_validations(given, lease)

    ids = [one.id for one in recorded]
    assert recorded == numbered(given, ids) == ledger.validations_of_run("run-1")
    assert ledger.validations("retail") == recorded[::-1]
    by_name = {
        id: tuple(sorted(one.tallies, key=lambda t: t.rule)) for id, one in zip(ids, given, strict=True)
    }
    assert ledger.tallies_for(ids) == by_name
    assert ledger.statistics_for(ids) == {id: one.statistics for id, one in zip(ids, given, strict=True)}
    assert ledger.scores_for(ids) == {id: one.scores for id, one in zip(ids, given, strict=True)}
    assert ledger.validations("retail", "silver", "sales", "2010-12-02", limit=5) == [recorded[1]]


def test_ids_follow_the_order_of_the_records(ledger: Ledger, lease: Lease) -> None:
    periods = [f"day {n:04}" for n in range(1_500)]
    recorded = ledger.record_validations([record(period) for period in periods], lease)
    ids = [one.id for one in recorded]
    assert [one.period for one in recorded] == periods
    assert ids == sorted(ids)
    assert [one.period for one in reversed(ledger.validations("retail"))] == periods


def test_only_what_is_published_is_seen(ledger: Ledger, lease: Lease, clock: Clock) -> None:
    [first] = ledger.record_validations([record(state_id="one")], lease)
    later = clock.advance(60)
    [_, held] = ledger.record_validations([failed(state_id="two"), record(outcome=Outcome.HELD)], lease)

    seen = ledger.publications("retail")[DAY]
    assert (seen.validation_id, seen.state_id, seen.published_at) == (first.id, "one", START)
    assert ledger.published_validations("retail") == {DAY: first}
    assert ledger.latest_validations("retail") == {DAY: held}

    [second] = ledger.record_validations([record(state_id="three")], lease)
    seen = ledger.publications("retail")[DAY]
    assert (seen.validation_id, seen.state_id, seen.published_at) == (second.id, "three", later)
    assert ledger.publications("flights") == {}


def test_pending_deliveries_are_ingested_with_what_was_recorded(ledger: Ledger, lease: Lease) -> None:
    ledger.register_deliveries([delivery(id, f"{id}.csv") for id in ("d1", "d2", "d3", "d4")])
    ledger.set_delivery_state(["d2"], DeliveryState.ON_HOLD, "a person said so")
    ledger.register_deliveries([delivery("e3", "d3.csv")])

    ledger.record_validations([record()], lease, ["d1", "d2", "d3"])

    after = {one.id: one for one in ledger.deliveries("retail")}
    assert (after["d1"].state, after["d1"].ingested_at) == (DeliveryState.INGESTED, START)
    assert (after["d2"].state, after["d2"].reason) == (DeliveryState.ON_HOLD, "a person said so")
    assert after["d3"].state is DeliveryState.SUPERSEDED
    assert after["d4"].state is after["e3"].state is DeliveryState.PENDING


@pytest.mark.parametrize("changes", [{"accepted": 94}, {"rows_in": 101}, {"duplicates": 3}])
def test_rows_that_do_not_add_up_are_not_published(
    ledger: Ledger, lease: Lease, changes: dict[str, Any]
) -> None:
    with pytest.raises(LedgerError, match=r"Rows don't add up.*retail.*silver/sales.*2010-12-01"):
        ledger.record_validations([record("2010-12-02"), record(**changes)], lease)
    assert ledger.validations("retail") == []
    ledger.record_validations([record(outcome=Outcome.HELD, **changes)], lease)


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_what_is_no_number_is_refused_with_its_place(ledger: Ledger, lease: Lease, number: float) -> None:
    with pytest.raises(LedgerError, match=r"the mean of column price.*silver/sales.*2010-12-01"):
        ledger.record_validations(
            [ValidationRecord(validation(), (), (Statistic("price", 1, 0, mean=number),))], lease
        )
    with pytest.raises(LedgerError, match="score of validity"):
        ledger.record_validations(
            [ValidationRecord(validation(), scores=(Score("validity", number, 1, 1),))], lease
        )
    assert ledger.publications("retail") == {}


def test_a_record_of_another_dataset_is_refused(ledger: Ledger, lease: Lease) -> None:
    with pytest.raises(LedgerError, match="lease is one of dataset retail"):
        ledger.record_validations([record(dataset="flights")], lease)


def test_nothing_is_recorded_when_one_part_fails(ledger: Ledger, lease: Lease) -> None:
    ledger.register_deliveries([delivery("d1")])
    twice = record()
    with pytest.raises(LedgerError):
        ledger.record_validations(
            [record("2010-12-02"), replace(twice, tallies=twice.tallies * 2)], lease, ["d1"]
        )
    assert ledger.validations("retail") == []
    assert ledger.publications("retail") == {}
    assert ledger.delivery("d1").state is DeliveryState.PENDING


def test_a_stale_writer_records_nothing(ledger: Ledger, lease: Lease, clock: Clock) -> None:
    ledger.register_deliveries([delivery("d1")])
    clock.advance(61)
    newer = ledger.acquire_lease("retail", "run-2", 60)

    with pytest.raises(LeaseLostError, match="run run-2 has taken it over"):
        ledger.record_validations([record()], lease, ["d1"])

    assert ledger.validations("retail") == []
    assert ledger.delivery("d1").state is DeliveryState.PENDING
    ledger.record_validations([record()], newer, ["d1"])
    assert ledger.delivery("d1").state is DeliveryState.INGESTED


def test_a_long_message_is_cut(ledger: Ledger, lease: Lease) -> None:
    [recorded] = ledger.record_validations([failed(error="x" * 1_000_000)], lease)
    [found] = ledger.validations("retail")
    assert found.id == recorded.id
    assert len(found.error) == 8_000
    assert found.error.endswith("x…")


# --- failures in a row --------------------------------------------------------------------------------------


def at(seconds: int) -> dict[str, Any]:
    return {
        "started_at": START + timedelta(seconds=seconds),
        "ended_at": START + timedelta(seconds=seconds + 1),
    }


def test_failures_count_back_from_the_newest_to_the_last_other_outcome(ledger: Ledger, lease: Lease) -> None:
    history = [failed(**at(0)), record(**at(10)), failed(**at(20)), failed(**at(30)), failed(**at(40))]
    for one in history:
        ledger.record_validations([one], lease)

    found = ledger.failures_in_a_row("retail")[DAY]

    assert (found.state_id, found.count) == ("state-1", 3)
    assert (found.first_at, found.last_at) == (START + timedelta(seconds=21), START + timedelta(seconds=41))


def test_a_new_state_begins_a_new_row_of_failures(ledger: Ledger, lease: Lease) -> None:
    for state in ("one", "one", "two", "one"):
        ledger.record_validations([failed(state_id=state)], lease)
    assert ledger.failures_in_a_row("retail")[DAY].count == 1


@pytest.mark.parametrize("outcome", [Outcome.PUBLISHED, Outcome.HELD])
def test_another_outcome_ends_the_row(ledger: Ledger, lease: Lease, outcome: Outcome) -> None:
    ledger.record_validations([failed(), failed("2010-12-02"), failed("2010-12-02")], lease)
    ledger.record_validations([record(outcome=outcome)], lease)
    found = ledger.failures_in_a_row("retail")
    assert {key[2]: one.count for key, one in found.items()} == {"2010-12-02": 2}


def test_partitions_fail_for_themselves(ledger: Ledger, lease: Lease) -> None:
    ledger.record_validations([failed(layer="bronze"), failed(), failed(), failed(table="other")], lease)
    counts = {key[:2]: one.count for key, one in ledger.failures_in_a_row("retail").items()}
    assert counts == {("bronze", "sales"): 1, ("silver", "sales"): 2, ("silver", "other"): 1}
