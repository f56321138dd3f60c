"""Which column tells the day of each row where the names of files tell none, and which rows have none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from etl_assets.inspection.file_contents import ISO_DAY, bulk, days_in
from etl_assets.inspection.records import Column, Inspection, Kind
from etl_assets.staging.source import EPOCHS

_MOST = 0.9
"""Share of the rows that must have a day for a column to be the one that tells it."""
_NEAR = 0.98
"""Share of the days that must lie together: others are strays, which no calendar has."""
_EPOCH_DIGITS = {"epoch_seconds": 10, "epoch_milliseconds": 13}
_SHOWN = 3


@dataclass(frozen=True)
class RowDates:
    """A column that tells the day of each row, or of nearly each.

    Attributes:
        column: Its name.
        format: How its days are written, as a source's `period_format` says it.
        first: The first day, strays left out.
        last: The last day.
        rows: Rows that were looked at.
        dated: Those of them that have such a day.
        others: Some cells of the others.
        is_date: Whether its cells are dates to a reader, too; numbers of seconds are not.
    """

    column: str
    format: str
    first: date
    last: date
    rows: int
    dated: int
    others: tuple[str, ...] = ()
    is_date: bool = True

    @property
    def told(self) -> str:
        """What is found, and what is not a day."""
        told = f"{self.column} does, from {self.first} to {self.last}"
        if self.format in EPOCHS:
            told += f", written as {self.format.partition('_')[2]} since 1970"
        if missing := self.rows - self.dated:
            shown = f", such as {', '.join(map(repr, self.others))}" if self.others else ""
            has = "row has" if missing == 1 else "rows have"
            told += f"; {missing:,} of {self.rows:,} {has} none there{shown}, and will be in quarantine"
        return told


def dates_of_rows(files: Sequence[Inspection]) -> RowDates | None:
    """Return the first column that has a day, written in one way, in nearly all rows of all files."""
    for place, column in enumerate(files[0].columns):
        alike = [one.columns[place] for one in files]
        if any(other.name != column.name for other in alike):
            continue
        found = _dates(files, alike) or _epochs(files, alike)
        if found is not None:
            return found
    return None


def written_in_several_ways(files: Sequence[Inspection]) -> Iterator[str]:
    """Yield the columns of dates that are written in more than one way."""
    for column in files[0].columns:
        if column.kind in (Kind.DATE, Kind.DATETIME) and len(column.formats) > 1:
            yield column.name


def _dates(files: Sequence[Inspection], alike: Sequence[Column]) -> RowDates | None:
    if any(one.kind not in (Kind.DATE, Kind.DATETIME) for one in alike):
        return None
    forms: Counter[str] = Counter()
    for one in alike:
        for form, share in zip(one.formats, one.shares or (1.0,), strict=False):
            forms[form] += round(share * one.fitting)
    form = forms.most_common(1)[0][0] if forms else ISO_DAY
    if "%z" in form:
        return None
    days = [
        days_in(one, replace(column, formats=(form,) if column.formats else ()))
        for one, column in zip(files, alike, strict=True)
    ]
    others = tuple(dict.fromkeys(cell for column in alike for cell in column.misfits))
    return _row_dates(alike[0].name, form, files, days, others)


def _epochs(files: Sequence[Inspection], alike: Sequence[Column]) -> RowDates | None:
    if any(one.kind is not Kind.INTEGER or one.thousands for one in alike):
        return None
    name = alike[0].name
    for form, digits in _EPOCH_DIGITS.items():
        days = [_epoch_days(one.sample[name], form, digits) for one in files]
        if found := _row_dates(name, form, files, days, ()):
            several = pl.concat(days).n_unique() > 1
            # Numbers of one length may count anything; those of days that follow each other hardly do.
            return replace(found, is_date=False) if several or len(days) > 1 else None
    return None


def _epoch_days(cells: pl.Series, form: str, digits: int) -> pl.Series:
    # A name such as ^x$ would be taken for an expression over names.
    texts = cells.alias("cell").cast(pl.String).str.strip_chars()
    numbers = texts.filter(texts.str.contains(rf"^1\d{{{digits - 1}}}$").fill_null(False)).cast(pl.Int64)
    return (numbers * EPOCHS[form]).cast(pl.Datetime("us")).dt.date()


def _row_dates(
    name: str, form: str, files: Sequence[Inspection], days: Sequence[pl.Series], others: tuple[str, ...]
) -> RowDates | None:
    rows = sum(one.sample.height for one in files)
    known = pl.concat([one.alias("day") for one in days])
    span = bulk(known)
    if span is None or len(known) < _MOST * rows:
        return None
    near = int(known.is_between(*span).sum())
    if near < _NEAR * len(known):
        return None
    return RowDates(name, form, *span, rows, near, others[:_SHOWN])
