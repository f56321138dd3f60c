"""Files, rules and moments that are gone when a partition is built again."""

from __future__ import annotations

import datetime as dt
import os
from dataclasses import replace
from pathlib import Path

import pandera.polars as pa
import polars as pl
import pytest

from etl_assets.contracts.contract import RowContract
from etl_assets.contracts.dataset import Dataset, Layer, Table, TableId
from etl_assets.contracts.declare import about_table
from etl_assets.pipeline import deciding, quiet
from etl_assets.pipeline.choosing import Rows
from etl_assets.pipeline.deciding import Author
from etl_assets.pipeline.decision_audit import audit
from etl_assets.pipeline.leases import held_lease
from etl_assets.staging.source import Source
from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.pipeline.shop import FRI, Shop

ANN = Author(who="ann", why="she knows")
READINGS = TableId(Layer.BRONZE, "readings")


class BronzeReadings(RowContract):
    id: int = pa.Field()
    value: float = pa.Field(nullable=True)


def test_rows_of_a_typed_file_that_is_gone_are_kept(tmp_path: Path) -> None:
    """As those of text: bronze has them, though no file is left that tells what columns there are."""
    dataset = Dataset(name="tiny", description="d", tables=(Table(READINGS, BronzeReadings),))
    source = Source.model_validate(
        {"pattern": "{period:%Y-%m-%d}.parquet", "format": {"type": "parquet"}, "settle_seconds": 0}
    )
    pipeline = tiny.open_pipeline(tmp_path, dataset=dataset, sources={"readings": source})
    file = tmp_path / "staging" / "tiny" / "2024-03-01.parquet"
    file.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame({"id": [1, 2], "value": [1.5, None]}).write_parquet(file)
    os.utime(file, (tiny.NOON.timestamp() - 60,) * 2)
    desk.work(pipeline)
    before = desk.accepted(pipeline, READINGS)
    file.unlink()

    pipeline.ledger.start_run("again", pipeline.name)
    with held_lease(pipeline.ledger, pipeline.name, "again", 30.0) as lease:
        result = desk.hop(pipeline, READINGS, ["2024-03-01"], lease)

    assert result.failed == {}
    assert desk.accepted(pipeline, READINGS).equals(before)
    assert before.height == 2


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path)
    shop.put(f"orders/{FRI}.csv", [tiny.line(1, FRI), tiny.line(2, FRI, amount="-4")])
    shop.work()
    return shop


def test_a_correction_of_all_rows_of_a_rule_asks_when_the_rule_is_gone(shop: Shop) -> None:
    class WithoutTheRule(RowContract):
        order_id: str = pa.Field()
        shop: str = pa.Field()
        customer: str = pa.Field(nullable=True)
        amount: int = pa.Field()
        placed_on: dt.date = pa.Field()

        class Config:
            metadata = about_table(period_column="placed_on")

    rows = Rows(table=tiny.ORDERS, rules=("amount.greater_than_or_equal_to",))
    deciding.decide(shop.pipeline, [deciding.correct(shop.pipeline, rows, {"amount": "4"}, ANN)])
    shop.work()
    tables = [
        replace(one, contract=WithoutTheRule) if one.id == tiny.ORDERS else one for one in tiny.DATASET.tables
    ]
    shop.open(dataset=replace(tiny.DATASET, tables=tuple(tables)))
    shop.work()

    (told,) = audit(shop.pipeline)
    assert told.state == "void"
    assert "amount.greater_than_or_equal_to" in told.reason


def test_a_look_is_not_quiet_once_a_decision_has_ended(shop: Shop) -> None:
    now = shop.pipeline.now()
    rows = Rows(table=tiny.ORDERS, rules=("amount.greater_than_or_equal_to",))
    until = replace(ANN, until=now + dt.timedelta(minutes=3))
    deciding.decide(shop.pipeline, [deciding.waive(shop.pipeline, rows, rows.rules, until)])
    shop.work()

    def marked(minutes: int) -> str | None:
        later = replace(shop.pipeline, now=lambda: now + dt.timedelta(minutes=minutes))
        return quiet.marker(later, quiet.listed(later))

    assert marked(0) == marked(2)
    assert marked(2) != marked(4)
