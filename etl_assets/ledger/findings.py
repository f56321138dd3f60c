"""What a person should know of, from the day it was seen to the day it was settled."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, case, select, update

from etl_assets.ledger.database import upsert
from etl_assets.ledger.records import Finding
from etl_assets.ledger.rows import lock_dataset, to_record, to_row
from etl_assets.ledger.schema import findings

KEY = ("dataset", "table", "period", "delivery_id", "kind")


def report(connection: Connection, new: Sequence[Finding], now: datetime) -> None:
    """Write findings; one that is open already keeps the time at which it was first seen."""
    unique = {_key(one): one for one in new}
    if not unique:
        return
    for dataset in sorted({one.dataset for one in unique.values()}):
        lock_dataset(connection, dataset)
    statement = upsert(connection, findings)
    excluded = statement.excluded
    first_seen_at = case(
        (findings.c.resolved_at.is_(None), findings.c.first_seen_at), else_=excluded.first_seen_at
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=KEY,
            set_={
                "message": excluded.message,
                "first_seen_at": first_seen_at,
                "last_seen_at": excluded.last_seen_at,
                "resolved_at": None,
            },
        ),
        [
            to_row(one, findings, first_seen_at=now, last_seen_at=now, resolved_at=None)
            for one in unique.values()
        ],
    )


def resolve(connection: Connection, settled: Collection[Finding], now: datetime) -> None:
    """Mark findings as settled; those that are already stay as they are."""
    for one in settled:
        connection.execute(
            update(findings)
            .where(
                *(findings.c[name] == getattr(one, name) for name in KEY), findings.c.resolved_at.is_(None)
            )
            .values(resolved_at=now)
        )


def replace(
    connection: Connection, dataset: str, kinds: Collection[str], now_true: Sequence[Finding], now: datetime
) -> None:
    """Make `now_true` the open findings of these kinds: the others are settled."""
    lock_dataset(connection, dataset)
    keys = {_key(one) for one in now_true}
    before = find(connection, dataset, kinds, open_only=True)
    resolve(connection, [one for one in before if _key(one) not in keys], now)
    report(connection, now_true, now)


def find(
    connection: Connection, dataset: str | None, kinds: Collection[str] | None, open_only: bool
) -> list[Finding]:
    """Return findings, in the order in which they were first seen."""
    statement = select(findings)
    if dataset is not None:
        statement = statement.where(findings.c.dataset == dataset)
    if kinds is not None:
        statement = statement.where(findings.c.kind.in_(list(kinds)))
    if open_only:
        statement = statement.where(findings.c.resolved_at.is_(None))
    rows = connection.execute(
        statement.order_by(findings.c.first_seen_at, *(findings.c[name] for name in KEY))
    )
    return [to_record(Finding, row) for row in rows]


def _key(one: Finding) -> tuple[str, ...]:
    return tuple(getattr(one, name) for name in KEY)
