"""The ledger: what happened, in one SQL database that many processes write at once."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from etl_assets.ledger import deliveries, findings, leases, retention, runs, validations
from etl_assets.ledger.database import Database
from etl_assets.ledger.processes import this_process
from etl_assets.ledger.records import (
    Delivery,
    DeliveryState,
    Failures,
    Finding,
    Lease,
    LeaseInfo,
    ListedObject,
    PartitionKey,
    ProcessIdentity,
    Publication,
    Run,
    RunStatus,
    Score,
    SeenObject,
    Statistic,
    Tally,
    Validation,
    ValidationRecord,
)
from etl_assets.ledger.upgrade import ensure_schema

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


class Ledger:
    """Every method is one transaction: what it writes is there as a whole, or not at all.

    Threads may share one; a process that forks may not hand it on. Whatever goes wrong with the database is a
    `LedgerError`.
    """

    def __init__(self, database: Database, now: Clock = utc_now) -> None:
        self._database = database
        self._now = now

    @classmethod
    def open(cls, url: str, *, now: Clock = utc_now) -> Ledger:
        """Open the ledger at `url`; make or migrate it first where needed.

        Args:
            url: `sqlite:////absolute/path.db` or `postgresql://user@host/database`.
            now: The clock; it must give aware datetimes.
        """
        database = Database(url)
        try:
            ensure_schema(database)
        except BaseException:
            database.close()
            raise
        return cls(database, now)

    @property
    def shown_url(self) -> str:
        """Where the ledger is, without its password."""
        return self._database.shown_url

    def close(self) -> None:
        """Close the connections to the database."""
        self._database.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- staging areas --------------------------------------------------------------------------------------

    def seen_objects(self, dataset: str, keys: Sequence[str] | None = None) -> dict[str, SeenObject]:
        """Return every object that a listing ever showed, gone ones included, by key; or only some keys'."""
        with self._database.read() as connection:
            if keys is not None:
                return deliveries.seen_of(connection, dataset, keys)
            return deliveries.seen(connection, dataset)

    def record_listing(
        self, dataset: str, objects: Iterable[ListedObject], *, complete: bool = True
    ) -> dict[str, SeenObject]:
        """Write what a listing showed, and return what is known now, by key.

        Args:
            dataset: Whose staging area was listed.
            objects: What is there.
            complete: False if parts of the area could not be listed: then nothing counts as gone.
        """
        with self._database.write() as connection:
            return deliveries.record_listing(connection, dataset, objects, complete, self._now())

    def record_slice(
        self, dataset: str, objects: Iterable[ListedObject], covers: tuple[str, str | None] | None
    ) -> dict[str, SeenObject]:
        """Write what a part of a listing showed, and return what is known of these objects now, by key.

        Objects that are found to be gone are among them.

        Args:
            dataset: Whose staging area was listed.
            objects: What is there.
            covers: The keys, after the first and up to the second, of which all are among the objects;
                the next slice begins there. None if nothing was listed as a whole.
        """
        with self._database.write() as connection:
            return deliveries.record_slice(connection, dataset, objects, covers, self._now())

    def listed_through(self, dataset: str) -> str:
        """Return the key after which the next slice of an area begins; "" for its beginning."""
        with self._database.read() as connection:
            return deliveries.listed_through(connection, dataset)

    def deliveries_of(self, dataset: str, keys: Sequence[str]) -> list[Delivery]:
        """Return the deliveries of some objects, in the order in which they were registered."""
        with self._database.read() as connection:
            return deliveries.of_keys(connection, dataset, keys)

    def newest_periods(self, dataset: str) -> dict[str, str]:
        """Return the newest period of which each bronze table has a delivery, where names tell."""
        with self._database.read() as connection:
            return deliveries.newest_periods(connection, dataset)

    def register_deliveries(self, new: Sequence[Delivery]) -> list[Delivery]:
        """Make each delivery the current one of its key, and return them as they stand now.

        An unknown delivery becomes pending. A known one keeps its state (its file was touched or copied),
        except that it becomes pending again if it was superseded (the old content is back) or if it now
        belongs to another table, period or part. Whatever else was current for the same key is superseded.
        Objects that were listed with the same key and fingerprint are linked to it.
        """
        by_dataset: dict[str, list[Delivery]] = {}
        for one in new:
            by_dataset.setdefault(one.dataset, []).append(one)
        with self._database.write() as connection:
            now = self._now()
            # In order of their names, or two writers could wait for each other.
            sets = [
                deliveries.register(connection, name, by_dataset[name], now) for name in sorted(by_dataset)
            ]
        return [one for some in sets for one in some]

    def set_delivery_state(
        self,
        ids: Collection[str],
        state: DeliveryState,
        reason: str = "",
        *,
        superseded_by: str | None = None,
    ) -> int:
        """Put deliveries into a state, with the reason that people will read; returns how many there were."""
        with self._database.write() as connection:
            deliveries.lock_datasets_of(connection, sorted(ids))
            return deliveries.set_state(connection, sorted(ids), state, reason, superseded_by)

    def set_delivery_periods(self, periods: Mapping[str, Collection[str]]) -> None:
        """Say of which partitions each delivery (by id) has rows, where only its rows tell."""
        with self._database.write() as connection:
            deliveries.lock_datasets_of(connection, sorted(periods))
            deliveries.set_periods(connection, periods)

    def deliveries(
        self,
        dataset: str | None = None,
        table: str | None = None,
        state: DeliveryState | Collection[DeliveryState] | None = None,
        periods: Collection[str] | None = None,
    ) -> list[Delivery]:
        """Return the deliveries that match all that is given, in the order in which they were registered."""
        states = [state] if isinstance(state, DeliveryState) else state
        with self._database.read() as connection:
            return deliveries.find(connection, dataset, table, states, periods)

    def delivery(self, id: str) -> Delivery:
        """Return the delivery with this id, or with an id that alone starts so.

        Raises:
            LedgerError: There is none, or more than one.
        """
        with self._database.read() as connection:
            return deliveries.by_prefix(connection, id)

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

    # --- validations ----------------------------------------------------------------------------------------

    def record_validations(
        self,
        records: Sequence[ValidationRecord],
        lease: Lease,
        ingested_delivery_ids: Collection[str] = (),
        *,
        tried: Collection[str] = (),
        on_hold: Mapping[str, str] | None = None,
    ) -> list[Validation]:
        """Record what a run found, publish what is published, settle its deliveries; all or nothing.

        Args:
            records: Validations with their tallies, statistics and scores, of the lease's dataset.
            lease: The right to do so, checked within the same transaction.
            ingested_delivery_ids: Pending ones become ingested; one that was superseded or put on hold
                meanwhile stays what it is.
            tried: Pending deliveries that forget why they were asked for.
            on_hold: Deliveries that can't be read, and why: they wait for a person, unless they were
                superseded meanwhile.

        Returns:
            The validations with their ids, in the same order.

        Raises:
            LeaseLostError: The lease was released or taken over.
            LedgerError: A published validation's rows don't add up, or a number is not finite.
        """
        with self._database.write() as connection:
            ids = sorted(ingested_delivery_ids)
            recorded = validations.record(connection, records, lease, ids, self._now())
            deliveries.settle(connection, lease.dataset, sorted(tried), on_hold or {})
            return recorded

    def publications(self, dataset: str) -> dict[PartitionKey, Publication]:
        """Return what readers of the dataset see now: (layer, table, period) -> publication."""
        with self._database.read() as connection:
            return validations.current(connection, dataset)

    def published_validations(self, dataset: str) -> dict[PartitionKey, Validation]:
        """Return the validation behind each publication."""
        with self._database.read() as connection:
            return validations.published(connection, dataset)

    def latest_validations(self, dataset: str) -> dict[PartitionKey, Validation]:
        """Return the newest validation of each partition, however it ended."""
        with self._database.read() as connection:
            return validations.latest(connection, dataset)

    def validations(
        self,
        dataset: str,
        layer: str | None = None,
        table: str | None = None,
        period: str | None = None,
        limit: int | None = None,
    ) -> list[Validation]:
        """Return the history, newest first."""
        with self._database.read() as connection:
            return validations.history(connection, dataset, layer, table, period, limit)

    def validations_of_run(self, run_id: str) -> list[Validation]:
        """Return what one run recorded, in order."""
        with self._database.read() as connection:
            return validations.of_run(connection, run_id)

    def failures_in_a_row(self, dataset: str) -> dict[PartitionKey, Failures]:
        """Return, for each partition whose newest validation failed, how often it did on the same state."""
        with self._database.read() as connection:
            return validations.failures_in_a_row(connection, dataset)

    def tallies_for(self, validation_ids: Collection[int]) -> dict[int, tuple[Tally, ...]]:
        """Return the tallies of each validation, by rule's name."""
        with self._database.read() as connection:
            return validations.children(connection, Tally, validation_ids)

    def statistics_for(self, validation_ids: Collection[int]) -> dict[int, tuple[Statistic, ...]]:
        """Return the column statistics of each validation, by column's name."""
        with self._database.read() as connection:
            return validations.children(connection, Statistic, validation_ids)

    def scores_for(self, validation_ids: Collection[int]) -> dict[int, tuple[Score, ...]]:
        """Return the scores per dimension of each validation."""
        with self._database.read() as connection:
            return validations.children(connection, Score, validation_ids)

    def forget(self, dataset: str, before: datetime) -> retention.Forgotten:
        """Delete tallies and statistics of replaced validations that ended before, and runs; scores stay."""
        with self._database.write() as connection:
            return retention.forget(connection, dataset, before)

    def back_up(self, file: Path) -> None:
        """Write a copy of a SQLite ledger as it is at one instant, while others go on writing.

        Raises:
            LedgerError: It is a PostgreSQL database, which has programs of its own for that.
        """
        self._database.back_up(file)

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

    def finish_run(
        self, id: str, status: RunStatus, *, rows: int | None = None, error_class: str = "", error: str = ""
    ) -> None:
        """Write how a run ended."""
        with self._database.write() as connection:
            runs.finish(connection, id, status, rows, error_class, error, self._now())

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
