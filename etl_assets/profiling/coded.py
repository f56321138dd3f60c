"""A sample in the form that profiling works on: each column as distinct values and a code per row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from etl_assets.inspection.records import Column
from etl_assets.profiling.lexical import number_text, parse_moments

Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# What stands for "not known" in a column whose facts nobody has found out, compared without case.
NULL_WORDS = frozenset({"n/a", "na", "n.a.", "null", "none", "nan", "nil", "-", "--", "?", "#n/a", "missing"})

LARGEST = 1e150


class CodedColumn:
    """A column as distinct values with a code per row.

    Attributes:
        name: The column.
        facts: What inspection found out, or None.
        values: Its distinct cells without spaces around them, in order; no empty cells, no null words.
        codes: For each row the position in `values`, -1 where the cell is empty or a null word.
        voids: Rows whose cell is a null word.
        found: What has been found out about it once and for all.
    """

    def __init__(self, series: pl.Series, facts: Column | None) -> None:
        self.name = series.name
        self.facts = facts
        self.found: dict[str, Any] = {}
        text = series.cast(pl.String).str.strip_chars()
        null_word = _null_words(text, facts)
        self.voids: Mask = null_word.to_numpy().astype(bool)
        known = pl.select(pl.when((text != "") & ~null_word).then(text)).to_series()
        self.values = known.drop_nulls().unique().sort()
        codes = known.cast(pl.Enum(self.values)).to_physical().cast(pl.Int64).fill_null(-1)
        self.codes: Codes = codes.to_numpy()

    @property
    def filled(self) -> Mask:
        """Rows that hold something."""
        return self.codes >= 0

    @cached_property
    def counts(self) -> Codes:
        """Rows per distinct value."""
        return np.bincount(self.codes[self.filled], minlength=len(self.values)).astype(np.int64)

    @cached_property
    def number_values(self) -> Floats:
        """Each distinct value as a number, NaN where it is none as it stands."""
        figures = number_text(self.values, self.facts).cast(pl.Float64, strict=False).to_numpy().astype(float)
        # What has hundreds of digits is no figure, and overflows in every sum.
        figures[~(np.abs(figures) < LARGEST)] = np.nan
        return figures

    @cached_property
    def moment_values(self) -> Floats:
        """Each distinct value as seconds since 1970 (of times since midnight), NaN where it is no moment."""
        return parse_moments(self.values, self.facts).cast(pl.Float64).to_numpy().astype(float)

    @cached_property
    def numbers(self) -> Floats:
        """Each row's number, NaN where there is none."""
        return self.by_row(self.number_values)

    @cached_property
    def moments(self) -> Floats:
        """Each row's moment, NaN where there is none."""
        return self.by_row(self.moment_values)

    def by_row(self, per_value: Floats) -> Floats:
        """Lay out a figure per distinct value along the rows; NaN where the cell is empty."""
        return np.append(per_value, np.nan)[self.codes]

    def rows_of(self, per_value: Mask) -> Mask:
        """Rows whose value is marked."""
        return np.append(per_value, False)[self.codes]

    @cached_property
    def numeric(self) -> bool:
        """Whether most of what is filled are numbers as they stand."""
        return self._mostly(self.number_values)

    @cached_property
    def temporal(self) -> bool:
        """Whether most of what is filled are moments."""
        return not self.numeric and self._mostly(self.moment_values)

    def _mostly(self, per_value: Floats) -> bool:
        total = int(self.counts.sum())
        return total > 0 and bool(self.counts[~np.isnan(per_value)].sum() > total / 2)


class CodedTable:
    """A sample's columns, coded.

    Args:
        sample: Cells as delivered, all text, null where empty.
        columns: What inspection found out; of columns without facts as little as possible is assumed.
        others: Samples of other tables, by name.
        partitions: For each row the partition that it will lie in; None for one table as a whole.
    """

    def __init__(
        self,
        sample: pl.DataFrame,
        columns: Iterable[Column] = (),
        others: Mapping[str, pl.DataFrame] | None = None,
        partitions: pl.Series | None = None,
    ) -> None:
        facts: Mapping[str, Column] = {column.name: column for column in columns}
        self.height = sample.height
        self.columns = [CodedColumn(series, facts.get(series.name)) for series in sample.get_columns()]
        self.others = {name: CodedTable(other) for name, other in (others or {}).items()}
        self._by_name = {column.name: column for column in self.columns}
        self._partitions: Codes | None = None
        if partitions is not None and partitions.n_unique() > 1:
            self._partitions = partitions.rank("dense").to_numpy().astype(np.int64) - 1

    def __getitem__(self, name: str) -> CodedColumn:
        return self._by_name[name]

    @property
    def partitioned(self) -> bool:
        """Whether the rows lie in several partitions."""
        return self._partitions is not None

    def as_key(self, names: Sequence[str]) -> Codes:
        """As `together`, told apart by partition too: within one a table's keys are judged."""
        codes = self.together(names)
        if self._partitions is None:
            return codes
        width = int(codes.max(initial=0)) + 1
        return np.where(codes >= 0, self._partitions * width + codes, -1)

    def together(self, names: Sequence[str]) -> Codes:
        """One code per row for what these columns hold together; -1 where one of them is empty."""
        codes = self[names[0]].codes
        for name in names[1:]:
            other = self[name]
            width = max(len(other.values), 1)
            codes = np.where((codes >= 0) & (other.codes >= 0), codes * width + other.codes, -1)
            filled = codes >= 0
            # Dense again, so that neither numbers overflow nor tables by code grow beyond the rows.
            if codes.max(initial=0) > 4 * len(codes):
                codes[filled] = np.unique(codes[filled], return_inverse=True)[1]
        return codes


def _null_words(text: pl.Series, facts: Column | None) -> pl.Series:
    if facts is None:
        return text.str.to_lowercase().is_in(list(NULL_WORDS)).fill_null(False)
    return text.is_in(list(facts.null_words)).fill_null(False)
