"""The part of the ledger that keeps what people decided."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from etl_assets.ledger import decisions
from etl_assets.ledger.decision_records import Decision
from etl_assets.ledger.transactions import Transactions


class DecisionLedger(Transactions):
    """Decisions are added, never changed; what holds follows from all of them."""

    def record_decisions(self, new: Sequence[Decision]) -> list[Decision]:
        """Write decisions of one dataset, all or none, and return them with their ids.

        Raises:
            DecisionConflictError: Somebody else's decision stands on the same row, gate or delivery, or says
                otherwise of the same rows, and the new one names it neither in `supersedes` nor in `beside`;
                or what it supersedes stands no more.
            DecisionError: It supersedes a decision that is not there, or on something else.
        """
        with self._database.write() as connection:
            return decisions.record(connection, new, self._now())

    def decisions(self, dataset: str) -> list[Decision]:
        """Return all decisions on a dataset, in the order in which they were made."""
        with self._database.read() as connection:
            return decisions.every(connection, dataset)

    def decision_effects(self, validation_ids: Collection[int]) -> dict[int, int]:
        """Return how many rows each decision concerned in some validations: decision -> rows."""
        with self._database.read() as connection:
            return decisions.effects(connection, validation_ids)

    def rejections(self) -> dict[str, Decision]:
        """Return the deliveries that count no more, by id, with the decision that says so."""
        with self._database.read() as connection:
            return decisions.rejections(connection, self._now())

    def dataset_of_decision(self, id: int) -> str | None:
        """Return the dataset that a decision is on, None if there is no such decision."""
        with self._database.read() as connection:
            return decisions.dataset_of(connection, id)
