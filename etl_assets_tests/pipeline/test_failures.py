"""What becomes of partitions that fail: tried again, ever later, until somebody asks for it."""

from __future__ import annotations

import errno
from pathlib import Path

import polars as pl
import pytest

from etl_assets.errors import ContractError, StagingUnreachableError
from etl_assets.ledger.records import DeliveryState
from etl_assets.pipeline.pending import Pending, Standing
from etl_assets.pipeline.state import RETRY_ASKED
from etl_assets.staging.area import StagingFolder
from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.pipeline.shop import FRI, MON, SAT, Shop, bad_line, with_transform

# -- failures ---------------------------------------------------------------------------------


def refuses(day: str, error: type[Exception] = ValueError) -> object:
    """A transformation that can't cope with the rows of one day."""

    def orders(bronze: pl.LazyFrame) -> pl.LazyFrame:
        def fail(rows: pl.Series) -> pl.Series:
            if (rows == day).any():
                raise error(f"cannot cope with {rows[0]}")
            return rows

        return tiny.orders(bronze).with_columns(pl.col("placed_on").map_batches(fail, return_dtype=pl.String))

    return orders


def refuses_for_lack_of_permission(day: str) -> object:
    """A transformation that reads a file which it may not read, on one day."""

    def orders(bronze: pl.LazyFrame) -> pl.LazyFrame:
        def fail(rows: pl.Series) -> pl.Series:
            if (rows == day).any():
                raise PermissionError(errno.EACCES, "no permission")
            return rows

        return tiny.orders(bronze).with_columns(pl.col("placed_on").map_batches(fail, return_dtype=pl.String))

    return orders


def three_days(home: Path, error: type[Exception]) -> Shop:
    shop = Shop(home, dataset=with_transform(tiny.ORDERS, refuses(SAT, error)))
    for number, day in enumerate((FRI, SAT, MON), 1):
        shop.day(day, [number])
    return shop


@pytest.fixture
def failing(tmp_path: Path) -> Shop:
    """One day fails for a reason that may pass."""
    return three_days(tmp_path, OSError)


def test_a_day_that_the_code_cannot_cope_with_stops_itself_only(tmp_path: Path) -> None:
    shop = three_days(tmp_path, ValueError)
    shop.work()
    assert shop.order_ids() == {FRI: ["O1"], MON: ["O3"]}
    failed = shop.standing(tiny.ORDERS, SAT)
    # The same rows would fail the same code again: it is not tried, until there are others.
    assert failed.standing is Standing.FAILED
    assert "(data: waits for another delivery, or for `dq deliveries retry`)" in failed.reason
    shop.clock.pass_(100_000)
    assert shop.work() == []
    shop.day(SAT, [9])
    assert any(SAT in stretch.periods for stretch in shop.work())


def test_what_a_person_has_to_set_right_is_tried_seldom_but_for_as_long_as_it_takes(tmp_path: Path) -> None:
    shop = three_days(tmp_path, ValueError)
    shop.open(dataset=with_transform(tiny.ORDERS, refuses_for_lack_of_permission(SAT)))
    tries = 0
    for _ in range(20):
        tries += bool(shop.work())
        waiting = shop.standing(tiny.ORDERS, SAT)
        assert waiting.standing is Standing.WAITING
        assert "(configuration)" in waiting.reason
        shop.clock.pass_(3600)
    assert tries > shop.pipeline.retry.max_attempts


def test_failures_are_tried_again_ever_later_and_in_the_end_wait_for_a_person(failing: Shop) -> None:
    seen = []
    for _ in range(30):
        if failing.work():
            seen.append((failing.clock() - tiny.NOON).total_seconds())
        failing.clock.pass_(30)
    # Tried at once, after one minute, and after two more; three times in all.
    assert seen == [0, 60, 180]
    failed = failing.standing(tiny.ORDERS, SAT)
    assert failed.standing is Standing.FAILED
    assert failed.reason.startswith("failed 3 times")
    assert [one.period for one in Pending.of(failing.pipeline).troubles()] == [SAT]


def test_new_content_is_a_new_chance(failing: Shop) -> None:
    failing.work()
    failing.day(SAT, [9])
    assert any(SAT in stretch.periods for stretch in failing.work())


def test_a_retry_that_was_asked_for_is_one_try(failing: Shop) -> None:
    for _ in range(3):
        failing.work()
        failing.clock.pass_(600)
    assert failing.work() == []
    saturday = [one.id for one in failing.orders() if one.period == SAT]
    failing.pipeline.ledger.set_delivery_state(saturday, DeliveryState.PENDING, RETRY_ASKED)
    assert [stretch.periods for stretch in failing.work()] == [(SAT,)]
    assert failing.work() == []
    assert failing.standing(tiny.ORDERS, SAT).standing is Standing.FAILED


class Away(StagingFolder):
    def fetch(self, *_: object, **__: object) -> StagingFolder:
        raise StagingUnreachableError("it does not answer")


def test_an_outage_uses_up_no_retry_that_was_asked_for(failing: Shop) -> None:
    for _ in range(3):
        failing.work()
        failing.clock.pass_(600)
    saturday = [one.id for one in failing.orders() if one.period == SAT]
    failing.pipeline.ledger.set_delivery_state(saturday, DeliveryState.PENDING, RETRY_ASKED)
    there = failing.pipeline.area
    failing.open(area=Away(failing.home / "staging" / "tiny"))
    desk.build(failing.pipeline, Pending.of(failing.pipeline).stretches()[0])
    failing.open(area=there)
    assert [stretch.periods for stretch in failing.work()] == [(SAT,)]


def test_a_retry_of_a_held_partition_is_one_try(strict: Shop) -> None:
    strict.put(f"orders/{FRI}.csv", [bad_line(1, FRI)])
    strict.work()
    ids = [one.id for one in strict.orders()]
    strict.pipeline.ledger.set_delivery_state(ids, DeliveryState.PENDING, RETRY_ASKED)
    assert len(strict.work()) == 1
    assert strict.work() == []


def test_a_retry_of_a_broken_file_puts_it_on_hold_again(shop: Shop) -> None:
    shop.put(f"orders/{FRI}.csv", ["1"], header="wrong")
    shop.work()
    ids = [one.id for one in shop.orders()]
    shop.pipeline.ledger.set_delivery_state(ids, DeliveryState.PENDING, RETRY_ASKED)
    assert len(shop.work()) == 1
    assert shop.states() == {f"{FRI}.csv": "on_hold"}
    assert shop.work() == []


def test_a_retry_of_what_is_not_current_asks_for_nothing(shop: Shop) -> None:
    shop.day(FRI)
    shop.put("shops-2.csv", ["north,Northam"], header="shop,city", age=1)
    shop.work()
    older = [one.id for one in shop.pipeline.ledger.deliveries("tiny", "shops") if one.key == "shops.csv"]
    shop.pipeline.ledger.set_delivery_state(older, DeliveryState.PENDING, RETRY_ASKED)
    assert shop.work() == []


def test_a_retry_of_a_day_that_waits_for_a_part_asks_for_nothing(tmp_path: Path) -> None:
    named = tiny.MANY_A_DAY.model_copy(update={"files_per_period": ("east", "west")})
    shop = Shop(tmp_path, named, tolerance=0.1)
    for part in ("east", "west"):
        shop.put(f"orders/{FRI}-{part}.csv", [bad_line(1, FRI)])
    shop.work()
    assert shop.standing(tiny.ORDERS, FRI).standing is Standing.HELD
    shop.put(f"orders/{FRI}-west.csv", ["1"], header="wrong")
    shop.work()
    east = [one.id for one in shop.orders() if one.part == "east"]
    shop.pipeline.ledger.set_delivery_state(east, DeliveryState.PENDING, RETRY_ASKED)
    assert shop.work() == []


def test_a_retry_of_one_table_leaves_the_others_alone(shop: Shop) -> None:
    shop.day(FRI)
    shop.work()
    ids = [one.id for one in shop.orders()]
    shop.pipeline.ledger.set_delivery_state(ids, DeliveryState.PENDING, RETRY_ASKED)
    assert [list(map(str, one.tables)) for one in shop.work()] == [["bronze/orders"]]


def test_a_retry_of_a_file_that_has_vanished_is_one_try(shop: Shop) -> None:
    path = shop.day(FRI)
    shop.look()
    path.unlink()
    shop.work()
    ids = [one.id for one in shop.orders()]
    shop.pipeline.ledger.set_delivery_state(ids, DeliveryState.PENDING, RETRY_ASKED)
    assert len(shop.work()) == 1
    assert shop.work() == []


def test_a_fault_of_the_code_is_told_as_such(shop: Shop) -> None:
    def wrong(bronze: pl.LazyFrame) -> pl.LazyFrame:
        return bronze.select(pl.col("^_.*$"), pl.col("no_such_column"))

    shop.open(dataset=with_transform(tiny.ORDERS, wrong))
    shop.day(FRI)
    with pytest.raises(ContractError, match="no_such_column"):
        shop.work()
    stopped = shop.standing(tiny.ORDERS, FRI)
    assert stopped.standing is Standing.FAILED
    assert "(bug: waits for other code" in stopped.reason
    shop.open(dataset=tiny.DATASET)
    assert shop.work()
    assert shop.standing(tiny.ORDERS, FRI).standing is Standing.CURRENT
