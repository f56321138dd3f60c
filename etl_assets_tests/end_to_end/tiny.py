# No postponed annotations: Pandera reads them.
"""A dataset of five small tables that has everything a large one has."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import narwhals.stable.v1 as nw
import pandera.polars as pa
import polars as pl

from etl_assets.backoff import Backoff
from etl_assets.contracts.contract import Contract, RowContract
from etl_assets.contracts.dataset import Dataset, Layer, Table, TableId
from etl_assets.contracts.declare import Reference, about, about_table, aggregate_check, row_check, rule, warn
from etl_assets.lake.tables import Lake
from etl_assets.ledger.ledger import Ledger
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline, Limits, Policy, Retry
from etl_assets.staging.area import StagingFolder
from etl_assets.staging.calendar import Calendar
from etl_assets.staging.source import Source

BRONZE_SHOPS, BRONZE_ORDERS = TableId(Layer.BRONZE, "shops"), TableId(Layer.BRONZE, "orders")
SHOPS, ORDERS = TableId(Layer.SILVER, "shops"), TableId(Layer.SILVER, "orders")
DAILY, TOTALS = TableId(Layer.GOLD, "daily"), TableId(Layer.GOLD, "totals")

HEADER = "order_id,shop,customer,amount,placed_on"


class BronzeShops(RowContract):
    shop: str = pa.Field(nullable=True)
    city: str = pa.Field(nullable=True)


class BronzeOrders(RowContract):
    order_id: str = pa.Field(nullable=True)
    shop: str = pa.Field(nullable=True)
    customer: str = pa.Field(nullable=True, metadata=about(pii=True))
    amount: str = pa.Field(nullable=True)
    placed_on: str = pa.Field(nullable=True)


class SilverShops(RowContract):
    shop: str = pa.Field(unique=True)
    city: str = pa.Field(nullable=True, metadata=about(not_null=warn("some shops are vans")))


def shops(bronze: pl.LazyFrame) -> pl.LazyFrame:
    return bronze.select(pl.col("^_.*$"), "city", shop=pl.col("shop").str.strip_chars())


class SilverOrders(RowContract):
    order_id: str = pa.Field(str_matches=r"^O\d+$")
    shop: str = pa.Field(metadata=about(references=Reference("shops", "shop")))
    customer: str = pa.Field(nullable=True, str_matches=r"^\S+@\S+$", metadata=about(pii=True))
    amount: int = pa.Field(ge=0)
    placed_on: datetime.date = pa.Field()

    class Config:
        unique = ("order_id",)
        metadata = about_table(period_column="placed_on", unique_as_delivered=rule(on_violation="duplicate"))

    @row_check(why="orders of nothing are tests of the till")
    def guests_pay(cls) -> nw.Expr:
        return (nw.col("amount") > 0) | (~nw.col("customer").is_null())

    @aggregate_check(severity="warn", why="quiet days are worth a look")
    def some_money(cls) -> nw.Expr:
        return nw.col("amount").sum() > 0


def orders(bronze: pl.LazyFrame) -> pl.LazyFrame:
    return bronze.select(
        pl.col("^_.*$"),
        *(pl.col(name).str.strip_chars() for name in ("order_id", "shop", "customer", "amount", "placed_on")),
    )


class Daily(Contract):
    shop: str = pa.Field()
    orders: int = pa.Field(ge=1)
    amount: int = pa.Field(ge=0)

    class Config:
        unique = ("shop",)


def daily(orders: pl.LazyFrame, shops: pl.LazyFrame) -> pl.LazyFrame:
    known = orders.join(shops.select("shop"), on="shop", how="semi")
    return known.group_by("_period", "shop").agg(
        orders=pl.len().cast(pl.Int64), amount=pl.col("amount").sum()
    )


class Totals(Contract):
    shop: str = pa.Field(unique=True)
    days: int = pa.Field(ge=1)
    amount: int = pa.Field(ge=0)


def totals(daily: pl.LazyFrame) -> pl.LazyFrame:
    return daily.group_by("shop").agg(days=pl.len().cast(pl.Int64), amount=pl.col("amount").sum())


DATASET = Dataset(
    name="tiny",
    description="A few shops and their orders.",
    tables=(
        Table(BRONZE_SHOPS, BronzeShops, partitioned=False),
        Table(SHOPS, SilverShops, shops, {"bronze": BRONZE_SHOPS}, partitioned=False),
        Table(BRONZE_ORDERS, BronzeOrders),
        Table(ORDERS, SilverOrders, orders, {"bronze": BRONZE_ORDERS}),
        Table(DAILY, Daily, daily, {"orders": ORDERS, "shops": SHOPS}),
        Table(TOTALS, Totals, totals, {"daily": DAILY}, partitioned=False),
    ),
)

ONE_A_DAY = Source(pattern="orders/**/{period:%Y-%m-%d}.csv", settle_seconds=0)
MANY_A_DAY = Source(
    pattern="orders/**/{period:%Y-%m-%d}-{part}.csv", files_per_period="many", settle_seconds=0
)
CORRECTIONS = Source(
    pattern="orders/**/{period:%Y-%m-%d}-{part}.csv",
    files_per_period="many",
    mode="correction",
    settle_seconds=0,
)
BY_COLUMN = Source(
    pattern="orders/*.csv",
    period_from="column",
    period_column="placed_on",
    period_format="%Y-%m-%d",
    files_per_period="many",
    settle_seconds=0,
)
SHOP_LIST = Source(pattern="shops*.csv", mode="snapshot", settle_seconds=0)

# Friday to Thursday, no Sundays, and the 7th is a holiday.
CALENDAR = Calendar(
    start=datetime.date(2024, 3, 1),
    end=datetime.date(2024, 3, 14),
    closed={"weekdays": ["sunday"], "dates": [datetime.date(2024, 3, 7)]},
)
NOON = datetime.datetime(2024, 3, 12, 12, tzinfo=datetime.UTC)


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self, now: datetime.datetime) -> None:
        self.now = now

    def __call__(self) -> datetime.datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += datetime.timedelta(seconds=seconds)


def open_pipeline(
    home: Path, source: Source = ONE_A_DAY, *, tolerance: float = 0.9, **changes: Any
) -> DatasetPipeline:
    """A pipeline of its own below `home`, in real time unless `now` is given."""
    now = changes.pop("now", None)
    ledger = Ledger.open(f"sqlite:///{home / 'ledger.db'}", **({"now": now} if now else {}))
    pipeline = DatasetPipeline(
        dataset=DATASET,
        sources={"orders": source, "shops": SHOP_LIST},
        calendar=CALENDAR,
        area=StagingFolder(home / "staging" / "tiny"),
        lake=Lake(home / "lake"),
        ledger=ledger,
        scratch=home / "scratch",
        policies={ORDERS: Policy(tolerance), BRONZE_ORDERS: Policy(tolerance)},
        retry=Retry(max_attempts=3, backoff=Backoff("linear", 60.0)),
        limits=Limits(lease_seconds=30.0),
    )
    return replace(pipeline, **(changes | ({"now": now} if now else {})))


def put(home: Path, key: str, lines: Sequence[str], *, header: str = HEADER) -> Path:
    """Lay a CSV file into the staging area, whole at once, as a careful sender does."""
    path = home / "staging" / "tiny" / key
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    unfinished.replace(path)
    return path


def put_shops(home: Path, names: Sequence[str] = ("north", "south"), key: str = "shops.csv") -> Path:
    return put(home, key, [f"{name},City of {name}" for name in names], header="shop,city")


def line(number: int, day: str, **cells: str) -> str:
    """A good order, but for what is said."""
    values: Mapping[str, str] = {
        "order_id": f"O{number}",
        "shop": "north" if number % 3 else "south",
        "customer": f"c{number}@example.com",
        "amount": str(number),
        "placed_on": day,
    } | cells
    return ",".join(values.values())
