"""What identifies a row, and what must be found in another table."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import combinations, islice

import numpy as np
import polars as pl

from etl_assets.contracts.vocabulary import Dimension, Severity
from etl_assets.inspection.records import Kind
from etl_assets.profiling.cells import MIN_ROWS, Draft
from etl_assets.profiling.coded import CodedColumn, CodedTable, Codes
from etl_assets.profiling.formats import typing
from etl_assets.profiling.records import SuggestionKind
from etl_assets.profiling.rules import Rule

# Rows that may share their key, as exceptions.
MAX_REPEATED = 0.005
# Pairs of rows that would agree by chance, when none does: the probability of that is e to the minus 10.
MIN_EXPECTED = 10.0
MAX_COLUMNS = 30
MAX_TRIED = 200
MAX_KEYS = 3


def key_drafts(table: CodedTable) -> Iterator[Draft]:
    """Draft single keys, and where there are none, keys of two or three columns."""
    if table.height < MIN_ROWS:
        return
    single = [column for column in table.columns if _identifies(table, column)]
    for column in single:
        rows = "rows of one partition" if table.partitioned else "rows"
        yield _unique((column.name,), f"no two {rows} agree in it")
    if not any(_all_differ(table, column) for column in table.columns):
        yield from _composite(table)


def _all_differ(table: CodedTable, column: CodedColumn) -> bool:
    codes = table.as_key((column.name,))
    return bool((codes >= 0).all()) and len(np.unique(codes)) == table.height


def _identifies(table: CodedTable, column: CodedColumn) -> bool:
    filled = int(column.counts.sum())
    if filled < 0.99 * table.height or not _repeats_rarely(table.as_key((column.name,))):
        return False
    found = typing(column)
    if found is None:
        # Texts that happen to differ are no key; codes are.
        return not column.values.str.contains(r"\s").any()
    if found.kind is Kind.DECIMAL:
        return False
    figures = column.moment_values if column.temporal else column.number_values
    width = float(np.nanmax(figures) - np.nanmin(figures)) + 1
    # Drawn at random from their range, so many figures would have met.
    if filled * (filled - 1) / 2 / width >= MIN_EXPECTED:
        return True
    return found.kind is Kind.INTEGER and _fixed(column)


def _fixed(column: CodedColumn) -> bool:
    lengths = column.values.str.len_chars()
    return lengths.n_unique() == 1 and int(lengths[0]) >= 4


def _repeats_rarely(codes: Codes) -> bool:
    sizes = np.unique(codes[codes >= 0], return_counts=True)[1]
    return int(sizes[sizes > 1].sum()) <= MAX_REPEATED * int(sizes.sum())


def _composite(table: CodedTable) -> Iterator[Draft]:
    columns = list(islice((column for column in table.columns if _may_be_part(table, column)), MAX_COLUMNS))
    agreement = {column.name: _agreement(column) for column in columns}
    tried = 0
    for width in (2, 3):
        found = 0
        for chosen in combinations(columns, width):
            expected = table.height**2 / 2 * math.prod(agreement[column.name] for column in chosen)
            if expected < MIN_EXPECTED or math.prod(len(column.values) for column in chosen) < table.height:
                continue
            tried += 1
            if tried > MAX_TRIED or found >= MAX_KEYS:
                return
            names = tuple(column.name for column in chosen)
            if _repeats_rarely(table.as_key(names)):
                found += 1
                yield _unique(names, f"by chance {expected:,.0f} pairs of rows would agree in them")
        if found:
            return


def _agreement(column: CodedColumn) -> float:
    """Share of the pairs of different rows that agree in a column."""
    rows = int(column.counts.sum())
    return float((column.counts * (column.counts - 1)).sum()) / max(rows * (rows - 1), 1)


def _may_be_part(table: CodedTable, column: CodedColumn) -> bool:
    if len(column.values) < 2 or column.filled.sum() < 0.99 * table.height:
        return False
    return not column.numeric or (found := typing(column)) is None or found.kind is not Kind.DECIMAL


def _unique(names: tuple[str, ...], why: str) -> Draft:
    return Draft(Rule(SuggestionKind.UNIQUE, names), Dimension.UNIQUENESS, Severity.ERROR, why)


def reference_drafts(table: CodedTable) -> Iterator[Draft]:
    """Draft which columns must be found in another table's key."""
    for name, other in table.others.items():
        for key in other.columns:
            if len(key.values) < 2 or not _repeats_rarely(key.codes):
                continue
            for column in table.columns:
                if _refers(column, key):
                    parameters = {"table": name, "column": [key.name]}
                    rule = Rule(SuggestionKind.REFERENCE, (column.name,), parameters)
                    why = f"values of {column.name} are found in {name}.{key.name}"
                    yield Draft(rule, Dimension.INTEGRITY, Severity.ERROR, why)


def _refers(column: CodedColumn, key: CodedColumn) -> bool:
    total = int(column.counts.sum())
    if total < MIN_ROWS or len(column.values) < 2:
        return False
    found = column.values.is_in(key.values.to_list()).to_numpy()
    if column.counts[found].sum() < 0.98 * total or found.sum() < 2:
        return False
    # Words that are just those of the other list are its words, however few they are.
    same = not column.numeric and 3 <= len(column.values) == len(key.values) and bool(found.all())
    return same or _alike(column.name, key.name) or not _bound_to_meet(column, key)


def _bound_to_meet(column: CodedColumn, key: CodedColumn) -> bool:
    """Whether figures of this range are found in the key whatever they mean."""
    if not (column.numeric and key.numeric):
        return len(column.values) < 5
    low, high = np.nanmin(column.number_values), np.nanmax(column.number_values)
    inside = (key.number_values >= low) & (key.number_values <= high)
    return len(column.values) < 5 or float(inside.sum()) > 0.5 * float(high - low + 1)


def _alike(name: str, other: str) -> bool:
    """Whether two columns share a word of their names that is not merely `id`."""
    words, other_words = _words(name), _words(other)
    return bool(words & other_words) or name.lower() == other.lower()


def _words(name: str) -> set[str]:
    parts = pl.Series([name]).str.replace_all(r"([a-z])([A-Z])", "$1 $2").str.to_lowercase()
    words = set(str(parts[0]).replace("_", " ").replace("-", " ").split())
    return {word.rstrip("s") for word in words} - {"id", "no", "nr", "code", "key", "name", "number", ""}
