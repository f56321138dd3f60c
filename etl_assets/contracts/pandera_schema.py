"""Reads Pandera's schemas and adapts their checks: severities, both backends, keys with nulls."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import narwhals.stable.v1 as nw
import pandera.polars as pa
import polars as pl
from pandera.api.function_dispatch import Dispatcher
from pandera.api.polars.types import PolarsData

from etl_assets.contracts.expressions import metadata_of
from etl_assets.contracts.options import OPTIONS_KEY, CheckOptions, FieldOptions, RuleOptions
from etl_assets.contracts.vocabulary import Severity

#: Marks the checks that stand in for Pandera's own `unique`, see `distinct_key`.
UNIQUE_KEY = "unique"


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


def adapted(check: pa.Check, rules: Mapping[str, RuleOptions]) -> pa.Check:
    """Give a check the severity that its column says, and let custom ones run on either backend."""
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
        if metadata_of(expression, frame).is_scalar_like:
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
    broken: pl.LazyFrame = frame.select(nw.lit(False).alias("check_output"), nw.all()).to_native()
    return broken.select("check_output")


def distinct_key(key: tuple[str, ...]) -> pa.Check:
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
