# No postponed annotations here: Pandera reads the annotations of these classes.
"""The base classes of every table's contract."""

from typing import Any, Optional

import pandera.polars as pa
from pandera.api.polars.model_config import BaseConfig

from etl_assets.contracts.pandera_schema import adapted, distinct_key, field_options, unique_keys
from etl_assets.contracts.provenance import DELIVERY, LINE, PERIOD, PROVENANCE, ROW_ID


class Contract(pa.DataFrameModel):
    """What a table promises: its columns and the rules that its rows keep.

    Derive gold tables from this class, bronze and silver from `RowContract`. A contract is a plain
    Pandera model; how much each rule matters is said beside it with `about`, `about_table` and the
    check decorators of `declare`. Columns that are not named are refused; `_period`, which
    partitioned tables carry, is allowed.

    The schema differs from a bare Pandera model in three ways. Checks of severity warn only warn.
    Custom checks are written with Narwhals expressions and run on either of Pandera's backends.
    Keys that hold a null are never duplicates.

    Example:
        class DailyRevenue(Contract):
            '''Revenue of one day and country.'''

            day: datetime.date = pa.Field(description="trading day")
            country: str = pa.Field(isin=COUNTRIES, metadata=about(isin=warn("new markets open")))
            gross: float = pa.Field(ge=0)

            class Config:
                unique = ("day", "country")

            @aggregate_check(why="a day without any revenue is a failed export")
            def some_revenue(cls) -> nw.Expr:
                return nw.col("gross").sum() > 0
    """

    etl_period: Optional[str] = pa.Field(alias=PERIOD)  # noqa: UP045 (Pandera knows this form alone)

    class Config(BaseConfig):
        """Pandera's options; derive a contract's own `Config` from nothing or from this one."""

        strict = True

    @classmethod
    def build_schema_(cls, **kwargs: Any) -> pa.DataFrameSchema:
        """Build Pandera's schema; called by Pandera."""
        keys = unique_keys(kwargs.pop("unique", None))
        schema = super().build_schema_(**kwargs, unique=None)
        checks = [adapted(check, {}) for check in schema.checks]
        for name, column in schema.columns.items():
            options = field_options(column.metadata)
            column.checks = [adapted(check, options.rules) for check in column.checks]
            if column.unique:
                column.unique = False
                keys.append((name,))
        schema.checks = [*checks, *map(distinct_key, keys)]
        last = [name for name in (*PROVENANCE, PERIOD) if name in schema.columns]
        first = [name for name in schema.columns if name not in last]
        schema.columns = {name: schema.columns[name] for name in (*first, *last)}
        return schema


class RowContract(Contract):
    r"""A contract whose rows each come from one delivered record: bronze and silver.

    Adds the provenance `_delivery`, `_line` and `_row_id`, never null.

    Example:
        class SilverSales(RowContract):
            '''One line of an invoice.'''

            invoice: str = pa.Field(str_matches=r"^[AC]?\d{6}$", description="invoice number")
            quantity: int = pa.Field(ne=0)
            unit_price: float = pa.Field(ge=0, le=1_000, metadata=about(le=warn("booked by hand")))
            customer_id: str = pa.Field(nullable=True, metadata=about(not_null=warn("guests"), pii=True))
            country: str = pa.Field(metadata=about(references=Reference("countries", "name")))
            invoiced_at: datetime.datetime = pa.Field()

            class Config:
                metadata = about_table(period_column="invoiced_at", unique_as_delivered=True)
    """

    etl_delivery: str = pa.Field(alias=DELIVERY, description="id of the delivery that brought the row")
    etl_line: int = pa.Field(alias=LINE, description="line on which the record starts, from 1")
    etl_row_id: str = pa.Field(alias=ROW_ID, description="delivery and line, the row's own name")
