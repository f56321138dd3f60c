from __future__ import annotations

import os
from pathlib import Path

import pytest

from etl_assets.pipeline.intake import missing_deliveries, report_missing
from etl_assets.staging.calendar import Calendar
from etl_assets.staging.source import PeriodFrom, Source
from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.pipeline.shop import FRI, MON, SAT, SUNDAY, TUE, Shop

# -- what is new ------------------------------------------------------------------------------


def test_a_file_is_taken_in_once(shop: Shop) -> None:
    shop.day(FRI)
    assert {one.key for one in shop.look().registered} == {"shops.csv", f"orders/{FRI}.csv"}
    assert shop.look().registered == []
    assert shop.states() == {f"{FRI}.csv": "pending"}


def test_a_file_that_may_still_be_written_waits(tmp_path: Path) -> None:
    patient = tiny.ONE_A_DAY.model_copy(update={"settle_seconds": 30.0})
    shop = Shop(tmp_path, patient)
    path = shop.day(FRI)
    shop.touch(path, age=1)
    assert shop.look().unsettled == [f"orders/{FRI}.csv"]
    shop.clock.pass_(10)
    path.write_text(path.read_text() + tiny.line(9, FRI) + "\n")
    shop.touch(path)
    assert shop.look().unsettled == [f"orders/{FRI}.csv"]
    assert shop.states() == {}
    shop.clock.pass_(31)
    assert shop.look().unsettled == []
    assert shop.states() == {f"{FRI}.csv": "pending"}


def test_a_touch_is_no_change(shop: Shop) -> None:
    path = shop.day(FRI)
    shop.work()
    shop.clock.pass_(100)
    shop.touch(path)
    assert shop.work() == []
    assert shop.states() == {f"{FRI}.csv": "ingested"}


def test_a_changed_file_opens_its_day_only(shop: Shop) -> None:
    shop.day(FRI)
    shop.day(SAT)
    shop.work()
    shop.day(SAT, [7, 8])
    assert [stretch.periods for stretch in shop.work()] == [(SAT,)]
    assert shop.order_ids() == {FRI: ["O1", "O2", "O3"], SAT: ["O7", "O8"]}
    assert shop.states() == {
        f"{FRI}.csv": "ingested",
        f"{SAT}.csv": "superseded",
        f"{SAT}.csv again": "ingested",
    }


def test_content_that_comes_back_is_published_again(shop: Shop) -> None:
    shop.day(FRI, [1])
    shop.work()
    first = desk.tables(shop.pipeline)
    shop.day(FRI, [2])
    shop.work()
    assert shop.order_ids() == {FRI: ["O2"]}
    shop.clock.pass_(5)
    shop.day(FRI, [1])
    assert len(shop.work()) == 1
    desk.assert_same(desk.tables(shop.pipeline), first)
    assert shop.work() == []


def test_two_versions_between_two_looks_are_the_newer_one(shop: Shop) -> None:
    shop.day(FRI, [1])
    shop.look()
    shop.day(FRI, [2])
    shop.work()
    assert shop.order_ids() == {FRI: ["O2"]}
    assert shop.states() == {f"{FRI}.csv": "superseded", f"{FRI}.csv again": "ingested"}


# -- what belongs nowhere ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "why"),
    [
        (SUNDAY, "a closed day"),
        ("2024-03-07", "a closed day"),
        ("2024-02-29", "before the calendar's start"),
        ("2024-03-15", "after the calendar's end"),
        ("2024-03-13", "has not begun yet"),
    ],
)
def test_a_date_that_the_calendar_does_not_have_is_on_hold(shop: Shop, day: str, why: str) -> None:
    shop.day(day)
    shop.day(FRI)
    shop.work()
    assert shop.states()[f"{day}.csv"] == "on_hold"
    assert why in shop.reasons()[f"{day}.csv"]
    assert shop.order_ids() == {FRI: ["O1", "O2", "O3"]}


def test_a_future_day_is_built_when_it_has_begun(shop: Shop) -> None:
    shop.day("2024-03-13")
    shop.work()
    assert shop.states() == {"2024-03-13.csv": "on_hold"}
    shop.clock.pass_(24 * 3600)
    shop.work()
    assert shop.states() == {"2024-03-13.csv": "ingested"}
    assert list(shop.order_ids()) == ["2024-03-13"]


def test_a_closed_day_that_is_opened_is_built(shop: Shop) -> None:
    shop.day("2024-03-07")
    shop.work()
    shop.open(calendar=Calendar(start=tiny.CALENDAR.start, end=tiny.CALENDAR.end))
    shop.work()
    assert list(shop.order_ids()) == ["2024-03-07"]


def test_no_date_and_no_table_are_findings_that_are_settled(shop: Shop) -> None:
    strange = [shop.put(name, ["x"]) for name in ("orders/2024-02-31.csv", "readme.txt")]
    shop.work()
    messages = [one.message for one in shop.pipeline.ledger.findings("tiny", ["unmatched_file"])]
    assert any("orders/2024-02-31.csv" in message and "no valid date" in message for message in messages)
    assert any("readme.txt" in message for message in messages)
    for path in strange:
        path.unlink()
    shop.work()
    assert shop.findings() == {}


def test_a_file_of_two_tables_is_a_finding(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    wide = tiny.SHOP_LIST.model_copy(update={"pattern": "**/*.csv"})
    shop.open(sources={"orders": tiny.ONE_A_DAY, "shops": wide})
    shop.day(FRI)
    shop.work()
    assert "fits the patterns of orders, shops" in shop.findings()["ambiguous_file"]
    assert shop.states() == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_is_a_finding_and_stops_itself_only(shop: Shop) -> None:
    shop.day(FRI).chmod(0)
    shop.day(SAT)
    shop.work()
    assert f"orders/{FRI}.csv" in shop.findings()["not_listed"]
    assert list(shop.order_ids()) == [SAT]


# -- two deliveries for one day ---------------------------------------------------------------


def test_two_files_for_one_day_are_both_on_hold_until_one_is_removed(shop: Shop) -> None:
    shop.day(FRI, [1], key=f"orders/a/{FRI}.csv")
    other = shop.day(FRI, [2], key=f"orders/b/{FRI}.csv")
    shop.day(SAT)
    shop.work()
    assert shop.states() == {f"a/{FRI}.csv": "on_hold", f"b/{FRI}.csv": "on_hold", f"{SAT}.csv": "ingested"}
    assert f"orders/a/{FRI}.csv, orders/b/{FRI}.csv" in shop.reasons()[f"a/{FRI}.csv"]
    assert list(shop.order_ids()) == [SAT]

    other.unlink()
    shop.work()
    assert shop.states()[f"a/{FRI}.csv"] == "ingested"
    assert shop.order_ids()[FRI] == ["O1"]


def test_a_second_file_does_not_push_out_what_is_published(shop: Shop) -> None:
    shop.day(FRI, [1], key=f"orders/a/{FRI}.csv")
    shop.work()
    other = shop.day(FRI, [2], key=f"orders/b/{FRI}.csv")
    assert shop.work() == []
    assert shop.states() == {f"a/{FRI}.csv": "ingested", f"b/{FRI}.csv": "on_hold"}
    assert shop.order_ids() == {FRI: ["O1"]}
    other.unlink()
    assert shop.work() == []
    assert shop.order_ids() == {FRI: ["O1"]}


def test_a_file_that_comes_under_another_name_replaces_the_one_taken_away(shop: Shop) -> None:
    shop.day(FRI, [1], key=f"orders/a/{FRI}.csv")
    shop.work()
    shop.path(f"orders/a/{FRI}.csv").unlink()
    shop.day(FRI, [2], key=f"orders/b/{FRI}.csv")
    shop.work()
    assert shop.states() == {f"a/{FRI}.csv": "superseded", f"b/{FRI}.csv": "ingested"}
    assert shop.order_ids() == {FRI: ["O2"]}


def test_the_same_bytes_under_another_name_are_the_same_rows(shop: Shop) -> None:
    shop.day(FRI, [1, 2], key=f"orders/a/{FRI}.csv")
    shop.work()
    shop.path(f"orders/a/{FRI}.csv").rename(shop.path(f"orders/{FRI}.csv"))
    shop.work()
    assert shop.order_ids() == {FRI: ["O1", "O2"]}


# -- several files a period -------------------------------------------------------------------


def test_many_files_make_one_day(tmp_path: Path) -> None:
    shop = Shop(tmp_path, tiny.MANY_A_DAY)
    shop.day(FRI, [1, 2], key=f"orders/{FRI}-a.csv")
    shop.work()
    shop.day(FRI, [2, 3], key=f"orders/{FRI}-b.csv")
    shop.work()
    assert shop.order_ids() == {FRI: ["O1", "O2", "O3"]}
    desk.assert_rows_add_up(shop.pipeline, {f"orders/{FRI}-a.csv": 2, f"orders/{FRI}-b.csv": 2})


def test_a_day_waits_for_all_its_parts(tmp_path: Path) -> None:
    named = tiny.MANY_A_DAY.model_copy(update={"files_per_period": ("east", "west")})
    shop = Shop(tmp_path, named)
    shop.day(FRI, [1], key=f"orders/{FRI}-east.csv")
    shop.work()
    assert shop.standing(tiny.BRONZE_ORDERS, FRI).reason == "waits for part west"
    assert shop.order_ids() == {}
    shop.day(FRI, [3], key=f"orders/{FRI}-north.csv")
    shop.day(FRI, [2], key=f"orders/{FRI}-west.csv")
    shop.work()
    assert shop.order_ids() == {FRI: ["O1", "O2"]}
    assert "'north' is not one of the parts" in shop.findings()["unmatched_file"]


def test_a_part_that_is_there_twice_holds_the_day(tmp_path: Path) -> None:
    named = tiny.MANY_A_DAY.model_copy(update={"files_per_period": ("east", "west")})
    shop = Shop(tmp_path, named)
    for key in ("east", "west"):
        shop.day(FRI, [1], key=f"orders/{FRI}-{key}.csv")
    shop.day(FRI, [1], key=f"orders/again/{FRI}-east.csv")
    shop.work()
    assert shop.order_ids() == {}
    shop.path(f"orders/{FRI}-east.csv").unlink()
    shop.work()
    assert list(shop.order_ids()) == [FRI]


def test_a_broken_file_among_many_stops_itself_only(tmp_path: Path) -> None:
    shop = Shop(tmp_path, tiny.MANY_A_DAY)
    shop.day(FRI, [1], key=f"orders/{FRI}-a.csv")
    shop.put(f"orders/{FRI}-b.csv", ["1"], header="wrong")
    shop.work()
    assert shop.states() == {f"{FRI}-a.csv": "ingested", f"{FRI}-b.csv": "on_hold"}
    assert shop.order_ids() == {FRI: ["O1"]}


# -- modes ------------------------------------------------------------------------------------


def test_of_snapshots_the_newest_counts_whatever_came_first(shop: Shop) -> None:
    shop.put("shops-2.csv", ["west,Westham"], header="shop,city", age=5)
    shop.work()
    shop.put("shops-1.csv", ["east,Eastham"], header="shop,city", age=30)
    assert shop.work() == []
    assert desk.accepted(shop.pipeline, tiny.SHOPS)["shop"].to_list() == ["west"]
    shop.put("shops-0.csv", ["east,Eastham"], header="shop,city", age=0)
    shop.work()
    assert desk.accepted(shop.pipeline, tiny.SHOPS)["shop"].to_list() == ["east"]


def test_a_new_snapshot_settles_rows_that_waited_for_its_keys(shop: Shop) -> None:
    shop.put(f"orders/{FRI}.csv", [tiny.line(1, FRI), tiny.line(2, FRI, shop="east")])
    shop.work()
    assert shop.order_ids() == {FRI: ["O1"]}
    shop.put("shops.csv", ["north,Northam", "east,Eastham"], header="shop,city")
    shop.work()
    assert shop.order_ids() == {FRI: ["O1", "O2"]}


def test_of_corrections_the_newest_row_of_a_key_is_kept(tmp_path: Path) -> None:
    shop = Shop(tmp_path, tiny.CORRECTIONS)
    for age, amount in ((30, "1"), (10, "3"), (20, "2")):
        shop.put(f"orders/{FRI}-{age}.csv", [tiny.line(1, FRI, amount=amount)], age=age)
        shop.work()
    assert desk.accepted(shop.pipeline, tiny.ORDERS)["amount"].to_list() == [3]
    desk.assert_rows_add_up(shop.pipeline, {f"orders/{FRI}-{age}.csv": 1 for age in (10, 20, 30)})


# -- periods from elsewhere -------------------------------------------------------------------


def test_rows_go_to_the_periods_that_their_column_names(tmp_path: Path) -> None:
    shop = Shop(tmp_path, tiny.BY_COLUMN)
    lines = [tiny.line(1, FRI), tiny.line(2, MON), tiny.line(3, SUNDAY), tiny.line(4, "soon"), "short"]
    shop.put("orders/all.csv", lines)
    shop.work()
    assert shop.order_ids() == {FRI: ["O1"], MON: ["O2"]}
    refused = desk.quarantined(shop.pipeline, tiny.BRONZE_ORDERS).sort("_line")
    assert refused.select("_line", "_period").rows() == [(4, FRI), (5, FRI), (6, FRI)]
    assert refused["_reasons"].to_list()[:2] == ["period_unknown", "period_unknown"]
    desk.assert_rows_add_up(shop.pipeline, {"orders/all.csv": 5})


def test_periods_of_one_file_may_be_built_in_several_runs(tmp_path: Path) -> None:
    shop = Shop(tmp_path, tiny.BY_COLUMN)
    shop.put("orders/all.csv", [tiny.line(1, FRI), tiny.line(2, MON), tiny.line(3, FRI), "short"])
    shop.look()
    with shop.pipeline.ledger as ledger:
        lease = ledger.acquire_lease("tiny", "by hand", 60)
        for period in (MON, FRI, MON):
            desk.hop(shop.pipeline, tiny.BRONZE_ORDERS, [period], lease)
        ledger.release_lease(lease)
        assert shop.order_ids(tiny.BRONZE_ORDERS) == {FRI: ["O1", "O3"], MON: ["O2"]}
        desk.assert_rows_add_up(shop.pipeline, {"orders/all.csv": 4})


def test_a_row_of_a_day_to_come_waits_until_that_day_has_begun(tmp_path: Path) -> None:
    shop = Shop(tmp_path, tiny.BY_COLUMN)
    shop.put("orders/all.csv", [tiny.line(1, FRI), tiny.line(2, "2024-03-13")])
    shop.work()
    assert shop.order_ids() == {FRI: ["O1"]}
    assert "has not begun" in shop.standing(tiny.BRONZE_ORDERS, "2024-03-13").reason

    shop.clock.pass_(48 * 3600)
    shop.work()
    assert shop.order_ids() == {FRI: ["O1"], "2024-03-13": ["O2"]}
    desk.assert_rows_add_up(shop.pipeline, {"orders/all.csv": 2})


def test_a_newer_version_without_rows_of_a_day_empties_that_day(tmp_path: Path) -> None:
    shop = Shop(tmp_path, tiny.BY_COLUMN)
    shop.put("orders/all.csv", [tiny.line(1, FRI), tiny.line(2, MON)])
    shop.work()
    shop.put("orders/all.csv", [tiny.line(1, FRI)])
    shop.work()
    assert shop.order_ids() == {FRI: ["O1"]}
    assert shop.work() == []
    desk.assert_settled(shop.pipeline)


def test_a_newer_version_that_cannot_be_read_empties_nothing(tmp_path: Path) -> None:
    shop = Shop(tmp_path, tiny.BY_COLUMN)
    shop.put("orders/all.csv", [tiny.line(1, FRI), tiny.line(2, MON)])
    shop.work()
    shop.put("orders/all.csv", ["x"], header="wrong")
    shop.work()
    assert shop.order_ids() == {FRI: ["O1"], MON: ["O2"]}


def test_a_file_belongs_to_the_period_in_which_it_arrived(tmp_path: Path) -> None:
    arriving = Source(
        pattern="orders/*.csv", period_from=PeriodFrom.ARRIVAL, files_per_period="many", settle_seconds=0
    )
    shop = Shop(tmp_path, arriving)
    days = 24 * 3600
    shop.put("orders/x.csv", [tiny.line(1, "2024-03-11")], age=1 * days)
    shop.put("orders/y.csv", [tiny.line(2, "2024-03-10")], age=2 * days)
    shop.work()
    assert shop.order_ids(tiny.BRONZE_ORDERS) == {"2024-03-11": ["O1"]}
    assert "2024-03-10 is a closed day" in shop.reasons()["y.csv"]


def test_a_file_that_is_overwritten_every_day_leaves_each_day_as_it_was(tmp_path: Path) -> None:
    arriving = Source(pattern="orders/latest.csv", period_from=PeriodFrom.ARRIVAL, settle_seconds=0)
    shop = Shop(tmp_path, arriving)
    shop.put("orders/latest.csv", [tiny.line(1, "2024-03-12")], age=0)
    shop.work()
    shop.clock.pass_(24 * 3600)
    shop.put("orders/latest.csv", [tiny.line(2, "2024-03-13")], age=0)
    shop.work()
    assert shop.order_ids() == {"2024-03-12": ["O1"], "2024-03-13": ["O2"]}


# -- what is missing --------------------------------------------------------------------------


def test_due_days_without_a_delivery_are_findings_until_they_come(shop: Shop) -> None:
    assert missing_deliveries(shop.pipeline) == {}
    shop.day(FRI)
    shop.day(MON)
    shop.work()
    missing = report_missing(shop.pipeline)["orders"]
    assert SAT in missing
    assert {FRI, SUNDAY, MON, "2024-03-07", "2024-03-12"}.isdisjoint(missing)
    shop.day(SAT)
    shop.day(TUE)
    shop.work()
    assert report_missing(shop.pipeline)["orders"] == [day for day in missing if day not in (SAT, TUE)]
    assert SAT not in {one.period for one in shop.pipeline.ledger.findings("tiny", ["missing_delivery"])}
