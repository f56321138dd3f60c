"""The part of the ledger that says who works on what, and what came of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from etl_assets.ledger import findings, leases, runs
from etl_assets.ledger.processes import this_process
from etl_assets.ledger.records import Finding, Lease, LeaseInfo, ProcessIdentity, Run, RunStatus
from etl_assets.ledger.transactions import Transactions


class RunLedger(Transactions):
    """Leases, runs, and the findings that a person should know of."""

    # --- leases ---------------------------------------------------------------------------------------------

    def acquire_lease(
        self, dataset: str, owner: str, ttl_seconds: float, process: ProcessIdentity | None = None
    ) -> Lease:
        """Take the lease of a dataset; asked again by the same owner and process, give the same one.

        A lease that has expired, or whose process on this host is dead, is taken over. The release of a lease
        ends it for all that share it: who took it first gives it back.

        Raises:
            LeaseHeldError: Somebody else holds it.
        """
        holder = process or this_process()
        with self._database.write() as connection:
            return leases.acquire(connection, dataset, owner, ttl_seconds, holder, self._now())

    def renew_lease(self, lease: Lease, ttl_seconds: float) -> None:
        """Put off the end of a lease.

        Raises:
            LeaseLostError: It was released or taken over.
        """
        with self._database.write() as connection:
            leases.renew(connection, lease, ttl_seconds, self._now())

    def release_lease(self, lease: Lease) -> bool:
        """Give a lease back; False, and no error, if it was lost before."""
        with self._database.write() as connection:
            return leases.release(connection, lease)

    def check_lease(self, lease: Lease) -> None:
        """Do nothing if `lease` is still held.

        Raises:
            LeaseLostError: It was released or taken over.
        """
        with self._database.read() as connection:
            leases.require(connection, lease)

    def leases(self) -> list[LeaseInfo]:
        """Return all leases, those included that nobody renewed in time."""
        with self._database.read() as connection:
            return leases.every(connection)

    # --- findings -------------------------------------------------------------------------------------------

    def report_findings(self, new: Sequence[Finding]) -> None:
        """Write findings: new ones, known ones seen again, settled ones that are back."""
        with self._database.write() as connection:
            findings.report(connection, new, self._now())

    def resolve_findings(self, settled: Collection[Finding]) -> None:
        """Mark findings as settled."""
        with self._database.write() as connection:
            findings.resolve(connection, settled, self._now())

    def replace_findings(self, dataset: str, kinds: Collection[str], now_true: Sequence[Finding]) -> None:
        """Report what is true now of these kinds of findings; open ones that are not among it are settled."""
        with self._database.write() as connection:
            findings.replace(connection, dataset, kinds, now_true, self._now())

    def findings(
        self, dataset: str | None = None, kinds: Collection[str] | None = None, *, open_only: bool = True
    ) -> list[Finding]:
        """Return findings, in the order in which they were first seen."""
        with self._database.read() as connection:
            return findings.find(connection, dataset, kinds, open_only)

    # --- runs -----------------------------------------------------------------------------------------------

    def start_run(self, id: str, dataset: str, process: ProcessIdentity | None = None) -> Run:
        """Write that a run has begun, in this process unless another one is given."""
        with self._database.write() as connection:
            return runs.start(connection, id, dataset, process or this_process(), self._now())

    def heartbeat_run(self, id: str) -> None:
        """Write that a run still lives."""
        with self._database.write() as connection:
            runs.heartbeat(connection, id, self._now())

    def add_usage(self, id: str, cpu_seconds: float, peak_memory_bytes: int) -> None:
        """Add to a run what one of its steps took of CPU time and memory."""
        with self._database.write() as connection:
            runs.add_usage(connection, id, cpu_seconds, peak_memory_bytes)

    def finish_run(
        self,
        id: str,
        status: RunStatus,
        *,
        rows: int | None = None,
        error_class: str = "",
        error: str = "",
        error_kind: str = "",
    ) -> None:
        """Write how a run ended, and for a failed one with what kind of error."""
        with self._database.write() as connection:
            runs.finish(connection, id, status, rows, error_class, error, error_kind, self._now())

    def reap_runs(self, silent_seconds: float) -> list[Run]:
        """Mark running runs as unfinished whose process is dead, or silent for longer; return them."""
        with self._database.write() as connection:
            return runs.reap(connection, silent_seconds, self._now())

    def runs(
        self,
        dataset: str | None = None,
        status: RunStatus | Collection[RunStatus] | None = None,
        limit: int | None = None,
    ) -> list[Run]:
        """Return runs, newest first."""
        statuses = [status] if isinstance(status, RunStatus) else status
        with self._database.read() as connection:
            return runs.find(connection, dataset, statuses, limit)

    def run(self, id: str) -> Run:
        """Return the run with this id, or with an id that alone starts so.

        Raises:
            LedgerError: There is none, or more than one.
        """
        with self._database.read() as connection:
            return runs.by_prefix(connection, id)
