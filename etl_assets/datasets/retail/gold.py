"""Retail, as it is asked for: revenue, products, customers. Money is exact: decimals, never floats."""

import datetime
from typing import Annotated

import narwhals.stable.v1 as nw
import pandera.polars as pa
import polars as pl

from etl_assets.contracts.contract import Contract
from etl_assets.contracts.declare import about, aggregate_check, row_check
from etl_assets.datasets.retail.silver import CANCELLATION, FEE, FEE_CODES, SALE, UNPRICED, WRITE_OFF

Money = Annotated[pl.Decimal, 18, 3]
Rounded = Annotated[pl.Decimal, 18, 2]


def _amount() -> pl.Expr:
    return (pl.col("quantity").cast(pl.Decimal(18, 0)) * pl.col("unit_price")).cast(pl.Decimal(18, 3))


def _day() -> pl.Expr:
    return pl.col("_period").str.to_date("%Y-%m-%d")


class DailyRevenue(Contract):
    """Revenue of one day and country, in GBP."""

    day: datetime.date = pa.Field(description="trading day")
    country: str = pa.Field(description="where the customers live")
    gross: Money = pa.Field(ge=0, description="invoiced: sales and fees")
    fees: Money = pa.Field(ge=0, description="the part of gross that is postage and other fees")
    cancelled: Money = pa.Field(ge=0, description="taken back by cancellations booked on the day")
    cancelled_fees: Money = pa.Field(
        description="the part of cancelled that is no goods: discounts, what marketplaces and banks charge"
    )
    net: Money = pa.Field(description="gross less cancelled; negative if more was taken back")
    orders: int = pa.Field(
        ge=0, description="invoices that charge something; gifts and stock found again are none"
    )
    customers: int = pa.Field(ge=0, description="known customers among them; guests are not counted")
    average_order_value: Rounded = pa.Field(
        nullable=True, description="gross per order, halves rounded up; null without orders"
    )

    class Config:
        """One row per day and country."""

        unique = ("day", "country")

    @row_check(why="readers add and compare these three")
    def net_is_gross_less_cancelled(cls) -> nw.Expr:
        """Net equals gross less cancelled, to the penny."""
        return nw.col("net") == nw.col("gross") - nw.col("cancelled")

    @aggregate_check(
        severity="warn", why="the shop sells on every day it opens: a day without is a failed export"
    )
    def day_has_revenue(cls) -> nw.Expr:
        """Something was invoiced on the day."""
        return nw.col("gross").max() > 0


def daily_revenue(sales: pl.LazyFrame) -> pl.LazyFrame:
    """Sum what was invoiced and cancelled, by day and country."""
    invoiced = pl.col("kind").is_in([SALE, FEE])
    cancelled = pl.col("kind") == CANCELLATION
    return (
        sales.with_columns(amount=_amount())
        .group_by("_period", "country")
        .agg(
            gross=pl.col("amount").filter(invoiced).sum(),
            fees=pl.col("amount").filter(pl.col("kind") == FEE).sum(),
            cancelled=-pl.col("amount").filter(cancelled).sum(),
            cancelled_fees=-pl.col("amount").filter(cancelled & pl.col("stock_code").is_in(FEE_CODES)).sum(),
            orders=pl.col("invoice_no").filter(invoiced).n_unique().cast(pl.Int64),
            customers=pl.col("customer_id").filter(invoiced).drop_nulls().n_unique().cast(pl.Int64),
        )
        .with_columns(
            day=_day(),
            net=(pl.col("gross") - pl.col("cancelled")).cast(pl.Decimal(18, 3)),
            average_order_value=_per_order(pl.col("gross"), pl.col("orders")),
        )
    )


def _per_order(gross: pl.Expr, orders: pl.Expr) -> pl.Expr:
    """Pounds per order to the penny; null without orders."""
    # Whole numbers to the last step: Polars would round a quotient of decimals twice.
    thousandths = (gross * 1_000).cast(pl.Int64)
    pence = (thousandths + orders * 5) // (orders * 10)
    return (pence.cast(pl.Decimal(18, 2)) / 100).cast(pl.Decimal(18, 2))


class ProductPerformance(Contract):
    """What one product sold on one day."""

    day: datetime.date = pa.Field(description="trading day")
    stock_code: str = pa.Field(description="product")
    description: str = pa.Field(
        nullable=True, description="its name on lines with a price; of several the first by alphabet"
    )
    units_sold: int = pa.Field(ge=0, description="units on sale lines")
    units_cancelled: int = pa.Field(ge=0, description="units taken back by cancellations")
    units_unpriced: int = pa.Field(ge=0, description="units given away, or found again in the store")
    units_written_off: int = pa.Field(ge=0, description="units lost: damaged, missing, thrown away")
    revenue: Money = pa.Field(description="GBP, sales less cancellations")
    orders: int = pa.Field(ge=0, description="invoices that sold it")

    class Config:
        """One row per day and product."""

        unique = ("day", "stock_code")


def product_performance(sales: pl.LazyFrame) -> pl.LazyFrame:
    """Add up units and revenue of goods, by day and product; fees are left out."""

    def units(kind: str) -> pl.Expr:
        return pl.col("quantity").filter(pl.col("kind") == kind).sum().abs()

    traded = pl.col("kind").is_in([SALE, CANCELLATION])
    return (
        sales.filter(~pl.col("stock_code").is_in(FEE_CODES))
        .with_columns(amount=_amount())
        .group_by("_period", "stock_code")
        .agg(
            # On lines without a price the till's field holds remarks: "?", "damaged", "found".
            description=pl.col("description").filter(pl.col("unit_price") > 0).min(),
            units_sold=units(SALE),
            units_cancelled=units(CANCELLATION),
            units_unpriced=units(UNPRICED),
            units_written_off=units(WRITE_OFF),
            revenue=pl.col("amount").filter(traded).sum(),
            orders=pl.col("invoice_no").filter(pl.col("kind") == SALE).n_unique().cast(pl.Int64),
        )
        .with_columns(day=_day())
    )


class CustomerDays(Contract):
    """What one known customer did on one day: the daily part of `customer_rfm`."""

    day: datetime.date = pa.Field(description="trading day")
    customer_id: str = pa.Field(description="account number", metadata=about(pii=True))
    orders: int = pa.Field(ge=0, description="invoices with sales")
    revenue: Money = pa.Field(description="GBP, sales and fees less cancellations")

    class Config:
        """One row per day and customer."""

        unique = ("day", "customer_id")


def customer_days(sales: pl.LazyFrame) -> pl.LazyFrame:
    """Sum up each known customer's day: what was charged, postage included, less what was taken back."""
    charged = pl.col("kind").is_in([SALE, FEE, CANCELLATION])
    return (
        sales.filter(pl.col("customer_id").is_not_null() & charged)
        .with_columns(amount=_amount())
        .group_by("_period", "customer_id")
        .agg(
            orders=pl.col("invoice_no").filter(pl.col("kind") == SALE).n_unique().cast(pl.Int64),
            revenue=pl.col("amount").sum(),
        )
        .with_columns(day=_day())
    )


class CustomerRfm(Contract):
    """Recency, frequency and monetary value of each customer, over all days so far."""

    customer_id: str = pa.Field(unique=True, description="account number", metadata=about(pii=True))
    last_order: datetime.date = pa.Field(description="day of the last order")
    recency_days: int = pa.Field(ge=0, description="days from it to the newest order of any customer")
    frequency: int = pa.Field(ge=1, description="orders so far")
    monetary: Money = pa.Field(description="GBP so far, sales and fees less cancellations")
    recency_score: int = pa.Field(
        ge=1, le=5, description="1 to 5, by the share of customers who ordered less lately"
    )
    frequency_score: int = pa.Field(ge=1, le=5, description="1 to 5, by the share who ordered less often")
    monetary_score: int = pa.Field(ge=1, le=5, description="1 to 5, by the share who spent less")


def customer_rfm(customer_days: pl.LazyFrame) -> pl.LazyFrame:
    """Score customers by fifths.

    It costs one pass over `customer_days` (some 60 rows a day), never over the sales: the daily
    part is incremental, and only this sum of it is made anew.
    """
    per_customer = (
        customer_days.group_by("customer_id")
        .agg(
            last_order=pl.col("day").filter(pl.col("orders") > 0).max(),
            frequency=pl.col("orders").sum(),
            monetary=pl.col("revenue").sum(),
        )
        .filter(pl.col("frequency") > 0)
        .sort("customer_id")
    )
    newest = pl.col("last_order").max()
    return per_customer.with_columns(
        recency_days=(newest - pl.col("last_order")).dt.total_days(),
        recency_score=_fifth(pl.col("last_order")),
        frequency_score=_fifth(pl.col("frequency")),
        monetary_score=_fifth(pl.col("monetary")),
    )


def _fifth(value: pl.Expr) -> pl.Expr:
    # By how many are worse: ties share a fifth, whatever the order of rows, and the many customers
    # with one order are all in the lowest.
    worse = value.rank("min").cast(pl.Int64) - 1
    return worse * 5 // pl.len().cast(pl.Int64) + 1
