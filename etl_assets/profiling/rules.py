"""Evaluates a suggested rule on a sample: who keeps it, who breaks it, which cells are to blame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np

from etl_assets.profiling import dependencies
from etl_assets.profiling.coded import CodedColumn, CodedTable, Floats, Mask
from etl_assets.profiling.formats import typing
from etl_assets.profiling.groups import Groups
from etl_assets.profiling.records import Suggestion, SuggestionKind

# Up to this share of the cells a word for "not known" is an accident.
MAX_RARE_WORD = 0.05

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Rule:
    """A rule without its figures.

    Attributes:
        kind: Which rule.
        columns: Its columns.
        parameters: See `SuggestionKind`.
    """

    kind: SuggestionKind
    columns: tuple[str, ...]
    parameters: Parameters = field(default_factory=dict)

    @classmethod
    def of(cls, suggestion: Suggestion) -> Rule:
        """Return the rule of a suggestion."""
        return cls(suggestion.kind, suggestion.columns, suggestion.parameters)


@dataclass(frozen=True)
class Verdict:
    """What a rule says of each row.

    Attributes:
        applies: Rows that it speaks of.
        broken: Rows that break it.
        blamed: For each column the rows whose cell is to blame; fewer than are broken where the rule
            can't tell which cell of the row is wrong.
    """

    applies: Mask
    broken: Mask
    blamed: Mapping[str, Mask]


def judge(table: CodedTable, rule: Rule) -> Verdict:
    """Evaluate a rule."""
    return JUDGES[rule.kind](table, rule)


def _castable(table: CodedTable, rule: Rule) -> Verdict:
    column = table[rule.columns[0]]
    found = typing(column)
    strays = found.strays if found else np.zeros(len(column.values), dtype=bool)
    broken = column.rows_of(strays) | column.voids
    return Verdict(column.filled | column.voids, broken, {column.name: broken})


def _not_null(table: CodedTable, rule: Rule) -> Verdict:
    column = table[rule.columns[0]]
    return _of_column(column, np.ones(table.height, dtype=bool), ~column.filled)


def _in_range(table: CodedTable, rule: Rule) -> Verdict:
    column = table[rule.columns[0]]
    figures, least, most = column.numbers, rule.parameters.get("min_value"), rule.parameters.get("max_value")
    if column.temporal:
        figures, least, most = column.moments, seconds(least), seconds(most)
    outside = np.zeros(table.height, dtype=bool)
    with np.errstate(invalid="ignore"):
        if least is not None:
            outside |= figures < float(least)
        if most is not None:
            outside |= figures > float(most)
    return _of_column(column, ~np.isnan(figures), outside)


def seconds(moment: str | None) -> float | None:
    """Return a date or datetime in ISO form as seconds since 1970."""
    if moment is None:
        return None
    return float((np.datetime64(moment, "us") - np.datetime64(0, "us")) / np.timedelta64(1, "s"))


def _str_matches(table: CodedTable, rule: Rule) -> Verdict:
    column = table[rule.columns[0]]
    strays = ~column.values.str.contains(rule.parameters["pattern"]).to_numpy().astype(bool)
    broken, applies = column.rows_of(strays), column.filled
    if column.voids.sum() <= MAX_RARE_WORD * applies.sum():
        # A word for "not known" that is rare is not of the form either; a common one is the column's way.
        broken, applies = broken | column.voids, applies | column.voids
    return _of_column(column, applies, broken)


def _str_length(table: CodedTable, rule: Rule) -> Verdict:
    column = table[rule.columns[0]]
    lengths = column.values.str.len_chars().to_numpy()
    least, most = rule.parameters.get("min_value", 0), rule.parameters.get("max_value", np.inf)
    return _of_column(column, column.filled, column.rows_of((lengths < least) | (lengths > most)))


def _isin(table: CodedTable, rule: Rule) -> Verdict:
    column = table[rule.columns[0]]
    strays = ~column.values.is_in(list(rule.parameters["values"])).to_numpy().astype(bool)
    return _of_column(column, column.filled, column.rows_of(strays))


def _notin(table: CodedTable, rule: Rule) -> Verdict:
    column = table[rule.columns[0]]
    strays = column.values.is_in(list(rule.parameters["values"])).to_numpy().astype(bool)
    return _of_column(column, column.filled, column.rows_of(strays))


def _unique(table: CodedTable, rule: Rule) -> Verdict:
    codes = table.as_key(rule.columns)
    filled = codes >= 0
    _, places, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    # Which of the rows is the wrong one, and in which cell, the key alone can't tell.
    return Verdict(filled, filled & (sizes[places] > 1), {})


def _dependency(table: CodedTable, rule: Rule) -> Verdict:
    applies = broken = np.zeros(table.height, dtype=bool)
    per_column: dict[str, Mask] = {}
    for dependent, groups in dependency_groups(table, rule):
        applies = applies | (groups.own_rows() > 0)
        broken = broken | dependencies.breaking(groups)
        per_column[dependent] = blamable(rule, groups)
    return Verdict(applies, broken, per_column)


def blamable(rule: Rule, groups: Groups) -> Mask:
    """Rows whose contradiction is a mistake: scattered ones, or all where sources are outvoted."""
    return (dependencies.contradicting if rule.parameters.get("source") else dependencies.sporadic)(groups)


def dependency_groups(table: CodedTable, rule: Rule) -> list[tuple[str, Groups]]:
    """Return the groups of a dependency, by dependent."""
    determinant = table.together(rule.columns)
    return [(name, Groups.of(determinant, table[name].codes)) for name in rule.parameters["dependents"]]


def _reference(table: CodedTable, rule: Rule) -> Verdict:
    other = table.others.get(rule.parameters["table"])
    column = table[rule.columns[0]]
    known = column.values if other is None else other[rule.parameters["column"][0]].values
    missing = ~column.values.is_in(known.to_list()).to_numpy().astype(bool)
    return _of_column(column, column.filled, column.rows_of(missing))


def _row_check(table: CodedTable, rule: Rule) -> Verdict:
    given = rule.parameters
    operator = given["operator"]
    if operator == "misplaced":
        return _misplaced(table, given)
    if operator in ("sum", "product"):
        return _arithmetic(table, given, operator)
    left, right = figures(table[given["left"]]), figures(table[given["right"]])
    applies = ~(np.isnan(left) | np.isnan(right))
    with np.errstate(invalid="ignore"):
        broken = applies & ~COMPARE[operator](left, right)
    return Verdict(applies, broken, {given["left"]: broken, given["right"]: broken})


COMPARE: dict[str, Callable[[Floats, Floats], Mask]] = {
    "<=": np.less_equal,
    "<": np.less,
    ">=": np.greater_equal,
    ">": np.greater,
}


def figures(column: CodedColumn) -> Floats:
    """Return a column's numbers, or its moments in seconds."""
    return column.moments if column.temporal else column.numbers


def _arithmetic(table: CodedTable, given: Parameters, operator: str) -> Verdict:
    parts = [table[name].numbers for name in given["left"]]
    right = table[given["right"]].numbers
    made = parts[0]
    for part in parts[1:]:
        made = made + part if operator == "sum" else made * part
    applies = ~(np.isnan(made) | np.isnan(right))
    tolerance = float(Decimal(given["tolerance"])) * (1 + 1e-6) + 1e-9 * np.abs(np.nan_to_num(right))
    broken = applies & (np.abs(np.nan_to_num(made - right)) > tolerance)
    names = (*given["left"], given["right"])
    return Verdict(applies, broken, _odd_one_out(table, names, applies & ~broken, broken))


def _odd_one_out(table: CodedTable, names: tuple[str, ...], kept: Mask, broken: Mask) -> Mapping[str, Mask]:
    """Blame the figure without which the others stand to each other as they do where the rule is kept.

    Where none or several could be the one, all are blamed.
    """
    suspects = {}
    for name in names:
        one, other = (table[rest].numbers for rest in names if rest != name)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = one / other
        usual = ratio[kept & np.isfinite(ratio)]
        low, high = np.percentile(usual, [1, 99]) if len(usual) else (np.inf, -np.inf)
        # With room for rounding, where the ratio is always the same.
        suspects[name] = broken & (ratio >= low - 0.01 * abs(low)) & (ratio <= high + 0.01 * abs(high))
    certain = np.stack(list(suspects.values())).sum(axis=0) == 1
    return {name: np.where(certain, mask, broken) for name, mask in suspects.items()}


def _misplaced(table: CodedTable, given: Parameters) -> Verdict:
    left, right = table[given["left"]], table[given["right"]]
    holds = left.values.str.contains(given["pattern"]).to_numpy().astype(bool)
    broken = ~right.filled & left.rows_of(holds)
    return Verdict(left.filled, broken, {left.name: broken, right.name: broken})


def _of_column(column: CodedColumn, applies: Mask, broken: Mask) -> Verdict:
    return Verdict(applies, broken, {column.name: broken})


JUDGES: dict[SuggestionKind, Callable[[CodedTable, Rule], Verdict]] = {
    SuggestionKind.CASTABLE: _castable,
    SuggestionKind.NOT_NULL: _not_null,
    SuggestionKind.IN_RANGE: _in_range,
    SuggestionKind.STR_MATCHES: _str_matches,
    SuggestionKind.STR_LENGTH: _str_length,
    SuggestionKind.ISIN: _isin,
    SuggestionKind.NOTIN: _notin,
    SuggestionKind.UNIQUE: _unique,
    SuggestionKind.DEPENDENCY: _dependency,
    SuggestionKind.REFERENCE: _reference,
    SuggestionKind.ROW_CHECK: _row_check,
}
