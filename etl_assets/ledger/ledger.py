"""The ledger: what happened, in one SQL database that many processes write at once."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from etl_assets.ledger import retention
from etl_assets.ledger.circuit_ledger import CircuitLedger
from etl_assets.ledger.database import Database
from etl_assets.ledger.decision_ledger import DecisionLedger
from etl_assets.ledger.delivery_ledger import DeliveryLedger
from etl_assets.ledger.query_ledger import QueryLedger
from etl_assets.ledger.run_ledger import RunLedger
from etl_assets.ledger.schema import datasets
from etl_assets.ledger.transactions import Clock, utc_now
from etl_assets.ledger.upgrade import ensure_schema
from etl_assets.ledger.validation_ledger import ValidationLedger
from etl_assets.ledger.writing_ledger import WritingLedger


class Ledger(
    DeliveryLedger, ValidationLedger, DecisionLedger, WritingLedger, RunLedger, CircuitLedger, QueryLedger
):
    """Every method is one transaction: what it writes is there as a whole, or not at all.

    Threads may share one; a process that forks may not hand it on. Whatever goes wrong with the database is a
    `LedgerError`.
    """

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

    def check_writable(self) -> None:
        """Write what changes nothing.

        Raises:
            LedgerError: It can only be read.
        """
        self._database.check_writable(datasets)

    def server_time(self) -> datetime | None:
        """The clock of the server that the ledger lives on; None for a file, which has none."""
        return self._database.server_time()

    def close(self) -> None:
        """Close the connections to the database."""
        self._database.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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
