# No postponed annotations here: Pandera reads the annotations of these classes.
"""The base classes of every table's contract."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

import narwhals.stable.v1 as nw
import pandera.polars as pa
import polars as pl
from pandera.api.function_dispatch import Dispatcher
from pandera.api.polars.model_config import BaseConfig
from pandera.api.polars.types import PolarsData

from etl_assets.contracts.options import OPTIONS_KEY, CheckOptions, FieldOptions
from etl_assets.contracts.provenance import DELIVERY, LINE, PERIOD, PROVENANCE, ROW_ID
from etl_assets.contracts.vocabulary import Severity

#: Marks the checks that stand in for Pandera's own `unique`, see `_distinct`.
UNIQUE_KEY = "unique"


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
        checks = [_adapted(check, {}) for check in schema.checks]
        for name, column in schema.columns.items():
            options = field_options(column.metadata)
            column.checks = [_adapted(check, options.rules) for check in column.checks]
            if column.unique:
                column.unique = False
                keys.append((name,))
        schema.checks = [*checks, *map(_distinct, keys)]
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


def field_options(metadata: Mapping[str, Any] | None) -> FieldOptions:
    """Return what `about` said of a column."""
    options = (metadata or {}).get(OPTIONS_KEY)
    return options if isinstance(options, FieldOptions) else FieldOptions()


def check_options(check: pa.Check) -> CheckOptions | None:
    """Return what a decorator said of a custom check, None for Pandera's own forms."""
    options = (check.statistics or {}).get(OPTIONS_KEY)
    return options if isinstance(options, CheckOptions) else None


def unique_keys(unique: str | Sequence[str] | Sequence[Sequence[str]] | None) -> list[tuple[str, ...]]:
    """Read `Config.unique`: one column, one key of several columns, or several keys."""
    if not unique:
        return []
    if isinstance(unique, str):
        return [(unique,)]
    if all(isinstance(item, str) for item in unique):
        return [tuple(str(item) for item in unique)]
    return [tuple(key) for key in unique]


def _adapted(check: pa.Check, rules: Mapping[str, Any]) -> pa.Check:
    # Copied, for Pandera shares a field's checks between a model and those derived from it.
    check = copy.copy(check)
    if (options := rules.get(name_of(check))) is not None and options.severity is not None:
        check.raise_warning = options.severity is Severity.WARN
    if not check.native and not is_built_in(check):
        check._check_fn = _for_both_backends(check._check_fn, check.ignore_na)
    return check


def name_of(check: pa.Check) -> str:
    """Return a check's name, which Pandera always gives."""
    return str(check.name)


def is_built_in(check: pa.Check) -> bool:
    """Tell Pandera's own checks from custom ones, also when a custom one bears the same name."""
    return isinstance(check._check_fn, Dispatcher)


def _for_both_backends(function: Callable[..., Any], ignore_na: bool) -> Callable[..., Any]:
    """Let a check that gives a Narwhals expression run on Pandera's Polars backend too."""

    def check(data: Any, **kwargs: Any) -> Any:
        if not isinstance(data, PolarsData):
            return function(data, **kwargs)
        frame = nw.from_native(data.lazyframe)
        expression = function(nw.col(data.key) if data.key != "*" else frame, **kwargs)
        if not isinstance(expression, nw.Expr):
            return expression
        metadata = expression._to_compliant_expr(frame._compliant_frame.__narwhals_namespace__())._metadata
        if metadata.is_scalar_like:
            return _verdict_for_polars(frame, expression, ignore_na)
        return frame.select(expression.alias("check_output")).to_native()

    # Pandera finds out about built-in checks by this name.
    check.__name__ = "custom_check"
    return check


def _verdict_for_polars(frame: Any, expression: nw.Expr, ignore_na: bool) -> bool | pl.LazyFrame:
    result = frame.select(expression.alias("verdict"), nw.len().alias("rows")).to_native().collect()
    verdict, rows = result.row(0)
    if verdict is None:
        verdict = ignore_na
    if verdict or not rows:
        return bool(verdict)
    # One False a row: Pandera can't report a bare False beside failed rows, and breaks down over it.
    return frame.select(nw.lit(False).alias("check_output"), nw.all()).select("check_output").to_native()


def _distinct(key: tuple[str, ...]) -> pa.Check:
    """Stand in for Pandera's own `unique`, which takes nulls for equal to each other."""

    def distinct(_frame: Any) -> nw.Expr:
        alone = nw.len().over(*key) == 1
        return alone | nw.any_horizontal(*(nw.col(name).is_null() for name in key), ignore_nulls=False)

    name = f"unique({','.join(key)})"
    function = _for_both_backends(distinct, ignore_na=False)
    return pa.Check(function, name=name, native=False, ignore_na=False, statistics={UNIQUE_KEY: list(key)})


def dtypes_of(schema: pa.DataFrameSchema) -> dict[str, pl.DataType]:
    """Return the Polars dtype of each column that a schema requires, in order."""
    return {name: polars_dtype(column) for name, column in schema.columns.items() if column.required}


def polars_dtype(column: pa.Column) -> pl.DataType:
    """Return a column's Polars dtype; TypeError when it has none."""
    dtype = getattr(column.dtype, "type", None)
    # Pandera keeps dtypes without parameters as classes.
    dtype = dtype() if isinstance(dtype, type) and issubclass(dtype, pl.DataType) else dtype
    if not isinstance(dtype, pl.DataType):
        raise TypeError(f"{column.dtype} is no Polars dtype")
    return dtype
