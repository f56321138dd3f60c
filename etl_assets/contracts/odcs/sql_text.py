"""Narwhals expressions -> SQL: what a contract's own checks demand, as other tools can read it."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Any

from narwhals import Expr as AnyExpr


class NoSqlError(ValueError):
    """An expression has no counterpart in the SQL that `conditions` reads back; the text says what."""


_BINARY = {
    "__eq__": "=",
    "__ne__": "<>",
    "__gt__": ">",
    "__ge__": ">=",
    "__lt__": "<",
    "__le__": "<=",
    "__add__": "+",
    "__sub__": "-",
    "__mul__": "*",
    "__truediv__": "/",
    "__mod__": "%",
    "__and__": "AND",
    "__or__": "OR",
}
_REFLECTED = {"__rsub__": "-", "__rtruediv__": "/", "__rmod__": "%"}
_CALLS = {
    "sum": "SUM",
    "min": "MIN",
    "max": "MAX",
    "mean": "AVG",
    "abs": "ABS",
    "count": "COUNT",
    "all": "BOOL_AND",
    "any": "BOOL_OR",
    "str.len_chars": "LENGTH",
    "str.to_uppercase": "UPPER",
    "str.to_lowercase": "LOWER",
}


def sql_of(expression: Any) -> str:
    """Return an expression as SQL that means the same, nulls included.

    Raises:
        NoSqlError: Something in it has no counterpart.
    """
    text = ""
    nodes = list(expression._nodes)
    for index, node in enumerate(nodes):
        if node.name == "drop_nulls" and index + 1 < len(nodes) and nodes[index + 1].name == "n_unique":
            continue
        if node.name == "n_unique" and index and nodes[index - 1].name == "drop_nulls":
            text = f"COUNT(DISTINCT {text})"
            continue
        text = _node(text, node)
    return text


def name_sql(name: str) -> str:
    """Return a column's name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def constant_sql(value: Any) -> str:
    """Return a constant as SQL.

    Raises:
        NoSqlError: It has no counterpart.
    """
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float) and value == value and abs(value) != float("inf"):
        return repr(value)
    if isinstance(value, decimal.Decimal) and value.is_finite():
        return f"CAST('{value}' AS DECIMAL)"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, dt.datetime):
        return f"CAST('{value.isoformat()}' AS TIMESTAMP{'TZ' if value.tzinfo else ''})"
    if isinstance(value, dt.date):
        return f"CAST('{value.isoformat()}' AS DATE)"
    if isinstance(value, dt.time):
        return f"CAST('{value.isoformat()}' AS TIME)"
    raise NoSqlError(f"the constant {value!r} has no counterpart")


def _node(left: str, node: Any) -> str:
    name = node.name
    if name == "col" and len(node.kwargs["names"]) == 1:
        return name_sql(node.kwargs["names"][0])
    if name == "len":
        return "COUNT(*)"
    if name == "lit" and node.kwargs.get("dtype") is None:
        return constant_sql(node.kwargs["value"])
    if name in _BINARY:
        return f"({left} {_BINARY[name]} {_operand(node.exprs[0])})"
    if name in _REFLECTED:
        return f"({_operand(node.exprs[0])} {_REFLECTED[name]} {left})"
    if name in _CALLS:
        return f"{_CALLS[name]}({left})"
    if name == "__invert__":
        return f"(NOT {left})"
    if name == "__neg__":
        return f"(-{left})"
    if name == "is_null":
        return f"({left} IS NULL)"
    if name == "is_in":
        return f"({left} IN ({', '.join(map(constant_sql, _values(node.kwargs['other'])))}))"
    if name == "is_between" and node.kwargs.get("closed") == "both":
        low, high = map(_operand, node.exprs)
        return f"({left} BETWEEN {low} AND {high})"
    if name.startswith("str."):
        return _text_node(left, node)
    raise NoSqlError(f"{name}() has no counterpart")


def _text_node(left: str, node: Any) -> str:
    pattern = node.exprs[0] if node.exprs else None
    if isinstance(pattern, str):
        if node.name == "str.contains" and not node.kwargs.get("literal"):
            return f"REGEXP_LIKE({left}, {constant_sql(pattern)})"
        if node.name == "str.starts_with":
            return f"STARTS_WITH({left}, {constant_sql(pattern)})"
        if node.name == "str.ends_with":
            return f"ENDS_WITH({left}, {constant_sql(pattern)})"
        if node.name == "str.contains" and not any(sign in pattern for sign in "%_\\"):
            return f"({left} LIKE {constant_sql(f'%{pattern}%')})"
    raise NoSqlError(f"{node.name}() has no counterpart")


def _operand(value: Any) -> str:
    return sql_of(value) if isinstance(value, AnyExpr) else constant_sql(value)


def _values(other: Any) -> list[Any]:
    if isinstance(other, set | frozenset):
        return sorted(other)
    if isinstance(other, list | tuple):
        return list(other)
    raise NoSqlError("is_in() of other than a list has no counterpart")
