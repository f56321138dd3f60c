"""Files as they should not be, and what must hold whatever they are."""

from __future__ import annotations

import polars as pl
import pytest

from etl_assets.ledger.records import DeliveryState
from etl_assets_tests.orchestration.fixtures import MakeHouse
from etl_assets_tests.orchestration.house import House
from etl_assets_tests.orchestration.shop import BRONZE, DAILY, SHOP, SILVER, day_of_orders

pytestmark = pytest.mark.slow


GOOD_DAYS = ["2024-01-01", "2024-01-02"]


DAY = "2024-01-03"


GOOD = day_of_orders(DAY)


"""A day of orders A...001 to A...020 on lines 2 to 21, over 1 to 20 EUR: 210 in all."""


def file_of(day: str) -> str:
    return f"{day}.csv"


def with_line(line: int, raw: bytes) -> bytes:
    lines = GOOD.split(b"\n")
    lines[line - 1] = raw
    return b"\n".join(lines)


def shop_with(make_house: MakeHouse, key: str, data: bytes, **changes: object) -> House:
    """A shop whose good days have come, and one more file."""
    house = make_house(SHOP, **changes)
    for day in GOOD_DAYS:
        house.drop(file_of(day), day_of_orders(day))
    house.drop(key, data)
    return house


def run(house: House) -> str:
    """Run it, see that staging is as before, and return what failing runs say."""
    before = house.snapshot()
    done = house.run()
    assert house.snapshot() == before
    return "\n".join(one.error for one in done.runs if one.error)


def totals(house: House) -> dict[str, int]:
    gold = house.rows(DAILY)
    return {str(day): total for day, total in gold.select("day", "total").iter_rows()}


def assert_others_went_through(house: House) -> None:
    assert {day: total for day, total in totals(house).items() if day in GOOD_DAYS} == dict.fromkeys(
        GOOD_DAYS, 210
    )
    for table in (BRONZE, SILVER, DAILY):
        assert set(GOOD_DAYS) <= house.materialized(table)


def assert_correction_goes_through(house: House, key: str = file_of(DAY)) -> None:
    assert run(house) == ""  # nothing is left to do but what waits for the file
    house.drop(key, GOOD)
    assert run(house) == ""
    assert totals(house) == dict.fromkeys([*GOOD_DAYS, DAY], 210)
    assert house.delivery(key).state is DeliveryState.INGESTED
    assert house.check(BRONZE, "gate").passed
    assert house.rows(BRONZE).filter(pl.col("_period") == DAY).height == 20
    assert house.quarantine(BRONZE).height == 0
    assert not house.status().troubled
