from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance, DagsterRunStatus

from etl_assets.orchestration.local_run import LocalRun, open_instance, run_dataset
from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.end_to_end.arena import Victim, copy_home
from etl_assets_tests.end_to_end.leaky import settings
from etl_assets_tests.end_to_end.test_kill import first_time, second_time
from etl_assets_tests.end_to_end.works import SHORT_LEASE_SECONDS
from etl_assets_tests.orchestration.homes import quick_folder

pytestmark = pytest.mark.slow

WORKS = "etl_assets_tests.end_to_end.works"
DAGSTER = f"{WORKS}:tiny_days_in_dagster"
SHORT_LEASE = f"{WORKS}:tiny_days_with_a_short_lease"


@pytest.fixture(scope="module", params=[first_time, second_time], ids=["first", "second"])
def template(request: pytest.FixtureRequest) -> Iterator[Path]:
    with quick_folder() as home:
        request.param(home)
        yield home


@pytest.fixture(scope="module")
def expected(template: Path) -> Iterator[dict[str, desk.Rows]]:
    with quick_folder() as folder:
        pipeline = tiny.open_pipeline(copy_home(template, folder / "home"))
        desk.work(pipeline)
        yield desk.tables(pipeline)
        pipeline.ledger.close()


@pytest.fixture
def home(template: Path) -> Iterator[Path]:
    with quick_folder() as folder:
        yield copy_home(template, folder / "home")


def assert_as_undisturbed(home: Path, expected: dict[str, desk.Rows]) -> None:
    pipeline = tiny.open_pipeline(home)
    desk.assert_same(desk.tables(pipeline), expected)
    desk.assert_rows_add_up(pipeline)
    desk.assert_settled(pipeline)


def run_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[LocalRun, dict[DagsterRunStatus, int]]:
    """`dq run` once more in this process, and how many runs Dagster has in each state then."""
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
    done = run_dataset(tiny.DATASET, settings(home))
    with open_instance(settings(home)) as instance:
        return done, _statuses(instance)


def _statuses(instance: DagsterInstance) -> dict[DagsterRunStatus, int]:
    found: dict[DagsterRunStatus, int] = {}
    for record in instance.get_run_records():
        status = record.dagster_run.status
        found[status] = found.get(status, 0) + 1
    return found


def wait_for_a_lease(home: Path) -> None:
    ledger = tiny.open_pipeline(home).ledger
    deadline = time.monotonic() + 60
    while not ledger.leases():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_two_runs_at_once_come_to_the_same(
    home: Path, expected: dict[str, desk.Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [Victim.start(DAGSTER), Victim.start(DAGSTER)]
    for one in both:
        one.wait_ready()
    for one in both:
        one.go(home)
    assert None not in [one.end() for one in both]
    done, statuses = run_again(home, monkeypatch)
    assert done.nothing_to_do
    assert statuses.keys() <= {DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE}
    assert_as_undisturbed(home, expected)


def test_a_run_that_waits_takes_over_from_one_that_is_killed(
    home: Path, expected: dict[str, desk.Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Victim.start(DAGSTER).wait_ready(), Victim.start(DAGSTER).wait_ready()
    first.go(home)
    wait_for_a_lease(home)
    # It keeps its lease: the other one has to wait for as long as it stands still.
    first.signal(signal.SIGSTOP)
    second.go(home)
    time.sleep(1)
    assert second.process.poll() is None
    first.signal(signal.SIGKILL)
    assert first.end() is None
    assert second.end() is not None
    done, statuses = run_again(home, monkeypatch)
    assert done.nothing_to_do
    assert statuses.keys() <= {DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE}
    assert_as_undisturbed(home, expected)


@pytest.mark.parametrize("step", ["_written", "transaction_version", "create_write_transaction"])
@pytest.mark.parametrize("number", [1, 5])
def test_a_writer_that_wakes_up_after_its_lease_is_refused(
    home: Path, expected: dict[str, desk.Rows], step: str, number: int
) -> None:
    sleeper = Victim.start(SHORT_LEASE, env={"STOP_AFTER": f"{step} {number}"})
    sleeper.wait_ready().go(home).wait_stopped()
    pipeline = tiny.open_pipeline(home)
    slept_in = {one.id for one in pipeline.ledger.runs("tiny")}
    time.sleep(SHORT_LEASE_SECONDS + 0.2)
    desk.work(pipeline)
    desk.assert_same(desk.tables(pipeline), expected)

    sleeper.signal(signal.SIGCONT)
    said = sleeper.fail()
    assert "StaleWriterError" in said or "LeaseLostError" in said
    for run in pipeline.ledger.runs("tiny"):
        if run.id in slept_in and run.ended_at is None:
            assert pipeline.ledger.reap_runs(silent_seconds=3600)
    assert desk.work(pipeline) == []
    assert_as_undisturbed(home, expected)
