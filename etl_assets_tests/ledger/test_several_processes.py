from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from etl_assets.errors import LeaseHeldError
from etl_assets.ledger.leases import LeaseLostError
from etl_assets.ledger.ledger import Ledger
from etl_assets.ledger.records import DeliveryState, Outcome, RunStatus
from etl_assets_tests.ledger import workers

spawn = multiprocessing.get_context("spawn")
PROCESSES = 4
PATIENCE = 60


@contextmanager
def started(target: Callable[..., None], *args: Any) -> Iterator[BaseProcess]:
    process = spawn.Process(target=target, args=args)
    process.start()
    try:
        yield process
    finally:
        process.kill()
        process.join(PATIENCE)


def run_together(target: Callable[..., None], *args: Any) -> list[Any]:
    start, done = spawn.Barrier(PROCESSES), spawn.Queue()
    processes = [
        spawn.Process(target=target, args=(*tuple(_of(n, arg) for arg in args), start, done))
        for n in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    results = [done.get(timeout=PATIENCE) for _ in processes]
    for process in processes:
        process.join(PATIENCE)
    assert [process.exitcode for process in processes] == [0] * PROCESSES
    return results


def _of(n: int, arg: Any) -> Any:
    return arg.format(n=n) if isinstance(arg, str) and arg == "process-{n}" else arg


def test_processes_that_open_a_new_ledger_at_once(url: str) -> None:
    assert run_together(workers.open_at_once, url) == [1] * PROCESSES


def test_a_lease_excludes_and_its_tokens_grow(url: str, tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    counter.write_text("0")
    each = 10

    tokens = run_together(workers.count_under_lease, url, counter, "process-{n}", each)

    assert counter.read_text() == str(PROCESSES * each)
    assert len({token for some in tokens for token in some}) == PROCESSES * each
    assert all(some == sorted(some) for some in tokens)
    with Ledger.open(url) as ledger:
        states = [int(one.state_id) for one in reversed(ledger.validations("retail"))]
    assert states == list(range(1, PROCESSES * each + 1))


def test_registering_at_once_loses_nothing(url: str) -> None:
    each = 20
    run_together(workers.register_many, url, "process-{n}", each)
    with Ledger.open(url) as ledger:
        found = ledger.deliveries("retail")
    assert [one.sequence for one in found] == list(range(1, 2 * PROCESSES * each + 1))
    current = [one for one in found if one.key == "same.csv" and one.state is not DeliveryState.SUPERSEDED]
    assert [one.id for one in current] == [
        max(found, key=lambda one: (one.key == "same.csv", one.sequence)).id
    ]


@pytest.mark.parametrize("reaped", [True, False])
def test_the_lease_of_a_killed_process_is_free_at_once(url: str, reaped: bool) -> None:
    holds = spawn.Event()
    with Ledger.open(url) as ledger, started(workers.hold_lease, url, holds) as holder:
        assert holds.wait(PATIENCE)
        [old] = ledger.leases()
        assert old.process.pid == holder.pid
        with pytest.raises(LeaseHeldError):
            ledger.acquire_lease("retail", "run-next", 60)
        assert ledger.reap_runs(3_600) == []

        holder.kill()
        if reaped:
            holder.join(PATIENCE)
        else:
            # Its parent has not asked for its exit code yet: the pid is still there, as a zombie.
            wait_for_zombie(holder)

        lease = ledger.acquire_lease("retail", "run-next", 60)
        assert lease.token > old.lease.token
        with pytest.raises(LeaseLostError):
            ledger.check_lease(old.lease)
        [run] = ledger.reap_runs(3_600)
        assert (run.id, run.status) == ("run-holder", RunStatus.UNFINISHED)


def wait_for_zombie(process: BaseProcess) -> None:
    stat = Path(f"/proc/{process.pid}/stat")
    if not stat.exists():
        pytest.skip("zombies can be told only where there is /proc")
    deadline = time.monotonic() + PATIENCE
    while stat.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("after", [0.0, 0.003, 0.01, 0.03, 0.1])
def test_a_process_killed_while_recording_leaves_all_or_nothing(url: str, after: float) -> None:
    recording = spawn.Event()
    with Ledger.open(url) as ledger, started(workers.Stubborn(url), recording) as writer:
        assert recording.wait(PATIENCE)
        time.sleep(after)
        writer.kill()
        writer.join(PATIENCE)

        lease = ledger.acquire_lease("retail", "run-next", 60)
        validations = ledger.validations("retail")
        assert len(validations) % 50 == 0
        ids = [one.id for one in validations]
        assert all(len(some) == 2 for some in ledger.tallies_for(ids).values())
        assert all(len(some) == 2 for some in ledger.scores_for(ids).values())
        published = {one.period for one in validations if one.outcome is Outcome.PUBLISHED}
        assert {key[2] for key in ledger.publications("retail")} == published
        ingested = ledger.deliveries("retail", state=DeliveryState.INGESTED)
        assert {one.period for one in ingested} == published
        pending = ledger.deliveries("retail", state=DeliveryState.PENDING)
        assert len(pending) in (0, 50)
        ledger.record_validations([], lease, [one.id for one in pending])
