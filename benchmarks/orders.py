"""A small dataset to measure with: order lines, a CSV a day, and the countries that they go to."""

import datetime

import narwhals.stable.v1 as nw
import pandera.polars as pa
import polars as pl

from etl_assets.contracts.contract import RowContract
from etl_assets.contracts.dataset import Dataset, Layer, Table, TableId
from etl_assets.contracts.declare import Cast, Reference, about, about_table, row_check

BRONZE_LINES, LINES = TableId(Layer.BRONZE, "lines"), TableId(Layer.SILVER, "lines")
BRONZE_COUNTRIES, COUNTRIES = TableId(Layer.BRONZE, "countries"), TableId(Layer.SILVER, "countries")


class BronzeLines(RowContract):
    """Order lines as delivered."""

    order_id: str = pa.Field(nullable=True)
    line_no: str = pa.Field(nullable=True)
    ordered_at: str = pa.Field(nullable=True)
    customer: str = pa.Field(nullable=True)
    country: str = pa.Field(nullable=True)
    product: str = pa.Field(nullable=True)
    quantity: str = pa.Field(nullable=True)
    price: str = pa.Field(nullable=True)


class SilverLines(RowContract):
    """Order lines, typed: 16 rules, and three on the provenance."""

    order_id: int = pa.Field()
    line_no: int = pa.Field()
    ordered_at: datetime.datetime = pa.Field(metadata=about(cast=Cast(format="%Y-%m-%d %H:%M:%S")))
    customer: str = pa.Field(nullable=True, str_matches=r"^\d{6}$", metadata=about(pii=True))
    country: str = pa.Field(metadata=about(references=Reference("countries", "code")))
    product: str = pa.Field()
    quantity: int = pa.Field(nullable=True, ge=1)
    price: float = pa.Field(nullable=True)

    class Config:
        unique = ("order_id", "line_no")
        metadata = about_table(period_column="ordered_at")

    @row_check()
    def plausible_value(cls) -> nw.Expr:
        """No line is worth a million."""
        return nw.col("quantity") * nw.col("price") < 1_000_000


class BronzeCountries(RowContract):
    """Countries as delivered."""

    code: str = pa.Field()


class SilverCountries(RowContract):
    """Countries."""

    code: str = pa.Field(unique=True)


def lines(bronze: pl.LazyFrame) -> pl.LazyFrame:
    """Columns keep their names; the engine casts them."""
    return bronze


def countries(bronze: pl.LazyFrame) -> pl.LazyFrame:
    """Nothing to do."""
    return bronze


DATASET = Dataset(
    name="orders",
    description="Order lines, made up.",
    tables=(
        Table(BRONZE_LINES, BronzeLines),
        Table(BRONZE_COUNTRIES, BronzeCountries, partitioned=False),
        Table(COUNTRIES, SilverCountries, countries, {"bronze": BRONZE_COUNTRIES}, partitioned=False),
        Table(LINES, SilverLines, lines, {"bronze": BRONZE_LINES}),
    ),
)
