from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_assets.contracts.row_filter import Condition, Operator
from etl_assets.errors import DecisionError
from etl_assets.ledger.decision_records import Decision, DecisionEffect, DecisionKind, standing
from etl_assets.ledger.decisions import DecisionConflictError
from etl_assets.ledger.ledger import Ledger
from etl_assets.ledger.records import ValidationRecord
from etl_assets_tests.ledger.builders import Clock, validation

ODD = "=1+1\x00\x1b[31m \u2028 ein 'Zitat' 💥"


def decision(kind: DecisionKind = DecisionKind.CORRECT, row: str = "d1:5", **changes: Any) -> Decision:
    values: dict[str, Any] = {
        "dataset": "retail",
        "layer": "silver",
        "table": "sales",
        "who": "anna",
        "why": "asked the shop",
        "row_id": row,
        "periods": ("2010-12-01",),
        "deliveries": ("d1",),
    }
    if kind is DecisionKind.CORRECT:
        values["values"] = {"quantity": "6", "note": None}
    if kind is DecisionKind.WAIVE:
        values["rules"] = ("quantity.ge",)
    return Decision(kind=kind, **(values | changes))


def record(ledger: Ledger, *new: Decision) -> list[Decision]:
    return ledger.record_decisions(new)


def holding(ledger: Ledger) -> list[int]:
    return [one.id for one in standing(ledger.decisions("retail"))]


def test_a_decision_is_kept_as_it_was_made(ledger: Ledger, clock: Clock) -> None:
    one = decision(
        values={"quantity": ODD, "price": None},
        original={"_raw": ODD},
        where=(Condition("country", Operator.EQUALS, (ODD, "b")), Condition("x", Operator.IS_NULL)),
        until=clock() + timedelta(days=3),
        limits={"quarantined": 3, "rows_in": 7},
        batch="import 1",
    )
    [recorded] = record(ledger, one)

    assert ledger.decisions("retail") == [recorded]
    assert recorded.decided_at == clock()
    assert recorded.where == one.where
    assert recorded.values == one.values
    assert ledger.decisions("flights") == []
    assert ledger.dataset_of_decision(recorded.id) == "retail"
    assert ledger.dataset_of_decision(99) is None


def test_deciding_counts_as_a_change_of_what_is_to_be_done(ledger: Ledger) -> None:
    before = ledger.changes("retail")
    record(ledger, decision())
    assert ledger.changes("retail") > before


def test_all_or_none_is_written(ledger: Ledger) -> None:
    first = decision(row="d1:1")
    with pytest.raises(DecisionConflictError):
        record(ledger, first, decision(row="d1:2"), decision(row="d1:1"))
    assert ledger.decisions("retail") == []


def test_what_is_undone_brings_back_what_it_had_superseded(ledger: Ledger) -> None:
    [first] = record(ledger, decision())
    [second] = record(ledger, decision(supersedes=(first.id,)))
    [undoing] = record(ledger, decision(DecisionKind.UNDO, supersedes=(second.id,)))
    assert holding(ledger) == [first.id, undoing.id]

    [again] = record(ledger, decision(DecisionKind.UNDO, supersedes=(undoing.id,)))
    assert holding(ledger) == [second.id, again.id]


@pytest.mark.parametrize(
    ("late", "conflict"),
    [
        (decision(who="ben"), True),
        (decision(DecisionKind.WAIVE), True),
        (decision(DecisionKind.WAIVE, beside=(1,)), False),
        (decision(beside=(1,)), True),
        (decision(row="d1:6"), False),
        (decision(table="returns"), False),
        (decision(DecisionKind.REJECT, row="", layer="bronze"), False),
        (decision(supersedes=(1,)), False),
    ],
)
def test_one_row_has_one_decision_on_its_values_and_one_on_its_fate(
    ledger: Ledger, late: Decision, conflict: bool
) -> None:
    assert [one.id for one in record(ledger, decision())] == [1]
    if not conflict:
        record(ledger, late)
        return
    with pytest.raises(DecisionConflictError, match="anna has decided on it"):
        record(ledger, late)
    assert len(ledger.decisions("retail")) == 1


def group(kind: DecisionKind, **changes: Any) -> Decision:
    return decision(kind, row="", **changes)


EQUALS = Operator.EQUALS


@pytest.mark.parametrize(
    ("one", "other", "conflict"),
    [
        ({"values": {"a": "1"}}, {"values": {"a": "2"}}, True),
        ({"values": {"a": "1"}}, {"values": {"a": "1", "b": "2"}}, False),
        ({"values": {"a": "1"}}, {"values": {"b": "2"}}, False),
        ({"values": {"a": "1"}}, {"values": {"a": "2"}, "deliveries": ("d2",)}, False),
        ({"values": {"a": "1"}}, {"values": {"a": "2"}, "periods": ("2010-12-02",)}, False),
        (
            {"values": {"a": "1"}, "where": (Condition("a", EQUALS, ("x", "y")),)},
            {"values": {"a": "2"}, "where": (Condition("a", EQUALS, ("z",)),)},
            False,
        ),
        (
            {"values": {"a": "1"}, "where": (Condition("a", EQUALS, ("x",)),)},
            {"values": {"a": "2"}, "where": (Condition("a", Operator.STARTS_WITH, ("x",)),)},
            True,
        ),
        (
            {"values": {"a": "1"}, "where": (Condition("a", Operator.CONTAINS, ("x",)),)},
            {"values": {"a": "2"}, "where": (Condition("a", Operator.IS_NULL),)},
            False,
        ),
        (
            {"values": {"a": "1"}, "where": (Condition("a", EQUALS, ("x",)),)},
            {"values": {"a": "2"}, "where": (Condition("b", EQUALS, ("y",)),)},
            True,
        ),
    ],
)
def test_corrections_of_many_rows_must_not_say_otherwise_of_the_same(
    ledger: Ledger, one: dict[str, Any], other: dict[str, Any], conflict: bool
) -> None:
    for first, second in ((one, other), (other, one)):
        name = f"{len(ledger.decisions('a'))}{first is one}"
        early, late = (group(DecisionKind.CORRECT, dataset=name, **it) for it in (first, second))
        record(ledger, early)
        if conflict:
            with pytest.raises(DecisionConflictError):
                record(ledger, late)
        else:
            record(ledger, late)


def test_a_rule_is_not_waived_and_its_rows_discarded(ledger: Ledger) -> None:
    record(ledger, group(DecisionKind.WAIVE, rules=("a", "b")))
    record(ledger, group(DecisionKind.DISCARD, rules=("c",)))
    with pytest.raises(DecisionConflictError):
        record(ledger, group(DecisionKind.DISCARD, rules=("b", "c")))
    with pytest.raises(DecisionConflictError):
        record(ledger, group(DecisionKind.DISCARD))


def test_an_expired_decision_is_in_nobody_s_way(ledger: Ledger, clock: Clock) -> None:
    record(ledger, decision(until=clock() + timedelta(hours=1)))
    clock.advance(3600)
    record(ledger, decision(who="ben"))


def test_a_decision_supersedes_only_what_is_of_the_same_table(ledger: Ledger) -> None:
    [one] = record(ledger, decision())
    with pytest.raises(DecisionError, match="only one on the same table"):
        record(ledger, decision(table="returns", supersedes=(one.id,)))
    with pytest.raises(DecisionError, match="no such decision"):
        record(ledger, decision(supersedes=(77,)))
    with pytest.raises(DecisionError, match="no such decision"):
        record(ledger, decision(dataset="flights", supersedes=(one.id,)))


def test_of_many_who_decide_at_once_one_is_first(ledger: Ledger) -> None:
    start = threading.Barrier(4)

    def try_it(who: str) -> str:
        start.wait()
        try:
            return str(record(ledger, decision(who=who))[0].id)
        except DecisionConflictError:
            return "conflict"

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(try_it, "abcd"))
    assert sorted(found) == ["1", "conflict", "conflict", "conflict"]


def test_effects_are_kept_with_the_validation(ledger: Ledger) -> None:
    first, second = record(ledger, decision(), decision(row="d1:6"))
    lease = ledger.acquire_lease("retail", "run", 60)
    effects = (DecisionEffect(first.id, 1), DecisionEffect(second.id, 4))
    recorded = ledger.record_validations(
        [
            ValidationRecord(validation(waived=2, corrected=3, discarded=1), effects=effects),
            ValidationRecord(validation("2010-12-02"), effects=effects[1:]),
        ],
        lease,
    )
    ids = [one.id for one in recorded]
    assert ledger.decision_effects(ids) == {first.id: 1, second.id: 8}
    assert ledger.decision_effects(ids[1:]) == {second.id: 4}
    published = ledger.published_validations("retail")["silver", "sales", "2010-12-01"]
    assert (published.waived, published.corrected, published.discarded) == (2, 3, 1)


@given(st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, 9), max_size=2)), min_size=1, max_size=12))
def test_what_stands_is_neither_undone_nor_superseded_by_what_is_not_undone(
    said: list[tuple[bool, list[int]]],
) -> None:
    entries: list[Decision] = []
    for place, (undoes, named) in enumerate(said):
        # As the ledger demands: only what stands may be superseded.
        stand = {one.id for one in standing(entries)}
        supersedes = tuple(sorted({id for id in named if id in stand}))
        kind = DecisionKind.UNDO if undoes else DecisionKind.CORRECT
        entries.append(decision(kind, row=f"d1:{place}", id=place, supersedes=supersedes))

    def taken(id: int, *, by_undoing: bool) -> bool:
        return any(
            id in one.supersedes
            and (one.kind is DecisionKind.UNDO) is by_undoing
            and not taken(one.id, by_undoing=True)
            for one in entries
        )

    expected = [
        one.id
        for one in entries
        if not taken(one.id, by_undoing=True) and not taken(one.id, by_undoing=False)
    ]
    assert [one.id for one in standing(entries)] == expected


def test_a_row_can_be_corrected_again_and_again(ledger: Ledger) -> None:
    [first] = record(ledger, decision())
    [second] = record(ledger, decision(supersedes=(first.id,)))
    [third] = record(ledger, decision(supersedes=(second.id,)))
    assert holding(ledger) == [third.id]
    [undoing] = record(ledger, decision(DecisionKind.UNDO, supersedes=(third.id,)))
    assert holding(ledger) == [second.id, undoing.id]
