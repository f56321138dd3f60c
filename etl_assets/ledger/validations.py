"""What was found in each partition, and which finding its readers see."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, Subquery, Table, and_, func, insert, or_, select

from etl_assets.errors import ErrorKind, LedgerError
from etl_assets.ledger import deliveries, leases
from etl_assets.ledger.database import chunks, upsert
from etl_assets.ledger.records import (
    Failures,
    Lease,
    Outcome,
    PartitionKey,
    Publication,
    Score,
    Statistic,
    Tally,
    Validation,
    ValidationRecord,
)
from etl_assets.ledger.rows import lock_dataset, note_change, to_record, to_row
from etl_assets.ledger.schema import decision_effects, publications, scores, statistics, tallies, validations

C = TypeVar("C", Tally, Statistic, Score)

CHILDREN: Mapping[str, Table] = {
    "tallies": tallies,
    "statistics": statistics,
    "scores": scores,
    "effects": decision_effects,
}


def record(
    connection: Connection,
    records: Sequence[ValidationRecord],
    lease: Lease,
    ingested_delivery_ids: Sequence[str],
    now: datetime,
) -> list[Validation]:
    """Write validations with all that belongs to them, publish the published ones; all or nothing."""
    for one in records:
        _check(one, lease)
    # The lock first: from here on nobody takes the lease over before this is committed.
    lock_dataset(connection, lease.dataset)
    leases.require(connection, lease)
    recorded = _insert(connection, [one.validation for one in records])
    for name, table in CHILDREN.items():
        rows = [
            to_row(child, table, validation_id=validation.id)
            for validation, one in zip(recorded, records, strict=True)
            for child in getattr(one, name)
        ]
        if rows:
            connection.execute(insert(table), rows)
    _publish(connection, [one for one in recorded if one.outcome is Outcome.PUBLISHED], now)
    deliveries.mark_ingested(connection, lease.dataset, ingested_delivery_ids, now)
    note_change(connection, lease.dataset)
    return recorded


def _check(one: ValidationRecord, lease: Lease) -> None:
    validation = one.validation
    where = {"dataset": validation.dataset, "table": f"{validation.layer}/{validation.table}"}
    if validation.period:
        where["partition"] = validation.period
    if validation.dataset != lease.dataset:
        raise LedgerError(f"The lease is one of dataset {lease.dataset}", where=dict(where))
    for what, number in _floats(one):
        if number is not None and not math.isfinite(number):
            hint = "Null says unknown; this is a mistake in etl_assets, and nothing was recorded"
            what = f"{what} is {number}, which is no number"
            raise LedgerError(what, where=dict(where), hint=hint, kind=ErrorKind.BUG)
    total = validation.accepted + validation.quarantined + validation.duplicates
    if validation.outcome is Outcome.PUBLISHED and validation.rows_in != total:
        raise LedgerError(
            f"Rows don't add up: {validation.rows_in} in, {validation.accepted} accepted + "
            f"{validation.quarantined} quarantined + {validation.duplicates} duplicates = {total}",
            where=dict(where),
            hint="This is a mistake in etl_assets; nothing was recorded",
            kind=ErrorKind.BUG,
        )


def _floats(one: ValidationRecord) -> Iterator[tuple[str, float | None]]:
    for name in ("score", "row_score", "tolerance"):
        yield name, getattr(one.validation, name)
    for statistic in one.statistics:
        yield f"the mean of column {statistic.column}", statistic.mean
    for score in one.scores:
        yield f"the score of {score.dimension}", score.score


def _insert(connection: Connection, new: Sequence[Validation]) -> list[Validation]:
    if not new:
        return []
    rows = [to_row(one, validations) for one in new]
    for row in rows:
        del row["id"]
    statement = insert(validations).returning(validations.c.id, sort_by_parameter_order=True)
    ids = connection.execute(statement, rows).scalars().all()
    return [Validation(**{**vars(one), "id": id}) for one, id in zip(new, ids, strict=True)]


def _publish(connection: Connection, published: Sequence[Validation], now: datetime) -> None:
    if not published:
        return
    statement = upsert(connection, publications)
    others = ("validation_id", "state_id", "published_at")
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["dataset", "layer", "table", "period"],
            set_={name: statement.excluded[name] for name in others},
        ),
        [to_row(one, publications, validation_id=one.id, published_at=now) for one in published],
    )


def current(connection: Connection, dataset: str) -> dict[PartitionKey, Publication]:
    """Return what is published of a dataset."""
    statement = select(publications).where(publications.c.dataset == dataset)
    found = [to_record(Publication, row) for row in connection.execute(statement)]
    return {(one.layer, one.table, one.period): one for one in found}


def published(connection: Connection, dataset: str) -> dict[PartitionKey, Validation]:
    """Return the validation of each published partition."""
    return _by_partition(
        connection,
        select(validations)
        .join(publications, publications.c.validation_id == validations.c.id)
        .where(publications.c.dataset == dataset),
    )


def latest(connection: Connection, dataset: str) -> dict[PartitionKey, Validation]:
    """Return the newest validation of each partition, however it ended."""
    newest = _newest(dataset)
    return _by_partition(connection, select(validations).join(newest, newest.c.id == validations.c.id))


def history(
    connection: Connection,
    dataset: str,
    layer: str | None,
    table: str | None,
    period: str | None,
    limit: int | None,
) -> list[Validation]:
    """Return validations, newest first."""
    statement = select(validations).where(validations.c.dataset == dataset)
    for column, value in (("layer", layer), ("table", table), ("period", period)):
        if value is not None:
            statement = statement.where(validations.c[column] == value)
    rows = connection.execute(statement.order_by(validations.c.id.desc()).limit(limit))
    return [to_record(Validation, row) for row in rows]


def of_run(connection: Connection, run_id: str) -> list[Validation]:
    """Return the validations of one run, in order."""
    statement = select(validations).where(validations.c.run_id == run_id).order_by(validations.c.id)
    return [to_record(Validation, row) for row in connection.execute(statement)]


def failures_in_a_row(connection: Connection, dataset: str) -> dict[PartitionKey, Failures]:
    """Return, for each partition whose newest validation failed, how often it failed on the same state.

    What failed since something was away, which is its circuit's business, is passed over.
    """
    own = validations.c.circuit == ""
    newest = _newest(dataset, own)
    last = (
        select(validations)
        .join(newest, newest.c.id == validations.c.id)
        .where(validations.c.outcome == Outcome.FAILED)
        .subquery("last")
    )
    # What ended the row before: something else than a failure, or another state.
    other = or_(validations.c.outcome != Outcome.FAILED, validations.c.state_id != last.c.state_id)
    before = (
        select(last.c.id, func.max(validations.c.id).label("ended"))
        .join(validations, and_(_same_partition(validations, last), other))
        .group_by(last.c.id)
        .subquery("before")
    )
    statement = (
        select(
            *(last.c[name] for name in _OF_LAST),
            func.count().label("count"),
            func.min(validations.c.ended_at).label("first_at"),
            func.max(validations.c.ended_at).label("last_at"),
        )
        .join(validations, _same_partition(validations, last))
        .join(before, before.c.id == last.c.id, isouter=True)
        .where(validations.c.id > func.coalesce(before.c.ended, 0), own)
        .group_by(last.c.id, *(last.c[name] for name in _OF_LAST))
    )
    rows = connection.execute(statement)
    return {(row.layer, row.table, row.period): to_record(Failures, row) for row in rows}


_OF_LAST = ("layer", "table", "period", "state_id", "error_kind", "error")


def children(connection: Connection, kind: type[C], ids: Collection[int]) -> dict[int, tuple[C, ...]]:
    """Return the tallies, statistics or scores of validations, by validation; in order of their names."""
    table = {Tally: tallies, Statistic: statistics, Score: scores}[kind]
    found: defaultdict[int, list[C]] = defaultdict(list)
    for some in chunks(sorted(set(ids))):
        statement = select(table).where(table.c.validation_id.in_(some)).order_by(*table.primary_key.columns)
        for row in connection.execute(statement).all():
            found[row.validation_id].append(to_record(kind, row))
    return {id: tuple(found[id]) for id in ids}


def _newest(dataset: str, *only: ColumnElement[bool]) -> Subquery:
    return (
        select(func.max(validations.c.id).label("id"))
        .where(validations.c.dataset == dataset, *only)
        .group_by(validations.c.layer, validations.c.table, validations.c.period)
        .subquery("newest")
    )


def _same_partition(table: Table, other: Subquery) -> ColumnElement[bool]:
    return and_(*(table.c[name] == other.c[name] for name in ("dataset", "layer", "table", "period")))


def _by_partition(connection: Connection, statement: Select[Any]) -> dict[PartitionKey, Validation]:
    found = [to_record(Validation, row) for row in connection.execute(statement.order_by(validations.c.id))]
    return {one.partition: one for one in found}
