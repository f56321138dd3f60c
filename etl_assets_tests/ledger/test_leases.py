from __future__ import annotations

from dataclasses import replace

import pytest

from etl_assets.errors import LeaseHeldError, LedgerError
from etl_assets.ledger.leases import LeaseLostError
from etl_assets.ledger.ledger import Ledger
from etl_assets.ledger.processes import is_dead, same_process, this_process
from etl_assets.ledger.records import Lease, ProcessIdentity
from etl_assets_tests.ledger.builders import Clock

ELSEWHERE = ProcessIdentity(host="another-host", pid=1, started_at=1.0)
THIRD = ProcessIdentity(host="third-host", pid=1, started_at=1.0)


def test_one_holds_it_the_others_are_told_who(ledger: Ledger) -> None:
    ledger.acquire_lease("retail", "run-1", 60, ELSEWHERE)
    with pytest.raises(
        LeaseHeldError, match=r"dataset retail, run run-1, host another-host, process 1.*12:01:00"
    ):
        ledger.acquire_lease("retail", "run-2", 60, THIRD)
    ledger.acquire_lease("flights", "run-2", 60, THIRD)
    assert [info.lease.owner for info in ledger.leases()] == ["run-2", "run-1"]


def test_the_same_owner_in_the_same_process_gets_the_same_lease(ledger: Ledger, clock: Clock) -> None:
    first = ledger.acquire_lease("retail", "run-1", 60, ELSEWHERE)
    clock.advance(50)
    assert ledger.acquire_lease("retail", "run-1", 60, ELSEWHERE) == first
    clock.advance(50)
    with pytest.raises(LeaseHeldError):
        ledger.acquire_lease("retail", "run-2", 60, THIRD)


def test_the_same_owner_in_another_process_has_to_wait(ledger: Ledger, clock: Clock) -> None:
    first = ledger.acquire_lease("retail", "run-1", 60, ELSEWHERE)
    with pytest.raises(LeaseHeldError):
        ledger.acquire_lease("retail", "run-1", 60, THIRD)
    clock.advance(60)
    assert ledger.acquire_lease("retail", "run-1", 60, THIRD).token > first.token


def test_two_owners_in_one_process_exclude_each_other(ledger: Ledger) -> None:
    ledger.acquire_lease("retail", "run-1", 60)
    with pytest.raises(LeaseHeldError):
        ledger.acquire_lease("retail", "run-2", 60)


def test_a_late_lease_can_be_taken_over_and_then_is_stale(ledger: Ledger, clock: Clock) -> None:
    old = ledger.acquire_lease("retail", "run-1", 60, ELSEWHERE)
    clock.advance(59)
    with pytest.raises(LeaseHeldError):
        ledger.acquire_lease("retail", "run-2", 60, THIRD)
    clock.advance(1)
    ledger.check_lease(old)

    new = ledger.acquire_lease("retail", "run-2", 60, THIRD)

    for stale_use in (ledger.check_lease, lambda lease: ledger.renew_lease(lease, 60)):
        with pytest.raises(LeaseLostError, match="run-2 has taken it over"):
            stale_use(old)
    assert ledger.release_lease(old) is False
    ledger.check_lease(new)


def test_a_renewed_lease_lasts_longer(ledger: Ledger, clock: Clock) -> None:
    lease = ledger.acquire_lease("retail", "run-1", 60, ELSEWHERE)
    clock.advance(50)
    ledger.renew_lease(lease, 60)
    clock.advance(50)
    with pytest.raises(LeaseHeldError):
        ledger.acquire_lease("retail", "run-2", 60, THIRD)


def test_a_released_lease_is_free_and_worth_nothing(ledger: Ledger) -> None:
    lease = ledger.acquire_lease("retail", "run-1", 60, ELSEWHERE)
    assert ledger.release_lease(lease) is True
    assert ledger.leases() == []
    with pytest.raises(LeaseLostError, match="it was released"):
        ledger.check_lease(lease)
    ledger.acquire_lease("retail", "run-2", 60, THIRD)


def test_tokens_only_grow_whatever_the_clock_does(ledger: Ledger, clock: Clock) -> None:
    tokens = []
    for seconds in (0, 0, 100, -100_000, 0, 50):
        clock.advance(seconds)
        lease = ledger.acquire_lease("retail", "run-1", 60, ELSEWHERE)
        ledger.release_lease(lease)
        tokens.append(lease.token)
    assert tokens == sorted(set(tokens))


def test_a_ledger_that_was_lost_goes_on_above_the_old_tokens(url: str, ledger: Ledger, clock: Clock) -> None:
    lease = ledger.acquire_lease("retail", "run-1", 60)
    clock.advance(10)
    # Another dataset has no row yet, as none has in a new ledger.
    assert ledger.acquire_lease("flights", "run-2", 60).token > lease.token


@pytest.mark.parametrize("forged", [{"token": 1}, {"owner": "run-2"}, {"dataset": "flights"}])
def test_only_the_lease_itself_counts(ledger: Ledger, forged: dict[str, object]) -> None:
    lease = ledger.acquire_lease("retail", "run-1", 60)
    with pytest.raises(LedgerError):
        ledger.check_lease(replace(lease, **forged))  # type: ignore[arg-type]


def test_nobody_has_a_lease_by_inventing_it(ledger: Ledger) -> None:
    with pytest.raises(LeaseLostError):
        ledger.record_validations([], Lease("retail", "run-1", 1))


def test_a_reused_pid_is_another_process() -> None:
    here = this_process()
    earlier = replace(here, started_at=here.started_at - 60)
    assert not is_dead(here)
    assert is_dead(earlier)
    assert same_process(here, replace(here, started_at=here.started_at + 0.01))
    assert not same_process(here, earlier)
    assert not is_dead(replace(earlier, host="another-host"))
