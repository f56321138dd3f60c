from __future__ import annotations

from datetime import timedelta

import pytest

from etl_assets.errors import LedgerError
from etl_assets.ledger.ledger import Ledger
from etl_assets.ledger.records import Lease
from etl_assets.ledger.writing_records import Writing, WritingOutcome
from etl_assets_tests.ledger.builders import Clock

WRITTEN, FAILED = WritingOutcome.WRITTEN, WritingOutcome.FAILED


def record(
    ledger: Ledger, clock: Clock, lease: Lease, outcome: WritingOutcome, state: str = "a", name: str = "daily"
) -> Writing:
    writing = Writing(
        dataset="retail",
        publication=name,
        run_id="run",
        state_id=state,
        outcome=outcome,
        started_at=clock(),
        ended_at=clock(),
        rows=3,
    )
    return ledger.record_writing(writing, lease)


@pytest.fixture
def lease(ledger: Ledger) -> Lease:
    return ledger.acquire_lease("retail", "run", 600)


def test_what_matters_of_the_past(ledger: Ledger, clock: Clock, lease: Lease) -> None:
    assert ledger.writing_histories("retail") == {}
    first = record(ledger, clock, lease, WRITTEN)
    record(ledger, clock, lease, FAILED, "b")
    record(ledger, clock, lease, FAILED, "c")
    last = record(ledger, clock, lease, FAILED, "c")
    other = record(ledger, clock, lease, FAILED, "c", name="weekly")

    found = ledger.writing_histories("retail")
    assert (found["daily"].written, found["daily"].newest, found["daily"].failures) == (first, last, 2)
    assert (found["weekly"].written, found["weekly"].newest, found["weekly"].failures) == (None, other, 1)
    assert ledger.writing_histories("flights") == {}
    assert [one.id for one in ledger.writings_of_run("run")] == sorted(
        one.id for one in ledger.writings_of_run("run")
    )


def test_asking_for_another_try_ends_the_row_of_failures(ledger: Ledger, clock: Clock, lease: Lease) -> None:
    record(ledger, clock, lease, FAILED)
    before = ledger.changes("retail")
    ledger.retry_writings("retail", {"daily": "warehouse:reporting.daily"})
    assert ledger.changes("retail") > before

    found = ledger.writing_histories("retail")["daily"]
    assert found.newest is not None
    assert (found.newest.outcome, found.failures) == (WritingOutcome.RETRY, 0)
    record(ledger, clock, lease, FAILED)
    assert ledger.writing_histories("retail")["daily"].failures == 1


def test_only_the_holder_of_the_lease_may_record(ledger: Ledger, clock: Clock, lease: Lease) -> None:
    ledger.release_lease(lease)
    with pytest.raises(LedgerError, match="not valid any more"):
        record(ledger, clock, lease, WRITTEN)
    assert ledger.writing_histories("retail") == {}


def test_old_attempts_are_forgotten_but_for_the_newest(ledger: Ledger, clock: Clock, lease: Lease) -> None:
    record(ledger, clock, lease, WRITTEN)
    written = record(ledger, clock, lease, WRITTEN)
    record(ledger, clock, lease, FAILED, "b")
    newest = record(ledger, clock, lease, FAILED, "c")
    clock.advance(timedelta(days=100).total_seconds())

    ledger.forget("retail", clock() - timedelta(days=90))

    assert [one.id for one in ledger.writings_of_run("run")] == [written.id, newest.id]
