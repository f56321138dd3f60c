# No postponed annotations: Pandera reads them.
"""Somebody else's database, and a dataset that is read from it."""

import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pandera.polars as pa
import polars as pl
from sqlalchemy import make_url

from etl_assets.connections import Connection
from etl_assets.contracts.contract import RowContract
from etl_assets.contracts.dataset import Dataset, Layer, Table, TableId
from etl_assets.contracts.declare import about, about_table, rule
from etl_assets.lake.tables import Lake
from etl_assets.ledger.ledger import Ledger
from etl_assets.ledger.records import Delivery
from etl_assets.object_storage import ObjectStorage
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline, Policy
from etl_assets.pipeline.intake import Intake, take_in
from etl_assets.staging.area import StagingFolder
from etl_assets.staging.calendar import Calendar
from etl_assets.staging.extracts.log import ExtractLog
from etl_assets.staging.source import Source
from etl_assets_tests.end_to_end import desk

ORDERS, CUSTOMERS = TableId(Layer.BRONZE, "orders"), TableId(Layer.BRONZE, "customers")
SILVER = TableId(Layer.SILVER, "orders")


class BronzeOrders(RowContract):
    id: int = pa.Field(nullable=True)
    changed_at: Annotated[pl.Datetime, "us", "UTC"] = pa.Field(nullable=True)
    placed_on: datetime.date = pa.Field(nullable=True)
    amount: Annotated[pl.Decimal, 12, 2] = pa.Field(nullable=True)
    note: str = pa.Field(nullable=True, metadata=about(pii=True))


class BronzeCustomers(RowContract):
    id: int = pa.Field(nullable=True)
    name: str = pa.Field(nullable=True)


class SilverOrders(RowContract):
    id: int = pa.Field()
    placed_on: datetime.date = pa.Field()
    amount: Annotated[pl.Decimal, 12, 2] = pa.Field(ge=0)
    note: str = pa.Field(nullable=True, metadata=about(pii=True))

    class Config:
        unique = ("id",)
        metadata = about_table(period_column="placed_on", unique_as_delivered=rule(on_violation="duplicate"))


def orders(bronze: pl.LazyFrame) -> pl.LazyFrame:
    return bronze.select(pl.col("^_.*$"), "id", "placed_on", "amount", "note")


DATASET = Dataset(
    name="erp",
    description="Orders and customers of an ERP.",
    tables=(
        Table(CUSTOMERS, BronzeCustomers, partitioned=False),
        Table(ORDERS, BronzeOrders),
        Table(SILVER, SilverOrders, orders, {"bronze": ORDERS}),
    ),
)

CALENDAR = Calendar(start=datetime.date(2024, 3, 1), end=datetime.date(2024, 3, 31))
NOON = datetime.datetime(2024, 4, 1, 12, tzinfo=datetime.UTC)

TABLES = """
CREATE SCHEMA shop;
CREATE TABLE shop.orders (
    id int PRIMARY KEY, changed_at timestamptz, placed_on date, amount numeric(12, 2), note text);
CREATE TABLE shop.customers (id int, name text);
"""


def orders_source(mode: str = "correction", **query: Any) -> Source:
    said = {"connection": "erp", "table": "shop.orders", "watermark": "changed_at", "overlap": "10 minutes"}
    said |= {"compare_hours": 0} | query
    return Source.model_validate(
        {"query": said, "mode": mode, "period_from": "column", "period_column": "placed_on"}
    )


CUSTOMERS_SOURCE = Source.model_validate(
    {"query": {"connection": "erp", "table": "shop.customers"}, "mode": "snapshot"}
)


def reached(url: str) -> Connection:
    """The connection to a database that a test made."""
    found = make_url(url)
    host = str(found.query.get("host", found.host))
    return Connection("erp", host, found.database or "", found.username or "", sslmode="prefer")


class Erp:
    """The database, the dataset, and a clock that a test moves."""

    def __init__(self, home: Path, url: str, source: Source | None = None) -> None:
        self.home = home
        self.now = NOON
        self.connection = reached(url)
        self.open(source or orders_source())

    def open(self, orders: Source | None = None, **changes: Any) -> None:
        """Open the dataset, or open it anew with other settings."""
        self.source = orders or self.source
        sources = {"orders": self.source, "customers": CUSTOMERS_SOURCE} | changes.pop("sources", {})
        connection = changes.pop("connection", self.connection)
        pipeline = DatasetPipeline(
            dataset=changes.pop("dataset", DATASET),
            sources=sources,
            calendar=CALENDAR,
            area=StagingFolder(self.home / "staging"),
            lake=Lake(self.home / "lake"),
            ledger=Ledger.open(f"sqlite:///{self.home / 'ledger.db'}", now=lambda: self.now),
            scratch=self.home / "scratch",
            policies={table: Policy(0.9) for table in (ORDERS, CUSTOMERS, SILVER)},
            extracts=ExtractLog(str(self.home / "extracts"), ObjectStorage()),
            connections=dict.fromkeys(sources, connection),
            now=lambda: self.now,
        )
        (self.home / "staging").mkdir(exist_ok=True)
        self.pipeline = replace(pipeline, **changes)

    def sql(self, text: str, *values: object) -> None:
        """Somebody else changes the database."""
        with self.connection.transaction(read_only=False, isolation="READ COMMITTED") as cursor:
            cursor.execute(text, values or None)

    def put(
        self, id: int, minute: float = 0, *, day: str = "2024-03-05", amount: object = 1, note: object = None
    ) -> None:
        """Insert or update an order, stamped so many minutes after noon of March 5."""
        self.sql(
            "INSERT INTO shop.orders VALUES "
            "(%s, timestamptz '2024-03-05 12:00+00' + %s * interval '1 minute', %s, %s, %s) "
            "ON CONFLICT (id) DO UPDATE SET changed_at = excluded.changed_at, "
            "amount = excluded.amount, note = excluded.note",
            *(id, minute, day, amount, note),
        )

    def look(self, seconds: float | None = None) -> Intake:
        return take_in(self.pipeline, seconds=seconds)

    def work(self) -> None:
        desk.work(self.pipeline)

    def deliveries(self, table: str = "orders") -> list[Delivery]:
        return self.pipeline.ledger.deliveries("erp", table)

    def findings(self) -> dict[str, str]:
        return {f"{one.kind} {one.table}": one.message for one in self.pipeline.ledger.findings("erp")}

    def extracted(self, table: str = "orders") -> list[Counter[tuple[object, ...]]]:
        """The rows of each extract that counts, in order."""
        columns = [
            name for name in self.pipeline.contract(TableId(Layer.BRONZE, table)).schema if name[0] != "_"
        ]
        return [
            Counter(pl.read_parquet(self.home / "extracts" / one.key).select(columns).iter_rows())
            for one in sorted(self.deliveries(table), key=lambda one: one.key)
            if one.state != "superseded"
        ]

    def rows(self, table: TableId, columns: Sequence[str]) -> Counter[tuple[object, ...]]:
        """What the lake has of a table."""
        schema = self.pipeline.contract(table).schema
        return Counter(self.pipeline.accepted(table).scan(schema).select(columns).collect().iter_rows())
