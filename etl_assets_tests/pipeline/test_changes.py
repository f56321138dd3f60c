"""What is published stays whole when files are re-sent broken, files move, or settings change."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from etl_assets.errors import LakeError
from etl_assets.pipeline.dataset_pipeline import Limits
from etl_assets.pipeline.pending import Pending, Standing
from etl_assets.staging.calendar import Calendar
from etl_assets.staging.source import Source
from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.pipeline.shop import FRI, MON, SAT, TUE, Shop

CSV_LATIN = tiny.ONE_A_DAY.format.model_copy(update={"encoding": "latin-1"})
CHANGED = tiny.ONE_A_DAY.model_copy(update={"format": CSV_LATIN})
"""Another way of reading: all bronze partitions are to be built again."""


def calendar(**changes: object) -> Calendar:
    days = {"start": datetime.date(2024, 3, 1), "end": datetime.date(2024, 3, 14)}
    return Calendar.model_validate({**days, "closed": {"weekdays": ["sunday"]}, **changes})


@pytest.mark.parametrize(
    "changed",
    [
        calendar(closed={"weekdays": ["sunday"], "dates": [datetime.date(2024, 3, 1)]}),
        calendar(closed={"weekdays": ["sunday"], "dates": [datetime.date(2024, 3, 2)]}),
        calendar(start=datetime.date(2024, 3, 2)),
    ],
    ids=["first day closed", "middle day closed", "later start"],
)
def test_a_day_that_leaves_the_calendar_stays_as_it_is_and_stops_nothing(
    tmp_path: Path, changed: Calendar
) -> None:
    shop = Shop(tmp_path)
    for day in (FRI, SAT, MON):
        shop.day(day)
    shop.work()

    shop.open(calendar=changed, source=CHANGED)
    shop.day(TUE)
    shop.work()

    assert set(shop.order_ids()) == {FRI, SAT, MON, TUE}
    assert Pending.of(shop.pipeline).stretches() == []
    outside = SAT if changed.period(FRI) else FRI
    standing = shop.standing(tiny.BRONZE_ORDERS, outside)
    assert standing.standing is Standing.BLOCKED
    assert "not in the calendar" in standing.reason


def test_a_whole_table_is_built_once_after_all_stretches(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    for day in (FRI, MON):
        shop.day(day)
    shop.look()

    several = shop.stretches()

    assert len(several) == 2
    assert all("gold/totals" not in tables for _, tables in several)


MANY = Source(pattern="orders/{period:%Y-%m-%d}-{part}.csv", files_per_period="many")


@pytest.mark.parametrize("mode", ["increment", "correction"])
def test_a_file_that_is_sent_again_broken_takes_no_published_rows_away(tmp_path: Path, mode: str) -> None:
    shop = Shop(tmp_path, Source.model_validate({**MANY.model_dump(), "mode": mode}))
    shop.day(FRI, (1, 2), key=f"orders/{FRI}-a.csv")
    shop.day(FRI, (3, 4), key=f"orders/{FRI}-b.csv")
    shop.work()

    shop.put(f"orders/{FRI}-a.csv", ["1,2"], header="something,else", age=10)
    for _ in range(3):
        shop.work()

    assert sorted(shop.order_ids()[FRI]) == ["O1", "O2", "O3", "O4"]
    assert shop.states()[f"{FRI}-a.csv again"] == "on_hold"
    assert f"{FRI}-a.csv" in shop.standing(tiny.BRONZE_ORDERS, FRI).reason

    shop.day(FRI, (1, 5), key=f"orders/{FRI}-a.csv")
    shop.work()
    assert sorted(shop.order_ids()[FRI]) == ["O1", "O3", "O4", "O5"]


@pytest.mark.parametrize("group_periods", [1, 64])
def test_which_repeat_is_kept_does_not_depend_on_how_periods_are_grouped(
    tmp_path: Path, group_periods: int
) -> None:
    shop = Shop(tmp_path, tiny.BY_COLUMN)
    shop.pipeline = replace(shop.pipeline, limits=Limits(lease_seconds=30, group_periods=group_periods))
    # Within Friday the first file counts as the earlier one; the second one comes first on Monday.
    shop.put("orders/a.csv", [tiny.line(1, FRI), tiny.line(2, FRI), tiny.line(7, FRI, amount="111")])
    shop.put("orders/b.csv", [tiny.line(7, FRI, amount="222"), tiny.line(8, MON)])
    shop.work()

    rows = shop.pipeline.accepted(tiny.ORDERS).scan(shop.pipeline.contract(tiny.ORDERS).schema).collect()

    assert rows.filter(order_id="O7")["amount"].to_list() == [111]


def test_a_touched_file_stays_in_the_period_in_which_it_arrived(tmp_path: Path) -> None:
    shop = Shop(tmp_path, Source.model_validate({"pattern": "orders/*.csv", "period_from": "arrival"}))
    file = shop.day(FRI, key="orders/x.csv")
    shop.work()
    before = shop.order_ids()

    shop.clock.pass_(24 * 3600)
    shop.touch(file, age=30)
    shop.work()

    assert shop.order_ids() == before
    desk.assert_rows_add_up(shop.pipeline, {"orders/x.csv": 3})


def test_files_that_the_disk_has_lost_are_written_again(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.day(FRI)
    shop.work()
    for file in shop.pipeline.accepted(tiny.ORDERS).files([FRI]):
        file.path.unlink()

    shop.work()

    assert shop.order_ids() == {FRI: ["O1", "O2", "O3"]}


@pytest.mark.parametrize("part", ["accepted", "quarantine"])
def test_a_table_whose_log_is_damaged_stops_nothing_but_itself(tmp_path: Path, part: str) -> None:
    shop = Shop(tmp_path)
    shop.day(FRI)
    shop.work()
    log = getattr(shop.pipeline, part)(tiny.DAILY).path / "_delta_log"
    kept = {entry: entry.read_bytes() for entry in log.iterdir()}
    for entry in kept:
        entry.write_text("{")

    shop.day(SAT)
    shop.put("shops.csv", ["north,Nordham", "south,Southam"], header="shop,city")
    for _ in range(2):  # one run for each of the days
        with pytest.raises(LakeError, match="log can't be read") as error:
            shop.work()

    assert str(error.value.where["table"]).endswith("daily")
    assert shop.order_ids() == {FRI: ["O1", "O2", "O3"], SAT: ["O1", "O2", "O3"]}
    assert "Nordham" in desk.accepted(shop.pipeline, tiny.SHOPS)["city"].to_list()
    assert "log can't be read" in shop.standing(tiny.DAILY, SAT).reason
    for entry, content in kept.items():
        entry.write_bytes(content)
    shop.clock.pass_(3600)
    shop.work()
    assert shop.stretches() == []
    assert set(desk.accepted(shop.pipeline, tiny.DAILY)["_period"]) == {FRI, SAT}


def test_nothing_is_published_where_the_quarantine_can_not_be_committed(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.day(FRI)
    shop.work()
    quarantine = shop.pipeline.quarantine(tiny.ORDERS)
    # As an older contract has left it: a dtype that text can't be made of.
    schema: dict[str, pl.DataType] = {"order_id": pl.List(pl.Int64())}
    old = pl.DataFrame({"order_id": [[1]], "_period": [MON]}, schema={**schema, "_period": pl.String()})
    stage = quarantine.stage("00000000-old")
    pl.collect_all([stage.sink(old.lazy())], engine="streaming")
    quarantine.commit(stage.files, [FRI, MON], schema, writer="somebody", token=1)
    before = shop.pipeline.accepted(tiny.ORDERS).version()

    shop.day(SAT)
    with pytest.raises(LakeError, match="order_id to String"):
        shop.work()

    assert shop.pipeline.accepted(tiny.ORDERS).version() == before
    assert shop.order_ids() == {FRI: ["O1", "O2", "O3"]}
    assert "order_id to String" in shop.standing(tiny.ORDERS, SAT).reason
