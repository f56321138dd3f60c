from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from etl_assets.contracts.row_filter import Condition, Operator
from etl_assets.errors import DecisionError
from etl_assets.ledger.decisions import DecisionConflictError
from etl_assets.pipeline import deciding
from etl_assets.pipeline.choosing import Rows
from etl_assets.pipeline.deciding import Author
from etl_assets.pipeline.decision_audit import DecisionState, audit
from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.pipeline.deciders import (
    AMOUNT,
    ANNA,
    BEN,
    SHOP,
    correct,
    decide,
    refused,
    row,
    rows,
    settle,
    states,
    three_days,
    undo,
)
from etl_assets_tests.pipeline.shop import FRI, Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Three days: Friday has four rows in trouble, one of them unreadable, Saturday one, Monday none."""
    return three_days(tmp_path)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The same, for tests that change nothing."""
    return three_days(tmp_path_factory.mktemp("untouched"))


def test_of_two_people_the_second_must_say_that_his_takes_the_first_s_place(shop: Shop) -> None:
    first = correct(shop, "O21", amount="4")
    with pytest.raises(DecisionConflictError, match="anna has decided on it") as caught:
        correct(shop, "O21", BEN, amount="5")
    assert f"--supersedes {first.id}" in caught.value.hint

    late = Author(who="ben", why="asked again", supersedes=(first.id,))
    second = correct(shop, "O21", late, amount="5")
    settle(shop)
    assert states(shop) == {first.id: DecisionState.SUPERSEDED, second.id: DecisionState.IN_FORCE}
    with pytest.raises(DecisionConflictError, match=f"stands no more: {second.id} has taken its place"):
        correct(shop, "O21", late, amount="6")
    amounts = desk.accepted(shop.pipeline, tiny.ORDERS).filter(order_id="O21")["amount"].to_list()
    assert amounts == [5]

    # What was superseded holds again, once that is undone.
    undo(shop, second.id)
    settle(shop)
    amounts = desk.accepted(shop.pipeline, tiny.ORDERS).filter(order_id="O21")["amount"].to_list()
    assert amounts == [4]


def test_an_undoing_is_undone_unless_somebody_decided_otherwise_meanwhile(shop: Shop) -> None:
    first = correct(shop, "O21", amount="4")
    [undoing] = undo(shop, first.id)
    other = correct(shop, "O21", BEN, amount="5")
    with pytest.raises(DecisionConflictError):
        undo(shop, undoing.id)

    undo(shop, other.id)
    undo(shop, undoing.id)
    settle(shop)
    assert "O21" in shop.order_ids()[FRI]


def test_groups_that_contradict_each_other_are_refused(shop: Shop) -> None:
    nowhere = rows(shop, where=(Condition("shop", Operator.EQUALS, ("nowhere",)),))
    broke = rows(shop, rules=(SHOP,))
    decide(shop, deciding.correct(shop.pipeline, nowhere, {"shop": "north"}, ANNA))
    with pytest.raises(DecisionConflictError):
        decide(shop, deciding.correct(shop.pipeline, broke, {"shop": "south"}, BEN))
    decide(shop, deciding.correct(shop.pipeline, broke, {"customer": ""}, BEN))
    other = rows(shop, where=(Condition("shop", Operator.STARTS_WITH, ("x",)),))
    with pytest.raises(DecisionError, match="No refused row is meant"):
        deciding.correct(shop.pipeline, other, {"shop": "south"}, BEN)


@pytest.mark.parametrize(
    ("propose", "message"),
    [
        (lambda s: deciding.correct(s.pipeline, rows(s, "O21"), {"price": "4"}, ANNA), "no column price"),
        (lambda s: deciding.correct(s.pipeline, rows(s, "O21"), {}, ANNA), "which value"),
        (lambda s: deciding.correct(s.pipeline, rows(s, "O21"), {"amount": "4\0"}, ANNA), "NUL"),
        (lambda s: deciding.correct(s.pipeline, rows(s, "O21"), {"amount": "\udc80"}, ANNA), "half of"),
        (lambda s: deciding.correct(s.pipeline, rows(s, "O21"), {"amount": "4" * 64_001}, ANNA), "64,000"),
        (lambda s: deciding.waive(s.pipeline, rows(s, "O20"), ["shop.in_shop"], ANNA), "no rule"),
        (lambda s: deciding.waive(s.pipeline, rows(s, "O22"), ["amount.castable"], ANNA), "would lose it"),
        (lambda s: deciding.waive(s.pipeline, rows(s, "O22"), ["order_id.unique"], ANNA), "no rule"),
        (lambda s: deciding.waive(s.pipeline, rows(s, "O20"), [AMOUNT], ANNA), "did not break"),
        (lambda s: deciding.waive(s.pipeline, rows(s, "O20"), ["some_money"], ANNA), "only warns"),
        (lambda s: deciding.waive(s.pipeline, rows(s, "O20"), [], ANNA), "which rules"),
        (lambda s: deciding.discard(s.pipeline, rows(s, "O1"), ANNA), "not in quarantine"),
        (lambda s: deciding.discard(s.pipeline, rows(s, "?"), ANNA), "not in quarantine"),
        (
            lambda s: deciding.discard(s.pipeline, Rows(table=tiny.SHOPS, row_id=row(s, "O20")), ANNA),
            "one of",
        ),
        (lambda s: deciding.discard(s.pipeline, Rows(table=tiny.DAILY, row_id="a:1"), ANNA), "computed"),
        (lambda s: deciding.discard(s.pipeline, Rows(table=tiny.ORDERS, row_id="O20"), ANNA), "names no row"),
        (lambda s: deciding.discard(s.pipeline, Rows(table=tiny.ORDERS), ANNA), "which rows"),
        (
            lambda s: deciding.discard(s.pipeline, rows(s, where=(Condition("x", Operator.IS_NULL),)), ANNA),
            "no column x",
        ),
        (lambda s: deciding.discard(s.pipeline, rows(s, "O20"), Author(who=" ", why="x")), "who"),
        (lambda s: deciding.discard(s.pipeline, rows(s, "O20"), Author(who="anna", why="\n")), "why"),
        (
            lambda s: deciding.discard(
                s.pipeline, rows(s, "O20"), Author(who="a", why="b", until=tiny.NOON - timedelta(days=1))
            ),
            "passed already",
        ),
        (lambda s: deciding.undo(s.pipeline, [99], ANNA), "no such decision"),
        (lambda s: deciding.reject(s.pipeline, "no such", ANNA), "no such delivery"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(
    untouched: Shop, propose: Callable[[Shop], object], message: str
) -> None:
    with pytest.raises(DecisionError, match=message) as caught:
        propose(untouched)
    assert caught.value.where["dataset"] == "tiny"
    assert not untouched.pipeline.ledger.decisions("tiny")


def test_unique_keys_are_not_waived(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.put(f"orders/{FRI}.csv", [tiny.line(1, FRI), tiny.line(1, FRI, amount="9")])
    shop.work()
    [rule] = [one.name for one in shop.pipeline.contract(tiny.ORDERS).rules if "unique(" in one.name]
    chosen = Rows(table=tiny.ORDERS, rules=(rule,))
    with pytest.raises(DecisionError, match="doubles rows"):
        deciding.waive(shop.pipeline, chosen, [rule], ANNA)


def test_formulas_are_cells_like_any_other(shop: Shop) -> None:
    correct(shop, "O20", shop="north", customer="=cmd|'/c'!A0@x")
    settle(shop)
    found = desk.accepted(shop.pipeline, tiny.ORDERS).filter(order_id="O20")["customer"].to_list()
    assert found == ["=cmd|'/c'!A0@x"]


def test_a_decision_ends_when_its_time_is_over(shop: Shop) -> None:
    before = desk.tables(shop.pipeline)
    until = shop.clock() + timedelta(days=1)
    decision = correct(shop, "O21", Author(who="anna", why="for now", until=until), amount="4")
    settle(shop)
    assert "O21" in shop.order_ids()[FRI]

    shop.clock.pass_(86_400)
    assert shop.stretches() == [((FRI,), ["silver/orders", "gold/daily", "gold/totals"])]
    settle(shop)
    desk.assert_same(desk.tables(shop.pipeline), before)
    assert states(shop) == {decision.id: DecisionState.EXPIRED}


def test_a_decision_whose_delivery_was_superseded_does_nothing_and_asks(shop: Shop) -> None:
    decision = correct(shop, "O21", amount="4")
    settle(shop)
    shop.put(f"orders/{FRI}.csv", [tiny.line(21, FRI, amount="-4"), tiny.line(1, FRI)])
    settle(shop)

    assert refused(shop)["O21"] == (AMOUNT, None)
    [audited] = audit(shop.pipeline)
    assert (audited.state, audited.asks) == (DecisionState.VOID, True)
    assert "superseded" in audited.reason
    assert decision.id == audited.decision.id


def test_a_delivery_on_hold_changes_nothing_of_what_was_decided_of_the_last_good_one(shop: Shop) -> None:
    correct(shop, "O21", amount="4")
    settle(shop)
    shop.put(f"orders/{FRI}.csv", ["1,2"], header="not,the header")
    shop.work()

    assert "O21" in shop.order_ids()[FRI]
    assert shop.stretches() == []


def test_personal_values_are_in_no_text_of_a_decision(shop: Shop) -> None:
    secret = "eve@example.com"
    decision = correct(shop, "O21", amount="4", customer=secret)
    proposal = deciding.undo(shop.pipeline, [decision.id], ANNA)
    assert secret not in repr(decision) + repr(proposal)
    [again] = shop.pipeline.ledger.decisions("tiny")
    assert again.values == {"amount": "4", "customer": secret}
