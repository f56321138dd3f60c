"""What a Narwhals expression does, read off the expression itself.

Nothing here evaluates data: contracts are compiled when the code loads, and Polars' threads must not
have started when Dagster forks a process.
"""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from re import _parser as regex_parser  # type: ignore[attr-defined]  # Python's own parser of patterns
from typing import Any

import narwhals.stable.v1 as nw
import polars as pl

# What `nw.when` and its like put together is not of the stable classes, but of those they derive from.
from narwhals import Expr as AnyExpr
from narwhals import Series as AnySeries

# Kinds of nodes that give other results for other neighbours, or whose columns aren't written down.
_UNNAMED_COLUMNS = frozenset({"ALL", "NTH", "EXCLUDE", "SELECTOR"})


class ExpressionError(ValueError):
    """An expression can't be a rule; the text says why."""


_FOREIGN_REGEX = {
    "ASSERT": "looks ahead or behind",
    "ASSERT_NOT": "looks ahead or behind",
    "GROUPREF": "refers back to a group",
    "GROUPREF_EXISTS": "refers back to a group",
    "ATOMIC_GROUP": "has an atomic group",
    "AT_END_STRING": "ends with \\Z",
}


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
    nodes = list(_nodes(expression))
    for node in nodes:
        _refuse_node(node)
    columns = {name for node in nodes for name in _names(node)}
    # Of a table of thousands of columns, making a frame of all for each rule would take minutes.
    frame = nw.from_native(pl.LazyFrame(schema={name: schema[name] for name in columns if name in schema}))
    try:
        result = frame.select(expression.alias("verdict")).collect_schema()
        metadata = metadata_of(expression, frame)
    except Exception as error:
        raise ExpressionError(f"it can't be evaluated: {_first_line(error)}") from error
    if list(result.items()) != [("verdict", nw.Boolean())]:
        raise ExpressionError(f"it gives {', '.join(map(str, result.values()))} instead of Boolean")
    if metadata.n_orderable_ops:
        raise ExpressionError("it depends on the order of the rows")
    return Shape(
        columns=tuple(sorted(columns)),
        row=metadata.is_elementwise and bool(columns),
        # A constant is scalar too, but says nothing about the rows.
        aggregate=metadata.is_scalar_like
        and any(node.kind.is_scalar_like for node in nodes if node.name != "lit"),
        text=_text(expression),
    )


def metadata_of(expression: Any, frame: Any) -> Any:
    """Return what Narwhals knows about an expression: `is_elementwise`, `is_scalar_like` and more.

    Private to Narwhals, but the only place where exactly this is kept; its version is pinned.
    """
    return expression._to_compliant_expr(frame._compliant_frame.__narwhals_namespace__())._metadata


def canonical(value: Any) -> str:
    """Write a constant so that it reads the same in every process: sets are sorted."""
    if isinstance(value, AnyExpr):
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

    Patterns that only Polars knows, such as Unicode classes, pass.

    Raises:
        ExpressionError: The pattern is wrong, or Polars could not run it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            parsed = regex_parser.parse(pattern)
    except re.error as error:
        if error.msg.startswith(("bad escape", "unknown extension")):
            return
        raise ExpressionError(f"the pattern {pattern!r} is wrong: {error}") from error
    for code in _regex_nodes(parsed):
        if code in _FOREIGN_REGEX:
            raise ExpressionError(f"the pattern {pattern!r} {_FOREIGN_REGEX[code]}, which Polars can't do")


def has_open_alternative(pattern: str) -> bool:
    """Tell whether a pattern such as `A|B` has alternatives outside all groups."""
    text = re.sub(r"\\.|\[\^?\]?(?:\\.|[^\]])*\]", "", pattern, flags=re.DOTALL)
    depth = 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "|" and depth == 0:
            return True
    return False


def _regex_nodes(parsed: Any) -> Iterator[str]:
    if isinstance(parsed, regex_parser.SubPattern):
        for code, argument in parsed:
            yield str(code)
            yield from [str(argument)] if str(code) == "AT" else _regex_nodes(argument)
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
    if node.name.startswith("str.") and not node.kwargs.get("literal", True):
        for pattern in (*node.exprs[:1], node.kwargs.get("pattern")):
            if isinstance(pattern, str):
                refuse_pattern(pattern)


def _nodes(expression: Any) -> Iterator[Any]:
    for node in expression._nodes:
        yield node
        for argument in node.exprs:
            if isinstance(argument, AnyExpr):
                yield from _nodes(argument)
            elif isinstance(argument, AnySeries):
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
