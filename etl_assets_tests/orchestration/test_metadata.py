from __future__ import annotations

import dagster as dg
import pandera.polars as pa
import pytest
from dagster._serdes import serialize_value

from etl_assets.contracts.contract import Contract
from etl_assets.contracts.dataset import Dataset, TableId
from etl_assets.contracts.declare import Dependency, about_table
from etl_assets.contracts.rules import compile_contract
from etl_assets.contracts.vocabulary import Dimension, Severity
from etl_assets.datasets import BUILT_IN, load_dataset
from etl_assets.ledger.records import Outcome
from etl_assets.orchestration.lineage import column_lineage
from etl_assets.orchestration.metadata import broken_rules, column_schema
from etl_assets.pipeline.hop import Built
from etl_assets.quality.outcome import PeriodOutcome, Tally
from etl_assets.quality.score import Score
from etl_assets_tests.orchestration.fixtures import MakeHouse
from etl_assets_tests.orchestration.house import House
from etl_assets_tests.orchestration.shop import BRONZE, DAILY, SHOP, SILVER, day_of_orders

DAYS = ["2024-01-01", "2024-01-02", "2024-01-03"]
SMALL = 4_000


def lineage(dataset: Dataset, table: str) -> dict[str, set[str]]:
    (found,) = [one for one in dataset.tables if one.id == TableId.parse(table)]
    return {
        column: {f"{'/'.join(dep.asset_key.path[1:])}.{dep.column_name}" for dep in deps}
        for column, deps in column_lineage(dataset, found).deps_by_column.items()
    }


def test_silver_columns_come_from_the_bronze_columns_they_are_made_of() -> None:
    found = lineage(SHOP, "silver/orders")
    assert found == {
        "order_id": {"bronze/orders.order_id"},
        "ordered_on": {"bronze/orders.ordered_on"},
        "customer": {"bronze/orders.customer"},
        "amount": {"bronze/orders.amount"},
    }
    assert lineage(SHOP, "bronze/orders") == {}


def test_gold_columns_of_retail_come_from_what_they_sum() -> None:
    retail = load_dataset("retail")
    daily = lineage(retail, "gold/daily_revenue")
    assert daily["country"] == {"silver/sales.country"}
    assert {"silver/sales.quantity", "silver/sales.unit_price", "silver/sales.kind"} <= daily["gross"]
    assert "silver/sales.customer_id" not in daily["gross"]
    assert "silver/sales.customer_id" in daily["customers"]
    assert "silver/sales.invoice_no" in daily["orders"]
    assert {"bronze/sales.InvoiceNo", "bronze/sales.Quantity", "bronze/sales.StockCode"} <= lineage(
        retail, "silver/sales"
    )["kind"]
    assert lineage(retail, "silver/sales")["country"] == {"bronze/sales.Country"}
    rfm = lineage(retail, "gold/customer_rfm")
    assert "gold/customer_days.revenue" in rfm["monetary"]


def test_gold_columns_of_flights_come_from_every_input() -> None:
    flights = load_dataset("flights")
    upstream = {
        table.id: {dep.rsplit(".", 1)[0] for deps in lineage(flights, str(table.id)).values() for dep in deps}
        for table in flights.tables
        if table.transform is not None
    }
    for table in flights.tables:
        if table.transform is not None:
            assert upstream[table.id] == {str(one) for one in table.inputs.values()}
    # The key of a join is read for every column, what the join brings only where it is used.
    carrier = lineage(flights, "silver/flights")["carrier"]
    assert {"bronze/flights.carrier", "silver/airports.faa"} <= carrier
    assert not {"bronze/flights.origin", "silver/airports.tzone"} & carrier
    assert "silver/airports.tzone" in lineage(flights, "silver/flights")["scheduled_arrival"]


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_column_has_a_lineage(name: str) -> None:
    dataset = load_dataset(name)
    for table in dataset.tables:
        if table.transform is not None:
            known = {
                f"{up}.{column}"
                for up in table.inputs.values()
                for one in dataset.tables
                if one.id == up
                for column in one.contract.to_schema().columns
            }
            for column, deps in lineage(dataset, str(table.id)).items():
                assert deps <= known, f"{table.id}.{column}"


@pytest.fixture
def built_house(make_house: MakeHouse) -> House:
    house = make_house()
    for day in DAYS:
        house.drop(f"{day}.csv", day_of_orders(day).replace(b",1\n", b",-1\n"))
    house.run()
    return house


def materializations(house: House, table: TableId) -> dict[str, dg.AssetMaterialization]:
    key = dg.AssetKey(["shop", str(table.layer), table.name])
    with house.instance() as instance:
        records = instance.fetch_materializations(key, limit=100).records
    found = [one.asset_materialization for one in records]
    return {one.partition or "": one for one in found if one is not None}


def test_each_partition_has_its_own_figures(built_house: House) -> None:
    found = materializations(built_house, SILVER)
    assert sorted(found) == DAYS
    for one in found.values():
        figures = {name: value.value for name, value in one.metadata.items()}
        assert figures["dagster/partition_row_count"] == figures["accepted"] == 19
        assert (figures["rows_in"], figures["quarantined"], figures["duplicates"]) == (20, 1, 0)
        assert figures["validity"] == pytest.approx(0.9875)
        assert figures["row_score"] == pytest.approx(0.95)
        assert str(figures["dagster/uri"]).endswith("lake/shop/silver/orders")


def test_what_broke_and_the_lineage_are_with_the_newest_partition(built_house: House) -> None:
    found = materializations(built_house, SILVER)
    assert "amount" in str(found[DAYS[-1]].metadata["broken_rules"].value)
    assert "dagster/column_lineage" in found[DAYS[-1]].metadata
    assert "broken_rules" not in found[DAYS[0]].metadata
    assert "dagster/column_lineage" not in materializations(built_house, BRONZE)[DAYS[-1]].metadata


def test_a_dimensions_check_lists_its_own_rules_only(built_house: House) -> None:
    assert "broken_rules_of_this_run" in built_house.check(SILVER, "validity").metadata
    assert "broken_rules_of_this_run" not in built_house.check(SILVER, "uniqueness").metadata


def test_the_schema_shows_what_determines_what() -> None:
    class Addresses(Contract):
        zip: str = pa.Field(nullable=True)
        city: str = pa.Field(nullable=True)

        class Config:
            metadata = about_table(dependencies=[Dependency("zip", "city")])

    schema = column_schema(compile_contract(Addresses))
    assert schema.constraints.other == ["rows with the same zip have the same city (warn)"]


def test_metadata_are_small(built_house: House) -> None:
    with built_house.instance() as instance:
        for run in instance.get_runs():
            for entry in instance.all_logs(run.run_id):
                data = entry.dagster_event.event_specific_data if entry.dagster_event else None
                metadata = getattr(data, "metadata", None) or getattr(
                    getattr(data, "materialization", None), "metadata", {}
                )
                for name, value in metadata.items():
                    assert len(serialize_value(value)) < SMALL, name


@pytest.mark.parametrize("name", BUILT_IN)
def test_lineages_are_small_enough_for_one_a_run(name: str) -> None:
    dataset = load_dataset(name)
    for table in dataset.tables:
        if table.transform is not None:
            value = dg.MetadataValue.column_lineage(column_lineage(dataset, table))
            assert len(serialize_value(value)) < 4 * SMALL, str(table.id)


def built(tallies: tuple[Tally, ...]) -> Built:
    validation = None
    outcome = PeriodOutcome("2024-01-01", 10, 10, 0, 0, 0, tallies, ())
    return Built(validation, outcome, Score(None, None, ()))  # type: ignore[arg-type]


def tally(rule: str, failed: int, dimension: Dimension = Dimension.VALIDITY) -> Tally:
    return Tally(rule, dimension, Severity.ERROR, 1.0, 10, failed)


def test_broken_rules_are_few_and_the_worst_first() -> None:
    many = tuple(tally(f"a_rather_long_column_name_{n:03}.greater_than_or_equal_to", n) for n in range(100))
    told = broken_rules({"2024-01-01": built(many), "2024-01-02": built(many)})
    lines = told.splitlines()
    assert "_099.greater_than_or_equal_to` | validity | error | 198 | 20 |" in lines[2]
    assert lines[-1] == "| and 79 more | | | | |"
    assert len(told) < SMALL
    assert broken_rules({"2024-01-01": built((tally("fine", 0),))}) == ""


def test_a_snapshot_has_one_materialization_without_partition(make_house: MakeHouse) -> None:
    from etl_assets_tests.orchestration.shop import CATALOGUE_SHOP, PRODUCTS

    house = make_house(CATALOGUE_SHOP)
    house.drop("products.csv", b"product\nA1\nA2\n")
    house.run()
    (one,) = materializations(house, PRODUCTS).items()
    assert one[0] == ""
    assert one[1].metadata["accepted"].value == 2
    assert house.latest(PRODUCTS).outcome is Outcome.PUBLISHED
    assert materializations(house, DAILY) == {}
