"""What other processes do in these tests; apart, so that a started process imports little."""

from __future__ import annotations

import time
from dataclasses import dataclass
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import Any

from etl_assets.errors import LeaseHeldError
from etl_assets.ledger.ledger import Ledger
from etl_assets_tests.ledger.builders import Listed, delivery, record


def hold_lease(url: str, holds: Event) -> None:
    with Ledger.open(url) as ledger:
        ledger.acquire_lease("retail", "run-holder", ttl_seconds=3_600)
        ledger.start_run("run-holder", "retail")
        holds.set()
        time.sleep(600)


def open_at_once(url: str, start: Barrier, done: Any) -> None:
    start.wait(PATIENCE)
    with Ledger.open(url) as ledger:
        ledger.record_listing("retail", [Listed("a.csv")])
        done.put(len(ledger.seen_objects("retail")))


def count_under_lease(url: str, counter: Path, name: str, times: int, start: Barrier, done: Any) -> None:
    # A read and a write apart from each other: only the lease keeps two processes from losing an update.
    tokens: list[int] = []
    with Ledger.open(url) as ledger:
        start.wait(PATIENCE)
        while len(tokens) < times:
            try:
                lease = ledger.acquire_lease("retail", f"{name}-{len(tokens)}", ttl_seconds=60)
            except LeaseHeldError:
                time.sleep(0.001)
                continue
            number = int(counter.read_text())
            time.sleep(0.001)
            counter.write_text(str(number + 1))
            ledger.record_validations([record(state_id=str(number + 1))], lease)
            ledger.release_lease(lease)
            tokens.append(lease.token)
    done.put(tokens)


def register_many(url: str, name: str, times: int, start: Barrier, done: Any) -> None:
    with Ledger.open(url) as ledger:
        start.wait(PATIENCE)
        for n in range(times):
            ledger.register_deliveries(
                [delivery(f"{name}-{n}", f"{name}-{n}.csv"), delivery(f"{name}{n}", "same.csv")]
            )
    done.put(name)


PATIENCE = 60
"""Seconds until a worker gives up on the others; far more than any of this takes."""


@dataclass
class Stubborn:
    """Records in a loop until it is killed."""

    url: str

    def __call__(self, recording: Event) -> None:
        with Ledger.open(self.url) as ledger:
            lease = ledger.acquire_lease("retail", "run-killed", ttl_seconds=3_600)
            n = 0
            while True:
                ids = [f"{n}-{k}" for k in range(50)]
                ledger.register_deliveries([delivery(id, f"{id}.csv", period=id) for id in ids])
                recording.set()
                ledger.record_validations([record(id, state_id=id) for id in ids], lease, ids)
                n += 1
