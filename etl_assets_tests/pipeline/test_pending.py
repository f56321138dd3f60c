from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl
import pytest

from etl_assets.contracts.dataset import TableId
from etl_assets.errors import StaleWriterError
from etl_assets.ledger.leases import LeaseLostError
from etl_assets.ledger.records import DeliveryState, Outcome, RunStatus
from etl_assets.pipeline.dataset_pipeline import Limits, Policy
from etl_assets.pipeline.leases import held_lease
from etl_assets.pipeline.pending import Pending, Standing
from etl_assets.pipeline.state import RETRY_ASKED
from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.pipeline.shop import ALL_OF_A_DAY, FRI, MON, SAT, TUE, Shop, bad_line, with_transform

# -- stretches --------------------------------------------------------------------------------


def test_consecutive_periods_go_together_closed_days_do_not_part_them(shop: Shop) -> None:
    for day in (FRI, SAT, MON, "2024-03-06"):
        shop.day(day)
    shop.look()
    assert shop.stretches() == [
        ((FRI, SAT, MON), ["bronze/shops", "silver/shops", *ALL_OF_A_DAY]),
        (("2024-03-06",), ALL_OF_A_DAY),
    ]


def test_a_long_backlog_is_cut(tmp_path: Path) -> None:
    shop = Shop(tmp_path, limits=Limits(periods_per_run=2))
    for day in (FRI, SAT, MON):
        shop.day(day)
    shop.look()
    assert [periods for periods, _ in shop.stretches()] == [(FRI, SAT), (MON,)]


def test_a_period_that_lacks_gold_only_asks_for_gold_only(shop: Shop) -> None:
    shop.day(FRI)
    shop.work()
    dataset = with_transform(tiny.DAILY, another_daily)
    shop.open(dataset=dataset)
    assert shop.stretches() == [((FRI,), ["gold/daily", "gold/totals"])]


def another_daily(orders: pl.LazyFrame, shops: pl.LazyFrame) -> pl.LazyFrame:
    return tiny.daily(orders, shops)


def test_a_run_that_wrote_something_gives_the_next_try_another_key(shop: Shop) -> None:
    shop.put(f"orders/{FRI}.csv", [bad_line(1, FRI)])
    shop.look()
    stretch = Pending.of(shop.pipeline).stretches()[0]
    assert Pending.of(shop.pipeline).stretches()[0].key == stretch.key
    shop.day(FRI)
    shop.work()
    shop.put(f"orders/{FRI}.csv", [bad_line(1, FRI)])
    shop.look()
    again = Pending.of(shop.pipeline).stretches()[0]
    assert (again.periods, again.key == stretch.key) == (stretch.periods, False)


# -- a closed gate ----------------------------------------------------------------------------


def test_a_gate_that_closes_within_a_range_stops_its_own_day_only(strict: Shop) -> None:
    strict.day(FRI, [1])
    strict.put(f"orders/{SAT}.csv", [tiny.line(2, SAT), bad_line(3, SAT)])
    strict.day(MON, [4])
    done = strict.work()
    first, *rest = [(one.periods, list(map(str, one.tables))) for one in done]
    assert first[0] == (FRI, SAT, MON)
    # What the closed gate left undone in its run is asked for, and no more than that.
    assert rest == [((FRI,), ["gold/daily"]), ((MON,), ["gold/daily", "gold/totals"])]
    assert strict.order_ids() == {FRI: ["O1"], MON: ["O4"]}
    assert set(desk.accepted(strict.pipeline, tiny.DAILY)["_period"]) == {FRI, MON}
    held = strict.standing(tiny.ORDERS, SAT)
    assert (held.standing, held.reason) == (
        Standing.HELD,
        "1 of 2 rows (50.0%) are quarantined, 40.0% are tolerated",
    )
    assert strict.standing(tiny.DAILY, SAT).standing is Standing.BLOCKED
    assert strict.work() == []


def test_what_is_held_keeps_the_last_good_version(strict: Shop) -> None:
    strict.day(FRI, [1, 2])
    strict.work()
    before = desk.tables(strict.pipeline)
    strict.put(f"orders/{FRI}.csv", [bad_line(1, FRI), bad_line(2, FRI)])
    strict.work()
    after = desk.tables(strict.pipeline)
    # Bronze is what was delivered; from silver on the last good version stays.
    desk.assert_same(
        {name: rows for name, rows in before.items() if "bronze" not in name},
        {name: rows for name, rows in after.items() if "bronze" not in name},
    )
    folder = strict.pipeline.lake.held("tiny", "silver", "orders", FRI)
    assert pl.read_parquet(folder / "*.parquet")["_reasons"].to_list() == ["amount.castable"] * 2
    strict.day(FRI, [5])
    strict.work()
    assert strict.order_ids() == {FRI: ["O5"]}
    assert not folder.exists()


def test_a_held_partition_is_tried_again_when_more_is_tolerated(strict: Shop) -> None:
    strict.put(f"orders/{FRI}.csv", [tiny.line(1, FRI), bad_line(2, FRI)])
    strict.work()
    assert strict.work() == []
    strict.open(tolerance=0.45)
    assert len(strict.work()) == 1
    assert strict.order_ids() == {}
    strict.open(tolerance=0.5)
    strict.work()
    assert strict.order_ids() == {FRI: ["O1"]}


def test_a_held_partition_is_tried_again_when_a_referenced_table_changes(strict: Shop) -> None:
    strict.put(f"orders/{FRI}.csv", [tiny.line(1, FRI, shop="east")])
    strict.work()
    assert strict.standing(tiny.ORDERS, FRI).standing is Standing.HELD
    strict.put("shops.csv", ["east,Eastham"], header="shop,city")
    strict.work()
    assert strict.order_ids() == {FRI: ["O1"]}


def test_a_missing_reference_table_blocks_and_says_so(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.path("shops.csv").unlink()
    shop.day(FRI)
    shop.work()
    blocked = shop.standing(tiny.ORDERS, FRI)
    assert (blocked.standing, blocked.reason) == (Standing.BLOCKED, "waits for silver/shops")
    assert list(shop.order_ids(tiny.BRONZE_ORDERS)) == [FRI]


def test_a_broken_file_is_held_and_shown_and_the_other_days_go_through(shop: Shop) -> None:
    shop.day(FRI)
    shop.put(f"orders/{SAT}.csv", ["1"], header="wrong")
    shop.work()
    assert list(shop.order_ids()) == [FRI]
    assert shop.states() == {f"{FRI}.csv": "ingested", f"{SAT}.csv": "on_hold"}
    latest = shop.pipeline.ledger.latest_validations("tiny")["bronze", "orders", SAT]
    assert latest.outcome is Outcome.HELD
    assert f"orders/{SAT}.csv: header" in latest.gate_reason
    shop.day(SAT)
    shop.work()
    assert list(shop.order_ids()) == [FRI, SAT]


def test_a_dataset_without_any_delivery_asks_for_nothing(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.path("shops.csv").unlink()
    assert shop.work() == []
    assert shop.standing(tiny.TOTALS).standing is Standing.NOTHING


# -- files that vanish ------------------------------------------------------------------------


def test_a_file_that_vanishes_before_it_is_read_stops_its_day_only(shop: Shop) -> None:
    path = shop.day(FRI)
    shop.day(SAT)
    shop.look()
    path.unlink()
    shop.work()
    assert list(shop.order_ids()) == [SAT]
    waiting = shop.standing(tiny.BRONZE_ORDERS, FRI)
    assert waiting.standing is Standing.WAITING
    assert "no longer there" in waiting.reason


def test_a_vanished_file_that_comes_back_is_read_at_once(shop: Shop) -> None:
    path = shop.day(FRI)
    shop.look()
    path.unlink()
    for _ in range(5):
        shop.work()
        shop.clock.pass_(600)
    assert shop.standing(tiny.BRONZE_ORDERS, FRI).standing is Standing.FAILED
    shop.day(FRI)
    shop.work()
    assert list(shop.order_ids()) == [FRI]


def test_bronze_keeps_the_rows_of_a_file_that_is_taken_away(tmp_path: Path) -> None:
    shop = Shop(tmp_path, tiny.MANY_A_DAY)
    first = shop.put(f"orders/{FRI}-a.csv", [tiny.line(1, FRI), "ragged", tiny.line(2, FRI)])
    shop.work()
    first.unlink()
    assert shop.work() == []
    shop.day(FRI, [3], key=f"orders/{FRI}-b.csv")
    shop.work()
    assert shop.order_ids() == {FRI: ["O1", "O2", "O3"]}
    desk.assert_rows_add_up(shop.pipeline, {f"orders/{FRI}-a.csv": 3, f"orders/{FRI}-b.csv": 1})
    lost = desk.quarantined(shop.pipeline, tiny.BRONZE_ORDERS)
    assert lost.select("_line", "_raw").rows() == [(3, "ragged")]


def test_a_table_is_built_anew_from_what_bronze_kept(shop: Shop) -> None:
    shop.put(f"orders/{FRI}.csv", [tiny.line(1, FRI), "ragged"]).with_name("unused")
    shop.work()
    before = desk.tables(shop.pipeline)
    shop.path(f"orders/{FRI}.csv").unlink()
    shop.look()
    ids = [one.id for one in shop.orders()]
    shop.pipeline.ledger.set_delivery_state(ids, DeliveryState.PENDING, RETRY_ASKED)
    assert len(shop.work()) == 1
    desk.assert_same(desk.tables(shop.pipeline), before)
    assert shop.states() == {f"{FRI}.csv": "ingested"}


def test_an_older_snapshot_that_is_gone_does_not_empty_the_table(shop: Shop) -> None:
    shop.work()
    shop.put("shops-2.csv", ["west,Westham"], header="shop,city", age=10)
    shop.work()
    shop.path("shops.csv").unlink()
    # The newer file is replaced by one that says to be older than both.
    shop.put("shops-2.csv", ["east,Eastham"], header="shop,city", age=9_000)
    shop.work()
    assert desk.accepted(shop.pipeline, tiny.BRONZE_SHOPS).height == 1
    assert shop.standing(tiny.BRONZE_SHOPS).standing is Standing.WAITING


def test_a_file_that_changes_while_it_is_read_is_not_published(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.day(FRI, [1])
    shop.day(SAT, [2])
    shop.look()
    collect_all = pl.collect_all
    changed: list[str] = []

    def change_first(*args: object, **kwargs: object) -> list[pl.DataFrame]:
        found = collect_all(*args, **kwargs)  # type: ignore[arg-type]
        if shop.standing(tiny.BRONZE_SHOPS).standing is Standing.CURRENT and not changed:
            changed.append("now")
            shop.day(FRI, [7])
        return found

    monkeypatch.setattr(pl, "collect_all", change_first)
    stretch = Pending.of(shop.pipeline).stretches()[0]
    desk.build(shop.pipeline, stretch)
    assert changed
    assert list(shop.order_ids(tiny.BRONZE_ORDERS)) == [SAT]
    assert "changed after it was listed" in shop.standing(tiny.BRONZE_ORDERS, FRI).reason
    shop.work()
    assert shop.order_ids() == {FRI: ["O7"], SAT: ["O2"]}


# -- what killed runs leave -------------------------------------------------------------------


def test_rows_that_a_killed_run_left_in_the_lake_are_replaced_when_the_old_content_is_back(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.day(FRI, [1, 2])
    shop.day(SAT, [3])
    shop.work()
    before = desk.tables(shop.pipeline)
    shop.day(FRI, [8, 9])
    shop.look()

    def killed(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(type(shop.pipeline.ledger), "record_validations", killed)
        with pytest.raises(KeyboardInterrupt):
            desk.build(shop.pipeline, Pending.of(shop.pipeline).stretches()[0])
    assert shop.order_ids(tiny.BRONZE_ORDERS)[FRI] == ["O8", "O9"]
    for run in shop.pipeline.ledger.runs("tiny", RunStatus.RUNNING):
        shop.pipeline.ledger.finish_run(run.id, RunStatus.UNFINISHED)

    shop.day(FRI, [1, 2])
    shop.day(SAT, [4])
    shop.work()
    shop.day(SAT, [3])
    shop.work()
    desk.assert_same(desk.tables(shop.pipeline), before)
    desk.assert_settled(shop.pipeline)


def test_a_writer_whose_lease_was_taken_over_publishes_nothing(shop: Shop) -> None:
    shop.day(FRI, [1])
    shop.look()
    ledger = shop.pipeline.ledger
    late = ledger.acquire_lease("tiny", "late", ttl_seconds=1)
    shop.clock.pass_(5)
    with held_lease(ledger, "tiny", "prompt", 60) as lease:
        desk.hop(shop.pipeline, tiny.BRONZE_ORDERS, [FRI], lease)
        before = desk.tables(shop.pipeline)
        with pytest.raises((StaleWriterError, LeaseLostError)):
            desk.hop(shop.pipeline, tiny.BRONZE_ORDERS, [FRI], late)
        with pytest.raises(StaleWriterError):
            _commit_all_the_same(shop, late.token)
    desk.assert_same(desk.tables(shop.pipeline), before)
    assert {one.run_id for one in ledger.validations("tiny")} == {"prompt"}


def _commit_all_the_same(shop: Shop, token: int) -> None:
    table = shop.pipeline.accepted(tiny.BRONZE_ORDERS)
    table.commit([], [FRI], shop.pipeline.contract(tiny.BRONZE_ORDERS).schema, writer="tiny", token=token)


# -- the same rows, whatever the shape of runs ------------------------------------------------


def test_new_code_rebuilds_silver_from_the_last_good_bronze_in_the_same_order(tmp_path: Path) -> None:
    shop = Shop(tmp_path, tiny.CORRECTIONS)
    for age, amount in ((10, "3"), (20, "2"), (30, "1")):
        shop.put(f"orders/{FRI}-{age}.csv", [tiny.line(1, FRI, amount=amount)], age=age)
    shop.work()
    # None of the files is there any more as it was; bronze still holds their rows.
    for age in (10, 20, 30):
        shop.put(f"orders/{FRI}-{age}.csv", ["1"], header="wrong", age=age)
    shop.work()
    shop.open(dataset=with_transform(tiny.ORDERS, another_orders))
    shop.work()
    assert desk.accepted(shop.pipeline, tiny.ORDERS)["amount"].to_list() == [3]


def another_orders(bronze: pl.LazyFrame) -> pl.LazyFrame:
    return tiny.orders(bronze)


@pytest.mark.parametrize("policies", [{tiny.ORDERS: Policy(0.0)}, {}])
def test_tolerance_is_no_part_of_what_a_table_holds(
    tmp_path: Path, policies: Mapping[TableId, Policy]
) -> None:
    shop = Shop(tmp_path)
    shop.day(FRI)
    shop.work()
    shop.open(policies=policies)
    assert shop.work() == []


def test_a_day_is_built_when_it_is_delivered_before_it_is_over(shop: Shop) -> None:
    shop.day("2024-03-12")
    shop.work()
    assert list(shop.order_ids()) == ["2024-03-12"]
    assert shop.standing(tiny.ORDERS, "2024-03-12").standing is Standing.CURRENT
    assert (tiny.ORDERS, TUE) not in Pending.of(shop.pipeline).standings
