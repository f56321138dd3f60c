"""Reads a Pandera schema and builds rules that mean the same.

What has no faithful counterpart is refused with a `ContractError`; nothing is skipped.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import narwhals.stable.v1 as nw
import pandera.backends.narwhals.builtin_checks  # noqa: F401 (registers the Narwhals form of built-in checks)
import pandera.polars as pa
import polars as pl
from pandera.errors import SchemaDefinitionError, SchemaInitError

from etl_assets.contracts import permitted
from etl_assets.contracts.contract import Contract, RowContract
from etl_assets.contracts.expressions import ExpressionError, Shape, canonical, shape_of
from etl_assets.contracts.fingerprint import fingerprint
from etl_assets.contracts.options import Cast, FieldOptions, RuleOptions
from etl_assets.contracts.pandera_schema import (
    UNIQUE_KEY,
    check_options,
    dtypes_of,
    field_options,
    is_built_in,
    name_of,
    unique_keys,
)
from etl_assets.contracts.provenance import DELIVERED, PERIOD_END, PERIOD_START, PROVENANCE
from etl_assets.contracts.rules import CompiledContract, Rule
from etl_assets.contracts.vocabulary import Dimension, OnViolation, RuleKind, Severity, UniqueScope
from etl_assets.contracts.wording import demand
from etl_assets.errors import ContractError


def compile_model(model: type[Contract]) -> CompiledContract:
    """Compile a contract; see `rules.compile_contract`, which keeps the result."""
    permitted.check_model(model)
    try:
        schema = model.to_schema()
    except (SchemaInitError, SchemaDefinitionError, TypeError, ValueError, AttributeError) as error:
        raise ContractError(
            f"Pandera refuses the contract: {error}", where={"contract": model.__name__}
        ) from error
    permitted.check_schema(model, schema)
    return _Compiler(model, schema).compile()


class _Compiler:
    def __init__(self, model: type[Contract], schema: pa.DataFrameSchema) -> None:
        self.model = model
        self.schema = schema
        self.dtypes = dtypes_of(schema)
        self.table = permitted.table_options(model)
        self.is_row_contract = issubclass(model, RowContract)
        self.casts: dict[str, Cast] = {}

    def compile(self) -> CompiledContract:
        columns = {name: self.schema.columns[name] for name in self.dtypes}
        rules = _with_provenance_weighed(tuple(self._rules(columns)))
        self._refuse_twins(rules)
        nullable = frozenset(name for name, column in columns.items() if column.nullable)
        pii = frozenset(name for name, column in columns.items() if field_options(column.metadata).pii)
        return CompiledContract(
            table=self.model.__name__,
            schema=self.dtypes,
            nullable=nullable,
            pii=pii,
            rules=rules,
            fingerprint=fingerprint(self.dtypes, nullable, pii, rules),
            casts=self.casts,
            period_column=self.table.period_column,
            description=inspect.cleandoc(self.model.__dict__.get("__doc__") or ""),
            descriptions={name: column.description for name, column in columns.items() if column.description},
        )

    def _rules(self, columns: dict[str, pa.Column]) -> Iterator[Rule]:
        for name, column in columns.items():
            options = field_options(column.metadata)
            rules = list(self._column_rules(name, column, options))
            self._refuse_idle_options(name, options, rules)
            yield from rules
        yield from self._key_rules()
        yield from self._dependency_rules()
        if self.table.period_column is not None:
            yield self._in_period(self.table.period_column)
        for check in self.schema.checks:
            if UNIQUE_KEY not in check.statistics:
                yield self._custom(check)

    def _column_rules(self, name: str, column: pa.Column, options: FieldOptions) -> Iterator[Rule]:
        if self.is_row_contract and self.dtypes[name] != pl.String and name not in PROVENANCE:
            yield self._castable(name, options)
        not_null = self._not_null(name, column, options)
        if not_null is not None:
            yield not_null
        for check in column.checks:
            if is_built_in(check):
                yield self._built_in(name, check, options)
            else:
                yield self._custom(check, name)
        if self.model.__fields__[name][1].unique:
            yield self._unique((name,), f"{name}.unique", options.rules.get("unique", RuleOptions()))
        if options.references is not None:
            rule_name = f"in_{options.references.table}"
            given = options.rules.get(rule_name, RuleOptions())
            yield _with(
                given,
                Rule(
                    name=f"{name}.{rule_name}",
                    kind=RuleKind.REFERENCE,
                    columns=(name,),
                    dimension=Dimension.INTEGRITY,
                    description=f"{name} exists as {options.references.column} in {options.references.table}",
                    evaluated=~nw.col(name).is_null(),
                    reference=options.references,
                ),
            )

    def _castable(self, name: str, options: FieldOptions) -> Rule:
        dtype = self.dtypes[name]
        cast = permitted.cast_of(self.model, name, dtype, options.cast)
        self.casts[name] = cast
        wanted = f"{dtype} written as {cast.format}" if cast.format else str(dtype)
        rule = Rule(
            name=f"{name}.castable",
            kind=RuleKind.ROW,
            columns=(name,),
            dimension=Dimension.VALIDITY,
            description=f"{name} can be read as {wanted}",
            cast=cast,
            definition=f"castable({dtype})",
        )
        return _with(options.rules.get("castable", RuleOptions()), rule)

    def _not_null(self, name: str, column: pa.Column, options: FieldOptions) -> Rule | None:
        given = options.rules.get("not_null")
        if column.nullable and given is None:
            return None
        wanted = Severity.WARN if column.nullable else Severity.ERROR
        if given is not None and given.severity not in (None, wanted):
            hint = "Say nullable=False" if column.nullable else "Say nullable=True"
            raise self._error(f"not_null can't be of severity {given.severity}", f"{name}.not_null", hint)
        holds = ~nw.col(name).is_null()
        if self.dtypes[name].is_float():
            # As Pandera: not a number is no value either.
            holds = holds & ~nw.col(name).is_nan()
        rule = Rule(
            name=f"{name}.not_null",
            kind=RuleKind.ROW,
            columns=(name,),
            dimension=Dimension.COMPLETENESS,
            severity=wanted,
            description=f"{name} is given",
            expression=holds.fill_null(False),
            definition="not_null()",
        )
        return rule if given is None else _with(given, rule)

    def _built_in(self, name: str, check: pa.Check, options: FieldOptions) -> Rule:
        arguments = check._check_kwargs
        permitted.check_arguments(self.model, name, self.dtypes[name], check)
        try:
            raw = check._check_fn(nw.col(name), **arguments)
            shape = shape_of(raw, self.dtypes)
            text = ", ".join(f"{key}={canonical(value)}" for key, value in sorted(arguments.items()))
        except KeyError as error:
            raise self._error("The check has no Narwhals form", f"{name}.{name_of(check)}") from error
        except (ExpressionError, TypeError, ValueError) as error:
            raise self._error(f"The check can't be compiled: {error}", f"{name}.{name_of(check)}") from error
        rule = Rule(
            name=f"{name}.{name_of(check)}",
            kind=RuleKind.ROW,
            columns=shape.columns,
            dimension=Dimension.VALIDITY,
            severity=Severity.WARN if check.raise_warning else Severity.ERROR,
            description=check.description or demand(name, check),
            expression=raw.fill_null(check.ignore_na),
            evaluated=~nw.col(name).is_null() if check.ignore_na else None,
            definition=f"{name_of(check)}({text}){'' if check.ignore_na else ' of nulls too'}",
        )
        return _with(options.rules.get(name_of(check), RuleOptions()), rule)

    @functools.cached_property
    def _frame(self) -> Any:
        return nw.from_native(pl.LazyFrame(schema=self.dtypes))

    def _custom(self, check: pa.Check, column: str | None = None) -> Rule:
        name = f"{column}.{name_of(check)}" if column else name_of(check)
        seen = nw.col(column) if column else self._frame
        try:
            raw = check._check_fn(seen, **check._check_kwargs)
            shape = shape_of(raw, self.dtypes)
            again = shape_of(check._check_fn(seen, **check._check_kwargs), self.dtypes)
        except ExpressionError as error:
            raise self._error(f"The check can't be compiled: {error}", name) from error
        except Exception as error:  # the check's own code failed, in whatever way
            what = f"The check's code fails with {type(error).__name__}: {error}"
            raise self._error(what, name) from error
        if again != shape:
            raise self._error("The check is another one each time, as if it read a clock", name)
        options = check_options(check)
        kind = self._kind(name, shape, options.kind if options else None)
        is_consistency = len(shape.columns) > 1
        rule = Rule(
            name=name,
            kind=kind,
            columns=shape.columns,
            dimension=Dimension.CONSISTENCY if is_consistency else Dimension.VALIDITY,
            severity=Severity.WARN if check.raise_warning else Severity.ERROR,
            description=" ".join((check.description or name_of(check).replace("_", " ")).split()),
            expression=self._verdict(raw, kind, check.ignore_na),
            evaluated=~raw.is_null() if check.ignore_na and kind is RuleKind.ROW else None,
            definition=f"{shape.text}{'' if check.ignore_na else ' of nulls too'}",
        )
        return _with(options.rule, rule) if options else rule

    @staticmethod
    def _verdict(raw: nw.Expr, kind: RuleKind, ignore_na: bool) -> nw.Expr:
        if kind is RuleKind.AGGREGATE and ignore_na:
            return raw  # null: unknown, and neither kept nor broken
        return raw.fill_null(ignore_na)

    def _kind(self, name: str, shape: Shape, declared: RuleKind | None) -> RuleKind:
        if not shape.row and not shape.aggregate:
            raise self._error(
                "The check mixes rows: its verdict on a row would depend on what is read with it",
                name,
                "Compare columns of one row, or give one boolean for all rows with aggregate_check",
            )
        found = RuleKind.ROW if shape.row else RuleKind.AGGREGATE
        if declared not in (None, found):
            raise self._error(
                f"The check is declared a {declared} check, but it is a check of kind {found}", name
            )
        return found

    def _key_rules(self) -> Iterator[Rule]:
        for key in unique_keys(self.model.__config__.unique if self.model.__config__ else None):
            if missing := [column for column in key if column not in self.dtypes]:
                raise self._error(f"Config.unique names no column: {', '.join(missing)}", "unique")
            yield self._unique(key, f"unique({','.join(key)})", self.table.unique)
        if self.table.unique_as_delivered is not None:
            if not self.is_row_contract:
                raise self._error(
                    "Rows that come from no delivery can't be unique as delivered", "unique_as_delivered"
                )
            yield self._unique((DELIVERED,), "unique_as_delivered", self.table.unique_as_delivered)

    def _unique(self, key: tuple[str, ...], name: str, given: RuleOptions) -> Rule:
        if given.severity is Severity.WARN:
            raise self._error(
                "A unique rule can't be a warning: Pandera would refuse the accepted table",
                name,
                "Say on_violation='duplicate' to declare later rows duplicates",
            )
        what = "the row as delivered" if key == (DELIVERED,) else " and ".join(key)
        scope = given.scope or UniqueScope.PARTITION
        whole = scope is UniqueScope.TABLE
        if whole and (nested := [one for one in key if one in self.dtypes and self.dtypes[one].is_nested()]):
            raise self._error(f"Nested values are no key of a whole table: {', '.join(nested)}", name)
        rule = Rule(
            name=name,
            kind=RuleKind.UNIQUE,
            columns=key,
            dimension=Dimension.UNIQUENESS,
            description=f"{what} occurs once{' in the whole table' if whole else ''}",
            on_violation=given.on_violation or OnViolation.DUPLICATE,
            scope=scope,
            definition=f"unique({', '.join(key)})",
        )
        return _with(dataclasses.replace(given, on_violation=None), rule)

    def _dependency_rules(self) -> Iterator[Rule]:
        for dependency in self.table.dependencies:
            for determinants, dependent in dependency.pairs:
                name = f"{dependent}.determined_by({','.join(determinants)})"
                columns = (*determinants, dependent)
                permitted.check_dependency(self.model, name, columns, self.dtypes, dependency.options)
                rule = Rule(
                    name=name,
                    kind=RuleKind.DEPENDENCY,
                    columns=columns,
                    dimension=Dimension.CONSISTENCY,
                    severity=Severity.WARN,
                    description=f"rows with the same {' and '.join(determinants)} have the same {dependent}",
                    evaluated=~nw.any_horizontal(*(nw.col(c).is_null() for c in columns), ignore_nulls=False),
                    definition=f"determined_by({', '.join(determinants)})",
                )
                yield _with(dependency.options, rule)

    def _in_period(self, column: str) -> Rule:
        dtype = self.dtypes.get(column)
        if not isinstance(dtype, pl.Date | pl.Datetime):
            raise self._error(
                f"The period column {column} is no Date or Datetime of the contract", "in_period"
            )
        instant = nw.col(column).cast(nw.Datetime("us")) if isinstance(dtype, pl.Date) else nw.col(column)
        holds = (instant >= nw.col(PERIOD_START)) & (instant < nw.col(PERIOD_END))
        rule = Rule(
            name="in_period",
            kind=RuleKind.ROW,
            columns=(column,),
            dimension=Dimension.TIMELINESS,
            description=f"{column} lies in the period that the row was delivered for",
            expression=holds.fill_null(True),
            evaluated=~nw.col(column).is_null(),
            definition=f"in_period({column})",
        )
        return _with(self.table.in_period, rule)

    def _refuse_idle_options(self, column: str, options: FieldOptions, rules: Sequence[Rule]) -> None:
        known = {rule.name.removeprefix(f"{column}.") for rule in rules}
        for name, given in options.rules.items():
            if name not in known:
                hint = f"It has {', '.join(sorted(known)) or 'no rules'}"
                raise self._error(
                    f"about() speaks of {name}, a rule that the column does not have", column, hint
                )
            if given.on_violation is not None and name != "unique":
                raise self._error("on_violation is said of a rule that is not unique", f"{column}.{name}")
            if given.scope is not None and name != "unique":
                raise self._error("scope is said of a rule that is not unique", f"{column}.{name}")
        if options.cast is not None and column not in self.casts:
            raise self._error("about() gives a cast for a column that is not cast", column)

    def _refuse_twins(self, rules: Sequence[Rule]) -> None:
        for name, count in Counter(rule.name for rule in rules).items():
            if count > 1:
                raise self._error(
                    f"{count} rules have the same name", name, "Rename a method, or drop one check"
                )

    def _error(self, what: str, rule: str, hint: str = "") -> ContractError:
        return ContractError(what, where={"contract": self.model.__name__, "rule": rule}, hint=hint)


def _with_provenance_weighed(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    # The engine itself writes the provenance, always: counting it would flatter the completeness of
    # what was delivered. Where a contract demands nothing else it is all that can be said.
    is_own = [rule.columns[:1] != () and rule.columns[0] in PROVENANCE for rule in rules]
    if not any(
        rule.dimension is Dimension.COMPLETENESS and rule.weight > 0 and not own
        for rule, own in zip(rules, is_own, strict=True)
    ):
        return rules
    return tuple(
        dataclasses.replace(rule, weight=0.0) if own and rule.kind is RuleKind.ROW else rule
        for rule, own in zip(rules, is_own, strict=True)
    )


def _with(options: RuleOptions, rule: Rule) -> Rule:
    changes: dict[str, Any] = {}
    if options.severity is not None:
        changes["severity"] = options.severity
    if options.dimension is not None:
        changes["dimension"] = options.dimension
    if options.weight != 1.0:
        changes["weight"] = options.weight
    if options.why:
        changes["why"] = options.why
    return dataclasses.replace(rule, **changes)
