"""What was delivered, and which version of it counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, select, update

from etl_assets.errors import LedgerError
from etl_assets.ledger.column_types import storable
from etl_assets.ledger.database import CHUNK, chunks, upsert
from etl_assets.ledger.records import Delivery, DeliveryState
from etl_assets.ledger.rows import AnyRow, lock_dataset, note_change, to_record, to_row
from etl_assets.ledger.schema import datasets, deliveries, delivery_periods, seen_objects


def register(connection: Connection, dataset: str, new: Sequence[Delivery], now: datetime) -> list[Delivery]:
    """Make each of `new` the current delivery of its key; what was current before is superseded."""
    sequence = lock_dataset(connection, dataset).last_sequence
    known = {one.id: one for one in by_ids(connection, [one.id for one in new])}
    registered: dict[str, Delivery] = {}
    for one in new:
        old = registered.get(one.id) or known.get(one.id)
        if old is not None and old.state is not DeliveryState.SUPERSEDED and _same_place(old, one):
            # Touched or copied: the same content, to be found under another fingerprint.
            fresh = {
                "fingerprint": one.fingerprint,
                "modified_ns": one.modified_ns,
                "content": one.content or old.content,
            }
            registered[one.id] = Delivery(**{**vars(old), **fresh})
            continue
        sequence += 1
        values_now = {
            "state": DeliveryState.PENDING,
            "reason": "",
            "registered_at": now,
            "ingested_at": None,
            "sequence": sequence,
            "superseded_by": None,
            "periods": one.periods or ((one.period,) if one.period is not None else ()),
        }
        registered[one.id] = Delivery(**{**vars(one), **values_now})
    _put_deliveries(connection, list(registered.values()))
    _supersede_older(connection, dataset, registered.values())
    _link_objects(connection, dataset, registered.values())
    note_change(connection, dataset)
    connection.execute(update(datasets).where(datasets.c.dataset == dataset).values(last_sequence=sequence))
    return by_ids(connection, list(registered))


def _same_place(old: Delivery, new: Delivery) -> bool:
    # Otherwise the dataset's settings have changed, and the file now means another table or partition.
    if (old.table, old.period, old.part) != (new.table, new.period, new.part):
        return False
    # The same settings may say other periods later on, when more have begun: what was said first counts.
    asked_anew = old.content.get("periods_by", "") != new.content.get("periods_by", "")
    return not asked_anew or set(old.periods) == set(new.periods)


def _put_deliveries(connection: Connection, records: Sequence[Delivery]) -> None:
    if not records:
        return
    statement = upsert(connection, deliveries)
    others = [c.name for c in deliveries.columns if c.name != "id"]
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["id"], set_={name: statement.excluded[name] for name in others}
        ),
        [to_row(one, deliveries) for one in records],
    )
    set_periods(connection, {one.id: one.periods for one in records})


def _supersede_older(connection: Connection, dataset: str, records: Iterable[Delivery]) -> None:
    newest: dict[str, Delivery] = {}
    for one in sorted(records, key=lambda one: one.sequence):
        newest[storable(one.key)] = one
    for keys in chunks(sorted(newest)):
        found = connection.execute(
            select(deliveries.c.id, deliveries.c.key, deliveries.c.sequence).where(
                deliveries.c.dataset == dataset,
                deliveries.c.key.in_(keys),
                deliveries.c.state != DeliveryState.SUPERSEDED,
            )
        ).all()
        for row in found:
            by = newest[row.key]
            if row.id != by.id:
                set_state(
                    connection, [row.id], DeliveryState.SUPERSEDED, "a newer version was delivered", by.id
                )


def _link_objects(connection: Connection, dataset: str, records: Iterable[Delivery]) -> None:
    rows = [{"of": dataset, "at": one.key, "print": one.fingerprint, "to": one.id} for one in records]
    if not rows:
        return
    connection.execute(
        update(seen_objects)
        .where(
            seen_objects.c.dataset == bindparam("of"),
            seen_objects.c.key == bindparam("at"),
            seen_objects.c.fingerprint == bindparam("print"),
        )
        .values(delivery_id=bindparam("to")),
        rows,
    )


def set_periods(connection: Connection, periods: Mapping[str, Collection[str]]) -> None:
    """Say of which partitions a delivery has rows; what was said before is forgotten."""
    for ids in chunks(sorted(periods)):
        connection.execute(delete(delivery_periods).where(delivery_periods.c.delivery_id.in_(ids)))
    rows = [{"delivery_id": id, "period": period} for id in periods for period in sorted(set(periods[id]))]
    if rows:
        connection.execute(delivery_periods.insert(), rows)


def lock_datasets_of(connection: Connection, ids: Sequence[str]) -> None:
    """Make the other writers of these deliveries' datasets wait; what is to be done there changes."""
    names: set[str] = set()
    for some in chunks(ids):
        statement = select(deliveries.c.dataset).where(deliveries.c.id.in_(some)).distinct()
        names.update(connection.execute(statement).scalars())
    for name in sorted(names):
        lock_dataset(connection, name)
        note_change(connection, name)


def set_state(
    connection: Connection, ids: Sequence[str], state: DeliveryState, reason: str, superseded_by: str | None
) -> int:
    """Put deliveries into a state; returns how many there were."""
    count = 0
    for some in chunks(ids):
        found = connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_(some))
            .values(state=state, reason=reason, superseded_by=superseded_by)
        )
        count += found.rowcount
    return count


def mark_ingested(connection: Connection, dataset: str, ids: Sequence[str], now: datetime) -> None:
    """Mark pending deliveries as ingested; one that was superseded or held meanwhile stays what it is."""
    for some in chunks(ids):
        connection.execute(
            update(deliveries)
            .where(
                deliveries.c.dataset == dataset,
                deliveries.c.id.in_(some),
                deliveries.c.state == DeliveryState.PENDING,
            )
            .values(state=DeliveryState.INGESTED, reason="", ingested_at=now)
        )


def settle(connection: Connection, dataset: str, tried: Sequence[str], on_hold: Mapping[str, str]) -> None:
    """Take note of a try: what was asked for has been done, what can't be read waits for a person."""
    for some in chunks(tried):
        connection.execute(
            update(deliveries)
            .where(
                deliveries.c.dataset == dataset,
                deliveries.c.id.in_(some),
                deliveries.c.state == DeliveryState.PENDING,
                deliveries.c.reason != "",
            )
            .values(reason="")
        )
    for id, reason in sorted(on_hold.items()):
        connection.execute(
            update(deliveries)
            .where(
                deliveries.c.dataset == dataset,
                deliveries.c.id == id,
                deliveries.c.state != DeliveryState.SUPERSEDED,
            )
            .values(state=DeliveryState.ON_HOLD, reason=reason)
        )


def settle_idle(
    connection: Connection,
    dataset: str,
    ingested: Collection[str],
    superseded: Mapping[str, str],
    reason: str,
    back: Collection[str],
    now: datetime,
) -> None:
    """Settle what no run is asked for; only deliveries that are still in the state that this was seen in."""
    lock_dataset(connection, dataset)
    mark_ingested(connection, dataset, sorted(ingested), now)
    for by in sorted(set(superseded.values())):
        for some in chunks(sorted(id for id, other in superseded.items() if other == by)):
            connection.execute(
                update(deliveries)
                .where(
                    deliveries.c.dataset == dataset,
                    deliveries.c.id.in_(some),
                    deliveries.c.state.in_([DeliveryState.PENDING, DeliveryState.INGESTED]),
                )
                .values(state=DeliveryState.SUPERSEDED, reason=reason, superseded_by=by)
            )
    for some in chunks(sorted(back)):
        connection.execute(
            update(deliveries)
            .where(
                deliveries.c.dataset == dataset,
                deliveries.c.id.in_(some),
                deliveries.c.state == DeliveryState.SUPERSEDED,
                deliveries.c.reason == reason,
            )
            .values(state=DeliveryState.PENDING, reason="", superseded_by=None)
        )
    note_change(connection, dataset)


def find(
    connection: Connection,
    dataset: str | None,
    table: str | None,
    states: Collection[DeliveryState] | None,
    periods: Collection[str] | None,
) -> list[Delivery]:
    """Return the deliveries that match, in the order in which they were registered."""
    statement = select(deliveries)
    if dataset is not None:
        statement = statement.where(deliveries.c.dataset == dataset)
    if table is not None:
        statement = statement.where(deliveries.c.table == table)
    if states is not None:
        statement = statement.where(deliveries.c.state.in_(list(states)))
    if periods is not None and len(periods) <= CHUNK:
        spans_them = select(delivery_periods.c.delivery_id).where(
            delivery_periods.c.period.in_(list(periods))
        )
        statement = statement.where(deliveries.c.id.in_(spans_them))
    rows = connection.execute(statement.order_by(deliveries.c.dataset, deliveries.c.sequence)).all()
    spans = _periods_of(connection, [row.id for row in rows])
    found = [to_record(Delivery, row, periods=spans[row.id]) for row in rows]
    if periods is None:
        return found
    wanted = set(periods)
    return [one for one in found if not wanted.isdisjoint(one.periods)]


def of_keys(connection: Connection, dataset: str, keys: Sequence[str]) -> list[Delivery]:
    """Return the deliveries of these objects, in the order in which they were registered."""
    ids: list[str] = []
    for some in chunks(sorted({storable(key) for key in keys})):
        statement = select(deliveries.c.id).where(deliveries.c.dataset == dataset, deliveries.c.key.in_(some))
        ids += connection.execute(statement).scalars()
    return by_ids(connection, ids)


def newest_periods(connection: Connection, dataset: str) -> dict[str, str]:
    """Return the newest period of which each table has a delivery."""
    statement = (
        select(deliveries.c.table, func.max(deliveries.c.period))
        .where(deliveries.c.dataset == dataset, deliveries.c.period.is_not(None))
        .group_by(deliveries.c.table)
    )
    return {row[0]: row[1] for row in connection.execute(statement)}


def by_ids(connection: Connection, ids: Sequence[str]) -> list[Delivery]:
    """Return the deliveries with these ids, in the order in which they were registered."""
    rows: list[AnyRow] = []
    for some in chunks(ids):
        rows += connection.execute(select(deliveries).where(deliveries.c.id.in_(some))).all()
    spans = _periods_of(connection, [row.id for row in rows])
    return sorted(
        (to_record(Delivery, row, periods=spans[row.id]) for row in rows), key=lambda one: one.sequence
    )


def by_prefix(connection: Connection, prefix: str) -> Delivery:
    """Return the one delivery whose id starts with `prefix`."""
    where: dict[str, object] = {"delivery": prefix}
    hint = "See `dq deliveries list`"
    statement = select(deliveries.c.id).where(deliveries.c.id.startswith(prefix, autoescape=True))
    ids = connection.execute(statement.order_by(deliveries.c.id).limit(6)).scalars().all()
    if prefix in ids or len(ids) == 1:
        return by_ids(connection, [prefix if prefix in ids else ids[0]])[0]
    if not ids:
        raise LedgerError("There is no such delivery", where=where, hint=hint)
    raise LedgerError("More than one delivery starts so", where=where, hint=f"One of {', '.join(ids)}")


def _periods_of(connection: Connection, ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    found: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    for some in chunks(ids):
        statement = select(delivery_periods).where(delivery_periods.c.delivery_id.in_(some))
        for row in connection.execute(statement.order_by(delivery_periods.c.period)):
            found[row.delivery_id] = (*found[row.delivery_id], row.period)
    return found
