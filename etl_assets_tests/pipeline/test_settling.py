"""Deliveries that no run is asked for, and rows that a killed run left where nothing replaces them."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl_assets.ledger.records import RunStatus
from etl_assets.pipeline.pending import Pending, Standing
from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.pipeline.shop import FRI, SAT, Shop


def shops(shop: Shop) -> dict[str, str]:
    """Key (with a count for its versions) -> state of each delivery of shops."""
    found: dict[str, str] = {}
    for one in shop.pipeline.ledger.deliveries("tiny", "shops"):
        key = one.key
        while key in found:
            key += " again"
        found[key] = one.state
    return found


def put_shops(shop: Shop, key: str, name: str, age: float = 60) -> Path:
    return shop.put(key, [f"{name},{name.title()}"], header="shop,city", age=age)


def published_shop(shop: Shop) -> list[str]:
    return desk.accepted(shop.pipeline, tiny.BRONZE_SHOPS)["shop"].to_list()


# -- content that came back -------------------------------------------------------------------


def test_content_that_is_back_before_anything_was_built_is_ingested(shop: Shop) -> None:
    shop.day(FRI, [1, 2])
    shop.work()
    shop.day(FRI, [8])
    shop.look()
    shop.day(FRI, [1, 2])
    assert shop.work() == []
    assert shop.states() == {f"{FRI}.csv": "superseded", f"{FRI}.csv again": "ingested"}
    assert shop.order_ids()[FRI] == ["O1", "O2"]


def test_content_that_is_back_after_another_was_built_is_built(shop: Shop) -> None:
    for numbers in ([1, 2], [8], [1, 2]):
        shop.day(FRI, numbers)
        assert shop.work()
    assert set(shop.states().values()) == {"superseded", "ingested"}
    assert shop.order_ids()[FRI] == ["O1", "O2"]


def test_nothing_is_settled_while_another_process_works_on_the_dataset(shop: Shop) -> None:
    shop.day(FRI, [1])
    shop.work()
    shop.day(FRI, [8])
    shop.look()
    shop.day(FRI, [1])
    lease = shop.pipeline.ledger.acquire_lease("tiny", "another run", 60)
    shop.work()
    assert shop.states()[f"{FRI}.csv again"] == "pending"
    shop.pipeline.ledger.release_lease(lease)
    shop.work()
    assert shop.states()[f"{FRI}.csv again"] == "ingested"


def test_a_day_that_waits_for_its_parts_stays_pending(tmp_path: Path) -> None:
    source = tiny.ONE_A_DAY.model_copy(
        update={"pattern": "orders/{period:%Y-%m-%d}_{part}.csv", "files_per_period": ("am", "pm")}
    )
    shop = Shop(tmp_path, source)
    shop.day(FRI, key=f"orders/{FRI}_am.csv")
    shop.work()
    assert shop.states() == {f"{FRI}_am.csv": "pending"}


# -- snapshots --------------------------------------------------------------------------------


def test_older_versions_of_a_snapshot_are_superseded_once_the_newest_is_ingested(shop: Shop) -> None:
    put_shops(shop, "shops-2.csv", "west", age=10)
    shop.look()
    assert shops(shop) == {"shops-2.csv": "pending", "shops.csv": "pending"}
    shop.work()
    assert shops(shop) == {"shops-2.csv": "ingested", "shops.csv": "superseded"}
    (old,) = (one for one in shop.pipeline.ledger.deliveries("tiny", "shops") if one.key == "shops.csv")
    (new,) = (one for one in shop.pipeline.ledger.deliveries("tiny", "shops") if one.key == "shops-2.csv")
    assert (old.superseded_by, old.reason) == (new.id, "a newer version of the snapshot was ingested")


def test_an_older_version_that_is_sent_again_is_superseded(shop: Shop) -> None:
    put_shops(shop, "shops-2.csv", "west", age=10)
    shop.work()
    put_shops(shop, "shops.csv", "north again")
    assert shop.work() == []
    assert shops(shop) == {
        "shops-2.csv": "ingested",
        "shops.csv": "superseded",
        "shops.csv again": "superseded",
    }


def test_an_older_version_counts_while_the_newest_is_broken(shop: Shop) -> None:
    shop.put("shops-2.csv", ["1"], header="wrong", age=10)
    shop.work()
    shop.work()
    assert shops(shop) == {"shops-2.csv": "on_hold", "shops.csv": "ingested"}
    assert published_shop(shop) == ["north", "south"]


def test_which_version_counts_does_not_depend_on_what_was_superseded_before(tmp_path: Path) -> None:
    found = []
    for folder, work_between in (("a", True), ("b", False)):
        shop = Shop(tmp_path / folder)
        put_shops(shop, "shops-2.csv", "west", age=10)
        if work_between:
            shop.work()
        else:
            shop.look()
        # The newest is replaced by a version that says to be older than all.
        put_shops(shop, "shops-2.csv", "east", age=9_000)
        shop.work()
        shop.work()
        found.append((published_shop(shop), shops(shop)["shops.csv"]))
    assert found == [(["north", "south"], "ingested")] * 2


# -- rows of killed runs ----------------------------------------------------------------------


@pytest.fixture
def killed(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop whose run was killed between lake and ledger, with another content of Friday."""
    shop.day(FRI, [1, 2])
    shop.day(SAT, [3])
    shop.work()
    shop.day(FRI, [8, 9])
    shop.look()

    def kill(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(type(shop.pipeline.ledger), "record_validations", kill)
        with pytest.raises(KeyboardInterrupt):
            desk.build(shop.pipeline, Pending.of(shop.pipeline).stretches()[0])
    assert shop.order_ids(tiny.BRONZE_ORDERS)[FRI] == ["O8", "O9"]
    for run in shop.pipeline.ledger.runs("tiny", RunStatus.RUNNING):
        shop.pipeline.ledger.finish_run(run.id, RunStatus.UNFINISHED)
    return shop


def test_rows_of_a_killed_run_are_taken_back_when_a_broken_file_comes_next(killed: Shop) -> None:
    killed.put(f"orders/{FRI}.csv", ["1"], header="wrong")
    killed.work()
    assert killed.states()[f"{FRI}.csv again"] == "on_hold"
    # What the ledger says is published is what readers see: tables, counts and scores are of one content.
    assert killed.order_ids(tiny.BRONZE_ORDERS) == killed.order_ids() == {FRI: ["O1", "O2"], SAT: ["O3"]}
    published = killed.pipeline.ledger.published_validations("tiny")
    assert published["bronze", "orders", FRI].accepted == 2
    assert not Pending.of(killed.pipeline).strays


def test_what_was_taken_back_is_replaced_as_soon_as_the_file_is_mended(killed: Shop) -> None:
    killed.put(f"orders/{FRI}.csv", ["1"], header="wrong")
    killed.work()
    killed.day(FRI, [5])
    killed.work()
    assert killed.order_ids(tiny.BRONZE_ORDERS) == killed.order_ids() == {FRI: ["O5"], SAT: ["O3"]}
    desk.assert_settled(killed.pipeline)


def test_taking_back_goes_on_where_it_was_killed(killed: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    killed.put(f"orders/{FRI}.csv", ["1"], header="wrong")
    table = type(killed.pipeline.accepted(tiny.BRONZE_ORDERS))
    put_back, calls = table.put_back, []

    def kill(self: object, *args: object, **kwargs: object) -> int:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return put_back(self, *args, **kwargs)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(table, "put_back", kill)
        with pytest.raises(KeyboardInterrupt):
            killed.work()
    killed.work()
    assert killed.order_ids(tiny.BRONZE_ORDERS)[FRI] == ["O1", "O2"]
    assert not Pending.of(killed.pipeline).strays


def test_rows_stay_whose_earlier_files_are_gone(killed: Shop) -> None:
    published = killed.pipeline.ledger.published_validations("tiny")["bronze", "orders", FRI]
    for file in killed.pipeline.accepted(tiny.BRONZE_ORDERS).files([FRI], version=published.lake_version):
        Path(str(file.path)).unlink()
    killed.put(f"orders/{FRI}.csv", ["1"], header="wrong")
    killed.work()
    assert killed.order_ids(tiny.BRONZE_ORDERS)[FRI] == ["O8", "O9"]
    assert killed.standing(tiny.BRONZE_ORDERS, FRI).standing is not Standing.CURRENT
