"""People who decide on rows of a small shop."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from etl_assets.contracts.dataset import TableId
from etl_assets.ledger.decision_records import Decision
from etl_assets.ledger.records import Validation
from etl_assets.pipeline import deciding
from etl_assets.pipeline.choosing import Rows
from etl_assets.pipeline.deciding import Author, Proposal
from etl_assets.pipeline.decision_audit import DecisionState, audit
from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.pipeline.shop import FRI, MON, SAT, Shop

ANNA = Author(who="anna", why="the shop said so on the phone")
BEN = Author(who="ben", why="I know better")
AMOUNT, SHOP = "amount.greater_than_or_equal_to", "shop.in_shops"


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
