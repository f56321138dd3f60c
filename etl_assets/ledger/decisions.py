"""What people decided: kept for ever, checked against what others decided meanwhile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, func, insert, select

from etl_assets.contracts.row_filter import Condition, disjoint
from etl_assets.errors import DecisionError
from etl_assets.ledger.database import chunks
from etl_assets.ledger.decision_records import Decision, DecisionKind, standing
from etl_assets.ledger.rows import AnyRow, lock_dataset, note_change, to_record
from etl_assets.ledger.schema import decision_effects, decisions

_VALUES_OR_FATE = {DecisionKind.CORRECT: "values", DecisionKind.WAIVE: "fate", DecisionKind.DISCARD: "fate"}


class DecisionConflictError(DecisionError):
    """Somebody else decided on the same thing; nothing was written."""


def record(connection: Connection, new: Sequence[Decision], now: datetime) -> list[Decision]:
    """Write decisions of one dataset, all or none, after a check against all that stand at this moment."""
    if not new:
        return []
    (dataset,) = {one.dataset for one in new}
    # The lock first: of two people who decide at once, the second is checked against the first.
    lock_dataset(connection, dataset)
    before = every(connection, dataset)
    first = before[-1].id + 1 if before else 1
    provisional = [
        Decision(**{**vars(one), "id": first + place, "decided_at": now}) for place, one in enumerate(new)
    ]
    _check_named(provisional, before)
    after = [one for one in standing([*before, *provisional]) if not one.expired(now)]
    _check_rows(after, {one.id for one in provisional})
    _check_groups(after, {one.id for one in provisional}, dataset)
    statement = insert(decisions).returning(decisions.c.id, sort_by_parameter_order=True)
    ids = connection.execute(statement, [_to_row(one) for one in provisional]).scalars().all()
    note_change(connection, dataset)
    return [Decision(**{**vars(one), "id": id}) for one, id in zip(provisional, ids, strict=True)]


def every(connection: Connection, dataset: str) -> list[Decision]:
    """Return all decisions of a dataset, in order."""
    statement = select(decisions).where(decisions.c.dataset == dataset).order_by(decisions.c.id)
    return [_from_row(row) for row in connection.execute(statement)]


def dataset_of(connection: Connection, id: int) -> str | None:
    """Return the dataset of a decision, None if there is none."""
    return connection.execute(select(decisions.c.dataset).where(decisions.c.id == id)).scalar()


def rejections(connection: Connection, now: datetime) -> dict[str, Decision]:
    """Return the deliveries of all datasets that count no more, with the decision that says so."""
    rejecting = select(decisions.c.dataset).where(decisions.c.kind == DecisionKind.REJECT).distinct()
    return {
        id: one
        for dataset in connection.execute(rejecting).scalars().all()
        for one in standing(every(connection, dataset))
        if one.kind is DecisionKind.REJECT and not one.expired(now)
        for id in one.deliveries
    }


def effects(connection: Connection, validation_ids: Collection[int]) -> dict[int, int]:
    """Return how many rows each decision concerned in some validations: decision -> rows."""
    found: defaultdict[int, int] = defaultdict(int)
    for some in chunks(sorted(set(validation_ids))):
        statement = (
            select(decision_effects.c.decision_id, func.sum(decision_effects.c.rows))
            .where(decision_effects.c.validation_id.in_(some))
            .group_by(decision_effects.c.decision_id)
        )
        for id, rows in connection.execute(statement):
            found[id] += int(rows)
    return dict(found)


# -- checks -----------------------------------------------------------------------------------


def _check_named(new: Sequence[Decision], before: Sequence[Decision]) -> None:
    """What a decision supersedes must still stand, and must be of the same table."""
    known = {one.id: one for one in before}
    stand = {one.id for one in standing(before)}
    named: set[int] = set()
    for one in new:
        for id in one.supersedes:
            other = known.get(id)
            where: dict[str, object] = {"dataset": one.dataset, "decision": id}
            if other is None:
                raise DecisionError("There is no such decision", where=where, hint="See `dq audit`")
            if id not in stand or id in named:
                by = max((e.id for e in (*before, *new) if id in e.supersedes and e is not one), default=0)
                raise DecisionConflictError(
                    f"The decision stands no more: {by} has taken its place",
                    where=where,
                    hint="Look at what stands now (`dq audit`), then decide again",
                )
            if one.kind is not DecisionKind.UNDO and _subject(other) != _subject(one):
                what = "A decision supersedes only one on the same table, gate or delivery"
                raise DecisionError(what, where=where)
            named.add(id)


def _subject(one: Decision) -> tuple[object, ...]:
    table = one.layer, one.table
    if one.kind is DecisionKind.REJECT:
        return (*table, "delivery", one.deliveries)
    return (*table, "gate", one.periods) if one.kind is DecisionKind.PUBLISH else (*table, "rows")


def _check_rows(after: Sequence[Decision], new: Collection[int]) -> None:
    """One row has one decision on its values and one on its fate; who adds to another's says so."""
    rows: defaultdict[tuple[str, str, str], list[Decision]] = defaultdict(list)
    for one in after:
        if one.about_rows and one.row_id:
            rows[one.layer, one.table, one.row_id].append(one)
    for (layer, table, row), found in rows.items():
        for late in found[1:]:
            for early in found[: found.index(late)]:
                both = _VALUES_OR_FATE[late.kind] == _VALUES_OR_FATE[early.kind]
                if not both and (late.id not in new or early.id in late.beside):
                    continue
                where: dict[str, object] = {"dataset": late.dataset, "table": f"{layer}/{table}", "row": row}
                raise _conflict(early, where, or_beside=not both)


def _check_groups(after: Sequence[Decision], new: Collection[int], dataset: str) -> None:
    """Decisions on many rows, on a gate or on a delivery must not contradict each other."""
    groups = [one for one in after if one.kind is not DecisionKind.UNDO and not one.row_id]
    # An undoing may bring back what contradicts a decision of others: then all are compared.
    brings_back = any(one.id in new and one.kind is DecisionKind.UNDO for one in after)
    for place, late in enumerate(groups):
        if late.id not in new and not brings_back:
            continue
        for early in groups[:place]:
            if _contradict(early, late):
                where: dict[str, object] = {"dataset": dataset, "table": f"{late.layer}/{late.table}"}
                raise _conflict(early, where)


def _contradict(one: Decision, other: Decision) -> bool:
    if (one.layer, one.table) != (other.layer, other.table) or one.about_rows != other.about_rows:
        return False
    if not one.about_rows:
        same = one.kind is other.kind and _subject(one) == _subject(other)
        return same
    if not set(one.deliveries) & set(other.deliveries) or not set(one.periods) & set(other.periods):
        return False
    if disjoint(one.where, other.where):
        return False
    kinds = {one.kind, other.kind}
    if kinds == {DecisionKind.CORRECT}:
        shared = one.values.keys() & other.values.keys()
        return any(one.values[column] != other.values[column] for column in shared)
    if kinds == {DecisionKind.WAIVE, DecisionKind.DISCARD}:
        discard = one if one.kind is DecisionKind.DISCARD else other
        waive = other if discard is one else one
        return not discard.rules or bool(set(discard.rules) & set(waive.rules))
    return False


def _conflict(early: Decision, where: dict[str, object], *, or_beside: bool = False) -> DecisionConflictError:
    when = f" at {early.decided_at:%Y-%m-%d %H:%M} UTC" if early.decided_at else ""
    beside = f", or that both hold (--beside {early.id})" if or_beside else ""
    return DecisionConflictError(
        f"{early.who} has decided on it{when}: decision {early.id}, {early.kind}",
        where=where,
        hint=f"See `dq audit`; then say that yours takes its place (--supersedes {early.id}){beside}",
    )


# -- rows of the ledger -----------------------------------------------------------------------


def _to_row(one: Decision) -> dict[str, object]:
    return {
        "dataset": one.dataset,
        "layer": one.layer,
        "table": one.table,
        "kind": one.kind,
        "row_id": one.row_id,
        "target": {
            "periods": list(one.periods),
            "deliveries": list(one.deliveries),
            "rules": list(one.rules),
            "where": [condition.to_json() for condition in one.where],
        },
        "content": {
            "values": dict(one.values),
            "original": dict(one.original),
            "limits": dict(one.limits),
        },
        "replaces": {"supersedes": list(one.supersedes), "beside": list(one.beside)},
        "who": one.who,
        "why": one.why,
        "until": one.until,
        "batch": one.batch,
        "decided_at": one.decided_at,
    }


def _from_row(row: AnyRow) -> Decision:
    target, content, replaces = row.target, row.content, row.replaces
    return to_record(
        Decision,
        row,
        periods=tuple(target["periods"]),
        deliveries=tuple(target["deliveries"]),
        rules=tuple(target["rules"]),
        where=tuple(map(Condition.from_json, target["where"])),
        values=content["values"],
        original=content["original"],
        limits=content["limits"],
        supersedes=tuple(replaces["supersedes"]),
        beside=tuple(replaces["beside"]),
    )
