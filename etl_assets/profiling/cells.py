"""Rules over one column: filled, typed, patterned, one of a few, spelt right, of a length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from etl_assets.contracts.vocabulary import Dimension, Severity
from etl_assets.inspection.records import Kind
from etl_assets.profiling import dependencies
from etl_assets.profiling.coded import CodedColumn, CodedTable, Mask
from etl_assets.profiling.dependencies import Dependency
from etl_assets.profiling.evidence import significant
from etl_assets.profiling.formats import typing
from etl_assets.profiling.patterns import pattern
from etl_assets.profiling.ranges import bounds, moment_bounds, moment_range, number_range
from etl_assets.profiling.records import SuggestionKind
from etl_assets.profiling.rules import Rule
from etl_assets.profiling.spelling import misspellings

# Below so many rows nothing is said of a column: each value may be the next exception.
MIN_ROWS = 20
# Cells that are longer on average are prose, of which only the length is told.
MAX_CELL = 200
# Empty cells up to this share are exceptions; beyond they belong to the column.
MAX_EMPTY = 0.01
# And so many when nothing else is empty in these rows.
MAX_LONELY_EMPTY = 0.02
# Where most of it is said by a word, that word is the column's way to say so.
MAX_WORDS = 0.6
# And so many are still believed when dependencies show that they are accidents.
MAX_ACCIDENTALLY_EMPTY = 0.5
SINGLY = 0.7
# A closed list: few values, and hardly any that is seen once (the chance that the next one is new).
MAX_CATEGORIES = 50
MAX_NEW = 0.01


@dataclass(frozen=True)
class Draft:
    """A rule with what it means, before its figures are known."""

    rule: Rule
    dimension: Dimension
    severity: Severity
    why: str


def column_drafts(column: CodedColumn, table: CodedTable, told_by: Sequence[Dependency]) -> Iterator[Draft]:
    """Draft the rules of one column.

    Args:
        column: The column.
        table: Its table.
        told_by: The dependencies that tell it.
    """
    rows = len(column.codes)
    total = int(column.counts.sum())
    if rows < MIN_ROWS:
        return
    yield from _filled(column, table, told_by)
    if total < MIN_ROWS:
        return
    name = (column.name,)
    if float(column.values.str.len_chars().mean() or 0) > MAX_CELL:  # type: ignore[arg-type]
        yield from _length(column)
        return
    found = typing(column)
    if found is not None:
        words = list(column.facts.null_words) if column.facts else []
        parameters = {"kind": found.kind.value, "formats": list(found.formats), "null_words": words}
        yield Draft(
            Rule(SuggestionKind.CASTABLE, name, parameters),
            Dimension.VALIDITY,
            Severity.ERROR,
            f"cells are of the kind {found.kind.value}",
        )
        if found.pattern:
            yield _matching(column, found.pattern)
        yield from _range(column, found.kind)
        return
    slips = misspellings(column, vouched(column, told_by))
    followed = pattern(column, column.values.is_in(list(slips)).to_numpy())
    if followed is not None:
        yield _matching(column, followed)
    yield from _listed(column, slips, followed)
    yield from _length(column)


def _filled(column: CodedColumn, table: CodedTable, told_by: Sequence[Dependency]) -> Iterator[Draft]:
    empty = int((~column.filled).sum())
    rows = len(column.codes)
    why = "cells are filled"
    if empty > MAX_EMPTY * rows and not (empty <= MAX_LONELY_EMPTY * rows and _lonely(column, table)):
        teller = _accidental(told_by) if empty <= MAX_ACCIDENTALLY_EMPTY * rows else None
        if teller is None:
            return
        why = f"cells are filled: where one is empty, other rows of the same {teller} have it"
    rule = Rule(SuggestionKind.NOT_NULL, (column.name,))
    yield Draft(rule, Dimension.COMPLETENESS, Severity.ERROR, why)


def _lonely(column: CodedColumn, table: CodedTable) -> bool:
    """Tell whether cells are empty by themselves: what is missing for a reason is missing in company."""
    empty = ~column.filled
    if column.voids.sum() > MAX_WORDS * empty.sum():
        return False
    for other in table.columns:
        if other is column:
            continue
        usual = float((~other.filled).mean())
        together = int((empty & ~other.filled).sum())
        if together > 2 and significant(together, int(empty.sum()), usual, len(table.columns)):
            return False
    return True


def _accidental(told_by: Sequence[Dependency]) -> str | None:
    """What tells that cells are empty by accident: for no teller whole groups are empty."""
    shares = [(dependencies.emptied_singly(one.groups), one) for one in told_by]
    known = [(share, one) for share, one in shares if share is not None]
    if not known or min(share for share, _ in known) < SINGLY:
        return None
    return ", ".join(known[0][1].determinants)


def _matching(column: CodedColumn, text: str) -> Draft:
    rule = Rule(SuggestionKind.STR_MATCHES, (column.name,), {"pattern": text})
    return Draft(rule, Dimension.VALIDITY, Severity.ERROR, "cells are written in this form")


def vouched(column: CodedColumn, told_by: Sequence[Dependency]) -> Mask:
    """Distinct values that lead a group of a dependency: they are right, however rare."""
    trusted = np.zeros(len(column.values), dtype=bool)
    for dependency in told_by:
        groups = dependency.groups
        leading = groups.leading & (groups.pair_counts > 1)
        trusted[groups.pairs[leading] % groups.width] = True
    return trusted


def _listed(column: CodedColumn, slips: Mapping[str, str], followed: str | None) -> Iterator[Draft]:
    """A list of categories where it is closed, else a list of misspellings."""
    total = int(column.counts.sum())
    right = ~column.values.is_in(list(slips)).to_numpy()
    if followed is not None:
        right &= column.values.str.contains(followed).to_numpy()
    once = int((column.counts[right] == 1).sum())
    if 1 < right.sum() <= min(MAX_CATEGORIES, total / 10) and once <= MAX_NEW * total:
        order = np.argsort(-column.counts, kind="stable")
        categories = [str(column.values[int(place)]) for place in order if right[place]]
        rule = Rule(SuggestionKind.ISIN, (column.name,), {"values": categories, "likely": dict(slips)})
        yield Draft(rule, Dimension.VALIDITY, Severity.ERROR, f"one of {len(categories)} values")
    elif slips:
        rule = Rule(SuggestionKind.NOTIN, (column.name,), {"values": sorted(slips), "likely": dict(slips)})
        why = f"{len(slips)} rare values are written almost like a frequent one"
        yield Draft(rule, Dimension.VALIDITY, Severity.ERROR, why)


def _length(column: CodedColumn) -> Iterator[Draft]:
    lengths = column.values.str.len_chars().to_numpy()
    most = int(lengths.max())
    rule = Rule(SuggestionKind.STR_LENGTH, (column.name,), {"max_value": _round_up(most)})
    why = f"the longest of the sample has {most} characters"
    yield Draft(rule, Dimension.VALIDITY, Severity.WARN, why)


def _range(column: CodedColumn, kind: Kind) -> Iterator[Draft]:
    if is_number(kind):
        found = None if _numbered(column) else number_range(column)
        parameters = dict(bounds(found)) if found else {}
    else:
        found = moment_range(column)
        parameters = dict(moment_bounds(found, day_only=kind is Kind.DATE)) if found else {}
    if found and parameters and kind is not Kind.TIME:
        rule = Rule(SuggestionKind.IN_RANGE, (column.name,), parameters)
        severity = Severity.ERROR if found.outside else Severity.WARN
        why = "few lie far outside of all others" if found.outside else "with room beyond the sample"
        yield Draft(rule, Dimension.VALIDITY, severity, why)


def _round_up(length: int) -> int:
    """Leave room: the longest value of a sample is not the longest there will be."""
    roomy = int(length * 1.25) + 1
    step = 1 if roomy < 20 else 10 if roomy < 200 else 100
    return -(-roomy // step) * step


def _numbered(column: CodedColumn) -> bool:
    """Tell numbers that only name something from figures: all different, or all of five digits and more."""
    if len(column.values) == int(column.counts.sum()) and (column.number_values % 1 == 0).all():
        return True
    plain = column.values.filter(pl.Series(~np.isnan(column.number_values)))
    lengths = plain.str.len_chars()
    return lengths.n_unique() == 1 and int(lengths[0]) >= 5 and not plain.str.contains(r"\D").any()


def is_number(kind: Kind) -> bool:
    """Tell whether cells of this kind are numbers."""
    return kind in (Kind.INTEGER, Kind.DECIMAL)


def all_columns(table: CodedTable, found: Sequence[Dependency]) -> Iterator[Draft]:
    """Draft the rules of every column."""
    for column in table.columns:
        yield from column_drafts(column, table, [one for one in found if one.dependent == column.name])
