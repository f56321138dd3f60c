# No postponed annotations: Pandera reads the annotations of these classes.
"""A small dataset with a table of every kind: rows by day, a snapshot, a reference, gold by day and whole."""

import datetime

import pandera.polars as pa
import polars as pl

from etl_assets.contracts.contract import Contract, RowContract
from etl_assets.contracts.dataset import Dataset, Layer, Table, TableId
from etl_assets.contracts.declare import Reference, about, about_table, rule, warn

BRONZE = TableId(Layer.BRONZE, "orders")
SILVER = TableId(Layer.SILVER, "orders")
DAILY = TableId(Layer.GOLD, "daily")
CUSTOMERS = TableId(Layer.GOLD, "customers")
BRONZE_PRODUCTS = TableId(Layer.BRONZE, "products")
PRODUCTS = TableId(Layer.SILVER, "products")

HEADER = "order_id,ordered_on,customer,amount"


class BronzeOrders(RowContract):
    """Orders as the shop's till exports them."""

    order_id: str = pa.Field(nullable=True)
    ordered_on: str = pa.Field(nullable=True)
    customer: str = pa.Field(nullable=True)
    amount: str = pa.Field(nullable=True)


class SilverOrders(RowContract):
    """One order: who bought for how much."""

    order_id: str = pa.Field(str_matches=r"^[A-Z]\d+$", unique=True, description="a letter and a number")
    ordered_on: datetime.date = pa.Field(description="day of the order")
    customer: str = pa.Field(
        nullable=True,
        description="who bought; null for guests",
        metadata=about(not_null=warn("guests are welcome"), pii=True),
    )
    amount: int = pa.Field(ge=0, description="EUR", metadata=about(ge=rule(why="refunds are booked apart")))

    class Config:
        """Rows belong to the day of their file."""

        metadata = about_table(period_column="ordered_on")


def orders(bronze: pl.LazyFrame) -> pl.LazyFrame:
    """Trim; casting is the contract's work."""
    return bronze.select(
        pl.col("^_.*$"),
        pl.col("order_id").str.strip_chars(),
        "ordered_on",
        pl.col("customer").str.strip_chars(),
        pl.col("amount").str.strip_chars(),
    )


class Daily(Contract):
    """What was sold on one day."""

    day: datetime.date = pa.Field(unique=True, description="trading day")
    orders: int = pa.Field(ge=1, description="orders of the day")
    total: int = pa.Field(ge=0, description="EUR")


def daily(orders: pl.LazyFrame) -> pl.LazyFrame:
    """Add up a day."""
    return (
        orders.group_by("_period")
        .agg(orders=pl.len().cast(pl.Int64), total=pl.col("amount").sum())
        .with_columns(day=pl.col("_period").str.to_date())
    )


class Customers(Contract):
    """What each customer has bought so far."""

    customer: str = pa.Field(unique=True, metadata=about(pii=True))
    total: int = pa.Field(ge=0, description="EUR")


def customers(orders: pl.LazyFrame) -> pl.LazyFrame:
    """Add up each known customer."""
    known = orders.filter(pl.col("customer").is_not_null())
    return known.group_by("customer").agg(total=pl.col("amount").sum())


SHOP = Dataset(
    name="shop",
    description="Orders of a small shop.",
    tables=(
        Table(BRONZE, BronzeOrders),
        Table(SILVER, SilverOrders, orders, {"bronze": BRONZE}),
        Table(DAILY, Daily, daily, {"orders": SILVER}),
    ),
    owners=("team:shop",),
)

SHOP_WITH_CUSTOMERS = Dataset(
    name="shop",
    description="Orders of a small shop, with a table over all days.",
    tables=(*SHOP.tables, Table(CUSTOMERS, Customers, customers, {"orders": SILVER}, partitioned=False)),
    owners=("team:shop", "owner@example.org"),
)


class BronzeProducts(RowContract):
    """The catalogue as exported."""

    product: str = pa.Field(nullable=True)


class SilverProducts(RowContract):
    """What the shop sells."""

    product: str = pa.Field(unique=True, description="a letter and a number")


def products(bronze: pl.LazyFrame) -> pl.LazyFrame:
    """Take the catalogue as it is."""
    return bronze.select(pl.col("^_.*$"), "product")


class CatalogueOrders(SilverOrders):
    """One order of something that is in the catalogue."""

    order_id: str = pa.Field(metadata=about(references=Reference("products", "product")))


CATALOGUE_SHOP = Dataset(
    name="shop",
    description="Orders that refer to a snapshot of products.",
    tables=(
        Table(BRONZE_PRODUCTS, BronzeProducts, partitioned=False),
        Table(PRODUCTS, SilverProducts, products, {"bronze": BRONZE_PRODUCTS}, partitioned=False),
        Table(BRONZE, BronzeOrders),
        Table(SILVER, CatalogueOrders, orders, {"bronze": BRONZE}),
        Table(DAILY, Daily, daily, {"orders": SILVER}),
        Table(CUSTOMERS, Customers, customers, {"orders": SILVER}, partitioned=False),
    ),
    owners=("team:shop",),
)


def day_of_orders(day: str, count: int = 20, *, letter: str = "A") -> bytes:
    """A good file of a day: orders A1, A2, ... over 1, 2, ... EUR."""
    rows = [f"{letter}{day.replace('-', '')}{n:03},{day},customer {n % 7},{n}" for n in range(1, count + 1)]
    return ("\n".join([HEADER, *rows]) + "\n").encode()
