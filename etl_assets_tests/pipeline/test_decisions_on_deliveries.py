# No postponed annotations: Pandera reads those of contracts.

from dataclasses import replace
from pathlib import Path

import narwhals.stable.v1 as nw
import pandera.polars as pa
import pytest

from etl_assets.contracts.contract import RowContract
from etl_assets.contracts.dataset import Dataset, Table
from etl_assets.contracts.declare import aggregate_check
from etl_assets.errors import DecisionError
from etl_assets.pipeline import deciding
from etl_assets.pipeline.choosing import Rows
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
    rows,
    settle,
    states,
    three_days,
    undo,
    waive,
)
from etl_assets_tests.pipeline.shop import FRI, MON, SAT, Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Three days: Friday has four rows in trouble, one of them unreadable, Saturday one, Monday none."""
    return three_days(tmp_path)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The same, for tests that change nothing."""
    return three_days(tmp_path_factory.mktemp("untouched"))


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
