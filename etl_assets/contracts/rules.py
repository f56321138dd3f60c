"""Contracts compiled to rules: what is evaluated on frames, counted, scored and shown."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import narwhals.stable.v1 as nw
import polars as pl

from etl_assets.contracts.options import Cast, Reference
from etl_assets.contracts.vocabulary import Dimension, OnViolation, RuleKind, Severity, UniqueScope

if TYPE_CHECKING:
    from etl_assets.contracts.contract import Contract


@dataclass(frozen=True)
class Rule:
    """One rule of a contract.

    Attributes:
        name: Unique in its contract: `<column>.<check>` with Pandera's name of the check,
            `<column>.not_null`, `<column>.castable`, `<column>.unique`, `unique(<a>,<b>)`,
            `unique_as_delivered`, `<column>.in_<table>`, `<column>.determined_by(<a>,<b>)`,
            `in_period`; a custom check is called as its method, after the column if it checks one.
        kind: How it is evaluated.
        columns: The columns that it reads; of a unique rule the key, in the order declared; of a
            dependency the determinants, and last the column that they determine.
        dimension: The quality dimension that it counts for.
        severity: error or warn. Of an aggregate rule, error means that the partition must not be
            published.
        weight: Its weight within the dimension; 0 keeps it out of scores.
        description: What it demands, as a sentence.
        why: The reason that the contract's author gave, or "".
        expression: Of a row rule: boolean and never null, True where the row keeps the rule. Of an
            aggregate rule: one boolean over the partition's rows, null where nothing can be said
            (the mean of no rows). Else None.
        evaluated: Of a row, reference or dependency rule: boolean, True where the rule applies; it can
            only fail there. None: it applies to each row.
        reference: Of a reference rule: the table and column that hold the keys.
        on_violation: Of a unique rule: what becomes of the later rows of a key.
        scope: Of a unique rule: among which rows the key must be unique.
        cast: Of a castable rule: how the text is read.
        definition: What it checks, constants included, the same text in every process.
    """

    name: str
    kind: RuleKind
    columns: tuple[str, ...]
    dimension: Dimension
    severity: Severity = Severity.ERROR
    weight: float = 1.0
    description: str = ""
    why: str = ""
    expression: nw.Expr | None = None
    evaluated: nw.Expr | None = None
    reference: Reference | None = None
    on_violation: OnViolation | None = None
    scope: UniqueScope | None = None
    cast: Cast | None = None
    definition: str = ""


@dataclass(frozen=True)
class CompiledContract:
    """A contract, read off its Pandera schema.

    Attributes:
        table: The model's name.
        schema: Column -> Polars dtype, in order; the provenance of a `RowContract` comes last.
            `_period` is never part of it.
        nullable: The columns that may hold nulls.
        pii: The columns whose values are never shown in clear.
        rules: All rules: columns in order, then keys, dependencies, and custom checks of rows and
            partitions.
        fingerprint: sha256 (hex) of columns and rules; changes with what is checked, not with
            descriptions and reasons.
        casts: Column -> how text is read, for each column with a `castable` rule.
        period_column: The column that must lie in the row's period.
        descriptions: Column -> what it holds, for the columns that say so.
        description: What the table holds: the model's own docstring, or "".
    """

    table: str
    schema: Mapping[str, pl.DataType]
    nullable: frozenset[str]
    pii: frozenset[str]
    rules: tuple[Rule, ...]
    fingerprint: str
    casts: Mapping[str, Cast]
    period_column: str | None
    descriptions: Mapping[str, str]
    description: str = ""

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The dimensions that the contract's rules count for, in the order of `Dimension`."""
        weights: Counter[Dimension] = Counter()
        for rule in self.rules:
            weights[rule.dimension] += rule.weight > 0
        return tuple(dimension for dimension in Dimension if weights[dimension])

    def rule(self, name: str) -> Rule:
        """Return the rule of this name; KeyError when there is none."""
        for rule in self.rules:
            if rule.name == name:
                return rule
        raise KeyError(name)


@functools.cache
def compile_contract(model: type[Contract]) -> CompiledContract:
    """Compile a contract to its rules.

    Evaluates nothing, so it is safe while modules are imported.

    Raises:
        ContractError: Something in the contract can't be compiled so that it means the same as in
            Pandera; names model, column and check.
    """
    from etl_assets.contracts.compiler import compile_model  # the compiler builds the classes above

    return compile_model(model)
