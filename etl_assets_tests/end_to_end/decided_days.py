"""Days with refused rows, and a person who decides on them: again, if he can't see that he did."""

from __future__ import annotations

from pathlib import Path

from etl_assets.pipeline import deciding
from etl_assets.pipeline.choosing import Rows
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.deciding import Author
from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.end_to_end.victim import Boundaries

FRI, SAT = "2024-03-01", "2024-03-02"
ANNA = Author(who="anna", why="the shop said so")


def lay_out(home: Path) -> None:
    """Deliver two days, and build them."""
    tiny.put_shops(home)
    for day in (FRI, SAT):
        bad = [tiny.line(20, day, shop="nowhere"), tiny.line(21, day, amount="-4"), "only,two"]
        tiny.put(home, f"orders/{day}.csv", [*(tiny.line(n, day) for n in range(1, 5)), *bad])
    pipeline = tiny.open_pipeline(home)
    desk.work(pipeline)
    pipeline.ledger.close()


def decide(pipeline: DatasetPipeline) -> None:
    """Correct, waive and discard, each all at once."""
    if pipeline.ledger.decisions("tiny"):
        return
    refused = desk.quarantined(pipeline, tiny.ORDERS)
    negative = refused.filter(order_id="O21")["_row_id"]
    records = desk.quarantined(pipeline, tiny.BRONZE_ORDERS).filter(_period=FRI)["_row_id"]
    cells = {"order_id": "O99", "shop": "north", "customer": "", "amount": "5", "placed_on": FRI}
    proposals = [
        *(
            deciding.correct(pipeline, Rows(table=tiny.ORDERS, row_id=row), {"amount": "4"}, ANNA)
            for row in negative
        ),
        deciding.waive(pipeline, Rows(table=tiny.ORDERS, period=FRI), ["shop.in_shops"], ANNA),
        deciding.discard(pipeline, Rows(table=tiny.ORDERS, rules=("shop.in_shops",), period=SAT), ANNA),
        deciding.correct(pipeline, Rows(table=tiny.BRONZE_ORDERS, row_id=records[0]), cells, ANNA),
    ]
    deciding.decide(pipeline, proposals)


def undo(pipeline: DatasetPipeline) -> None:
    """Take all of it back."""
    made = pipeline.ledger.decisions("tiny")
    if not any(one.kind == "undo" for one in made):
        deciding.decide(pipeline, deciding.undo(pipeline, [one.id for one in made], ANNA))


def decide_and_replay(home: Path, _: Boundaries) -> None:
    pipeline = tiny.open_pipeline(home)
    decide(pipeline)
    desk.work(pipeline)


def undo_and_replay(home: Path, _: Boundaries) -> None:
    pipeline = tiny.open_pipeline(home)
    undo(pipeline)
    desk.work(pipeline)
