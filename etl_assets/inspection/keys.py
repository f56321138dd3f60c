"""Which columns may identify a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import polars as pl

from etl_assets.inspection.lexicon import ID_WORDS, folded, words_of
from etl_assets.inspection.records import Certainty, Column, Key, Kind

_CANDIDATES = 12
_KEYS = 5
_FEW_ROWS = 20
_FIRST_LOOK = 20_000


def find_keys(sample: pl.DataFrame, columns: Sequence[Column]) -> tuple[Key, ...]:
    """Return what may identify a row: single columns first, then pairs and triples without a key in them."""
    if sample.height < 2:
        return ()
    singles = [
        Key((column.name,), _certainty(sample, [column]), column.distinct, sample.height)
        for column in columns
        if column.distinct == column.filled == sample.height and _may_identify(column)
    ]
    if singles:
        return tuple(sorted(singles, key=_rank(columns)))[:_KEYS]
    pool = sorted(
        (one for one in columns if _may_identify(one) and one.filled == sample.height and one.distinct > 1),
        key=lambda one: (not _named_like_key(one), -one.distinct),
    )[:_CANDIDATES]
    return tuple(sorted(_composite(sample, pool), key=_rank(columns)))[:_KEYS]


def _composite(sample: pl.DataFrame, pool: Sequence[Column]) -> list[Key]:
    found: list[Key] = []
    start = sample.head(_FIRST_LOOK)
    for size in (2, 3):
        for some in combinations(pool, size):
            names = tuple(sorted((one.name for one in some), key=sample.columns.index))
            if any(set(key.columns) <= set(names) for key in found):
                continue
            if _product(some) < sample.height or start.select(names).is_duplicated().any():
                continue
            if sample.select(names).drop_nulls().height == sample.height and not (
                sample.select(names).is_duplicated().any()
            ):
                found.append(Key(names, _certainty(sample, some), sample.height, sample.height))
        if found:
            break
    return found


def _product(some: Sequence[Column]) -> int:
    out = 1
    for one in some:
        out *= one.distinct
    return out


def _certainty(sample: pl.DataFrame, some: Sequence[Column]) -> Certainty:
    """Never sure: a sample can only show that something is no key."""
    named = sum(map(_named_like_key, some))
    likely = named == len(some) or (named and sample.height >= 10 * _FEW_ROWS)
    return Certainty.LIKELY if likely and sample.height >= _FEW_ROWS else Certainty.UNSURE


def _may_identify(column: Column) -> bool:
    if column.kind in (Kind.DECIMAL, Kind.BOOLEAN) or not column.filled:
        return False
    if column.kind is not Kind.TEXT or _named_like_key(column):
        return True
    # Texts of several words differ from one another without identifying anything.
    return not any(len(text) > 60 or text.count(" ") > 1 for text in column.examples)


def _named_like_key(column: Column) -> bool:
    words = [folded(word) for word in words_of(column.name)]
    return any(word in ID_WORDS for word in words) or bool(
        words and words[-1].endswith(("id", "nr", "nummer", "key"))
    )


def _rank(columns: Sequence[Column]) -> Callable[[Key], tuple[bool, int, int, int]]:
    order = {column.name: (n, column) for n, column in enumerate(columns)}

    def rank(key: Key) -> tuple[bool, int, int, int]:
        named = sum(_named_like_key(order[name][1]) for name in key.columns)
        dated = sum(order[name][1].kind in (Kind.DATE, Kind.DATETIME) for name in key.columns)
        return key.certainty is Certainty.UNSURE, -named, dated, sum(order[name][0] for name in key.columns)

    return rank
