"""Which of several versions of a list is the table."""

from __future__ import annotations

from pathlib import Path

from etl_assets.staging.source import Mode, Source
from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.pipeline.shop import Shop

BY_NAME = Source(pattern="shops_{version:%Y%m}.csv", mode=Mode.SNAPSHOT)


def names(shop: Shop) -> list[str]:
    return sorted(desk.accepted(shop.pipeline, tiny.SHOPS)["shop"].to_list())


def test_an_older_version_that_comes_late_does_not_replace_a_newer_one(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.open(sources={"orders": tiny.ONE_A_DAY, "shops": BY_NAME})
    shop.put("shops_202402.csv", ["north,Northam"], header="shop,city", age=500)
    shop.put("shops_202403.csv", ["north,Northam", "south,Southam"], header="shop,city", age=400)
    shop.work()
    assert names(shop) == ["north", "south"]
    # February's list is mended and sent again: March's still counts.
    shop.put("shops_202402.csv", ["east,Eastham"], header="shop,city", age=10)
    shop.work()
    assert names(shop) == ["north", "south"]
    shop.put("shops_202404.csv", ["west,Westham"], header="shop,city", age=900)
    shop.work()
    assert names(shop) == ["west"]
