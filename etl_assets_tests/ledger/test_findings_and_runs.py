from __future__ import annotations

import pytest

from etl_assets.errors import LedgerError
from etl_assets.ledger.ledger import Ledger
from etl_assets.ledger.processes import this_host, this_process
from etl_assets.ledger.records import Finding, ProcessIdentity, RunStatus
from etl_assets_tests.ledger.builders import START, Clock

ELSEWHERE = ProcessIdentity(host="another-host", pid=1, started_at=1.0)


def missing(period: str, message: str = "no delivery") -> Finding:
    return Finding(dataset="retail", kind="missing", message=message, table="sales", period=period)


# --- findings -----------------------------------------------------------------------------------------------


def test_a_finding_seen_again_keeps_its_first_time(ledger: Ledger, clock: Clock) -> None:
    ledger.report_findings([missing("2010-12-01")])
    later = clock.advance(60)
    ledger.report_findings([missing("2010-12-01", "still no delivery")])

    [found] = ledger.findings("retail")
    assert (found.first_seen_at, found.last_seen_at, found.resolved_at) == (START, later, None)
    assert found.message == "still no delivery"


def test_a_settled_finding_that_is_back_begins_anew(ledger: Ledger, clock: Clock) -> None:
    ledger.report_findings([missing("2010-12-01")])
    settled_at = clock.advance(60)
    ledger.resolve_findings([missing("2010-12-01")])
    assert ledger.findings("retail") == []
    [settled] = ledger.findings("retail", open_only=False)
    assert settled.resolved_at == settled_at

    clock.advance(60)
    ledger.resolve_findings([missing("2010-12-01")])
    assert ledger.findings("retail", open_only=False) == [settled]

    back_at = clock.advance(60)
    ledger.report_findings([missing("2010-12-01")])
    [back] = ledger.findings("retail")
    assert (back.first_seen_at, back.resolved_at) == (back_at, None)


def test_what_is_not_true_any_more_is_settled(ledger: Ledger) -> None:
    other = Finding(dataset="retail", kind="unmatched", message="fits no table", delivery_id="d1")
    elsewhere = Finding(dataset="flights", kind="missing", message="no delivery")
    ledger.report_findings([missing("2010-12-01"), missing("2010-12-02"), other, elsewhere])

    ledger.replace_findings("retail", ["missing"], [missing("2010-12-02"), missing("2010-12-03")])

    assert [one.period for one in ledger.findings("retail", ["missing"])] == ["2010-12-02", "2010-12-03"]
    assert [one.kind for one in ledger.findings("retail", ["unmatched"])] == ["unmatched"]
    assert len(ledger.findings("flights")) == 1
    assert len(ledger.findings()) == 4


def test_a_finding_reported_twice_at_once_is_one(ledger: Ledger) -> None:
    ledger.report_findings([missing("2010-12-01", "one"), missing("2010-12-01", "two")])
    assert [one.message for one in ledger.findings("retail")] == ["two"]


# --- runs ---------------------------------------------------------------------------------------------------


def test_a_run_from_start_to_end(ledger: Ledger, clock: Clock) -> None:
    started = ledger.start_run("run-1", "retail")
    assert (started.status, started.host, started.pid) == (RunStatus.RUNNING, this_host(), this_process().pid)
    beat = clock.advance(5)
    ledger.heartbeat_run("run-1")
    assert ledger.run("run-1").heartbeat_at == beat

    end = clock.advance(5)
    ledger.finish_run("run-1", RunStatus.FAILED, rows=7, error_class="StagingError", error="no permission")

    found = ledger.run("run")
    assert (found.status, found.rows, found.error_class) == (RunStatus.FAILED, 7, "StagingError")
    assert (found.started_at, found.ended_at) == (START, end)
    clock.advance(5)
    ledger.heartbeat_run("run-1")
    assert ledger.run("run-1") == found


def test_runs_are_listed_newest_first(ledger: Ledger, clock: Clock) -> None:
    for id, dataset in (("one", "retail"), ("two", "flights"), ("three", "retail")):
        ledger.start_run(id, dataset)
        clock.advance(1)
    ledger.finish_run("one", RunStatus.COMPLETED)

    assert [run.id for run in ledger.runs()] == ["three", "two", "one"]
    assert [run.id for run in ledger.runs("retail")] == ["three", "one"]
    assert [run.id for run in ledger.runs("retail", RunStatus.RUNNING)] == ["three"]
    assert [run.id for run in ledger.runs(status=[RunStatus.COMPLETED, RunStatus.FAILED])] == ["one"]
    assert [run.id for run in ledger.runs(limit=1)] == ["three"]


def test_a_run_that_begins_again_is_running_since_its_first_start(ledger: Ledger, clock: Clock) -> None:
    ledger.start_run("run-1", "retail")
    ledger.finish_run("run-1", RunStatus.FAILED, error="no permission")
    clock.advance(60)
    again = ledger.start_run("run-1", "retail")
    assert (again.status, again.started_at, again.ended_at, again.error) == (
        RunStatus.RUNNING,
        START,
        None,
        "",
    )


def test_a_run_took_what_its_steps_took_together(ledger: Ledger) -> None:
    ledger.start_run("run-1", "retail")
    assert (ledger.run("run-1").cpu_seconds, ledger.run("run-1").peak_memory_bytes) == (None, None)
    ledger.add_usage("run-1", 1.5, 3_000_000_000)
    ledger.start_run("run-1", "retail")  # as each of its steps does
    ledger.add_usage("run-1", 0.25, 1_000)

    found = ledger.run("run-1")
    assert (found.cpu_seconds, found.peak_memory_bytes) == (1.75, 3_000_000_000)


def test_only_silent_and_dead_runs_are_reaped(ledger: Ledger, clock: Clock) -> None:
    here = this_process()
    ledger.start_run("alive", "retail")
    ledger.start_run("dead", "retail", ProcessIdentity(here.host, here.pid, here.started_at - 1_000))
    ledger.start_run("far", "retail", ELSEWHERE)
    ledger.start_run("done", "retail", ELSEWHERE)
    ledger.finish_run("done", RunStatus.COMPLETED)

    assert {run.id: run.error for run in ledger.reap_runs(120)} == {"dead": "its process is gone"}
    clock.advance(121)
    ledger.heartbeat_run("alive")
    [far] = ledger.reap_runs(120)

    assert (far.id, far.status, far.ended_at) == ("far", RunStatus.UNFINISHED, clock.time)
    assert ledger.run("far") == far
    assert ledger.run("alive").status is RunStatus.RUNNING
    assert ledger.run("done").status is RunStatus.COMPLETED


def test_an_unknown_run_is_an_error(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="no such run"):
        ledger.finish_run("nobody", RunStatus.COMPLETED)
    with pytest.raises(LedgerError, match="no such run"):
        ledger.run("nobody")
