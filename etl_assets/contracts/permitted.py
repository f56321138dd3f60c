"""What a contract may say: everything else that Pandera knows is refused, with the reason."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Mapping, Sequence
from typing import Any

import pandera.polars as pa
import polars as pl
from pandera.api.hypotheses import Hypothesis
from pandera.engines.polars_engine import PanderaSchema

from etl_assets.contracts.contract import Contract, RowContract
from etl_assets.contracts.expressions import ExpressionError, has_open_alternative, refuse_pattern
from etl_assets.contracts.options import (
    OPTIONS_KEY,
    Cast,
    Dependency,
    FieldOptions,
    RuleOptions,
    TableOptions,
)
from etl_assets.contracts.pandera_schema import UNIQUE_KEY, is_built_in, name_of, polars_dtype
from etl_assets.contracts.provenance import PERIOD, PROVENANCE
from etl_assets.errors import ContractError


def table_options(model: type[Contract]) -> TableOptions:
    """Return what `about_table` said of a table.

    Raises:
        ContractError: Something else stands in its place.
    """
    metadata = getattr(model.__config__, "metadata", None) or {}
    options = metadata.get(OPTIONS_KEY, TableOptions())
    if not isinstance(options, TableOptions):
        raise _error(model, "Config.metadata speaks of rules in a form of its own", hint="Use about_table")
    if not all(isinstance(one, Dependency) for one in options.dependencies):
        hint = 'Write dependencies=[Dependency("zip", ("city", "state"))]'
        raise _error(model, "about_table(dependencies=...) holds something else than dependencies", hint=hint)
    return options


def check_model(model: type[Contract]) -> None:
    """Refuse what Pandera's schema would no longer show.

    Raises:
        ContractError: The model says something that can't be compiled.
    """
    if not (issubclass(model, Contract)):
        raise ContractError(f"{model!r} is no contract", hint="Derive it from Contract or RowContract")
    if model.__extras__:
        raise _error(
            model, f"Config has options that are no options of contracts: {', '.join(model.__extras__)}"
        )
    if model.__parsers__ or model.__root_parsers__:
        raise _error(model, "The contract has parsers", hint="Clean the data in the table's function")


def check_schema(model: type[Contract], schema: pa.DataFrameSchema) -> None:
    """Refuse options of the schema, its columns and its checks that change data or can't be compiled.

    Raises:
        ContractError: Names the column or check.
    """
    config: Any = model.__config__
    for option in ("coerce", "drop_invalid_rows", "add_missing_columns", "dtype", "on_missing_columns"):
        if getattr(config, option, None):
            raise _error(model, f"Config.{option} is set", hint="A contract checks data and never changes it")
    if schema.strict is not True:
        raise _error(model, "Config.strict is not True", hint="A contract names every column")
    for name, column in schema.columns.items():
        _check_column(model, name, column)
    if issubclass(model, RowContract) and (missing := [n for n in PROVENANCE if n not in schema.columns]):
        raise _error(model, f"A field takes the place of {', '.join(missing)}", hint="Rename the field")
    for check in schema.checks:
        if UNIQUE_KEY not in (check.statistics or {}):
            _check_check(model, name_of(check), check)
            if is_built_in(check):
                raise _error(model, "A check of one column is set for the whole table", name_of(check))


def _check_column(model: type[Contract], name: Any, column: pa.Column) -> None:
    if not isinstance(name, str) or not name:
        raise _error(model, f"{name!r} is no name of a column")
    own = name in PROVENANCE or name == PERIOD
    if name.startswith("_") and not own:
        raise _error(model, "Names that begin with _ are reserved", name)
    if isinstance(column.dtype, PanderaSchema):
        raise _error(model, "The column holds a nested contract", name, "Give it a plain dtype")
    if not isinstance((column.metadata or {}).get(OPTIONS_KEY, FieldOptions()), FieldOptions):
        raise _error(model, "The field's metadata speaks of rules in a form of its own", name, "Use about")
    if column.regex:
        raise _error(model, "A pattern names the columns", name, "Name each column")
    if column.coerce:
        raise _error(model, "coerce is set", name, "Text is cast by the engine, see about(cast=...)")
    if column.default is not None:
        raise _error(model, "default is set", name, "Fill gaps in the table's function")
    if getattr(column, "drop_invalid_rows", False):
        raise _error(model, "drop_invalid_rows is set", name)
    if column.parsers:
        raise _error(model, "The column has parsers", name, "Clean the data in the table's function")
    if not column.required and name != PERIOD:
        raise _error(
            model,
            "The column is optional",
            name,
            "Say pa.Field(nullable=True), not Optional: a table always has all its columns",
        )
    try:
        polars_dtype(column)
    except TypeError as error:
        raise _error(model, str(error), name) from error
    for check in column.checks:
        _check_check(model, f"{name}.{name_of(check)}", check)


def _check_check(model: type[Contract], rule: str, check: pa.Check) -> None:
    if isinstance(check, Hypothesis):
        raise _error(model, "A statistical hypothesis can't be compiled", rule, "Write an aggregate_check")
    if check.element_wise:
        raise _error(model, "element_wise is set", rule, "Write it as an expression with column_check")
    if check.groupby is not None:
        raise _error(model, "groupby is set", rule, "Write an aggregate_check; it speaks of one partition")
    if check.native and not is_built_in(check):
        raise _error(
            model,
            "The check is written for one engine",
            rule,
            "Write it with column_check, row_check or aggregate_check",
        )


def check_arguments(model: type[Contract], name: str, dtype: pl.DataType, check: pa.Check) -> None:
    """Refuse a built-in check whose constants don't fit the column: it would fail on the first row.

    Raises:
        ContractError: Names the check.
    """
    arguments = check._check_kwargs
    rule = f"{name}.{name_of(check)}"
    if name_of(check).startswith("str_") and dtype != pl.String:
        raise _error(model, f"The check is for text, the column is {dtype}", rule)
    if isinstance(pattern := arguments.get("pattern"), str):
        try:
            refuse_pattern(pattern)
        except ExpressionError as error:
            raise _error(model, f"The check can't be compiled: {error}", rule) from error
        if name_of(check) == "str_matches" and not pattern.startswith("^") and has_open_alternative(pattern):
            # Pandera puts ^ before the pattern, where it binds to the first alternative alone.
            hint = f"Write ^({pattern}) for texts that begin so, or str_contains"
            raise _error(model, f"Only the first alternative of {pattern!r} would be anchored", rule, hint)
    if name_of(check).startswith("str_"):
        return
    for key in ("value", "min_value", "max_value"):
        if key in arguments and not _fits(arguments[key], dtype):
            raise _error(model, f"{arguments[key]!r} can't be compared with {dtype}", rule)
    for key in ("allowed_values", "forbidden_values"):
        for value in arguments.get(key, ()):
            if value is None or not _fits(value, dtype):
                raise _error(model, f"{value!r} can't be compared with {dtype}", rule)


def _fits(value: Any, dtype: pl.DataType) -> bool:
    if dtype.is_numeric():
        return isinstance(value, int | float | decimal.Decimal) and not isinstance(value, bool)
    if isinstance(dtype, pl.Datetime):
        return isinstance(value, dt.datetime) and (value.tzinfo is None) == (dtype.time_zone is None)
    fitting = {
        pl.String: str,
        pl.Boolean: bool,
        pl.Date: dt.date,
        pl.Time: dt.time,
        pl.Duration: dt.timedelta,
        pl.Binary: bytes,
    }
    for known, kind in fitting.items():
        if dtype == known:
            return isinstance(value, kind) and not (kind is dt.date and isinstance(value, dt.datetime))
    return True


def cast_of(model: type[Contract], name: str, dtype: pl.DataType, given: Cast | None) -> Cast:
    """Return how a column's text is read.

    Raises:
        ContractError: The cast does not fit the dtype.
    """
    if given is not None and given.format is not None and not dtype.is_temporal():
        raise _error(model, f"A format does not apply to {dtype}", f"{name}.castable")
    return given or Cast()


def check_dependency(
    model: type[Contract],
    rule: str,
    columns: Sequence[str],
    dtypes: Mapping[str, pl.DataType],
    options: RuleOptions,
) -> None:
    """Refuse a dependency between columns that the table does not have, or whose values can't be compared.

    Args:
        model: The contract.
        rule: The rule's name.
        columns: The determinants, and last the dependent.
        dtypes: The contract's columns.
        options: What is said of the rule.

    Raises:
        ContractError: Names the rule.
    """
    if missing := [name for name in columns if name not in dtypes]:
        raise _error(model, f"The dependency names no column: {', '.join(missing)}", rule)
    if len(columns) < 2 or len(set(columns)) < len(columns):
        raise _error(model, "A dependency needs determinants, and another column that they determine", rule)
    if nested := [name for name in columns if dtypes[name].is_nested()]:
        raise _error(model, f"Nested values can't be compared: {', '.join(nested)}", rule)
    if options.on_violation is not None:
        raise _error(model, "on_violation is said of a rule that is not unique", rule)
    if options.scope is not None:
        raise _error(model, "scope is said of a rule that is not unique", rule)


def _error(model: type[Contract], what: str, rule: str = "", hint: str = "") -> ContractError:
    where: dict[str, object] = {"contract": model.__name__}
    if rule:
        where["rule"] = rule
    return ContractError(what, where=where, hint=hint)
