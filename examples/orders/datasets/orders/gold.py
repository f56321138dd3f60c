"""What is asked of the orders."""

import pandera.polars as pa
import polars as pl

from etl_assets.contracts.contract import Contract


class Turnover(Contract):
    """Turnover of a period, by country."""

    country: str = pa.Field(unique=True)
    orders: int = pa.Field(ge=1)
    amount: float = pa.Field(ge=0)


def turnover(orders: pl.LazyFrame) -> pl.LazyFrame:
    """Add up a period's orders by country."""
    return orders.group_by("_period", "country").agg(orders=pl.len(), amount=pl.col("amount").sum().round(2))
