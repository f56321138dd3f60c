"""A lease on a dataset that is renewed for as long as the work goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from etl_assets.errors import EtlError, LeaseHeldError
from etl_assets.ledger.ledger import Ledger
from etl_assets.ledger.records import Lease


@contextmanager
def held_lease(
    ledger: Ledger, dataset: str, owner: str, ttl_seconds: float, *, wait_seconds: float = 0.0
) -> Iterator[Lease]:
    """Hold the lease of a dataset while the block runs; a thread renews it.

    A process that is killed stops renewing, so that another one may take over. If the lease is
    lost all the same, the block goes on and its commit is refused by the fencing token.

    Args:
        ledger: Where leases are.
        dataset: What is worked on.
        owner: The run's id.
        ttl_seconds: After so long without a renewal the lease counts as given up.
        wait_seconds: How long to wait for another holder.

    Raises:
        LeaseHeldError: Somebody else still held it after `wait_seconds`.
    """
    lease = _acquire(ledger, dataset, owner, ttl_seconds, wait_seconds)
    done = threading.Event()

    def renew() -> None:
        while not done.wait(ttl_seconds / 3):
            try:
                ledger.renew_lease(lease, ttl_seconds)
                ledger.heartbeat_run(owner)
            except EtlError:
                # The database may be away for a moment; if the lease is lost, the commit will say so.
                continue

    renewing = threading.Thread(target=renew, name=f"lease-{dataset}", daemon=True)
    renewing.start()
    try:
        yield lease
    finally:
        done.set()
        renewing.join()
        ledger.release_lease(lease)


def _acquire(ledger: Ledger, dataset: str, owner: str, ttl_seconds: float, wait_seconds: float) -> Lease:
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            return ledger.acquire_lease(dataset, owner, ttl_seconds)
        except LeaseHeldError:
            if time.monotonic() >= deadline:
                raise
            ledger.heartbeat_run(owner)  # a run that waits is alive
            time.sleep(min(0.5, max(ttl_seconds / 20, 0.05)))
