"""What the contents of a table's files say about each other: dates, rows told again, lists sent whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import pairwise

import polars as pl

from etl_assets.cleaning import date as read_date
from etl_assets.cleaning import moment as read_moment
from etl_assets.inspection.records import Column, Inspection, Kind

ISO_DAY = "%Y-%m-%d"
_MOST_PAIRS = 12
_FITTING = 0.97
"""Share of a column's cells that must be dates for the column to tell anything."""


def date_columns(inspection: Inspection) -> list[Column]:
    """The columns that hold dates, nearly all of them."""
    return [
        column
        for column in inspection.columns
        if column.kind in (Kind.DATE, Kind.DATETIME)
        and column.filled
        and column.fitting >= _FITTING * column.filled
    ]


def days_in(inspection: Inspection, column: Column) -> pl.Series:
    """The days of a column's cells that can be read, as they are written, without nulls."""
    read = read_date if column.kind is Kind.DATE else read_moment
    if not column.formats:
        # Of a format with types: text in ISO form.
        return inspection.sample[column.name].str.slice(0, 10).str.to_date(ISO_DAY, strict=False).drop_nulls()
    try:
        text = inspection.sample.select(read(column.name, *column.formats, nulls=column.null_words))
    except (ValueError, pl.exceptions.PolarsError):
        return pl.Series(column.name, [], dtype=pl.Date)  # formats that Polars does not know
    return text[column.name].str.slice(0, 10).str.to_date(ISO_DAY, strict=False).drop_nulls()


def share_within(days: pl.Series, first: date, after: date) -> float:
    """Share of the days that lie in a period; 0 where there are none."""
    if days.is_empty():
        return 0.0
    return int(days.is_between(first, after, closed="left").sum()) / len(days)


def bulk(days: pl.Series) -> tuple[date, date] | None:
    """First and last of the days without strays, which a gap of more than a year parts from the middle."""
    known = days.unique().sort().to_list()
    if not known:
        return None
    first = last = known.index(days.sort()[len(days) // 2])
    year = timedelta(days=366)
    while first > 0 and known[first] - known[first - 1] <= year:
        first -= 1
    while last + 1 < len(known) and known[last + 1] - known[last] <= year:
        last += 1
    return known[first], known[last]


def told_again(files: Sequence[Inspection]) -> float:
    """Share of the rows that the next file holds as well, the least of all pairs; 0 for less than two files.

    Args:
        files: In the order in which they were made.
    """
    shares = [_shared_rows(one.sample, other.sample) for one, other in _pairs(files)]
    return min(shares, default=0.0)


def grows(files: Sequence[Inspection]) -> bool:
    """Whether no file is smaller than the one before it, and the last is larger than the first."""
    sizes = [one.rows if one.rows is not None else one.size for one in files]
    return all(a <= b for a, b in pairwise(sizes)) and sizes[0] < sizes[-1]


def same_keys(files: Sequence[Inspection], key: str) -> float:
    """Share of the key's values that the next file has as well, the least of all pairs."""
    shares = []
    for one, other in _pairs(files):
        values = one.sample[key].drop_nulls().unique()
        known = int(values.is_in(other.sample[key].implode()).sum())
        shares.append(known / len(values) if len(values) else 0.0)
    return min(shares, default=0.0)


def common_key(files: Sequence[Inspection]) -> str | None:
    """A single column that identifies the rows of each of the files."""
    found = [
        {key.columns[0] for key in one.keys if len(key.columns) == 1 and key.distinct == key.rows}
        for one in files
    ]
    common = set.intersection(*found)
    return next((column.name for column in files[0].columns if column.name in common), None)


def _pairs(files: Sequence[Inspection]) -> Iterable[tuple[Inspection, Inspection]]:
    found = list(pairwise(files))
    step = max(1, len(found) // _MOST_PAIRS)
    return found[::step]


def _shared_rows(one: pl.DataFrame, other: pl.DataFrame) -> float:
    rows = one.unique()
    if rows.height < 3:
        return 0.0  # so few rows are alike by chance
    kept = rows.join(other.unique(), on=one.columns, how="semi", nulls_equal=True)
    return kept.height / rows.height
