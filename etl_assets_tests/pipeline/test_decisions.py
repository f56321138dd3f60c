# No postponed annotations: Pandera reads those of contracts.

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import narwhals.stable.v1 as nw
import pandera.polars as pa
import pytest

from etl_assets.contracts.contract import RowContract
from etl_assets.contracts.dataset import Dataset, Table, TableId
from etl_assets.contracts.declare import aggregate_check
from etl_assets.contracts.row_filter import Condition, Operator
from etl_assets.errors import DecisionError
from etl_assets.ledger.decision_records import Decision
from etl_assets.ledger.decisions import DecisionConflictError
from etl_assets.ledger.records import Validation
from etl_assets.pipeline import deciding
from etl_assets.pipeline.choosing import Rows
from etl_assets.pipeline.deciding import Author, Proposal
from etl_assets.pipeline.decision_audit import DecisionState, audit
from etl_assets.pipeline.pending import Standing
from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.pipeline.shop import FRI, MON, SAT, Shop

ANNA = Author(who="anna", why="the shop said so on the phone")
BEN = Author(who="ben", why="I know better")
AMOUNT, SHOP = "amount.greater_than_or_equal_to", "shop.in_shops"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Three days: Friday has four rows in trouble, one of them unreadable, Saturday one, Monday none."""
    return three_days(tmp_path)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The same, for tests that change nothing."""
    return three_days(tmp_path_factory.mktemp("untouched"))


def three_days(home: Path) -> Shop:
    shop = Shop(home)
    shop.put(
        f"orders/{FRI}.csv",
        [
            *(tiny.line(n, FRI) for n in range(1, 8)),
            tiny.line(20, FRI, shop="nowhere"),
            tiny.line(21, FRI, amount="-4"),
            tiny.line(22, FRI, amount="x", shop="nowhere"),
            "only,two",
        ],
    )
    shop.put(f"orders/{SAT}.csv", [tiny.line(30, SAT), tiny.line(31, SAT, shop="nowhere")])
    shop.day(MON, [40, 41])
    shop.work()
    return shop


def row(shop: Shop, order: str, table: TableId = tiny.ORDERS) -> str:
    """The id of an order, wherever it is; `?` is the record that could not be read."""
    if order == "?":
        return str(desk.quarantined(shop.pipeline, tiny.BRONZE_ORDERS)["_row_id"][0])
    bronze = desk.accepted(shop.pipeline, tiny.BRONZE_ORDERS)
    return str(dict(bronze.select("order_id", "_row_id").iter_rows())[order])


def rows(shop: Shop, order: str = "", table: TableId = tiny.ORDERS, **chosen: Any) -> Rows:
    return Rows(table=table, row_id=row(shop, order) if order else "", **chosen)


def decide(shop: Shop, *proposals: Proposal) -> list[Decision]:
    return deciding.decide(shop.pipeline, proposals)


def correct(shop: Shop, order: str, author: Author = ANNA, /, **values: str | None) -> Decision:
    return decide(shop, deciding.correct(shop.pipeline, rows(shop, order), values, author))[0]


def waive(shop: Shop, order: str, *rules: str, author: Author = ANNA) -> Decision:
    return decide(shop, deciding.waive(shop.pipeline, rows(shop, order), rules, author))[0]


def undo(shop: Shop, *ids: int) -> list[Decision]:
    return decide(shop, *deciding.undo(shop.pipeline, ids, ANNA))


def published(shop: Shop, table: TableId = tiny.ORDERS, period: str = FRI) -> Validation:
    return shop.pipeline.ledger.published_validations("tiny")[table.layer, table.name, period]


def refused(shop: Shop, table: TableId = tiny.ORDERS) -> Mapping[str, tuple[str, str | None]]:
    """Order -> reasons and decisions of the rows in quarantine."""
    frame = desk.quarantined(shop.pipeline, table)
    if not frame.height:
        return {}
    return {
        id: (reasons, decision)
        for id, reasons, decision in frame.select("order_id", "_reasons", "_decision").iter_rows()
    }


def states(shop: Shop) -> dict[int, DecisionState]:
    return {one.decision.id: one.state for one in audit(shop.pipeline)}


def settle(shop: Shop) -> None:
    """Build what is pending, and see that all adds up."""
    shop.work()
    desk.assert_rows_add_up(shop.pipeline)
    desk.assert_settled(shop.pipeline)


# -- rows -------------------------------------------------------------------------------------


def test_a_corrected_row_flows_into_gold_and_undoing_brings_the_former_tables_back(shop: Shop) -> None:
    before = desk.tables(shop.pipeline)
    gold = desk.accepted(shop.pipeline, tiny.DAILY).filter(_period=FRI)["amount"].sum()

    decision = correct(shop, "O21", amount="4")

    # Exactly the day that it concerns, and what is made of it.
    assert shop.stretches() == [((FRI,), ["silver/orders", "gold/daily", "gold/totals"])]
    assert states(shop) == {decision.id: DecisionState.TO_REPLAY}
    settle(shop)
    assert desk.accepted(shop.pipeline, tiny.DAILY).filter(_period=FRI)["amount"].sum() == gold + 4
    assert "O21" not in refused(shop)
    assert (published(shop).corrected, published(shop).quarantined) == (1, 2)
    assert shop.pipeline.ledger.decision_effects([published(shop).id]) == {decision.id: 1}
    assert states(shop) == {decision.id: DecisionState.IN_FORCE}
    assert shop.work() == [], "to replay again does nothing"

    undo(shop, decision.id)
    settle(shop)
    desk.assert_same(desk.tables(shop.pipeline), before)
    assert states(shop)[decision.id] is DecisionState.UNDONE


def test_a_corrected_row_is_validated_like_any_other(shop: Shop) -> None:
    decision = correct(shop, "O22", amount="-1")
    settle(shop)

    # As it was delivered, with what it breaks now.
    assert refused(shop)["O22"] == (f"shop.in_shops;{AMOUNT}", str(decision.id))
    delivered = desk.quarantined(shop.pipeline, tiny.ORDERS).filter(order_id="O22")
    assert delivered["amount"].to_list() == ["x"]


def test_a_waived_row_is_accepted_and_its_failure_counts_all_the_same(shop: Shop) -> None:
    before = published(shop)
    failed = {one.rule: one.failed for one in shop.pipeline.ledger.tallies_for([before.id])[before.id]}

    decision = waive(shop, "O20", SHOP)
    settle(shop)

    now = published(shop)
    assert {one.rule: one.failed for one in shop.pipeline.ledger.tallies_for([now.id])[now.id]} == failed
    assert (now.score, now.row_score) == (before.score, before.row_score)
    assert (now.accepted, now.quarantined, now.waived) == (before.accepted + 1, before.quarantined - 1, 1)
    assert "O20" in desk.accepted(shop.pipeline, tiny.ORDERS)["order_id"].to_list()
    assert shop.pipeline.ledger.decision_effects([now.id]) == {decision.id: 1}


def test_waiving_one_of_two_rules_is_not_enough(shop: Shop) -> None:
    decision = waive(shop, "O22", SHOP)
    settle(shop)

    assert refused(shop)["O22"] == ("shop.in_shops;amount.castable", str(decision.id))


def test_a_row_may_be_corrected_and_waived_by_people_who_know_of_each_other(shop: Shop) -> None:
    first = correct(shop, "O22", amount="5")

    with pytest.raises(DecisionConflictError, match=f"decision {first.id}, correct") as caught:
        waive(shop, "O22", SHOP, author=BEN)
    assert f"--beside {first.id}" in caught.value.hint

    waive(shop, "O22", SHOP, author=Author(who="ben", why="a new shop", beside=(first.id,)))
    settle(shop)
    assert "O22" in desk.accepted(shop.pipeline, tiny.ORDERS)["order_id"].to_list()


def test_a_discarded_row_stays_accounted_for_and_is_no_open_work(shop: Shop) -> None:
    before = published(shop)
    [decision] = decide(shop, deciding.discard(shop.pipeline, rows(shop, rules=(SHOP,)), ANNA))
    assert (decision.periods, len(decision.deliveries)) == ((FRI, SAT), 2)
    settle(shop)

    assert {order: mark for order, (_, mark) in refused(shop).items()} == {
        "O20": str(decision.id),
        "O22": str(decision.id),
        "O31": str(decision.id),
        "O21": None,
    }
    now = published(shop)
    assert (now.quarantined, now.discarded) == (before.quarantined, 2)
    assert (now.score, now.row_score) == (before.score, before.row_score)


def test_discarded_rows_do_not_count_against_the_tolerance(tmp_path: Path) -> None:
    shop = Shop(tmp_path, tolerance=0.1)
    shop.put(f"orders/{FRI}.csv", [tiny.line(1, FRI), tiny.line(2, FRI, shop="nowhere")])
    shop.work()
    assert shop.standing(tiny.ORDERS, FRI).standing is Standing.HELD

    decide(shop, deciding.discard(shop.pipeline, rows(shop, rules=(SHOP,)), ANNA))
    settle(shop)
    assert shop.order_ids() == {FRI: ["O1"]}


def test_a_record_that_could_not_be_read_becomes_a_row_and_back(shop: Shop) -> None:
    before = desk.tables(shop.pipeline)
    record = rows(shop, "?", tiny.BRONZE_ORDERS)
    with pytest.raises(DecisionError, match="lacks shop, customer, amount, placed_on"):
        deciding.correct(shop.pipeline, record, {"order_id": "O99"}, ANNA)

    cells = {"order_id": "O99", "shop": "north", "customer": "", "amount": "5", "placed_on": FRI}
    [decision] = decide(shop, deciding.correct(shop.pipeline, record, cells, ANNA))
    settle(shop)
    assert "O99" in shop.order_ids()[FRI]
    assert (published(shop, tiny.BRONZE_ORDERS).unreadable, published(shop).rows_in) == (0, 11)

    # The file goes: what was delivered is known all the same.
    shop.path(f"orders/{FRI}.csv").unlink()
    undo(shop, decision.id)
    settle(shop)
    desk.assert_same(desk.tables(shop.pipeline), before)


def test_a_record_that_could_not_be_read_is_discarded(shop: Shop) -> None:
    chosen = rows(shop, table=tiny.BRONZE_ORDERS, rules=("unreadable",))
    [decision] = decide(shop, deciding.discard(shop.pipeline, chosen, ANNA))
    settle(shop)

    assert desk.quarantined(shop.pipeline, tiny.BRONZE_ORDERS)["_decision"].to_list() == [str(decision.id)]
    assert published(shop, tiny.BRONZE_ORDERS).discarded == 1


def test_the_row_as_delivered_is_a_key_after_corrections(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    bad = tiny.line(1, FRI, order_id="1")
    shop.put(f"orders/{FRI}.csv", [bad, bad, tiny.line(3, FRI)])
    shop.work()
    frame = desk.quarantined(shop.pipeline, tiny.ORDERS)
    first, second = (Rows(table=tiny.ORDERS, row_id=id) for id in frame["_row_id"])

    decide(shop, deciding.correct(shop.pipeline, first, {"order_id": "O1"}, ANNA))
    [other] = decide(shop, deciding.correct(shop.pipeline, second, {"order_id": "O2"}, ANNA))
    settle(shop)
    assert shop.order_ids() == {FRI: ["O1", "O2", "O3"]}

    same = Author(who="anna", why="it is the same", supersedes=(other.id,))
    decide(shop, deciding.correct(shop.pipeline, second, {"order_id": "O1"}, same))
    shop.work()
    assert shop.order_ids() == {FRI: ["O1", "O3"]}
    assert published(shop).duplicates == 1


def test_all_rows_of_a_filter_are_corrected_and_a_row_s_own_correction_goes_before(shop: Shop) -> None:
    nowhere = rows(shop, where=(Condition("shop", Operator.EQUALS, ("nowhere",)),))
    [group] = decide(shop, deciding.correct(shop.pipeline, nowhere, {"shop": "north"}, ANNA))
    correct(shop, "O31", shop="south")
    settle(shop)

    found = desk.accepted(shop.pipeline, tiny.ORDERS)
    shops = dict(found.select("order_id", "shop").iter_rows())
    assert (shops["O20"], shops["O31"]) == ("north", "south")
    assert refused(shop)["O22"] == ("amount.castable", str(group.id))
    # Nothing of it is told of rows that came later, or of Monday.
    shop.put(f"orders/{SAT}.csv", [tiny.line(50, SAT, shop="nowhere"), tiny.line(51, SAT)])
    settle(shop)
    assert refused(shop)["O50"] == ("shop.in_shops", None)
    [audited] = [one for one in audit(shop.pipeline) if one.decision.id == group.id]
    assert (audited.state, audited.reason) == (
        DecisionState.IN_FORCE,
        "1 of its 2 deliveries were superseded",
    )


def test_rows_are_corrected_by_the_rule_that_they_broke(shop: Shop) -> None:
    broke = rows(shop, rules=(SHOP,), period=FRI)
    decide(shop, deciding.correct(shop.pipeline, broke, {"shop": "south"}, ANNA))
    settle(shop)

    shops = dict(desk.accepted(shop.pipeline, tiny.ORDERS).select("order_id", "shop").iter_rows())
    assert (shops["O20"], shops["O1"]) == ("south", "north"), "only rows that broke it"
    assert set(refused(shop)) == {"O21", "O22", "O31"}


def test_all_rows_of_a_rule_are_waived(shop: Shop) -> None:
    chosen = rows(shop, delivery=row(shop, "O20").partition(":")[0])
    decide(shop, deciding.waive(shop.pipeline, chosen, [SHOP], ANNA))
    settle(shop)

    assert "O20" in shop.order_ids()[FRI]
    assert set(refused(shop)) == {"O21", "O22", "O31"}


def test_what_becomes_of_a_row_goes_before_what_becomes_of_many(shop: Shop) -> None:
    [own] = decide(shop, deciding.discard(shop.pipeline, rows(shop, "O20"), ANNA))
    decide(shop, deciding.waive(shop.pipeline, rows(shop), [SHOP], ANNA))
    settle(shop)

    assert refused(shop)["O20"] == (SHOP, str(own.id))
    assert "O31" in shop.order_ids()[SAT]


# -- gates and deliveries ---------------------------------------------------------------------


@pytest.fixture
def strict(tmp_path: Path) -> Shop:
    """Friday is published; its newer version is stopped by the gate."""
    shop = Shop(tmp_path, tolerance=0.1)
    shop.day(FRI, [1, 2, 3])
    shop.work()
    shop.put(f"orders/{FRI}.csv", [tiny.line(1, FRI), tiny.line(2, FRI, shop="nowhere")])
    shop.work()
    assert shop.standing(tiny.ORDERS, FRI).standing is Standing.HELD
    assert shop.order_ids()[FRI] == ["O1", "O2", "O3"]
    return shop


def test_a_gate_is_opened_for_these_deliveries_and_no_more_loss(strict: Shop) -> None:
    [decision] = decide(strict, deciding.publish(strict.pipeline, tiny.ORDERS, FRI, ANNA))
    assert decision.limits == {"quarantined": 1, "rows_in": 2}
    settle(strict)
    assert strict.order_ids()[FRI] == ["O1"]

    # Another delivery is another matter.
    strict.put(f"orders/{FRI}.csv", [tiny.line(5, FRI), tiny.line(6, FRI, shop="nowhere")])
    strict.work()
    assert strict.standing(tiny.ORDERS, FRI).standing is Standing.HELD
    [audited] = audit(strict.pipeline)
    assert audited.state is DecisionState.VOID
    assert "made for other deliveries" in audited.reason


def test_opening_a_gate_can_be_undone(strict: Shop) -> None:
    [decision] = decide(strict, deciding.publish(strict.pipeline, tiny.ORDERS, FRI, ANNA))
    settle(strict)
    undo(strict, decision.id)
    strict.work()

    # It is stopped again; what was published stays until something better comes.
    assert strict.standing(tiny.ORDERS, FRI).standing is Standing.HELD


def test_a_gate_that_is_open_is_not_opened(shop: Shop) -> None:
    with pytest.raises(DecisionError, match="The gate is not closed"):
        deciding.publish(shop.pipeline, tiny.ORDERS, FRI, ANNA)


def test_a_rejected_delivery_is_awaited_anew_and_the_last_good_version_stays(strict: Shop) -> None:
    [bad] = [one.id for one in strict.orders() if one.state == "ingested"]
    decide(strict, deciding.reject(strict.pipeline, bad, ANNA))
    strict.work()

    standing = strict.standing(tiny.ORDERS, FRI)
    assert standing.standing is Standing.BLOCKED
    assert "waits for a new delivery; anna rejected orders/2024-03-01.csv" in standing.reason
    assert strict.order_ids()[FRI] == ["O1", "O2", "O3"]

    strict.day(FRI, [7, 8])
    settle(strict)
    assert strict.order_ids()[FRI] == ["O7", "O8"]


def test_rows_of_a_rejected_delivery_go_where_nothing_was_there_before(shop: Shop) -> None:
    before = desk.tables(shop.pipeline)
    [bad] = [one.id for one in shop.orders() if one.period == SAT]
    [decision] = decide(shop, deciding.reject(shop.pipeline, bad, ANNA))
    settle(shop)
    assert SAT not in shop.order_ids()
    assert SAT not in shop.order_ids(tiny.BRONZE_ORDERS)

    undo(shop, decision.id)
    settle(shop)
    desk.assert_same(desk.tables(shop.pipeline), before)


def test_nothing_is_made_of_a_rejected_delivery_that_never_passed_its_gate(tmp_path: Path) -> None:
    shop = Shop(tmp_path, tolerance=0.1)
    shop.put(f"orders/{FRI}.csv", [tiny.line(2, FRI, shop="nowhere")])
    shop.work()
    decide(shop, deciding.reject(shop.pipeline, shop.orders()[0].id, ANNA))
    shop.work()

    assert (tiny.ORDERS.layer, "orders", FRI) not in shop.pipeline.ledger.published_validations("tiny")
    assert shop.standing(tiny.ORDERS, FRI).standing is Standing.BLOCKED


# -- hostile ----------------------------------------------------------------------------------


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


# -- other sources, other contracts -----------------------------------------------------------


def test_one_of_several_files_of_a_day_is_rejected(tmp_path: Path) -> None:
    shop = Shop(tmp_path, tiny.MANY_A_DAY)
    shop.day(FRI, [1, 2], key=f"orders/{FRI}-a.csv")
    shop.day(FRI, [3], key=f"orders/{FRI}-b.csv")
    shop.work()
    before = desk.tables(shop.pipeline)
    [bad] = [one.id for one in shop.orders() if one.part == "b"]

    [decision] = decide(shop, deciding.reject(shop.pipeline, bad, ANNA))
    settle(shop)
    assert shop.order_ids() == {FRI: ["O1", "O2"]}

    # The same content under its name is the rejected one; another content is taken as usual.
    shop.touch(shop.path(f"orders/{FRI}-b.csv"))
    settle(shop)
    assert shop.order_ids() == {FRI: ["O1", "O2"]}
    shop.day(FRI, [4], key=f"orders/{FRI}-b.csv")
    settle(shop)
    assert shop.order_ids() == {FRI: ["O1", "O2", "O4"]}

    undo(shop, decision.id)
    shop.day(FRI, [3], key=f"orders/{FRI}-b.csv")
    settle(shop)
    desk.assert_same(desk.tables(shop.pipeline), before)


def test_of_two_files_for_one_day_the_rejected_one_contends_no_more(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.day(FRI, [1], key=f"orders/a/{FRI}.csv")
    shop.day(FRI, [2], key=f"orders/b/{FRI}.csv")
    shop.work()
    assert shop.order_ids() == {}
    [bad] = [one.id for one in shop.orders() if "/a/" in one.key]
    decide(shop, deciding.reject(shop.pipeline, bad, ANNA))
    settle(shop)
    assert shop.order_ids() == {FRI: ["O2"]}


def test_rows_of_one_file_in_several_partitions(tmp_path: Path) -> None:
    """Periods are in a column: a decision stays in its partition, whatever is built beside it."""
    shop = Shop(tmp_path, tiny.BY_COLUMN)
    lines = [
        *(tiny.line(n, day) for n, day in enumerate([FRI, SAT, MON], 1)),
        tiny.line(4, FRI, amount="-1"),
        tiny.line(5, SAT, amount="-1"),
        tiny.line(6, "someday"),
    ]
    shop.put("orders/all.csv", lines)
    shop.work()
    before = desk.tables(shop.pipeline)

    chosen = rows(shop, rules=(AMOUNT,), period=FRI)
    [group] = decide(shop, deciding.correct(shop.pipeline, chosen, {"amount": "1"}, ANNA))
    assert shop.stretches() == [((FRI,), ["silver/orders", "gold/daily", "gold/totals"])]
    settle(shop)
    assert shop.order_ids()[FRI] == ["O1", "O4"]
    assert refused(shop)["O5"] == (AMOUNT, None)

    record = Rows(
        table=tiny.BRONZE_ORDERS,
        row_id=desk.quarantined(shop.pipeline, tiny.BRONZE_ORDERS)["_row_id"][0],
    )
    cells = {"order_id": "O6", "shop": "north", "customer": "", "amount": "6"}
    with pytest.raises(DecisionError, match="move the row to another partition"):
        deciding.correct(shop.pipeline, record, {**cells, "placed_on": SAT}, ANNA)
    [other] = decide(shop, deciding.correct(shop.pipeline, record, {**cells, "placed_on": FRI}, ANNA))
    settle(shop)
    assert shop.order_ids() == {FRI: ["O1", "O4", "O6"], SAT: ["O2"], MON: ["O3"]}

    undo(shop, group.id, other.id)
    settle(shop)
    desk.assert_same(desk.tables(shop.pipeline), before)


class Orders(tiny.SilverOrders):
    """The same without a rule that was there: any shop will do."""

    shop: str = pa.Field()


class BronzeOrders(RowContract):
    """The same without a column that was there."""

    order_id: str = pa.Field(nullable=True)
    shop: str = pa.Field(nullable=True)
    amount: str = pa.Field(nullable=True)
    placed_on: str = pa.Field(nullable=True)


def test_decisions_whose_rule_or_column_is_gone_do_nothing_and_ask(shop: Shop) -> None:
    waived = waive(shop, "O20", SHOP)
    corrected = correct(shop, "O21", amount="4", customer="")
    settle(shop)

    shop.open(dataset=changed(Table(tiny.ORDERS, Orders, tiny.orders, {"bronze": tiny.BRONZE_ORDERS})))
    asks = {one.decision.id: one.reason for one in audit(shop.pipeline) if one.asks}
    assert asks == {waived.id: "the contract has no rule shop.in_shops any more"}
    shop.work()
    assert "O20" in shop.order_ids()[FRI], "any shop will do now"

    shop.open(dataset=changed(Table(tiny.BRONZE_ORDERS, BronzeOrders)))
    asks = {one.decision.id: one.reason for one in audit(shop.pipeline) if one.asks}
    assert asks == {corrected.id: "what is delivered has no column customer any more"}
    with pytest.raises(DecisionError, match="no column customer"):
        deciding.correct(shop.pipeline, rows(shop, "O21"), {"customer": ""}, BEN)


class Daily(tiny.Daily):
    """The same with a promise that no day of a test keeps."""

    @aggregate_check(why="a shop that sells less is closed")
    def much_money(cls) -> nw.Expr:
        return nw.col("amount").sum() > 1_000_000


def test_a_rule_of_a_whole_partition_is_waived_for_it(shop: Shop) -> None:
    inputs = tiny.DATASET.tables[4].inputs
    shop.open(dataset=changed(Table(tiny.DAILY, Daily, tiny.daily, inputs)))
    shop.work()
    assert shop.standing(tiny.DAILY, FRI).standing is Standing.HELD

    day = rows(shop, table=tiny.DAILY, period=FRI)
    [decision] = decide(shop, deciding.waive(shop.pipeline, day, ["much_money"], ANNA))
    shop.work()
    assert shop.standing(tiny.DAILY, FRI).standing is Standing.CURRENT
    assert shop.standing(tiny.DAILY, SAT).standing is Standing.HELD
    assert states(shop) == {decision.id: DecisionState.IN_FORCE}
    tallies = shop.pipeline.ledger.tallies_for([published(shop, tiny.DAILY).id])
    assert [one.failed for one in next(iter(tallies.values())) if one.rule == "much_money"] == [1]

    with pytest.raises(DecisionError, match="rule of a whole partition"):
        deciding.waive(shop.pipeline, rows(shop, table=tiny.DAILY), ["much_money"], ANNA)


def changed(table: Table) -> Dataset:
    """The dataset with another table in the place of one."""
    tables = [table if one.id == table.id else one for one in tiny.DATASET.tables]
    return replace(tiny.DATASET, tables=tuple(tables))
