"""The part of the ledger that says what was delivered."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from etl_assets.ledger import deliveries, listings
from etl_assets.ledger.records import Delivery, DeliveryState, ListedObject, SeenObject
from etl_assets.ledger.transactions import Transactions


class DeliveryLedger(Transactions):
    """Staging areas, their objects, and the deliveries that these are."""

    def seen_objects(self, dataset: str, keys: Sequence[str] | None = None) -> dict[str, SeenObject]:
        """Return every object that a listing ever showed, gone ones included, by key; or only some keys'."""
        with self._database.read() as connection:
            if keys is not None:
                return listings.seen_of(connection, dataset, keys)
            return listings.seen(connection, dataset)

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
            return listings.record_listing(connection, dataset, objects, complete, self._now())

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
            return listings.record_slice(connection, dataset, objects, covers, self._now())

    def listed_through(self, dataset: str) -> str:
        """Return the key after which the next slice of an area begins; "" for its beginning."""
        with self._database.read() as connection:
            return listings.listed_through(connection, dataset)

    def changes(self, dataset: str) -> int:
        """Return how often what is to be done for a dataset may have changed, as far as the ledger knows.

        It grows with every change of its objects, deliveries, validations and publications.
        """
        with self._database.read() as connection:
            return listings.changes(connection, dataset)

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

    def settle_deliveries(
        self,
        dataset: str,
        *,
        ingested: Collection[str],
        superseded: Mapping[str, str],
        reason: str,
        back: Collection[str],
    ) -> None:
        """Say of deliveries that no run is asked for what they are; what changed meanwhile stays what it is.

        Args:
            dataset: Whose deliveries.
            ingested: Pending ones whose rows are published.
            superseded: Pending or ingested ones that others count instead of: id -> the other's id.
            reason: Why they do.
            back: Those that were superseded for that reason, and are pending again.
        """
        with self._database.write() as connection:
            deliveries.settle_idle(connection, dataset, ingested, superseded, reason, back, self._now())

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
