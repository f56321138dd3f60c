"""What lies in a staging area, as its listings showed it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, collate, select, update

from etl_assets.ledger.column_types import storable
from etl_assets.ledger.database import chunks, upsert
from etl_assets.ledger.records import ListedObject, SeenObject
from etl_assets.ledger.rows import lock_dataset, note_change, to_record, to_row
from etl_assets.ledger.schema import datasets, seen_objects


def seen(connection: Connection, dataset: str) -> dict[str, SeenObject]:
    """Return every object of `dataset` that a listing ever showed, by key."""
    listed_at = connection.execute(select(datasets.c.listed_at).where(datasets.c.dataset == dataset)).scalar()
    found = {}
    statement = select(seen_objects).where(seen_objects.c.dataset == dataset).order_by(seen_objects.c.key)
    for row in connection.execute(statement):
        last = row.last_seen_at
        # A complete listing says it once, for all objects that are not gone, instead of once an object.
        if listed_at is not None and not row.gone:
            last = max(last, listed_at)
        found[row.key] = to_record(SeenObject, row, last_seen_at=last)
    return found


def record_listing(
    connection: Connection, dataset: str, objects: Iterable[ListedObject], complete: bool, now: datetime
) -> dict[str, SeenObject]:
    """Write what a listing showed; only what is new, changed, gone or back costs a row."""
    lock_dataset(connection, dataset)
    before = seen(connection, dataset)
    listed = {storable(one.key): one for one in objects}
    after = {key: _seen_now(before.get(key), dataset, one, now) for key, one in listed.items()}
    for key in before.keys() - listed.keys():
        after[key] = SeenObject(**{**vars(before[key]), "gone": complete or before[key].gone})
    changed = [one for key, one in after.items() if _needs_row(before.get(key), one, complete)]
    _put_objects(connection, changed)
    if complete:
        own = datasets.c.dataset == dataset
        connection.execute(update(datasets).where(own).values(listed_at=now, listed_through=""))
    return dict(sorted(after.items()))


def record_slice(
    connection: Connection,
    dataset: str,
    objects: Iterable[ListedObject],
    covers: tuple[str, str | None] | None,
    now: datetime,
) -> dict[str, SeenObject]:
    """Write what a part of a listing showed; rows of other objects are neither read nor written."""
    lock_dataset(connection, dataset)
    listed = {storable(one.key): one for one in objects}
    before = seen_of(connection, dataset, sorted(listed))
    after = {key: _seen_now(before.get(key), dataset, one, now) for key, one in listed.items()}
    changed = [one for key, one in after.items() if _needs_row(before.get(key), one, complete=True)]
    if covers is not None:
        for old in _seen_between(connection, dataset, *covers):
            if old.key not in listed and not old.gone:
                after[old.key] = SeenObject(**{**vars(old), "gone": True})
                changed.append(after[old.key])
        own = datasets.c.dataset == dataset
        connection.execute(update(datasets).where(own).values(listed_through=covers[1] or ""))
    _put_objects(connection, changed)
    return dict(sorted(after.items()))


def listed_through(connection: Connection, dataset: str) -> str:
    """Return the key after which the next slice begins."""
    found = connection.execute(select(datasets.c.listed_through).where(datasets.c.dataset == dataset))
    return found.scalar() or ""


def changes(connection: Connection, dataset: str) -> int:
    """Return how often what is to be done may have changed."""
    return connection.execute(select(datasets.c.changes).where(datasets.c.dataset == dataset)).scalar() or 0


def seen_of(connection: Connection, dataset: str, keys: Sequence[str]) -> dict[str, SeenObject]:
    """Return what is known of some objects; when they were last seen may be older than for all."""
    found = {}
    for some in chunks(keys):
        statement = select(seen_objects).where(
            seen_objects.c.dataset == dataset, seen_objects.c.key.in_(some)
        )
        for row in connection.execute(statement):
            found[row.key] = to_record(SeenObject, row)
    return found


def _seen_between(
    connection: Connection, dataset: str, after: str, through: str | None
) -> Iterator[SeenObject]:
    """Objects by their keys' bytes, as S3 sorts them, whatever a database's language says."""
    key: ColumnElement[str] = seen_objects.c.key
    if connection.dialect.name == "postgresql":
        key = collate(key, "C")
    statement = select(seen_objects).where(seen_objects.c.dataset == dataset, key > after)
    if through is not None:
        statement = statement.where(key <= through)
    for row in connection.execute(statement):
        yield to_record(SeenObject, row)


def _seen_now(old: SeenObject | None, dataset: str, one: ListedObject, now: datetime) -> SeenObject:
    if old is not None and old.fingerprint == one.fingerprint:
        return SeenObject(**{**vars(old), "last_seen_at": now, "gone": False})
    return SeenObject(
        dataset=dataset,
        key=storable(one.key),
        fingerprint=one.fingerprint,
        size=one.size,
        modified_ns=one.modified_ns,
        first_seen_at=now,
        last_seen_at=now,
    )


def _needs_row(old: SeenObject | None, new: SeenObject, complete: bool) -> bool:
    if old is None or old.fingerprint != new.fingerprint or old.gone != new.gone:
        return True
    return not complete and old.last_seen_at != new.last_seen_at


def _put_objects(connection: Connection, objects: Sequence[SeenObject]) -> None:
    if not objects:
        return
    note_change(connection, objects[0].dataset)
    statement = upsert(connection, seen_objects)
    others = [c.name for c in seen_objects.columns if c.name not in ("dataset", "key")]
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["dataset", "key"], set_={name: statement.excluded[name] for name in others}
        ),
        [to_row(one, seen_objects) for one in objects],
    )
