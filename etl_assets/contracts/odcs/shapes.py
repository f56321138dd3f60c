"""Which conditions are checks of Pandera's own: `price <= 1000` is `Field(le=1000)`, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from sqlglot import exp

from etl_assets.contracts.odcs.conditions import ConditionError, alike, constant_of
from etl_assets.contracts.odcs.sql_text import constant_sql, name_sql

LONG_NAMES = {
    "eq": "equal_to",
    "ne": "not_equal_to",
    "gt": "greater_than",
    "ge": "greater_than_or_equal_to",
    "lt": "less_than",
    "le": "less_than_or_equal_to",
}
_SHORT = {long: short for short, long in LONG_NAMES.items()}
_SIGNS = {
    "equal_to": ("=", "value"),
    "not_equal_to": ("<>", "value"),
    "greater_than": (">", "min_value"),
    "greater_than_or_equal_to": (">=", "min_value"),
    "less_than": ("<", "max_value"),
    "less_than_or_equal_to": ("<=", "max_value"),
}
_KINDS: dict[type[exp.Expression], str] = {
    exp.EQ: "eq",
    exp.NEQ: "ne",
    exp.GT: "gt",
    exp.GTE: "ge",
    exp.LT: "lt",
    exp.LTE: "le",
}


def check_sql(column: str, name: str, arguments: Mapping[str, Any]) -> str | None:
    """Return a built-in check as a condition in SQL; None where it has none.

    Raises:
        NoSqlError: A constant has no counterpart.
    """
    value = name_sql(column)
    if name in _SIGNS:
        sign, key = _SIGNS[name]
        return f"{value} {sign} {constant_sql(arguments[key])}"
    if name == "in_range":
        low, high = constant_sql(arguments["min_value"]), constant_sql(arguments["max_value"])
        first = ">=" if arguments.get("include_min", True) else ">"
        last = "<=" if arguments.get("include_max", True) else "<"
        return f"{value} {first} {low} AND {value} {last} {high}"
    if name in ("isin", "notin"):
        key = "allowed_values" if name == "isin" else "forbidden_values"
        listed = ", ".join(sorted(map(constant_sql, arguments[key])))
        return f"{value} IN ({listed})" if name == "isin" else f"NOT {value} IN ({listed})"
    if name == "str_length":
        return _length_sql(value, arguments)
    if name == "str_contains":
        return f"REGEXP_LIKE({value}, {constant_sql(arguments['pattern'])})"
    if name == "str_matches":
        return f"REGEXP_LIKE({value}, {constant_sql('^(?:' + arguments['pattern'] + ')')})"
    if name == "str_startswith":
        return f"STARTS_WITH({value}, {constant_sql(arguments['string'])})"
    if name == "str_endswith":
        return f"ENDS_WITH({value}, {constant_sql(arguments['string'])})"
    return None


def built_in_of(tree: exp.Expression, column: str, name: str, dtype: pl.DataType) -> tuple[str, Any] | None:
    """Return the field's argument and value that a condition on a column is.

    Args:
        tree: The condition.
        column: The column.
        name: The rule's name; "" for whichever check fits.
        dtype: The column's.
    """
    try:
        found = _found(tree, column, name, dtype)
    except ConditionError:
        return None
    if found is None or name not in ("", LONG_NAMES.get(found[0], found[0])):
        return None
    return found


def _found(tree: exp.Expression, column: str, name: str, dtype: pl.DataType) -> tuple[str, Any] | None:
    tree = _bare(tree)
    if tree.args.get("negate"):
        return None
    if type(tree) in _KINDS and _is_length(tree.this, column):
        return _length_of({_KINDS[type(tree)]: constant_of(tree.expression)})
    if type(tree) in _KINDS and _is_column(tree.this, column):
        return _KINDS[type(tree)], constant_of(tree.expression, dtype)
    if isinstance(tree, exp.And):
        return _range(_bare(tree.this), _bare(tree.expression), column, dtype)
    if isinstance(tree, exp.Between) and _is_column(tree.this, column):
        low, high = (constant_of(tree.args[key], dtype) for key in ("low", "high"))
        return "in_range", {"min_value": low, "max_value": high}
    if isinstance(tree, exp.In) and _is_column(tree.this, column) and tree.expressions:
        return "isin", alike([constant_of(one, dtype) for one in tree.expressions])
    if isinstance(tree, exp.Not):
        inner = _found(tree.this, column, "", dtype)
        return ("notin", inner[1]) if inner is not None and inner[0] == "isin" else None
    if isinstance(tree, exp.RegexpLike) and _is_column(tree.this, column) and not tree.args.get("flag"):
        return _pattern(constant_of(tree.expression), name)
    if isinstance(tree, exp.StartsWith) and _is_column(tree.this, column):
        return "str_startswith", constant_of(tree.expression)
    if isinstance(tree, exp.EndsWith) and _is_column(tree.this, column):
        return "str_endswith", constant_of(tree.expression)
    return None


def pattern_check(pattern: str) -> tuple[str, str]:
    """Return the check for a pattern of the standard, which may match anywhere unless it is anchored."""
    return ("str_matches", pattern) if pattern.startswith("^") else ("str_contains", pattern)


def _pattern(pattern: Any, name: str) -> tuple[str, Any]:
    if name == "str_matches" and pattern.startswith("^(?:") and pattern.endswith(")"):
        return "str_matches", pattern[4:-1]
    return (name, pattern) if name == "str_contains" else pattern_check(pattern)


def _range(
    one: exp.Expression, other: exp.Expression, column: str, dtype: pl.DataType
) -> tuple[str, Any] | None:
    if _is_length(one.this, column) and _is_length(other.this, column):
        bounds = {_KINDS.get(type(part), ""): constant_of(part.expression) for part in (one, other)}
        return _length_of(bounds) if bounds.keys() == {"ge", "le"} else None
    if not (_is_column(one.this, column) and _is_column(other.this, column)):
        return None
    if type(one) not in (exp.GT, exp.GTE) or type(other) not in (exp.LT, exp.LTE):
        return None
    arguments: dict[str, Any] = {
        "min_value": constant_of(one.expression, dtype),
        "max_value": constant_of(other.expression, dtype),
    }
    arguments |= {"include_min": False} if isinstance(one, exp.GT) else {}
    arguments |= {"include_max": False} if isinstance(other, exp.LT) else {}
    return "in_range", arguments


def _length_sql(value: str, arguments: Mapping[str, Any]) -> str:
    if arguments.get("exact_value") is not None:
        return f"LENGTH({value}) = {arguments['exact_value']}"
    signs = (("min_value", ">="), ("max_value", "<="))
    given = [(sign, arguments.get(key)) for key, sign in signs]
    return " AND ".join(f"LENGTH({value}) {sign} {bound}" for sign, bound in given if bound is not None)


def _length_of(bounds: Mapping[str, Any]) -> tuple[str, Any] | None:
    keys = {"ge": "min_value", "le": "max_value", "eq": "exact_value"}
    if not bounds.keys() <= keys.keys() or not all(type(value) is int for value in bounds.values()):
        return None
    return "str_length", {keys[key]: value for key, value in bounds.items()}


def _bare(tree: exp.Expression) -> exp.Expression:
    return _bare(tree.this) if isinstance(tree, exp.Paren) else tree


def _is_column(tree: Any, column: str) -> bool:
    return isinstance(tree, exp.Column) and tree.name == column


def _is_length(tree: Any, column: str) -> bool:
    return isinstance(tree, exp.Length) and _is_column(tree.this, column)
