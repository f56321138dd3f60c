from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from etl_assets.ledger.records import DeliveryState
from etl_assets_tests.postgres.erp import CUSTOMERS, ORDERS, SILVER, Erp, orders_source

pytestmark = pytest.mark.slow


def test_rows_arrive_once_and_go_all_the_way(erp: Erp) -> None:
    for id in range(1, 6):
        erp.put(id, id, amount=id)
    erp.work()
    assert sum(sum(one.values()) for one in erp.extracted()) == 5
    assert erp.rows(SILVER, ["id", "amount"]) == Counter({(id, Decimal(id)): 1 for id in range(1, 6)})
    assert not erp.look().registered
    assert len(erp.deliveries()) == 1

    erp.put(6, 6)
    erp.work()

    assert [sum(one.values()) for one in erp.extracted()] == [5, 1]
    assert len(erp.rows(SILVER, ["id"])) == 6
    assert erp.findings() == {}


def test_late_commits_and_updates_within_the_overlap_are_new_versions(erp: Erp) -> None:
    erp.put(1, 0), erp.put(2, 8), erp.put(3, 9, amount=3)
    erp.work()

    erp.put(4, 5, amount=4)  # committed late: its time is before the highest that was read
    erp.put(3, 9, amount=33)
    erp.work()

    assert [sum(one.values()) for one in erp.extracted()] == [3, 2]
    assert erp.rows(SILVER, ["id", "amount"]) == Counter(
        {(1, Decimal(1)): 1, (2, Decimal(1)): 1, (4, Decimal(4)): 1, (3, Decimal(33)): 1}
    )
    erp.put(3, 9, amount=3)  # back to what it was: the third version
    erp.work()
    assert (3, Decimal(3)) in erp.rows(SILVER, ["id", "amount"])


def test_a_rebuild_reads_the_kept_extracts(erp: Erp) -> None:
    erp.put(1, 0), erp.put(2, 30)
    erp.work()
    erp.sql("DROP TABLE shop.orders, shop.customers")
    before = erp.rows(ORDERS, ["id", "amount", "_row_id"])
    for table in (ORDERS, SILVER):
        lake = erp.home / "lake" / "erp" / table.layer / table.name
        lake.rename(lake.with_name("gone"))
    (erp.home / "ledger.db").unlink()
    erp.open()

    erp.work()

    assert erp.rows(ORDERS, ["id", "amount", "_row_id"]) == before
    assert "no such table" in erp.findings()["not_extracted orders"]


@pytest.mark.parametrize("lost", ["ledger", "nothing"])
def test_a_kill_between_log_and_ledger_neither_loses_nor_doubles(
    erp: Erp, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    erp.put(1, 0)
    erp.look()
    erp.put(2, 1)
    with monkeypatch.context() as patch:
        patch.setattr("etl_assets.pipeline.intake._register", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            erp.look()
    if lost == "ledger":
        (erp.home / "ledger.db").unlink()
    erp.open()

    erp.look(seconds=20)
    erp.work()

    assert [sum(one.values()) for one in erp.extracted()] == [1, 1]
    assert len(erp.rows(SILVER, ["id"])) == 2


def test_of_two_that_read_at_once_one_counts(erp: Erp, monkeypatch: pytest.MonkeyPatch) -> None:
    erp.put(1, 0)
    log = erp.pipeline.extracts
    assert log is not None
    commit = type(log).commit

    def slow(self: object, table: str, entry: object) -> bool:
        monkeypatch.setattr(type(log), "commit", commit)
        erp.put(2, 1)
        erp.look()  # somebody else is faster
        return commit(log, table, entry)  # type: ignore[arg-type]

    monkeypatch.setattr(type(log), "commit", slow)
    erp.look()
    erp.work()

    assert erp.rows(SILVER, ["id"]) == Counter({(1,): 1, (2,): 1})
    on_disk = sorted(Path(erp.home / "extracts" / "orders").glob("*.parquet"))
    assert [f"orders/{one.name}" for one in on_disk] == [one.key for one in erp.deliveries()]


def test_what_is_behind_the_watermark_is_counted_or_read_again(erp: Erp) -> None:
    erp.put(1, 0, amount=1), erp.put(2, 60)
    erp.work()
    assert erp.findings() == {}

    erp.put(3, 1)  # an hour before the highest
    erp.work()
    assert "1 more than were read" in erp.findings()["behind_watermark orders"]
    assert "compare: content" in erp.findings()["behind_watermark orders"]

    erp.sql("UPDATE shop.orders SET amount = 11 WHERE id = 1")
    erp.open(orders_source(compare="content"))
    erp.work()

    assert (
        "2 rows below 2024-03-05 12:50:00+00 came late or were changed"
        in erp.findings()["behind_watermark orders"]
    )
    assert erp.rows(SILVER, ["id", "amount"]) == Counter(
        {(1, Decimal(11)): 1, (2, Decimal(1)): 1, (3, Decimal(1)): 1}
    )
    erp.work()
    assert erp.findings() == {}


def test_rows_without_a_watermark_or_ahead_of_the_clock_are_told_and_stop_nothing(erp: Erp) -> None:
    erp.put(1, 0)
    erp.sql("INSERT INTO shop.orders VALUES (2, NULL, '2024-03-05', 1, NULL), "
            "(3, now() + interval '900 days', '2024-03-05', 1, NULL)")  # fmt: skip
    erp.work()
    assert "1 rows have no changed_at" in erp.findings()["behind_watermark orders"]
    assert "1 rows have a changed_at more than a day ahead" in erp.findings()["ahead_of_clock orders"]

    erp.sql("INSERT INTO shop.orders VALUES (4, now(), '2024-03-05', 1, NULL)")
    erp.work()

    assert erp.rows(SILVER, ["id"]) == Counter({(1,): 1, (3,): 1, (4,): 1})


def test_many_rows_are_read_in_files_of_a_bounded_size(erp: Erp) -> None:
    erp.open(orders_source(max_rows=100, overlap="1 minute"))
    erp.sql(
        "INSERT INTO shop.orders SELECT i, timestamptz '2024-03-05 12:00+00' + i / 7 * interval '1 second', "
        "'2024-03-05', i, repeat('x', 20) FROM generate_series(1, 1000) AS i"
    )
    erp.work()
    sizes = [sum(one.values()) for one in erp.extracted()]
    assert sum(sizes) == 1000
    assert len(sizes) >= 9
    assert len(erp.rows(SILVER, ["id"])) == 1000


def test_everything_can_be_read_anew(erp: Erp) -> None:
    erp.put(1, 0, amount=1), erp.put(2, 60)
    erp.work()
    erp.sql("UPDATE shop.orders SET amount = 5 WHERE id = 1")
    erp.sql("DELETE FROM shop.orders WHERE id = 2")

    erp.open(orders_source(reading=2))
    erp.work()

    assert erp.rows(ORDERS, ["id", "amount"]) == Counter({(1, Decimal(5)): 1})
    states = {one.key[:11]: one.state for one in erp.deliveries()}
    assert states == {"orders/0001": DeliveryState.SUPERSEDED, "orders/0002": DeliveryState.INGESTED}
    erp.open(orders_source(reading=1))
    erp.look()
    assert "can only be raised" in erp.findings()["not_extracted orders"]


def test_extracts_that_are_gone_are_told_and_nothing_is_read_twice(erp: Erp) -> None:
    erp.put(1, 0)
    erp.work()
    for file in (erp.home / "extracts" / "orders").iterdir():
        file.unlink()
    erp.put(2, 1)
    erp.work()
    assert "Restore the files, or raise `reading`" in erp.findings()["not_extracted orders"]
    assert erp.rows(SILVER, ["id"]) == Counter({(1,): 1})


def test_the_sensor_reads_as_often_as_is_said(erp: Erp) -> None:
    erp.open(orders_source(every_minutes=60))
    erp.put(1, 0)
    assert len(erp.look(seconds=20).registered) == 2  # with the empty list of customers
    erp.put(2, 1)
    assert not erp.look(seconds=20).registered
    erp.now += timedelta(hours=2)
    assert len(erp.look(seconds=20).registered) == 1


def test_a_snapshot_is_a_delivery_when_anything_in_it_changed(erp: Erp) -> None:
    erp.sql("INSERT INTO shop.customers VALUES (1, 'Ada'), (2, 'Bob'), (2, 'Bob')")
    erp.work()
    erp.sql(
        "DELETE FROM shop.customers; INSERT INTO shop.customers VALUES (2, 'Bob'), (1, 'Ada'), (2, 'Bob')"
    )
    assert not erp.look().registered  # the same rows in another order

    erp.sql("DELETE FROM shop.customers WHERE ctid = (SELECT min(ctid) FROM shop.customers WHERE id = 2)")
    erp.work()

    assert erp.rows(CUSTOMERS, ["id", "name"]) == Counter({(1, "Ada"): 1, (2, "Bob"): 1})
    assert len(erp.deliveries("customers")) == 2
