"""The part of the ledger that says what is sick."""

from __future__ import annotations

from collections.abc import Callable

from etl_assets.errors import Circuit
from etl_assets.ledger import circuits
from etl_assets.ledger.circuit_records import Admission, CircuitStanding, ErrorCount, Failed
from etl_assets.ledger.transactions import Transactions


class CircuitLedger(Transactions):
    """Circuits of staging areas and lakes, and errors by their kind."""

    def admit(self, dataset: str, circuit: Circuit) -> Admission:
        """Ask whether work may go through a circuit; of all who ask when a probe is due one gets it."""
        with self._database.read() as connection:
            found = circuits.of(connection, dataset, circuit)
            if found.is_closed:
                return Admission(found, allowed=True)
        with self._database.write() as connection:
            return circuits.admit(connection, dataset, circuit, self._now())

    def circuit_failed(
        self, dataset: str, failure: Failed, most_failures: int, wait: Callable[[int], float]
    ) -> CircuitStanding:
        """Count a failure of a circuit, and open the circuit if it is one too many.

        Args:
            dataset: Whose circuit it is.
            failure: What failed.
            most_failures: So many in a row open it.
            wait: The number of the next probe -> seconds until then.
        """
        with self._database.write() as connection:
            now = self._now()
            standing = circuits.failed(connection, dataset, failure, most_failures, wait, now)
            circuits.count(connection, dataset, failure, now)
            return standing

    def circuit_succeeded(self, dataset: str, circuit: Circuit, *, in_run: bool) -> CircuitStanding:
        """Note that work went through; costs one query where nothing was wrong before."""
        with self._database.read() as connection:
            found = circuits.of(connection, dataset, circuit)
            if found.is_closed and not found.failures:
                return found
        with self._database.write() as connection:
            return circuits.succeeded(connection, dataset, circuit, in_run=in_run)

    def reset_circuit(self, dataset: str, circuit: Circuit) -> bool:
        """Close a circuit by hand; False if nothing was known of it."""
        with self._database.write() as connection:
            return circuits.reset(connection, dataset, circuit)

    def circuits(self, dataset: str | None = None) -> list[CircuitStanding]:
        """Return every circuit that ever failed, closed ones included."""
        with self._database.read() as connection:
            return circuits.every(connection, dataset)

    def count_error(self, dataset: str, failure: Failed) -> None:
        """Count an error by where it came from and its kind."""
        with self._database.write() as connection:
            circuits.count(connection, dataset, failure, self._now())

    def error_counts(self, dataset: str | None = None) -> list[ErrorCount]:
        """Return how often errors came, by dataset, origin and kind."""
        with self._database.read() as connection:
            return circuits.counts(connection, dataset)
