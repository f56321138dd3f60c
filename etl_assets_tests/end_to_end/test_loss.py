"""What is lost, and what is built again, where the ledger or the lake are lost or restored from a copy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from etl_assets.ledger.records import DeliveryState
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.pending import Pending, Standing
from etl_assets.pipeline.state import RETRY_ASKED
from etl_assets_tests.end_to_end import desk, tiny

FRI, SAT, MON = "2024-03-01", "2024-03-02", "2024-03-04"


def deliver(home: Path, day: str, amounts: dict[int, str], *, bad: int = 0) -> None:
    rows = [tiny.line(n, day, amount=amount) for n, amount in amounts.items()]
    tiny.put(home, f"orders/{day}.csv", rows + [tiny.line(90 + n, day, shop="nowhere") for n in range(bad)])


def open_(home: Path) -> DatasetPipeline:
    return tiny.open_pipeline(home)


def lose_ledger(home: Path) -> None:
    for file in home.glob("ledger.db*"):
        file.unlink()


def lose_lake(home: Path) -> None:
    shutil.rmtree(home / "lake")


def lose_both(home: Path) -> None:
    lose_ledger(home)
    lose_lake(home)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Three days; one was corrected, one has rows in quarantine, one file waits for a person."""
    tiny.put_shops(tmp_path)
    deliver(tmp_path, FRI, {1: "10", 2: "20"})
    deliver(tmp_path, SAT, {3: "30", 4: "40"}, bad=1)
    pipeline = open_(tmp_path)
    desk.work(pipeline)
    deliver(tmp_path, FRI, {1: "11", 2: "22"})
    deliver(tmp_path, MON, {5: "50"})
    desk.work(pipeline)
    tiny.put(tmp_path, "orders/2024-03-05.csv", ["1,2"], header="order_id,who")
    desk.work(pipeline)
    pipeline.ledger.close()
    return tmp_path


def tables(home: Path) -> dict[str, desk.Rows]:
    return desk.tables(open_(home))


def work_again(home: Path) -> DatasetPipeline:
    pipeline = open_(home)
    assert desk.work(pipeline), "nobody noticed"
    desk.assert_settled(pipeline)
    desk.assert_rows_add_up(pipeline)
    assert desk.work(pipeline) == []
    return pipeline


def on_hold(pipeline: DatasetPipeline) -> list[str]:
    return [one.key for one in pipeline.ledger.deliveries("tiny", state=DeliveryState.ON_HOLD)]


@pytest.mark.parametrize("lose", [lose_ledger, lose_lake, lose_both])
def test_every_table_is_built_again_from_what_lies_in_staging(
    home: Path, lose: Callable[[Path], None]
) -> None:
    before = tables(home)
    lose(home)
    desk.assert_same(desk.tables(work_again(home)), before)


def test_without_the_ledger_the_history_of_scores_is_lost(home: Path) -> None:
    assert len(open_(home).ledger.validations("tiny", "silver", "orders", FRI)) == 2
    lose_ledger(home)

    pipeline = work_again(home)
    assert len(pipeline.ledger.validations("tiny", "silver", "orders", FRI)) == 1
    # What can't be read is held again, by its content; what a person decided is forgotten.
    assert on_hold(pipeline) == ["orders/2024-03-05.csv"]


def test_a_person_s_decision_is_lost_with_the_ledger(home: Path) -> None:
    pipeline = open_(home)
    (monday,) = [one for one in pipeline.ledger.deliveries("tiny") if one.key == f"orders/{MON}.csv"]
    pipeline.ledger.set_delivery_state(
        [monday.id], DeliveryState.ON_HOLD, "not before the auditor has seen it"
    )
    pipeline.ledger.close()
    lose_ledger(home)
    assert f"orders/{MON}.csv" not in on_hold(work_again(home))


def test_without_the_lake_no_history_is_lost(home: Path) -> None:
    before = open_(home).ledger.validations("tiny")
    lose_lake(home)
    after = work_again(home).ledger.validations("tiny")
    assert after[-len(before) :] == before


@pytest.mark.parametrize(
    "table", ["bronze/orders", "silver/orders", "gold/totals", "quarantine/silver_orders"]
)
@pytest.mark.parametrize("part", ["", "_delta_log"], ids=["folder", "log"])
def test_a_lost_table_is_built_again(home: Path, table: str, part: str) -> None:
    before = tables(home)
    shutil.rmtree(home / "lake" / "tiny" / table / part)
    desk.assert_same(desk.tables(work_again(home)), before)


def test_a_lake_from_an_older_copy_catches_up_though_its_counts_are_the_same(home: Path) -> None:
    shutil.copytree(home / "lake", home / "copy")
    deliver(home, MON, {5: "5555"})
    desk.work(open_(home))
    before = tables(home)

    lose_lake(home)
    (home / "copy").rename(home / "lake")

    desk.assert_same(desk.tables(work_again(home)), before)


def test_a_ledger_from_an_older_copy_catches_up(home: Path) -> None:
    pipeline = open_(home)
    pipeline.ledger.back_up(home / "copy.db")
    history = len(pipeline.ledger.validations("tiny"))
    deliver(home, MON, {5: "5555"})
    deliver(home, "2024-03-06", {6: "60"})
    desk.work(pipeline)
    before = desk.tables(pipeline)
    pipeline.ledger.close()

    lose_ledger(home)
    (home / "copy.db").rename(home / "ledger.db")

    pipeline = work_again(home)
    desk.assert_same(desk.tables(pipeline), before)
    assert len(pipeline.ledger.validations("tiny")) > history


def test_what_is_nowhere_any_more_is_tried_a_few_times_and_then_told(home: Path) -> None:
    lose_lake(home)
    (home / "staging" / "tiny" / "orders" / f"{FRI}.csv").unlink()
    clock = tiny.Clock(tiny.NOON)
    pipeline = tiny.open_pipeline(home, now=clock)
    for _ in range(12):
        desk.work(pipeline)
        clock.pass_(3600)

    assert desk.work(pipeline) == []
    standing = Pending.of(pipeline).standings[tiny.BRONZE_ORDERS, FRI]
    assert standing.standing is Standing.FAILED
    assert "failed 3 times" in standing.reason
    # The other days are not kept from their tables.
    assert {SAT, MON} <= {file.period for file in pipeline.accepted(tiny.ORDERS).files()}

    deliver(home, FRI, {1: "11", 2: "22"})
    an_hour_ago = clock().timestamp() - 3600
    os.utime(home / "staging" / "tiny" / "orders" / f"{FRI}.csv", (an_hour_ago, an_hour_ago))
    (friday,) = pipeline.ledger.deliveries("tiny", "orders", DeliveryState.INGESTED, [FRI])
    # `dq deliveries retry tiny`
    pipeline.ledger.set_delivery_state([friday.id], DeliveryState.PENDING, RETRY_ASKED)
    desk.work(pipeline)
    desk.assert_settled(pipeline)
    assert FRI in {file.period for file in pipeline.accepted(tiny.ORDERS).files()}
