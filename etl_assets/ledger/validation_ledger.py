"""The part of the ledger that says what was found in each partition."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from etl_assets.ledger import deliveries, validations
from etl_assets.ledger.records import (
    Failures,
    Lease,
    PartitionKey,
    Publication,
    Score,
    Statistic,
    Tally,
    Validation,
    ValidationRecord,
)
from etl_assets.ledger.transactions import Transactions


class ValidationLedger(Transactions):
    """Validations with all that belongs to them, and which of them readers see."""

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
