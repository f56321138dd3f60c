from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_assets.errors import Circuit, ErrorKind
from etl_assets.ledger.circuit_records import CircuitState, Failed
from etl_assets.ledger.circuits import PROBE_LOST_SECONDS
from etl_assets.ledger.ledger import Ledger
from etl_assets_tests.ledger.builders import START, Clock

AWAY = Failed("staging", ErrorKind.TRANSIENT, "StagingUnreachableError", "it does not answer")
REFUSED = replace(AWAY, kind=ErrorKind.CONFIGURATION, error="wrong credentials")
LAKE_AWAY = replace(AWAY, origin="lake", in_run=True)


def fail(ledger: Ledger, failure: Failed = AWAY, dataset: str = "retail") -> CircuitState:
    return ledger.circuit_failed(dataset, failure, 3, lambda probes: 30.0 * probes).state


def may(ledger: Ledger, dataset: str = "retail", circuit: Circuit = Circuit.STAGING) -> tuple[bool, bool]:
    asked = ledger.admit(dataset, circuit)
    return asked.allowed, asked.probe


def test_it_opens_at_the_third_failure_in_a_row_and_not_before(ledger: Ledger) -> None:
    assert may(ledger) == (True, False)
    assert [fail(ledger), fail(ledger)] == ["closed", "closed"]
    ledger.circuit_succeeded("retail", Circuit.STAGING, in_run=False)
    assert [fail(ledger), fail(ledger)] == ["closed", "closed"]
    assert may(ledger) == (True, False)
    assert fail(ledger) == "open"
    assert may(ledger) == (False, False)

    (standing,) = ledger.circuits()
    assert (standing.failures, standing.opened_at, standing.error_kind) == (3, START, "transient")
    assert standing.probe_at == START + timedelta(seconds=30)


def test_what_trying_again_can_not_mend_opens_it_at_once(ledger: Ledger) -> None:
    assert fail(ledger, REFUSED) == "open"


def test_one_probe_at_a_time_ever_later_and_it_closes_by_itself(ledger: Ledger, clock: Clock) -> None:
    fail(ledger, REFUSED)
    clock.advance(29)
    assert may(ledger) == (False, False)
    clock.advance(1)
    assert may(ledger) == (True, True)
    assert may(ledger) == (False, False), "somebody probes already"
    assert fail(ledger) == "open"
    clock.advance(59)
    assert may(ledger) == (False, False)
    clock.advance(1)
    assert may(ledger) == (True, True)
    assert ledger.circuit_succeeded("retail", Circuit.STAGING, in_run=False).is_closed
    assert may(ledger) == (True, False)
    (standing,) = ledger.circuits("retail")
    assert (standing.failures, standing.opened_at, standing.probe_at) == (0, None, None)
    assert standing.error == "it does not answer", "what it was is still told"


def test_a_probe_whose_process_was_killed_does_not_block_for_ever(ledger: Ledger, clock: Clock) -> None:
    fail(ledger, REFUSED)
    clock.advance(30)
    assert may(ledger) == (True, True)
    clock.advance(PROBE_LOST_SECONDS - 1)
    assert may(ledger) == (False, False)
    clock.advance(1)
    assert may(ledger) == (True, True)


def test_what_runs_found_sick_is_not_closed_by_a_look(ledger: Ledger, clock: Clock) -> None:
    for _ in range(3):
        fail(ledger, replace(AWAY, in_run=True))
    clock.advance(30)
    assert may(ledger) == (True, True)
    # It can be listed, but could not be read: one run has to go through.
    assert ledger.circuit_succeeded("retail", Circuit.STAGING, in_run=False).state == "half_open"
    assert ledger.circuit_succeeded("retail", Circuit.STAGING, in_run=True).state == "closed"


def test_failures_of_weeks_are_not_in_a_row(ledger: Ledger, clock: Clock) -> None:
    # Runs that failed for what only runs can find well, and none that went through in between.
    for _ in range(5):
        assert fail(ledger, replace(AWAY, in_run=True)) == "closed"
        clock.advance(4000)


def test_a_clock_that_was_wrong_keeps_nobody_waiting_for_years(ledger: Ledger, clock: Clock) -> None:
    clock.advance(3600 * 24 * 365)
    fail(ledger, REFUSED)
    clock.time = START
    assert may(ledger) == (True, True)


def test_one_datasets_circuits_are_no_others(ledger: Ledger) -> None:
    fail(ledger, REFUSED)
    assert may(ledger) == (False, False)
    assert may(ledger, circuit=Circuit.LAKE) == (True, False)
    assert may(ledger, dataset="flights") == (True, False)


def test_reset_lets_everything_through_at_once(ledger: Ledger) -> None:
    fail(ledger, REFUSED)
    assert ledger.reset_circuit("retail", Circuit.STAGING)
    assert may(ledger) == (True, False)
    assert not ledger.reset_circuit("retail", Circuit.STAGING)


def test_errors_are_counted_by_origin_and_kind(ledger: Ledger, clock: Clock) -> None:
    fail(ledger)
    later = clock.advance(60)
    fail(ledger)
    fail(ledger, LAKE_AWAY)
    ledger.count_error("retail", Failed("", ErrorKind.BUG, "ContractError", "no such column"))
    told = {(one.origin, one.error_kind): one for one in ledger.error_counts("retail")}
    assert {key: one.count for key, one in told.items()} == {
        ("staging", "transient"): 2,
        ("lake", "transient"): 1,
        ("", "bug"): 1,
    }
    assert (told["staging", ErrorKind.TRANSIENT].first_at, told["staging", ErrorKind.TRANSIENT].last_at) == (
        START,
        later,
    )
    assert ledger.error_counts("flights") == []


@pytest.mark.slow
def test_of_many_processes_that_ask_when_a_probe_is_due_one_gets_it(url: str, clock: Clock) -> None:
    with Ledger.open(url, now=clock) as ledger:
        fail(ledger, REFUSED)
        clock.advance(30)

        def ask(_: int) -> bool:
            # Each with connections of its own, as processes have.
            with Ledger.open(url, now=clock) as own:
                return own.admit("retail", Circuit.STAGING).allowed

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(ask, range(16))) == 1


STEPS = st.lists(
    st.sampled_from(["fail", "refuse", "work", "list", "ask", "wait", "wait long", "reset"]), max_size=40
)


@settings(max_examples=30, deadline=None)
@given(STEPS)
def test_whatever_happens_work_goes_through_in_the_end(steps: list[str]) -> None:
    clock = Clock()
    with TemporaryDirectory() as folder, Ledger.open(f"sqlite:///{Path(folder)}/l.db", now=clock) as ledger:
        for step in steps:
            match step:
                case "fail":
                    fail(ledger, replace(AWAY, in_run=True))
                case "refuse":
                    fail(ledger, REFUSED)
                case "work" | "list":
                    ledger.circuit_succeeded("retail", Circuit.STAGING, in_run=step == "work")
                case "ask":
                    may(ledger)
                case "wait" | "wait long":
                    clock.advance(20 if step == "wait" else 1000)
                case "reset":
                    ledger.reset_circuit("retail", Circuit.STAGING)
            for standing in ledger.circuits():
                assert standing.is_closed == (standing.opened_at is None)
                assert standing.is_closed or standing.probe_at is not None, "it is probed without a person"
        clock.advance(100_000)
        assert may(ledger)[0]
        assert ledger.circuit_succeeded("retail", Circuit.STAGING, in_run=True).is_closed
