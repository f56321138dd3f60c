"""The part of the ledger that says what was written to the destinations of publications."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select

from etl_assets.ledger import leases
from etl_assets.ledger.records import Lease
from etl_assets.ledger.rows import lock_dataset, note_change, to_record, to_row
from etl_assets.ledger.schema import writings
from etl_assets.ledger.transactions import Transactions
from etl_assets.ledger.writing_records import Writing, WritingHistory, WritingOutcome


class WritingLedger(Transactions):
    """Attempts to write publications."""

    def record_writing(self, writing: Writing, lease: Lease) -> Writing:
        """Record how an attempt ended.

        Raises:
            LeaseLostError: The lease was released or taken over.
        """
        with self._database.write() as connection:
            lock_dataset(connection, lease.dataset)
            leases.require(connection, lease)
            return _insert(connection, writing)

    def retry_writings(self, dataset: str, publications: Mapping[str, str]) -> None:
        """Ask for another attempt at publications (name -> place), whatever came of the earlier ones."""
        now = self._now()
        with self._database.write() as connection:
            lock_dataset(connection, dataset)
            for name, place in publications.items():
                asked = Writing(
                    dataset=dataset,
                    publication=name,
                    run_id="",
                    state_id="",
                    outcome=WritingOutcome.RETRY,
                    started_at=now,
                    ended_at=now,
                    place=place,
                )
                _insert(connection, asked)

    def writing_histories(self, dataset: str) -> dict[str, WritingHistory]:
        """Return what matters of the past of each publication that was ever written or tried, by name."""
        with self._database.read() as connection:
            written = _newest(connection, dataset, WritingOutcome.WRITTEN)
            newest = _newest(connection, dataset)
            return {
                name: WritingHistory(written.get(name), one, _failures(connection, one))
                for name, one in newest.items()
            }

    def writings_of_run(self, run_id: str) -> list[Writing]:
        """Return what one run recorded, in order."""
        query = select(writings).where(writings.c.run_id == run_id).order_by(writings.c.id)
        with self._database.read() as connection:
            return [to_record(Writing, row) for row in connection.execute(query)]


def forget_writings(connection: Connection, dataset: str, before: datetime) -> None:
    """Delete attempts that ended before, but for the newest of each publication, and the newest written."""
    kept = [
        select(func.max(writings.c.id))
        .where(writings.c.dataset == dataset, *of)
        .group_by(writings.c.publication)
        for of in ((), (writings.c.outcome == WritingOutcome.WRITTEN,))
    ]
    old = delete(writings).where(writings.c.dataset == dataset, writings.c.ended_at < before)
    connection.execute(old.where(*(writings.c.id.not_in(ids) for ids in kept)))


def _insert(connection: Connection, writing: Writing) -> Writing:
    row = to_row(writing, writings)
    del row["id"]
    id = connection.execute(insert(writings).returning(writings.c.id), row).scalar_one()
    note_change(connection, writing.dataset)
    return replace(writing, id=id)


def _newest(
    connection: Connection, dataset: str, outcome: WritingOutcome | None = None
) -> dict[str, Writing]:
    own = [writings.c.dataset == dataset, *([writings.c.outcome == outcome] if outcome else [])]
    ids = select(func.max(writings.c.id)).where(*own).group_by(writings.c.publication)
    query = select(writings).where(writings.c.id.in_(ids)).order_by(writings.c.publication)
    return {row.publication: to_record(Writing, row) for row in connection.execute(query)}


def _failures(connection: Connection, newest: Writing) -> int:
    """How many attempts have failed in a row on the newest one's state."""
    if newest.outcome is not WritingOutcome.FAILED:
        return 0
    own = (writings.c.dataset == newest.dataset, writings.c.publication == newest.publication)
    other = (writings.c.outcome != WritingOutcome.FAILED) | (writings.c.state_id != newest.state_id)
    ended = select(func.coalesce(func.max(writings.c.id), 0)).where(*own, other).scalar_subquery()
    return connection.execute(select(func.count()).where(*own, writings.c.id > ended)).scalar_one()
