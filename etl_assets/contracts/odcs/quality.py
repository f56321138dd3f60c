"""Quality entries of the standard -> rules of a contract."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import narwhals.stable.v1 as nw
import polars as pl
from sqlglot import exp

from etl_assets.contracts.expressions import ExpressionError, refuse_pattern, shape_of
from etl_assets.contracts.odcs.conditions import (
    ConditionError,
    Query,
    alike,
    expression_of,
    read_query,
    typed,
)
from etl_assets.contracts.odcs.findings import Findings, Loss
from etl_assets.contracts.odcs.pieces import CheckPieces, ColumnPieces, TablePieces
from etl_assets.contracts.odcs.saying import ENGINE, custom_properties, options_of
from etl_assets.contracts.odcs.shapes import LONG_NAMES, built_in_of, pattern_check
from etl_assets.contracts.options import Dependency
from etl_assets.contracts.vocabulary import Dimension, RuleKind, Severity

_OPERATORS: dict[str, Callable[[nw.Expr, Any], nw.Expr]] = {
    "mustBe": lambda value, limit: value == limit,
    "mustNotBe": lambda value, limit: value != limit,
    "mustBeGreaterThan": lambda value, limit: value > limit,
    "mustBeGreaterOrEqualTo": lambda value, limit: value >= limit,
    "mustBeLessThan": lambda value, limit: value < limit,
    "mustBeLessOrEqualTo": lambda value, limit: value <= limit,
    "mustBeBetween": lambda value, limits: value.is_between(*limits),
    "mustNotBeBetween": lambda value, limits: ~value.is_between(*limits),
}
_OPPOSITES: dict[type[exp.Expression], type[exp.Expression]] = {
    exp.EQ: exp.NEQ,
    exp.NEQ: exp.EQ,
    exp.GT: exp.LTE,
    exp.GTE: exp.LT,
    exp.LT: exp.GTE,
    exp.LTE: exp.GT,
}
_DIMENSIONS = {
    "nullValues": Dimension.COMPLETENESS,
    "missingValues": Dimension.COMPLETENESS,
    "rowCount": Dimension.COMPLETENESS,
    "duplicateValues": Dimension.UNIQUENESS,
}


class QualityReader:
    """Reads the quality entries of one table into its pieces.

    Args:
        table: The pieces; they are added to.
        object_name: The table's name in the document.
        columns: Property's name -> column.
        findings: Where what has no counterpart is named.
    """

    def __init__(
        self, table: TablePieces, object_name: str, columns: Mapping[str, str], findings: Findings
    ) -> None:
        self.table = table
        self.object_name = object_name
        self.columns = columns
        self.findings = findings

    def read(self, entry: Mapping[str, Any], path: tuple[str, ...], column: ColumnPieces | None) -> None:
        """Read one entry, of a column or of the table."""
        kind = entry.get("type") or ("library" if "metric" in entry else "text")
        if kind == "text":
            self.findings.add(path, "words for people: nothing is checked", Loss.NOTE)
            return
        one = _Entry(self, entry, path, column)
        try:
            {"library": one.library, "sql": one.sql, "custom": one.custom}[kind]()
        except ConditionError as error:
            self.findings.add(path, f"the rule is not checked: {error}", Loss.RULE)


class _Entry:
    def __init__(
        self,
        reader: QualityReader,
        said: Mapping[str, Any],
        path: tuple[str, ...],
        column: ColumnPieces | None,
    ) -> None:
        self.table, self.findings = reader.table, reader.findings
        self.reader, self.said, self.path, self.column = reader, said, path, column
        self.options = options_of(said, path, reader.findings)
        self.custom_said = custom_properties(said, path, Findings())
        self.name = str(said.get("name") or "")
        self.operator = next((key for key in _OPERATORS if key in said), "mustBe")
        self.limit = said.get(self.operator)

    @property
    def is_never(self) -> bool:
        """Whether it says that nothing of the kind may be there: then each row is judged by itself."""
        none = (("mustBe", 0), ("mustBeLessOrEqualTo", 0))
        is_percent = self.said.get("unit") == "percent"
        below_one = self.operator == "mustBeLessThan" and self.limit == 1 and not is_percent
        return below_one or ((self.operator, self.limit) in none and not isinstance(self.limit, bool))

    # -- library --------------------------------------------------------------------------------

    def library(self) -> None:
        """A metric of the standard."""
        metric, column = self.said["metric"], self.column
        if self.options.dimension is None:
            self.options = dataclasses.replace(self.options, dimension=_DIMENSIONS.get(metric))
        if metric == "rowCount":
            self._aggregate(nw.len(), "row_count")
        elif metric == "duplicateValues" and column is None:
            self._duplicate_keys()
        elif column is None:
            raise ConditionError(f"{metric} is a metric of one property")
        else:
            {
                "nullValues": self._nulls,
                "missingValues": self._missing,
                "invalidValues": self._invalid,
                "duplicateValues": self._duplicates,
            }[metric](column)

    def _nulls(self, column: ColumnPieces) -> None:
        if not self.is_never:
            self._share(nw.col(column.name).is_null(), f"{column.name}_null_values")
            return
        if self.options.severity is Severity.WARN and not column.nullable:
            what = "the column is required: nulls are refused, not only counted"
            self.findings.add(self.path, what, Loss.MEANING)
            self.options = dataclasses.replace(self.options, severity=Severity.ERROR)
        column.nullable = self.options.severity is Severity.WARN
        self._say(column, "not_null")

    def _missing(self, column: ColumnPieces) -> None:
        given = self._listed("missingValues")
        words = alike([typed(word, column.dtype) for word in given if word is not None])
        missing = nw.col(column.name).is_in(words) if words else None
        if not self.is_never:
            parts = [nw.col(column.name).is_null()] if None in given else []
            parts += [missing.fill_null(False)] if missing is not None else []
            self._share(parts[0] if len(parts) == 1 else parts[0] | parts[1], f"{column.name}_missing_values")
            return
        if None in given:
            self._nulls(column)
        if missing is not None:
            self._check(column, "notin", words, ~missing, "missing_values")

    def _invalid(self, column: ColumnPieces) -> None:
        arguments = self._arguments()
        value = nw.col(column.name)
        check: str
        given: Any
        if "validValues" in arguments:
            values = alike(
                [typed(one, column.dtype) for one in self._listed("validValues") if one is not None]
            )
            check, given, holds = "isin", values, value.is_in(values)
        elif "pattern" in arguments:
            check, given = pattern_check(str(arguments["pattern"]))
            refuse_wrong_pattern(given, column.dtype)
            holds = value.str.contains(given)
        else:
            raise ConditionError("invalidValues needs the argument validValues or pattern")
        for name in arguments.keys() - {"validValues", "pattern"}:
            raise ConditionError(f"the argument {name} of invalidValues has no counterpart")
        if {"validValues", "pattern"} <= arguments.keys():
            raise ConditionError("validValues and pattern in one rule have no counterpart: write two rules")
        if self.is_never:
            self._check(column, check, given, holds, "invalid_values")
        else:
            self._share((~holds).fill_null(False), f"{column.name}_invalid_values")

    def _duplicates(self, column: ColumnPieces) -> None:
        if self.is_never:
            column.unique = True
            self._say(column, "unique")
            return
        value = nw.col(column.name)
        self._share_of(value.count() - value.drop_nulls().n_unique(), f"{column.name}_duplicate_values")

    def _duplicate_keys(self) -> None:
        names = [str(name) for name in self._listed("properties")]
        unknown = [name for name in names if name not in self.reader.columns]
        if unknown:
            raise ConditionError(f"the key names no columns: {', '.join(unknown)}")
        if not self.is_never:
            raise ConditionError("a number of repeated keys that is tolerated has no counterpart")
        self._no_warning()
        if self.table.key_options not in (None, self.options):
            what = "all keys of a table are said to matter alike: what is said of the first one counts"
            self.findings.add(self.path, what, Loss.MEANING)
        self.table.keys.append(tuple(self.reader.columns[name] for name in names))
        self.table.key_options = self.table.key_options or self.options

    def _arguments(self) -> Mapping[str, Any]:
        return self.said.get("arguments") or {}

    def _listed(self, argument: str) -> list[Any]:
        values = self._arguments().get(argument)
        if not isinstance(values, list) or not values:
            raise ConditionError(f"the argument {argument} lists nothing")
        return values

    # -- sql ------------------------------------------------------------------------------------

    def sql(self) -> None:
        """A query whose value is compared."""
        table = self.reader.object_name
        query = read_query(str(self.said["query"]), table, self.column.name if self.column else None)
        if (
            isinstance(query.selected, exp.Count)
            and isinstance(query.selected.this, exp.Star)
            and query.where
        ):
            self._counted(query)
            return
        if query.where is not None:
            raise ConditionError("WHERE beside something else than COUNT(*) has no counterpart")
        value = expression_of(query.selected, self.table.schema)
        if self.operator == "mustBe" and self.limit is True:
            self._add(value, "check", RuleKind.AGGREGATE)
        else:
            self._aggregate(value, "check")

    def _counted(self, query: Query) -> None:
        assert query.where is not None
        if not self.is_never:
            self._share(expression_of(query.where, self.table.schema).fill_null(False), "count")
            return
        holds, null_fails = _kept(query.where)
        column = self.column
        if column is not None and not null_fails:
            known = built_in_of(holds, column.name, self.name, column.dtype)
            if known is not None and known[0] not in column.checks and self._fits(column, *known):
                column.checks[known[0]] = known[1]
                self._say(column, LONG_NAMES.get(known[0], known[0]))
                return
        expression = expression_of(holds, self.table.schema)
        self._add(expression, "check", RuleKind.ROW, null_fails=null_fails)

    # -- custom ---------------------------------------------------------------------------------

    def custom(self) -> None:
        """A rule of an engine: ours, or one that we don't run."""
        engine, said = self.said.get("engine"), self.said.get("implementation")
        if engine != ENGINE or not isinstance(said, Mapping):
            raise ConditionError(f"it is written for the engine {engine}")
        rule, column, table = said.get("rule"), self.column, self.table
        if rule == "castable" and column is not None and not isinstance(column.dtype, pl.String):
            self._say(column, "castable")
        elif rule == "reference" and column is not None and column.references is not None:
            self._say(column, f"in_{column.references.table}")
        elif rule == "in_period" and self._is_dated(said.get("column")):
            table.period_column, table.in_period = str(said["column"]), self.options
        elif rule == "unique_as_delivered":
            self._no_warning()
            table.unique_as_delivered = self.options
        elif rule == "determined_by" and said.get("dependent") in table.columns:
            determinants = said.get("determinants")
            if not isinstance(determinants, list) or not set(map(str, determinants)) <= table.columns.keys():
                raise ConditionError("determinants names no columns of the table")
            determinants = tuple(map(str, determinants))
            table.dependencies.append(Dependency(determinants, str(said["dependent"]), self.options))
        else:
            raise ConditionError(f"the rule {rule!r} of {ENGINE} is not known here")

    # -- what becomes of them -------------------------------------------------------------------

    def _is_dated(self, name: Any) -> bool:
        column = self.table.columns.get(str(name))
        return column is not None and isinstance(column.dtype, pl.Date | pl.Datetime)

    def _say(self, column: ColumnPieces, rule: str) -> None:
        if rule == "unique":
            self._no_warning()
        elif self.options.on_violation is not None:
            self.findings.add(self.path, "onViolation is said of a rule that is not unique", Loss.MEANING)
            self.options = dataclasses.replace(self.options, on_violation=None)
        elif self.options.scope is not None:
            self.findings.add(self.path, "scope is said of a rule that is not unique", Loss.MEANING)
            self.options = dataclasses.replace(self.options, scope=None)
        column.rules[rule] = self.options

    def _no_warning(self) -> None:
        if self.options.severity is Severity.WARN:
            what = "repeated keys are never only counted: the later rows are declared duplicates"
            self.findings.add(self.path, what, Loss.MEANING)
            self.options = dataclasses.replace(self.options, severity=None)

    def _fits(self, column: ColumnPieces, check: str, value: Any) -> bool:
        if check in ("str_matches", "str_contains"):
            refuse_wrong_pattern(value, column.dtype)
        is_text = isinstance(column.dtype, pl.String)
        # Pandera's in_range takes a text for a column's name.
        return check != "in_range" if is_text else not check.startswith("str_")

    def _check(self, column: ColumnPieces, check: str, value: Any, holds: nw.Expr, name: str) -> None:
        """Add a check of Pandera's own; where the column has one of its kind, one of our own."""
        if check in column.checks:
            self._add(holds, name, RuleKind.ROW)
            return
        column.checks[check] = value
        self._say(column, LONG_NAMES.get(check, check))

    def _share(self, counted: nw.Expr, name: str) -> None:
        self._share_of(counted.sum(), name)

    def _share_of(self, count: nw.Expr, name: str) -> None:
        unit = str(self.said.get("unit") or "rows")
        if unit not in ("rows", "percent"):
            raise ConditionError(f"the unit {unit} has no counterpart")
        self._aggregate(count * 100 / nw.len() if unit == "percent" else count, name)

    def _aggregate(self, value: nw.Expr, name: str) -> None:
        limits = self.limit if isinstance(self.limit, list) else [self.limit]
        if any(isinstance(limit, bool) or not isinstance(limit, int | float) for limit in limits):
            raise ConditionError(f"{self.operator} says no number")
        self._add(_OPERATORS[self.operator](value, self.limit), name, RuleKind.AGGREGATE)

    def _add(self, expression: nw.Expr, name: str, kind: RuleKind, *, null_fails: bool = False) -> None:
        try:
            shape = shape_of(expression, self.table.schema)
        except ExpressionError as error:
            raise ConditionError(str(error)) from None
        if (kind is RuleKind.ROW and not shape.row) or (kind is RuleKind.AGGREGATE and not shape.aggregate):
            raise ConditionError("it mixes rows in a way that no rule may")
        own = self.column.name if self.column and kind is RuleKind.ROW else None
        column = own if own is not None and shape.columns == (own,) else None
        self.table.checks.append(
            CheckPieces(
                name=self.table.free_name(self.name or name, column),
                expression=expression,
                kind=kind,
                options=self.options,
                column=column,
                null_fails=null_fails or self.custom_said.get("nullFails") is True,
                description=str(self.said.get("description") or ""),
            )
        )


def _kept(violated: exp.Expression) -> tuple[exp.Expression, bool]:
    """Return what holds where nothing is violated, and whether a null violates it."""
    tree = violated
    while isinstance(tree, exp.Paren):
        tree = tree.this
    if type(tree) in _OPPOSITES:
        return _OPPOSITES[type(tree)](this=tree.this, expression=tree.expression), False
    if _is_true(tree) and tree.args.get("negate"):
        return tree.this, True
    if not isinstance(tree, exp.Not):
        return exp.Not(this=exp.Paren(this=tree)), False
    inner = tree.this
    while isinstance(inner, exp.Paren):
        inner = inner.this
    if _is_true(inner) and not inner.args.get("negate"):
        return inner.this, True
    return inner, False


def _is_true(tree: exp.Expression) -> bool:
    """Whether it is `... IS TRUE`, or `... IS NOT TRUE` where it is negated."""
    is_boolean = isinstance(tree, exp.Is) and isinstance(tree.expression, exp.Boolean)
    return is_boolean and bool(tree.expression.this)


def refuse_wrong_pattern(pattern: Any, dtype: pl.DataType) -> None:
    """Refuse a pattern that Polars could not run on such a column.

    Raises:
        ConditionError: Says why.
    """
    if not isinstance(dtype, pl.String):
        raise ConditionError(f"a pattern is for text, the column is {dtype}")
    try:
        refuse_pattern(str(pattern))
    except ExpressionError as error:
        raise ConditionError(str(error)) from None
