"""Row checks: what holds between the columns of one row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations

import numpy as np
import polars as pl

from etl_assets.contracts.vocabulary import Dimension, Severity
from etl_assets.profiling.cells import Draft
from etl_assets.profiling.coded import CodedColumn, CodedTable, Floats
from etl_assets.profiling.evidence import log_tail, significant
from etl_assets.profiling.records import SuggestionKind
from etl_assets.profiling.rules import Rule, figures
from etl_assets.profiling.writing import escape

MIN_ROWS = 50
# More exceptions than this and it is no rule.
MAX_EXCEPTIONS = 0.01
# Without connection so many rows would break the order; below it is no news that they keep it.
MIN_CHANCE = 0.05
MIN_CORRELATION = 0.5
# Columns of figures beyond which no more are looked at.
MAX_COLUMNS = 60
MAX_SUMMED = 16
# Rows that a sum must survive before all are looked at.
PROBE = 200


def row_drafts(table: CodedTable) -> Iterator[Draft]:
    """Draft orders, sums, products and misplaced values."""
    numbers = [column for column in table.columns if column.numeric and len(column.values) > 2]
    moments = [column for column in table.columns if column.temporal and len(column.values) > 2]
    told: set[tuple[str, ...]] = set()
    for draft in _arithmetic(numbers[:MAX_SUMMED]):
        told.add(tuple(sorted(draft.rule.columns)))
        yield draft
    for group in (numbers[:MAX_COLUMNS], moments[:MAX_COLUMNS]):
        pairs = list(combinations(group, 2))
        for left, right in pairs:
            yield from _order(left, right, 2 * len(pairs))
    yield from _misplaced(table)


def _order(left: CodedColumn, right: CodedColumn, hypotheses: int) -> Iterator[Draft]:
    one, other = figures(left), figures(right)
    both = ~(np.isnan(one) | np.isnan(other))
    one, other = one[both], other[both]
    if len(one) < MIN_ROWS:
        return
    above, below = int((one > other).sum()), int((one < other).sum())
    if above > below:
        left, right, one, other, above, below = right, left, other, one, below, above
    chance = _chance_above(one, other)
    rows = len(one)
    if above > MAX_EXCEPTIONS * rows or not MIN_CHANCE < chance < 1 or below < 0.05 * rows:
        return
    if not significant(rows - above, rows, 1 - chance, hypotheses):
        return
    if left.numeric and _rank_correlation(one, other) < MIN_CORRELATION:
        return
    rule = Rule(
        SuggestionKind.ROW_CHECK,
        (left.name, right.name),
        {"left": left.name, "operator": "<=", "right": right.name},
    )
    why = f"{left.name} is never above {right.name}; shuffled, {chance:.0%} of the rows would be"
    yield Draft(rule, Dimension.CONSISTENCY, Severity.ERROR, why)


def _rank_correlation(one: Floats, other: Floats) -> float:
    """How much two figures go up and down together: those that don't are no parts of each other."""
    ranks = np.stack([pl.Series(figure).rank().to_numpy() for figure in (one, other)])
    return float(np.corrcoef(ranks)[0, 1])


def _chance_above(one: Floats, other: Floats) -> float:
    """Share of rows in which `one` would be above `other` if the two had nothing to do with each other."""
    below = np.searchsorted(np.sort(other), one, side="left")
    return float(below.mean()) / len(other)


def _arithmetic(numbers: list[CodedColumn]) -> Iterator[Draft]:
    for total in numbers:
        rest = [column for column in numbers if column is not total]
        for left, right in combinations(rest, 2):
            for operator in ("sum", "product"):
                tolerance = _adds_up(left, right, total, operator)
                if tolerance is None:
                    continue
                rule = Rule(
                    SuggestionKind.ROW_CHECK,
                    (left.name, right.name, total.name),
                    {
                        "left": [left.name, right.name],
                        "operator": operator,
                        "right": total.name,
                        "tolerance": tolerance,
                    },
                )
                sign = "+" if operator == "sum" else "x"
                why = f"{left.name} {sign} {right.name} = {total.name}"
                yield Draft(rule, Dimension.CONSISTENCY, Severity.ERROR, why)


def _adds_up(left: CodedColumn, right: CodedColumn, total: CodedColumn, operator: str) -> str | None:
    """Return the tolerance within which it does, None when it does not."""
    known = ~(np.isnan(left.numbers) | np.isnan(right.numbers) | np.isnan(total.numbers))
    places = _places(total)
    tolerance = 0.0 if operator == "sum" and places == 0 else 0.51 * 10.0**-places
    rows = np.flatnonzero(known)
    for chosen in (rows[:: max(1, len(rows) // PROBE)], rows):
        one, other, made = (column.numbers[chosen] for column in (left, right, total))
        result = one + other if operator == "sum" else one * other
        # Adding nought, or multiplying by one, is true of any two columns that are equal.
        idle = (one == 0) | (other == 0) if operator == "sum" else (one == 1) | (other == 1) | (made == 0)
        telling = ~idle
        if telling.sum() < min(MIN_ROWS, len(chosen)) / 2:
            return None
        right_rows = np.abs(result - made) <= tolerance + 1e-9 * np.abs(made)
        if right_rows[telling].mean() < 1 - 5 * MAX_EXCEPTIONS:
            return None
    agreeing = int(right_rows[telling].sum())
    if log_tail(agreeing, int(telling.sum()), _accident(result, made, tolerance)) > np.log(1e-6):
        return None
    return str(Decimal(repr(tolerance)))


def _accident(result: Floats, made: Floats, tolerance: float) -> float:
    """Share of rows that would agree if the total were another row's."""
    shifted = np.roll(made, len(made) // 2)
    return float((np.abs(result - shifted) <= tolerance + 1e-9 * np.abs(shifted)).mean())


def _places(column: CodedColumn) -> int:
    sign = column.facts.decimal if column.facts else "."
    decimals = column.values.str.extract(rf"{escape(sign)}(\d+)$").str.len_chars().fill_null(0)
    return int(decimals.max()) if len(decimals) else 0  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Split:
    """The values of a column as their last word and what stands before it; null where there is one word."""

    column: CodedColumn
    befores: pl.Series
    ends: pl.Series
    words: frozenset[str]


def _split(column: CodedColumn) -> _Split:
    parts = column.values.str.extract_groups(r"^(.*\S)[ ,;/|-]+(\S+)$").struct.unnest()
    befores, ends = parts.to_series(0), parts.to_series(1)
    return _Split(column, befores, ends, frozenset(ends.drop_nulls().to_list()))


def _misplaced(table: CodedTable) -> Iterator[Draft]:
    """Cells that end with what belongs into another column, in rows where that is empty."""
    texts = [one for one in table.columns if len(one.values) and not (one.numeric or one.temporal)]
    splits = [split for split in map(_split, texts) if split.words]
    for right in table.columns:
        empty = ~right.filled & ~right.voids
        if not 0 < empty.sum() <= 0.5 * table.height or not 2 <= len(right.values) <= 1_000 or right.numeric:
            continue
        values = right.values.to_list()
        for left in splits:
            # Of thousands of columns nearly all have nothing to do with each other: that is seen first.
            if left.column is right or left.words.isdisjoint(values):
                continue
            draft = _takes_in(left, right)
            if draft is not None:
                yield draft


def _takes_in(split: _Split, right: CodedColumn) -> Draft | None:
    left = split.column
    ends = split.ends.is_in(right.values.to_list()).fill_null(False).to_numpy()
    # What is left is a value of its own elsewhere, for most of them: else both are just words.
    stands = split.befores.is_in(left.values.to_list()).fill_null(False).to_numpy()
    rows_ending = left.rows_of(ends)
    empty = ~right.filled
    hits = int((rows_ending & empty).sum())
    total = int(rows_ending.sum())
    if hits < 5 or left.rows_of(ends & stands)[rows_ending & empty].mean() < 0.3:
        return None
    if not significant(hits, total, float(empty[left.filled].mean()), 1_000):
        return None
    words = sorted(set(split.ends.filter(pl.Series(ends)).to_list()))
    pattern = rf"[ ,;/|-](?:{'|'.join(escape(word) for word in words)})$"
    rule = Rule(
        SuggestionKind.ROW_CHECK,
        (left.name, right.name),
        {"left": left.name, "operator": "misplaced", "right": right.name, "pattern": pattern},
    )
    why = f"where {right.name} is empty, its value stands at the end of {left.name}"
    return Draft(rule, Dimension.CONSISTENCY, Severity.ERROR, why)
