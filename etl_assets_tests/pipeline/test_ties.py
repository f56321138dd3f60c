"""What one partition's arrival does to others: exactly those are built again whose rows change."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pandera.polars as pa
import pytest

from etl_assets.contracts.contract import RowContract
from etl_assets.contracts.dataset import Dataset, Table
from etl_assets.contracts.declare import Reference, about, about_table, rule
from etl_assets.pipeline.dataset_pipeline import Policy
from etl_assets.pipeline.pending import Pending
from etl_assets.pipeline.status import dataset_status
from etl_assets.pipeline.ties import followed, tie_plan
from etl_assets.pipeline.upkeep import keep_dataset
from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.pipeline.club import (
    BRONZE_CUSTOMERS,
    BRONZE_ORDERS,
    CUSTOMERS,
    DATASET,
    ORDERS,
    BronzeCustomers,
    BronzeOrders,
    Club,
    SilverCustomers,
    as_they_are,
    order,
)
from etl_assets_tests.pipeline.shop import FRI, MON, SAT, TUE


@pytest.fixture
def club(tmp_path: Path) -> Club:
    club = Club(tmp_path)
    club.customers(FRI, ["ann", "bob"])
    return club


def built(club: Club) -> dict[str, str]:
    """Day -> the attempt that built what is published."""
    return {day: one.attempt for day, one in club.published().items()}


def rebuilt(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {day for day, attempt in after.items() if before.get(day) != attempt}


# -- unique keys ------------------------------------------------------------------------------


def test_a_late_day_takes_its_keys_over_and_only_their_days_are_built_again(club: Club) -> None:
    for number, day in enumerate((SAT, MON, TUE)):
        club.orders(day, [order(f"{number}"), order(f"1{number}")])
    club.work()
    before = built(club)

    club.orders(FRI, [order("1")])
    club.work()

    assert club.accepted() == {FRI: ["1"], SAT: ["0", "10"], MON: ["11"], TUE: ["12", "2"]}
    assert rebuilt(before, built(club)) == {FRI, MON}
    assert {day: one.duplicates for day, one in club.published().items()} == {FRI: 0, SAT: 0, MON: 1, TUE: 0}


def test_a_key_that_a_correction_gives_up_goes_to_the_next_day(club: Club) -> None:
    for day in (FRI, SAT, MON):
        club.orders(day, [order("1", "r1")])
    club.work()
    assert club.accepted() == {FRI: ["1"]}
    assert club.refused() == {}, "two days whose only row is refused are held"
    assert club.standing(SAT) == club.standing(MON) == "held"

    club.orders(FRI, [order("2")])
    club.work()

    assert club.accepted() == {FRI: ["2"], SAT: ["1"]}
    assert (club.standing(SAT), club.standing(MON)) == ("current", "held")


def test_a_day_that_is_held_has_no_keys(club: Club) -> None:
    club.orders(FRI, [order("1"), order("2", amount="much"), order("3", amount="much")])
    club.orders(SAT, [order("1")])
    club.work()

    assert club.standing(FRI) == "held"
    assert club.accepted() == {SAT: ["1"]}
    club.orders(FRI, [order("1"), order("2"), order("3")])
    club.work()
    assert club.accepted() == {FRI: ["1", "2", "3"]}


def test_a_day_whose_new_version_is_held_keeps_the_keys_of_what_is_published(club: Club) -> None:
    club.orders(FRI, [order("1")])
    club.work()
    club.orders(FRI, [order("9", amount="much")])
    club.orders(SAT, [order("1"), order("9")])
    club.work()

    assert club.accepted() == {FRI: ["1"], SAT: ["9"]}


def test_all_orders_of_arrival_end_in_the_same_tables_and_states(tmp_path: Path) -> None:
    days = {
        FRI: [order("1", "r1", "ann"), order("2")],
        SAT: [order("2", "r2"), order("3", "r1"), order("4")],
        MON: [order("3", "r2"), order("5", "r1"), order("6", customer="bob"), order("7")],
    }
    ends = []
    for number, arrival in enumerate([(MON, SAT, FRI), (SAT, MON, FRI)]):
        club = Club(tmp_path / str(number))
        club.customers(FRI, ["ann"])
        for day in arrival:
            club.orders(day, days[day])
            club.work()
        club.customers(TUE, ["bob"])
        club.work()
        ends.append((club.accepted(), club.refused(), club.states()))
    once = Club(tmp_path / "once")
    once.customers(FRI, ["ann"])
    once.customers(TUE, ["bob"])
    for day, rows in days.items():
        once.orders(day, rows)
    once.work()

    assert all(end == (once.accepted(), once.refused(), once.states()) for end in ends)
    assert once.accepted() == {FRI: ["1", "2"], SAT: ["4"], MON: ["6", "7"]}
    assert once.refused() == {
        SAT: [("3", "receipt.unique")],
        MON: [("3", "receipt.unique"), ("5", "receipt.unique")],
    }


def test_groups_of_one_hop_know_each_other(tmp_path: Path) -> None:
    ends = []
    for size in (1, 64):
        club = Club(
            tmp_path / str(size), limits=replace(tiny.open_pipeline(tmp_path).limits, group_periods=size)
        )
        for day in (FRI, SAT, MON):
            club.customers(day, ["ann"])
            club.orders(day, [order("1"), order(day)])
        assert len([periods for periods in club.work() if periods]) == 1
        ends.append((club.accepted(), club.states()))

    assert ends[0] == ends[1]
    assert ends[0][0] == {FRI: ["1", FRI], SAT: [SAT], MON: [MON]}


def test_a_lost_index_is_made_again_and_changes_nothing(club: Club) -> None:
    for day in (FRI, SAT):
        club.orders(day, [order("1"), order(day)])
    club.work()
    before = club.accepted(), club.states()
    for file in club.index().folder.glob("*"):
        file.unlink()

    club.work()
    assert (club.accepted(), club.states()) == before
    assert club.work() == []


def test_the_last_good_rows_of_a_held_day_keep_their_keys_when_the_index_is_lost(club: Club) -> None:
    club.orders(FRI, [order("1")])
    club.work()
    club.orders(FRI, [order("9", amount="much")])
    club.work()
    for file in club.index().folder.glob("*"):
        file.unlink()
    club.orders(SAT, [order("1"), order("9")])
    club.work()

    assert club.standing(FRI) == "held"
    assert club.accepted() == {FRI: ["1"], SAT: ["9"]}


def test_upkeep_leaves_what_counts(club: Club) -> None:
    for version in ("1", "2"):
        club.orders(FRI, [order(version)])
        club.work()
    club.orders(SAT, [order("1"), order("2")])
    club.work()

    keep_dataset(club.pipeline, "upkeep", retention=timedelta(0), details=timedelta(0))

    assert {one.built for one in club.index().entries()} == set(built(club).items())
    assert club.work() == []
    club.orders(FRI, [order("3")])
    club.work()
    assert club.accepted() == {FRI: ["3"], SAT: ["1", "2"]}


class Wide(RowContract):
    """Keys of several columns, and rows as they are delivered."""

    order_id: int = pa.Field()
    receipt: str = pa.Field(nullable=True)
    customer: str = pa.Field(nullable=True)
    amount: int = pa.Field()

    class Config:
        unique = ("order_id", "receipt")
        metadata = about_table(unique=rule(scope="table"), unique_as_delivered=rule(scope="table"))


def of_orders(contract: type[RowContract], customers: type[RowContract] = SilverCustomers) -> Dataset:
    tables = (
        Table(BRONZE_CUSTOMERS, BronzeCustomers),
        Table(CUSTOMERS, customers, as_they_are, {"bronze": BRONZE_CUSTOMERS}),
        Table(BRONZE_ORDERS, BronzeOrders),
        Table(ORDERS, contract, as_they_are, {"bronze": BRONZE_ORDERS}),
    )
    return replace(DATASET, tables=tables)


def test_keys_of_several_columns_and_rows_as_delivered(tmp_path: Path) -> None:
    club = Club(tmp_path, dataset=of_orders(Wide))
    club.customers(FRI, ["ann"])
    club.orders(SAT, [order("1", "a"), order("2"), order("2", amount="2"), order("3", "a")])
    club.orders(MON, [order("1", "a", amount="9"), order("2"), order("2", amount="3"), order("3", "b")])
    club.work()

    # An empty cell makes no key, but it is a cell like any other of a row as delivered.
    found = desk.accepted(club.pipeline, ORDERS).sort("_period", "order_id", "amount")
    assert found.select("_period", "order_id", "amount").rows() == [
        (SAT, 1, 1), (SAT, 2, 1), (SAT, 2, 2), (SAT, 3, 1), (MON, 2, 3), (MON, 3, 1),
    ]  # fmt: skip


# -- references -------------------------------------------------------------------------------


def test_a_row_that_comes_before_its_reference_waits_and_is_released(club: Club) -> None:
    club.orders(FRI, [order("1", customer="ann")])
    club.orders(SAT, [order("2", customer="eve"), order("3", customer="eve")])
    club.work()

    assert club.accepted() == {FRI: ["1"]}, "all rows of a day may wait"
    assert club.refused() == {SAT: [("2", "customer.in_customers"), ("3", "customer.in_customers")]}
    assert club.published()[SAT].waiting == 2
    (waiting,) = dataset_status(club.pipeline).rows_waiting
    assert (waiting.period, waiting.rows, waiting.waits_for, waiting.overdue) == (SAT, 2, (CUSTOMERS,), False)

    before = built(club)
    club.customers(TUE, ["eve"])
    club.work()
    assert club.accepted() == {FRI: ["1"], SAT: ["2", "3"]}
    assert rebuilt(before, built(club)) == {SAT}
    assert dataset_status(club.pipeline).rows_waiting == ()


def test_rows_that_lack_more_than_a_reference_count(club: Club) -> None:
    bad = order("9", customer="eve", amount="much")
    club.orders(FRI, [order("1", customer="eve"), bad])
    club.orders(SAT, [order("2", customer="eve"), bad, bad])
    club.work()

    assert (club.standing(FRI), club.standing(SAT)) == ("current", "held")
    assert club.published()[FRI].waiting == 1
    standing = Pending.of(club.pipeline).standings[ORDERS, SAT]
    assert "2 of 3 rows (66.7%) are quarantined, 1 waiting ones not counted" in standing.reason


class Patient(RowContract):
    order_id: str = pa.Field()
    receipt: str = pa.Field(nullable=True)
    customer: str = pa.Field(
        nullable=True,
        metadata=about(references=Reference("customers", "customer", waits=timedelta(days=2))),
    )
    amount: int = pa.Field()


class Impatient(RowContract):
    order_id: str = pa.Field()
    receipt: str = pa.Field(nullable=True)
    customer: str = pa.Field(nullable=True, metadata=about(references=Reference("customers", "customer")))
    amount: int = pa.Field()


def test_rows_that_wait_longer_than_they_may_are_overdue(tmp_path: Path) -> None:
    club = Club(tmp_path, dataset=of_orders(Patient))
    club.customers(FRI, ["ann"])
    club.orders(SAT, [order("1", customer="eve")])
    club.work()
    club.clock.pass_(47 * 3600)
    assert not dataset_status(club.pipeline).rows_waiting[0].overdue
    club.clock.pass_(2 * 3600)

    (waiting,) = dataset_status(club.pipeline).rows_waiting
    assert waiting.overdue
    assert str(waiting).startswith(f"silver/orders {SAT}: 1 row waits for silver/customers since 2024-03-12")
    assert str(waiting).endswith("(2 days), longer than they may")
    assert club.work() == [], "time alone changes no table"


def test_rows_that_may_not_wait_close_the_gate(tmp_path: Path) -> None:
    club = Club(tmp_path, dataset=of_orders(Impatient))
    club.customers(FRI, ["ann"])
    club.orders(SAT, [order("1", customer="eve")])
    club.work()
    assert club.standing(SAT) == "held"

    club.customers(FRI, ["ann", "eve"])
    club.work()
    assert club.accepted() == {SAT: ["1"]}


def test_a_reference_that_goes_takes_its_rows_along_and_no_others(club: Club) -> None:
    club.customers(SAT, ["bob", "cid"])
    club.orders(FRI, [order("1", customer="ann")])
    club.orders(SAT, [order("2", customer="bob")])
    club.orders(MON, [order("3", customer="cid"), order("4")])
    club.work()
    before = built(club)

    club.customers(SAT, ["eve"])  # bob is still there on Friday
    club.work()

    assert club.accepted() == {FRI: ["1"], SAT: ["2"], MON: ["4"]}
    assert rebuilt(before, built(club)) == {MON}


def test_new_references_that_nobody_waits_for_open_nothing(club: Club) -> None:
    club.orders(FRI, [order("1", customer="ann")])
    club.work()
    before = built(club)
    club.customers(MON, ["eve"])
    club.work()

    assert built(club) == before


def test_a_table_that_was_published_before_there_was_an_index_is_asked_itself(club: Club) -> None:
    club.work()
    for file in club.index(CUSTOMERS).folder.glob("*"):
        file.unlink()
    customers = club.pipeline.ledger.published_validations("tiny")["silver", "customers", FRI].attempt

    club.orders(SAT, [order("1", customer="ann"), order("2", customer="eve")])
    club.work()

    assert club.accepted() == {SAT: ["1"]}
    assert club.pipeline.ledger.published_validations("tiny")["silver", "customers", FRI].attempt == customers
    club.customers(MON, ["eve"])
    club.work()
    assert club.accepted() == {SAT: ["1", "2"]}


def test_a_day_may_come_before_anything_it_refers_to(tmp_path: Path) -> None:
    club = Club(tmp_path)
    club.orders(FRI, [order("1", customer="ann")])
    club.work()
    assert club.standing(FRI) == "blocked"

    club.customers(TUE, ["ann"])
    club.work()
    assert club.accepted() == {FRI: ["1"]}


class Numbered(RowContract):
    customer: float = pa.Field(unique=True)


class RefersToNumbers(RowContract):
    order_id: str = pa.Field()
    receipt: str = pa.Field(nullable=True)
    customer: float = pa.Field(nullable=True, metadata=about(references=Reference("customers", "customer")))
    amount: int = pa.Field()


def test_keys_that_are_not_compared_by_hash_are_compared_all_at_once(tmp_path: Path) -> None:
    club = Club(tmp_path, dataset=of_orders(RefersToNumbers, Numbered), policies={ORDERS: Policy(1.0)})
    assert tie_plan(club.pipeline, ORDERS).references == {}
    assert followed(club.pipeline, ORDERS) == frozenset()
    club.customers(FRI, ["1", "2.5"])
    club.orders(SAT, [order("1", customer="1.0"), order("2", customer="3")])
    club.work()
    assert club.accepted() == {SAT: ["1"]}

    club.customers(MON, ["3"])
    club.work()
    assert club.accepted() == {SAT: ["1", "2"]}


# -- cost -------------------------------------------------------------------------------------


def test_what_nothing_ties_has_no_index(tmp_path: Path) -> None:
    pipeline = tiny.open_pipeline(tmp_path)
    tiny.put_shops(tmp_path)
    tiny.put(tmp_path, f"orders/{FRI}.csv", [tiny.line(1, FRI)])
    desk.work(pipeline)

    found = {path.name for path in (tmp_path / "lake" / "tiny" / "keys").iterdir()}
    assert found == {"silver_orders", "silver_shops"}, "orders refer to shops; gold is tied by nothing"
