"""The part of the ledger that knows when sources in databases were looked at."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from sqlalchemy import func, select

from etl_assets.ledger.database import upsert
from etl_assets.ledger.schema import deliveries, query_looks
from etl_assets.ledger.transactions import Transactions

QueryLook = Literal["read", "compared"]


class QueryLedger(Transactions):
    """Looks into databases: what is due, and up to where extracts are registered."""

    def query_looked(self, dataset: str, table: str, kind: QueryLook) -> datetime | None:
        """Return when a table's query was last read or compared; None if it never was."""
        statement = select(query_looks.c.at).where(
            query_looks.c.dataset == dataset, query_looks.c.table == table, query_looks.c.kind == kind
        )
        with self._database.read() as connection:
            found: datetime | None = connection.execute(statement).scalar()
            return found

    def note_query_look(self, dataset: str, table: str, kind: QueryLook) -> None:
        """Note that a table's query was read or compared just now."""
        with self._database.write() as connection:
            statement = upsert(connection, query_looks)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["dataset", "table", "kind"], set_={"at": statement.excluded.at}
                ),
                [{"dataset": dataset, "table": table, "kind": kind, "at": self._now()}],
            )

    def newest_key(self, dataset: str, table: str) -> str | None:
        """Return the greatest key of a table's deliveries, whatever became of them."""
        statement = select(func.max(deliveries.c.key)).where(
            deliveries.c.dataset == dataset, deliveries.c.table == table
        )
        with self._database.read() as connection:
            found: str | None = connection.execute(statement).scalar()
            return found
