# No postponed annotations: Pandera reads them.
"""A dataset whose partitions are tied to each other: customers and orders, both a file a day."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl

from etl_assets.contracts.contract import Contract, RowContract
from etl_assets.contracts.dataset import Dataset, Layer, Table, TableId
from etl_assets.contracts.declare import Reference, about, rule
from etl_assets.lake.key_index import KeyIndex
from etl_assets.ledger.records import Outcome, Validation
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline, Policy
from etl_assets.pipeline.pending import Pending
from etl_assets.pipeline.ties import index_of
from etl_assets.staging.source import Source
from etl_assets_tests.end_to_end import desk, tiny

BRONZE_CUSTOMERS, BRONZE_ORDERS = TableId(Layer.BRONZE, "customers"), TableId(Layer.BRONZE, "orders")
CUSTOMERS, ORDERS = TableId(Layer.SILVER, "customers"), TableId(Layer.SILVER, "orders")
DAILY = TableId(Layer.GOLD, "daily")

TOLERANCE = 0.5
"""Of orders: half of a day's rows."""


class BronzeCustomers(RowContract):
    customer: str = pa.Field(nullable=True)


class SilverCustomers(RowContract):
    customer: str = pa.Field(unique=True)


class BronzeOrders(RowContract):
    order_id: str = pa.Field(nullable=True)
    receipt: str = pa.Field(nullable=True)
    customer: str = pa.Field(nullable=True)
    amount: str = pa.Field(nullable=True)


class SilverOrders(RowContract):
    order_id: str = pa.Field(unique=True, metadata=about(unique=rule(scope="table")))
    receipt: str = pa.Field(
        nullable=True,
        unique=True,
        metadata=about(unique=rule(scope="table", on_violation="quarantine")),
    )
    customer: str = pa.Field(
        nullable=True, metadata=about(references=Reference("customers", "customer", waits=True))
    )
    amount: int = pa.Field()


class Daily(Contract):
    orders: int = pa.Field()


def as_they_are(bronze: pl.LazyFrame) -> pl.LazyFrame:
    return bronze


def daily(orders: pl.LazyFrame) -> pl.LazyFrame:
    return orders.group_by("_period").agg(orders=pl.len().cast(pl.Int64))


DATASET = Dataset(
    name="tiny",
    description="Customers and their orders.",
    tables=(
        Table(BRONZE_CUSTOMERS, BronzeCustomers),
        Table(CUSTOMERS, SilverCustomers, as_they_are, {"bronze": BRONZE_CUSTOMERS}),
        Table(BRONZE_ORDERS, BronzeOrders),
        Table(ORDERS, SilverOrders, as_they_are, {"bronze": BRONZE_ORDERS}),
        Table(DAILY, Daily, daily, {"orders": ORDERS}),
    ),
)

SOURCES = {
    name: Source(pattern=f"{name}/{{period:%Y-%m-%d}}.csv", settle_seconds=0)
    for name in ("customers", "orders")
}

Order = tuple[str, str, str, str]
"""order_id, receipt, customer, amount; "" for an empty cell."""


def order(id: str, receipt: str = "", customer: str = "", amount: str = "1") -> Order:
    return id, receipt, customer, amount


class Club:
    """The dataset in a folder of its own."""

    def __init__(self, home: Path, **changes: Any) -> None:
        self.home = home
        self.clock = tiny.Clock(tiny.NOON)
        opened = tiny.open_pipeline(home, now=self.clock, dataset=DATASET, sources=SOURCES)
        policies = {ORDERS: Policy(TOLERANCE), CUSTOMERS: Policy(0.9)}
        self.pipeline: DatasetPipeline = replace(opened, **{"policies": policies, **changes})

    def orders(self, day: str, rows: Sequence[Order]) -> None:
        self._put(f"orders/{day}.csv", "order_id,receipt,customer,amount", [",".join(row) for row in rows])

    def customers(self, day: str, names: Iterable[str]) -> None:
        self._put(f"customers/{day}.csv", "customer", sorted(names))

    def _put(self, key: str, header: str, lines: Sequence[str]) -> None:
        path = tiny.put(self.home, key, lines, header=header)
        self.clock.pass_(60)
        moment = self.clock().timestamp() - 30
        os.utime(path, (moment, moment))

    def work(self) -> list[list[str]]:
        """Build what is pending, and return the periods of `silver/orders` in each run."""
        return [list(one.periods) if ORDERS in one.tables else [] for one in desk.work(self.pipeline)]

    def accepted(self) -> dict[str, list[str]]:
        """Day -> ids of the orders that are in the table, sorted."""
        rows = desk.accepted(self.pipeline, ORDERS).sort("_period", "order_id")
        found: dict[str, list[str]] = {}
        for day, id in rows.select("_period", "order_id").iter_rows():
            found.setdefault(day, []).append(id)
        return found

    def refused(self) -> dict[str, list[tuple[str, str]]]:
        """Day -> ids and reasons of the orders in quarantine, sorted."""
        rows = self.pipeline.quarantine(ORDERS).scan({"order_id": pl.String(), "_reasons": pl.String()})
        found: dict[str, list[tuple[str, str]]] = {}
        for day, id, why in rows.select("_period", "order_id", "_reasons").collect().rows():
            found.setdefault(day, []).append((id or "", why))
        return {day: sorted(some) for day, some in found.items()}

    def published(self) -> dict[str, Validation]:
        """Day -> the validation behind what is published of orders."""
        found = self.pipeline.ledger.published_validations("tiny")
        return {period: one for (layer, table, period), one in found.items() if (layer, table) == ORDERS_KEY}

    def held(self) -> list[str]:
        """The days of orders whose newest validation was held."""
        found = self.pipeline.ledger.latest_validations("tiny")
        return [key[2] for key, one in found.items() if key[:2] == ORDERS_KEY and one.outcome is Outcome.HELD]

    def states(self) -> dict[str, str]:
        return {period: one.state_id for period, one in self.published().items()}

    def standing(self, day: str) -> str:
        return Pending.of(self.pipeline).standings[ORDERS, day].standing

    def index(self, table: TableId = ORDERS) -> KeyIndex:
        return index_of(self.pipeline, table)


ORDERS_KEY = ("silver", "orders")
