from pathlib import Path

import pytest

from etl_assets.contracts.row_filter import Condition, Operator
from etl_assets.errors import DecisionError
from etl_assets.ledger.decisions import DecisionConflictError
from etl_assets.pipeline import deciding
from etl_assets.pipeline.choosing import Rows
from etl_assets.pipeline.deciding import Author
from etl_assets.pipeline.decision_audit import DecisionState, audit
from etl_assets.pipeline.pending import Standing
from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.pipeline.deciders import (
    AMOUNT,
    ANNA,
    BEN,
    SHOP,
    correct,
    decide,
    published,
    refused,
    row,
    rows,
    settle,
    states,
    three_days,
    undo,
    waive,
)
from etl_assets_tests.pipeline.shop import FRI, SAT, Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Three days: Friday has four rows in trouble, one of them unreadable, Saturday one, Monday none."""
    return three_days(tmp_path)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The same, for tests that change nothing."""
    return three_days(tmp_path_factory.mktemp("untouched"))


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
