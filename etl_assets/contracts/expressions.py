"""What a Narwhals expression does, read off the expression itself.

Nothing here evaluates data: contracts are compiled when the code loads, and Polars' threads must not
have started when Dagster forks a process.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from re import _constants as regex_codes  # type: ignore[attr-defined]  # Python's own parser of patterns
from re import _parser as regex_parser  # type: ignore[attr-defined]
from typing import Any

import narwhals.stable.v1 as nw
import polars as pl

# Kinds of nodes that give other results for other neighbours, or whose columns aren't written down.
_UNNAMED_COLUMNS = frozenset({"ALL", "NTH", "EXCLUDE", "SELECTOR"})


class ExpressionError(ValueError):
    """An expression can't be a rule; the text says why."""


@dataclass(frozen=True)
class Shape:
    """What an expression reads and how its result depends on the rows.

    Attributes:
        columns: The columns that it reads, sorted.
        row: It looks at one row at a time.
        aggregate: It gives one value for all rows.
        text: The expression in a form that is the same in every process.
    """

    columns: tuple[str, ...]
    row: bool
    aggregate: bool
    text: str


def shape_of(expression: object, schema: Mapping[str, pl.DataType]) -> Shape:
    """Read an expression's shape.

    Args:
        expression: What a check's method returned.
        schema: The columns and dtypes of the frame that it will see.

    Raises:
        ExpressionError: It is no boolean expression over these columns, or it depends on rows in a
            way that no rule may: on their order, or on rows of other partitions.
    """
    if not isinstance(expression, nw.Expr):
        found = f"{type(expression).__module__}.{type(expression).__qualname__}"
        raise ExpressionError(f"it gives {found} instead of an expression of narwhals.stable.v1")
    for node in _nodes(expression):
        _refuse_node(node)
    frame = nw.from_native(pl.LazyFrame(schema=schema))
    try:
        result = frame.select(expression.alias("verdict")).collect_schema()
        # Narwhals keeps this about each expression, and exactly this is what has to be known.
        metadata = expression._to_compliant_expr(frame._compliant_frame.__narwhals_namespace__())._metadata
    except Exception as error:
        raise ExpressionError(f"it can't be evaluated: {_first_line(error)}") from error
    if list(result.items()) != [("verdict", nw.Boolean())]:
        raise ExpressionError(f"it gives {', '.join(map(str, result.values()))} instead of Boolean")
    if metadata.n_orderable_ops:
        raise ExpressionError("it depends on the order of the rows")
    columns = {name for node in _nodes(expression) for name in _names(node)}
    return Shape(
        columns=tuple(sorted(columns)),
        row=metadata.is_elementwise and bool(columns),
        aggregate=metadata.is_scalar_like and not metadata.is_literal,
        text=_text(expression),
    )


def canonical(value: Any) -> str:
    """Write a constant so that it reads the same in every process: sets are sorted."""
    if isinstance(value, nw.Expr):
        return _text(value)
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(canonical(item) for item in value)) + "}"
    if isinstance(value, Mapping):
        pairs = sorted(f"{canonical(key)}: {canonical(item)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, re.Pattern):
        return repr(value.pattern)
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}" if not isinstance(value, str) else repr(value.value)
    if value is None or isinstance(value, str | bytes | bool | int | float | decimal.Decimal):
        return repr(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return f"{value // dt.timedelta(microseconds=1)} us"
    if isinstance(value, Sequence):
        return "[" + ", ".join(canonical(item) for item in value) + "]"
    if isinstance(value, nw.dtypes.DType) or (isinstance(value, type) and issubclass(value, nw.dtypes.DType)):
        return str(value)
    raise ExpressionError(f"it holds a {type(value).__name__}, which can't be written down")


def refuse_pattern(pattern: str) -> None:
    """Refuse a regular expression that Polars' engine does not have: looking around, back references.

    Raises:
        ExpressionError: The pattern is wrong, or Polars could not run it.
    """
    try:
        parsed = regex_parser.parse(pattern)
    except re.error as error:
        raise ExpressionError(f"the pattern {pattern!r} is wrong: {error}") from error
    foreign = {
        regex_codes.ASSERT: "looks ahead or behind",
        regex_codes.ASSERT_NOT: "looks ahead or behind",
        regex_codes.GROUPREF: "refers back to a group",
        regex_codes.GROUPREF_EXISTS: "refers back to a group",
    }
    for code in _regex_nodes(parsed):
        if code in foreign:
            raise ExpressionError(f"the pattern {pattern!r} {foreign[code]}, which Polars can't do")


def _regex_nodes(parsed: Any) -> Iterator[Any]:
    if isinstance(parsed, regex_parser.SubPattern):
        for code, argument in parsed:
            yield code
            yield from _regex_nodes(argument)
    elif isinstance(parsed, tuple | list):
        for item in parsed:
            yield from _regex_nodes(item)


def _refuse_node(node: Any) -> None:
    if node.kind.name in _UNNAMED_COLUMNS:
        raise ExpressionError(f"it reads columns by {node.name}(); name them with nw.col")
    if node.kind.name == "SERIES":
        raise ExpressionError("it holds a series, whose values depend on the rows' positions")
    if node.name in {"map_batches", "sample", "hist"}:
        raise ExpressionError(f"it calls {node.name}(), which can't be compiled")
    if node.name in {"str.to_datetime", "str.to_date"} and node.kwargs.get("format") is None:
        raise ExpressionError(f"it calls {node.name}() without a format, which is guessed from other rows")
    if node.name == "str.contains" and not node.kwargs.get("literal"):
        pattern = node.kwargs.get("pattern")
        if isinstance(pattern, str):
            refuse_pattern(pattern)


def _nodes(expression: Any) -> Iterator[Any]:
    for node in expression._nodes:
        yield node
        for argument in node.exprs:
            if isinstance(argument, nw.Expr):
                yield from _nodes(argument)
            elif isinstance(argument, nw.Series):
                raise ExpressionError("it holds a series, whose values depend on the rows' positions")


def _names(node: Any) -> Sequence[str]:
    if node.name == "col":
        return list(node.kwargs["names"])
    if node.kind.name == "OVER":
        return [*node.kwargs["partition_by"], *node.kwargs["order_by"]]
    return [item for item in node.exprs if isinstance(item, str) and not node.str_as_lit]


def _text(expression: Any) -> str:
    return ".".join(_node_text(node) for node in expression._nodes)


def _node_text(node: Any) -> str:
    arguments = [canonical(argument) for argument in node.exprs]
    arguments += [f"{name}={canonical(value)}" for name, value in sorted(node.kwargs.items())]
    return f"{node.name}({', '.join(arguments)})"


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
