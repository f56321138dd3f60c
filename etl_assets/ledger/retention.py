"""What the ledger forgets: details that something newer has replaced. Scores are kept for ever."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, delete, func, select

from etl_assets.ledger.records import RunStatus
from etl_assets.ledger.schema import publications, runs, statistics, tallies, validations
from etl_assets.ledger.writing_ledger import forget_writings


@dataclass(frozen=True)
class Forgotten:
    """Rows of the ledger that were deleted."""

    tallies: int = 0
    statistics: int = 0
    runs: int = 0


def forget(connection: Connection, dataset: str, before: datetime) -> Forgotten:
    """Delete the rules' tallies and the columns' statistics of replaced validations, and ended runs.

    The validations themselves stay, with their scores, and so does all of what is published now and of
    each partition's newest validation.
    """
    newest = (
        select(func.max(validations.c.id))
        .where(validations.c.dataset == dataset)
        .group_by(validations.c.layer, validations.c.table, validations.c.period)
    )
    published = select(publications.c.validation_id).where(publications.c.dataset == dataset)
    replaced = select(validations.c.id).where(
        validations.c.dataset == dataset,
        validations.c.ended_at < before,
        validations.c.id.not_in(newest),
        validations.c.id.not_in(published),
    )

    def details(table: Table) -> int:
        return connection.execute(delete(table).where(table.c.validation_id.in_(replaced))).rowcount

    ended = delete(runs).where(
        runs.c.dataset == dataset, runs.c.status != RunStatus.RUNNING, runs.c.ended_at < before
    )
    forget_writings(connection, dataset, before)
    return Forgotten(details(tallies), details(statistics), connection.execute(ended).rowcount)
