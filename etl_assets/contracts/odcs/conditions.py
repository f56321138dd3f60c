"""SQL conditions -> Narwhals expressions, of which rules are made."""

from __future__ import annotations

import datetime as dt
import decimal
import logging
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v1 as nw
import polars as pl
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

DIALECT = "postgres"

_OBJECT, _PROPERTY = "etl_object", "etl_property"


class ConditionError(ValueError):
    """A piece of SQL has no counterpart among the rules of contracts; the text says which."""


@dataclass(frozen=True)
class Query:
    """A rule's query, read.

    Attributes:
        selected: What is selected, one expression.
        where: The condition of its rows.
    """

    selected: exp.Expression
    where: exp.Expression | None


def read_query(text: str, table: str, column: str | None) -> Query:
    """Read `SELECT one_expression FROM the_table [WHERE condition]`.

    Args:
        text: The query; `{object}`, `${object}`, `{property}` and `${table}`, `${column}` stand for names.
        table: The name of the table that the rule is of.
        column: The column that it is of.

    Raises:
        ConditionError: It is another kind of query, or no SQL.
    """
    for word, name in (
        ("object", _OBJECT),
        ("table", _OBJECT),
        ("property", _PROPERTY),
        ("column", _PROPERTY),
    ):
        text = text.replace(f"${{{word}}}", name).replace(f"{{{word}}}", name)
    tree = parse(text)
    if not isinstance(tree, exp.Select):
        raise ConditionError("it is no SELECT")
    others = [
        key for key, value in tree.args.items() if value and key not in ("expressions", "from_", "where")
    ]
    source = tree.args.get("from_")
    if others or source is None or not isinstance(source.this, exp.Table):
        raise ConditionError("only SELECT ... FROM {object} WHERE ... is understood")
    if source.this.name not in (_OBJECT, table) or not isinstance(source.this.this, exp.Identifier):
        raise ConditionError("it reads something else than {object}")
    if len(tree.expressions) != 1:
        raise ConditionError("it selects several values")
    for node in tree.find_all(exp.Column):
        if node.name == _PROPERTY:
            if column is None:
                raise ConditionError("{property} is said of a rule of the whole table")
            node.set("this", exp.to_identifier(column, quoted=True))
        node.set("table", None)
    condition = tree.args.get("where")
    selected = tree.expressions[0]
    return Query(selected.this if isinstance(selected, exp.Alias) else selected, condition and condition.this)


def parse(text: str) -> exp.Expression:
    """Parse one statement.

    Raises:
        ConditionError: It is no SQL, or several statements.
    """
    try:
        trees = sqlglot.parse(text, read=DIALECT)
    except SqlglotError as error:
        raise ConditionError(f"it is no SQL: {_first(error)}") from None
    except RecursionError:
        raise ConditionError("it is nested too deeply") from None
    if len(trees) != 1 or not isinstance(trees[0], exp.Expression):
        raise ConditionError("it is not one statement")
    return trees[0]


def expression_of(tree: exp.Expression, schema: Mapping[str, pl.DataType]) -> nw.Expr:
    """Turn a condition or a value into a Narwhals expression.

    Raises:
        ConditionError: Something in it has no counterpart.
    """
    try:
        found = _Builder(schema).build(tree)
    except RecursionError:
        raise ConditionError("it is nested too deeply") from None
    if not isinstance(found, nw.Expr):
        raise ConditionError("it reads no column")
    return found


def constant_of(tree: exp.Expression, dtype: pl.DataType | None = None) -> Any:
    """Return the constant that a literal means, in the form that a column's dtype compares with.

    Raises:
        ConditionError: It is no constant, or does not fit the dtype.
    """
    return _Builder({}).constant(tree, dtype)


def typed(value: Any, dtype: pl.DataType | None) -> Any:
    """Bring a constant of YAML or SQL into the form that a column compares with.

    Raises:
        ConditionError: It does not fit.
    """
    try:
        if isinstance(value, str) and dtype is not None:
            if isinstance(dtype, pl.Datetime):
                moment = dt.datetime.fromisoformat(value)
                if dtype.time_zone and moment.tzinfo is None:
                    moment = moment.replace(tzinfo=dt.UTC)
                return moment
            if isinstance(dtype, pl.Date):
                return dt.date.fromisoformat(value)
            if isinstance(dtype, pl.Time):
                return dt.time.fromisoformat(value)
            if dtype.is_numeric():
                return decimal.Decimal(value) if isinstance(dtype, pl.Decimal) else float(value)
        if isinstance(dtype, pl.Decimal) and isinstance(value, float):
            return decimal.Decimal(repr(value))
    except (ValueError, ArithmeticError):
        raise ConditionError(f"{value!r} can't be compared with {dtype}") from None
    return value


def alike(values: Sequence[Any]) -> list[Any]:
    """Bring the numbers of a list into one form: Polars takes no list of 1 and 2.5."""
    for kind in (decimal.Decimal, float):
        if any(isinstance(value, kind) for value in values):
            return [kind(repr(value)) if type(value) in (int, float) else value for value in values]
    return list(values)


_COMPARISONS: dict[type[exp.Expression], Callable[[Any, Any], Any]] = {
    exp.EQ: operator.eq,
    exp.NEQ: operator.ne,
    exp.GT: operator.gt,
    exp.GTE: operator.ge,
    exp.LT: operator.lt,
    exp.LTE: operator.le,
}
_OPERATORS: dict[type[exp.Expression], Callable[[Any, Any], Any]] = {
    exp.Add: operator.add,
    exp.Sub: operator.sub,
    exp.Mul: operator.mul,
    exp.Div: operator.truediv,
    exp.Mod: operator.mod,
    exp.And: operator.and_,
    exp.Or: operator.or_,
}
_FUNCTIONS: dict[type[exp.Expression], Callable[[nw.Expr], nw.Expr]] = {
    exp.Sum: lambda value: value.sum(),
    exp.Min: lambda value: value.min(),
    exp.Max: lambda value: value.max(),
    exp.Avg: lambda value: value.mean(),
    exp.Abs: lambda value: value.abs(),
    exp.Length: lambda value: value.str.len_chars(),
    exp.Upper: lambda value: value.str.to_uppercase(),
    exp.Lower: lambda value: value.str.to_lowercase(),
    exp.LogicalAnd: lambda value: value.all(),
    exp.LogicalOr: lambda value: value.any(),
}

# What the parser may say of a node; anything else would change its meaning without our noticing.
_UNDERSTOOD = frozenset(
    {
        "this",
        "expression",
        "expressions",
        "low",
        "high",
        "to",
        "is_string",
        "negate",
        "typed",
        "big_int",
        "flag",
    }
)


class _Builder:
    def __init__(self, schema: Mapping[str, pl.DataType]) -> None:
        self.schema = schema

    def build(self, tree: exp.Expression) -> Any:
        """A Narwhals expression, or a Python constant for a literal."""
        odd = [key for key, value in tree.args.items() if value and key not in _UNDERSTOOD]
        if odd:
            raise ConditionError(f"{_sql(tree)} has no counterpart ({', '.join(odd)})")
        if tree.args.get("negate"):
            plain = tree.copy()
            plain.set("negate", None)
            return ~self._expression(plain)
        kind = type(tree)
        if kind is exp.Paren:
            return self.build(tree.this)
        if kind is exp.Column:
            return self._column(tree)
        if kind in _COMPARISONS:
            return self._comparison(tree)
        if kind in _OPERATORS:
            return _OPERATORS[kind](self.build(tree.this), self.build(tree.expression))
        if kind in _FUNCTIONS:
            return _FUNCTIONS[kind](self._expression(tree.this))
        if (method := getattr(self, f"_{kind.__name__.lower()}", None)) is not None:
            return method(tree)
        return self.constant(tree)

    def constant(self, tree: exp.Expression, dtype: pl.DataType | None = None) -> Any:
        value: Any
        if isinstance(tree, exp.Neg):
            value = self.constant(tree.this, dtype)
            if isinstance(value, bool) or not isinstance(value, int | float | decimal.Decimal):
                raise ConditionError(f"{_sql(tree)} is no number")
            return -value
        if isinstance(tree, exp.Boolean):
            return bool(tree.this)
        if isinstance(tree, exp.Literal):
            if tree.is_string:
                return typed(tree.this, dtype)
            value = int(tree.this) if tree.this.isdigit() else float(tree.this)
            if isinstance(dtype, pl.Decimal) and not isinstance(value, int):
                return decimal.Decimal(tree.this)
            return value
        if isinstance(tree, exp.Cast) and isinstance(tree.this, exp.Literal):
            kinds: dict[Any, pl.DataType] = {
                exp.DType.DATE: pl.Date(),
                exp.DType.TIME: pl.Time(),
                exp.DType.TIMESTAMP: pl.Datetime("us"),
                exp.DType.TIMESTAMPTZ: pl.Datetime("us", "UTC"),
            }
            wanted = kinds.get(tree.to.this)
            if wanted is not None:
                return typed(tree.this.this, wanted)
            if tree.to.this is exp.DType.DECIMAL:
                return typed(tree.this.this, pl.Decimal(38, 0))
        raise ConditionError(f"{_sql(tree)} has no counterpart")

    def _expression(self, tree: exp.Expression) -> nw.Expr:
        found = self.build(tree)
        if not isinstance(found, nw.Expr):
            raise ConditionError(f"{_sql(tree)} reads no column")
        return found

    def _column(self, tree: exp.Expression) -> nw.Expr:
        if tree.name not in self.schema:
            raise ConditionError(f"there is no column {tree.name}")
        return nw.col(tree.name)

    def _comparison(self, tree: exp.Expression) -> Any:
        left, right = tree.this, tree.expression
        compare = _COMPARISONS[type(tree)]
        one = self._operand(left, self._dtype(right))
        other = self._operand(right, self._dtype(left))
        if not isinstance(one, nw.Expr) and not isinstance(other, nw.Expr):
            raise ConditionError(f"{_sql(tree)} reads no column")
        return compare(one, other)

    def _operand(self, tree: exp.Expression, other: pl.DataType | None) -> Any:
        if isinstance(tree, exp.Literal | exp.Neg) and not list(tree.find_all(exp.Column)):
            return self.constant(tree, other)
        return self.build(tree)

    def _dtype(self, tree: exp.Expression) -> pl.DataType | None:
        if isinstance(tree, exp.Paren):
            return self._dtype(tree.this)
        return self.schema.get(tree.name) if isinstance(tree, exp.Column) else None

    # -- named after sqlglot's classes ----------------------------------------------------------

    def _not(self, tree: exp.Expression) -> nw.Expr:
        return ~self._expression(tree.this)

    def _neg(self, tree: exp.Expression) -> Any:
        if isinstance(tree.this, exp.Literal):
            return self.constant(tree)
        return -self._expression(tree.this)

    def _is(self, tree: exp.Expression) -> nw.Expr:
        if not isinstance(tree.expression, exp.Null):
            raise ConditionError(f"{_sql(tree)} has no counterpart; compare with = TRUE")
        return self._expression(tree.this).is_null()

    def _in(self, tree: exp.Expression) -> nw.Expr:
        if not tree.expressions:
            raise ConditionError("a query within IN has no counterpart")
        dtype = self._dtype(tree.this)
        values = alike([self.constant(one, dtype) for one in tree.expressions])
        return self._expression(tree.this).is_in(values)

    def _between(self, tree: exp.Expression) -> nw.Expr:
        dtype = self._dtype(tree.this)
        bounds = [self._operand(tree.args[key], dtype) for key in ("low", "high")]
        # Narwhals takes a text here for a column's name.
        low, high = (nw.lit(bound) if isinstance(bound, str) else bound for bound in bounds)
        return self._expression(tree.this).is_between(low, high)

    def _regexplike(self, tree: exp.Expression) -> nw.Expr:
        if tree.args.get("flag"):
            raise ConditionError("flags of a pattern have no counterpart; write (?i) into it")
        return self._expression(tree.this).str.contains(self._text(tree.expression))

    def _startswith(self, tree: exp.Expression) -> nw.Expr:
        return self._expression(tree.this).str.starts_with(self._text(tree.expression))

    def _endswith(self, tree: exp.Expression) -> nw.Expr:
        return self._expression(tree.this).str.ends_with(self._text(tree.expression))

    def _like(self, tree: exp.Expression) -> nw.Expr:
        pattern = self._text(tree.expression)
        inner = pattern.strip("%")
        if any(sign in inner for sign in "%_\\"):
            raise ConditionError(f"LIKE {pattern!r} has no counterpart; write a regular expression with ~")
        value = self._expression(tree.this).str
        first, last = pattern.startswith("%"), pattern.endswith("%")
        if first and last:
            return value.contains(inner, literal=True)
        if first:
            return value.ends_with(inner)
        return value.starts_with(inner) if last else self._expression(tree.this) == inner

    def _count(self, tree: exp.Expression) -> nw.Expr:
        if isinstance(tree.this, exp.Star):
            return nw.len()
        if isinstance(tree.this, exp.Distinct):
            if len(tree.this.expressions) != 1:
                raise ConditionError("several columns within COUNT(DISTINCT) have no counterpart")
            return self._expression(tree.this.expressions[0]).drop_nulls().n_unique()
        return self._expression(tree.this).count()

    def _text(self, tree: exp.Expression) -> str:
        value = self.constant(tree)
        if not isinstance(value, str):
            raise ConditionError(f"{_sql(tree)} is no text")
        return value


def _sql(tree: exp.Expression) -> str:
    return tree.sql(dialect=DIALECT)[:100]


def _first(error: Exception) -> str:
    return str(error).strip().splitlines()[0].replace("\x1b[4m", "").replace("\x1b[0m", "")[:200]


# What it has to say of unknown statements is an error here, not a warning in a log.
logging.getLogger("sqlglot").setLevel(logging.ERROR)
