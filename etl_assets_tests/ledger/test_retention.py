from __future__ import annotations

from datetime import timedelta

from etl_assets.ledger.ledger import Ledger
from etl_assets.ledger.records import Outcome, RunStatus
from etl_assets.ledger.retention import Forgotten
from etl_assets_tests.ledger.builders import START, Clock, record

LATER = START + timedelta(days=1)


def test_only_details_of_what_was_replaced_are_forgotten(ledger: Ledger) -> None:
    lease = ledger.acquire_lease("retail", "run", 60)
    replaced, published, held, other = ledger.record_validations(
        [record(), record(), record(outcome=Outcome.HELD), record("2010-12-02")], lease
    )

    # The newest is held, the one before it is what readers see.
    assert ledger.forget("retail", LATER) == Forgotten(tallies=2, statistics=2, runs=0)
    ids = [one.id for one in (replaced, published, held, other)]
    assert [bool(found) for found in ledger.tallies_for(ids).values()] == [False, True, True, True]
    assert [bool(found) for found in ledger.statistics_for(ids).values()] == [False, True, True, True]
    assert all(ledger.scores_for(ids).values())
    assert len(ledger.validations("retail")) == 4
    assert ledger.forget("retail", LATER) == Forgotten()


def test_what_is_younger_or_of_another_dataset_stays(ledger: Ledger) -> None:
    for name in ("retail", "flights"):
        lease = ledger.acquire_lease(name, "run", 60)
        ledger.record_validations([record(dataset=name), record(dataset=name)], lease)

    assert ledger.forget("retail", START) == Forgotten()
    assert ledger.forget("retail", LATER).tallies == 2
    assert all(ledger.tallies_for([one.id for one in ledger.validations("flights")]).values())


def test_ended_runs_are_forgotten_and_running_ones_are_not(ledger: Ledger, clock: Clock) -> None:
    for id in ("old", "running", "young"):
        ledger.start_run(id, "retail")
        clock.advance(86_400)
        if id != "running":
            ledger.finish_run(id, RunStatus.COMPLETED)

    assert ledger.forget("retail", START + timedelta(days=2)).runs == 1
    assert {run.id for run in ledger.runs("retail")} == {"running", "young"}
