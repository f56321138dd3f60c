"""Orders, typed and clean."""

import datetime

import pandera.polars as pa
import polars as pl

from etl_assets import cleaning
from etl_assets.contracts.contract import RowContract
from etl_assets.contracts.declare import about, about_table, warn


class SilverOrders(RowContract):
    """One order: who bought for how much."""

    order_id: str = pa.Field(unique=True, str_matches=r"^A\d+$")
    ordered_on: datetime.date = pa.Field()
    shipped_on: datetime.date = pa.Field(nullable=True, description="null until it is sent")
    customer: str = pa.Field(metadata=about(pii=True))
    country: str = pa.Field(str_matches=r"^[A-Z]{2}$")
    amount: float = pa.Field(ge=0, le=10_000, metadata=about(le=warn("rare, and worth a look")))

    class Config:
        """Rows belong to the period of their file."""

        metadata = about_table(period_column="ordered_on")


def orders(bronze: pl.LazyFrame) -> pl.LazyFrame:
    """Trim; casting text is the contract's work."""
    return bronze.select(
        pl.col("^_.*$"),
        cleaning.text("order_id"),
        cleaning.text("ordered_on"),
        cleaning.text("shipped_on"),
        cleaning.text("customer"),
        cleaning.text("country"),
        cleaning.text("amount"),
    )
