"""What a contract says beside Pandera's own fields: severities, reasons, references, dependencies, casts.

Everything here only annotates Pandera: a rule itself is always a Pandera check, `nullable`, `unique`
or a dtype; references and dependencies, which Pandera does not have, are declared here alone. Pass
`about(...)` as `pa.Field(metadata=...)` and `about_table(...)` as `Config.metadata`:

    class SilverSales(RowContract):
        unit_price: float = pa.Field(
            ge=0, le=1_000,
            metadata=about(le=warn("71 lines are dearer; they were booked by hand, and they are real")),
        )

        class Config:
            unique = ("invoice", "line")
            metadata = about_table(period_column="invoiced_at")

        @row_check(why="write-offs are booked without a price")
        def negative_quantity_is_cancelled(cls) -> nw.Expr:
            return (nw.col("quantity") > 0) | nw.col("invoice").str.starts_with("C")
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import narwhals.stable.v1 as nw
import pandera.polars as pa

from etl_assets.contracts.options import (
    OPTIONS_KEY,
    Cast,
    CheckOptions,
    Dependency,
    FieldOptions,
    Reference,
    RuleOptions,
    TableOptions,
)
from etl_assets.contracts.vocabulary import Dimension, OnViolation, RuleKind, Severity, UniqueScope
from etl_assets.errors import ContractError

__all__ = [
    "Cast",
    "Dependency",
    "Reference",
    "about",
    "about_table",
    "aggregate_check",
    "column_check",
    "row_check",
    "rule",
    "warn",
]

# Field(ge=...) and about(ge=...) should read alike, while Pandera calls the check by its long name.
SHORT_NAMES = {
    "eq": "equal_to",
    "ne": "not_equal_to",
    "gt": "greater_than",
    "ge": "greater_than_or_equal_to",
    "lt": "less_than",
    "le": "less_than_or_equal_to",
    "between": "in_range",
}


def rule(
    severity: Severity | str | None = None,
    *,
    why: str = "",
    dimension: Dimension | str | None = None,
    weight: float = 1.0,
    on_violation: OnViolation | str | None = None,
    scope: UniqueScope | str | None = None,
) -> RuleOptions:
    """Say how much a rule matters, and why.

    Args:
        severity: `error` quarantines the row, `warn` keeps and counts it. Default: error; for
            `not_null` on a nullable column warn.
        why: The reason, for whoever finds a row in quarantine.
        dimension: The quality dimension that the rule counts for; the default depends on the rule.
        weight: The rule's weight within its dimension.
        on_violation: Of a unique rule: `duplicate` (default) or `quarantine`.
        scope: Of a unique rule: `partition` (default) or `table`, where a key may be there once in the whole
            table: the row of the earliest partition keeps it, whenever that arrives.
    """
    return RuleOptions(
        severity=None if severity is None else Severity(severity),
        dimension=None if dimension is None else Dimension(dimension),
        weight=weight,
        why=why,
        on_violation=None if on_violation is None else OnViolation(on_violation),
        scope=None if scope is None else UniqueScope(scope),
    )


def warn(why: str = "", *, dimension: Dimension | str | None = None, weight: float = 1.0) -> RuleOptions:
    """Make a rule a warning: rows that break it stay and are counted."""
    return rule(Severity.WARN, why=why, dimension=dimension, weight=weight)


def about(
    *,
    references: Reference | None = None,
    cast: Cast | None = None,
    pii: bool = False,
    **rules: RuleOptions,
) -> dict[str, Any]:
    """Annotate a column; the result is for `pa.Field(metadata=...)`.

    Args:
        references: The column's values must exist in another table.
        cast: How delivered text becomes the column's dtype, where the default won't do.
        pii: The column's values never reach a log, a report or metadata in clear.
        **rules: Options by rule: a check as the field names it (`ge`, `isin`, `str_matches`) or
            one of `not_null`, `castable`, `unique`, `in_<table>`.

    Example:
        pa.Field(nullable=True, metadata=about(not_null=warn("guests have no account"), pii=True))
    """
    named = {SHORT_NAMES.get(name, name): options for name, options in rules.items()}
    return {OPTIONS_KEY: FieldOptions(rules=named, references=references, cast=cast, pii=pii)}


def about_table(
    *,
    period_column: str | None = None,
    in_period: RuleOptions | None = None,
    unique: RuleOptions | None = None,
    unique_as_delivered: RuleOptions | bool = False,
    dependencies: Sequence[Dependency] = (),
) -> dict[str, Any]:
    """Annotate a table; the result is for `Config.metadata`.

    Args:
        period_column: The Date or Datetime column that must lie in the row's period: the rule
            `in_period`.
        in_period: Options of that rule.
        unique: Options of the rules made from `Config.unique`.
        unique_as_delivered: A row whose delivered cells all equal an earlier row's breaks the rule
            `unique_as_delivered`. True, or the rule's options.
        dependencies: Columns that determine others, such as `Dependency("zip", ("city", "state"))`.
    """
    as_delivered = RuleOptions() if unique_as_delivered is True else (unique_as_delivered or None)
    options = TableOptions(
        period_column=period_column,
        in_period=in_period or RuleOptions(),
        unique=unique or RuleOptions(),
        unique_as_delivered=as_delivered,
        dependencies=tuple(dependencies),
    )
    return {OPTIONS_KEY: options}


def column_check(
    *columns: str,
    severity: Severity | str | None = None,
    why: str = "",
    dimension: Dimension | str | None = None,
    weight: float = 1.0,
    ignore_na: bool = True,
) -> Callable[[Callable[[Any, nw.Expr], nw.Expr]], Any]:
    """Make a method `(cls, column: nw.Expr) -> nw.Expr` a check of each of these columns.

    The rule is called `<column>.<method>`; the method's docstring is its description. The expression
    must be boolean and look at one row at a time.
    """
    if not columns or callable(columns[0]):
        raise ContractError("column_check names no columns", hint='Write @column_check("quantity")')
    options = CheckOptions(rule(severity, why=why, dimension=dimension, weight=weight), RuleKind.ROW)

    def decorate(function: Callable[[Any, nw.Expr], nw.Expr]) -> Any:
        return pa.check(*columns, **_pandera_arguments(options, ignore_na))(function)

    return decorate


def row_check(
    *,
    severity: Severity | str | None = None,
    why: str = "",
    dimension: Dimension | str | None = None,
    weight: float = 1.0,
    ignore_na: bool = True,
) -> Callable[[Callable[[Any], nw.Expr]], Any]:
    """Make a method `(cls) -> nw.Expr` a check of whole rows, over any columns.

    The rule is called as the method; its docstring is the description. A null result counts as
    "does not apply", or as a failure with `ignore_na=False`.
    """
    options = CheckOptions(rule(severity, why=why, dimension=dimension, weight=weight), RuleKind.ROW)
    return _frame_check(options, ignore_na)


def aggregate_check(
    *,
    severity: Severity | str | None = None,
    why: str = "",
    dimension: Dimension | str | None = None,
    weight: float = 1.0,
    ignore_na: bool = True,
) -> Callable[[Callable[[Any], nw.Expr]], Any]:
    """Make a method `(cls) -> nw.Expr` a check of all rows of one partition together.

    The expression must give one boolean, such as `nw.col("revenue").sum() > 0`. A null result, as of
    a mean of no rows, counts as unknown, or as a failure with `ignore_na=False`.
    """
    options = CheckOptions(rule(severity, why=why, dimension=dimension, weight=weight), RuleKind.AGGREGATE)
    return _frame_check(options, ignore_na)


def _frame_check(options: CheckOptions, ignore_na: bool) -> Callable[[Callable[[Any], nw.Expr]], Any]:
    def decorate(function: Callable[[Any], nw.Expr]) -> Any:
        method = getattr(function, "__func__", function)  # of a classmethod

        @functools.wraps(method)
        def of_frame(cls: Any, _frame: Any) -> nw.Expr:
            return method(cls)

        return pa.dataframe_check(**_pandera_arguments(options, ignore_na))(of_frame)

    return decorate


def _pandera_arguments(options: CheckOptions, ignore_na: bool) -> dict[str, Any]:
    # native=False: the method takes and gives Narwhals expressions, the only form that is compiled.
    return {
        "native": False,
        "ignore_na": ignore_na,
        "raise_warning": options.rule.severity is Severity.WARN,
        "statistics": {OPTIONS_KEY: options},
    }
