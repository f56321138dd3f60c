"""What inspecting files finds: proposals with their evidence, columns, keys. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import polars as pl

from etl_assets.staging.formats.options import Format


class Certainty(StrEnum):
    """How sure a proposal is: `unsure` asks the reader to look."""

    SURE = "sure"
    LIKELY = "likely"
    UNSURE = "unsure"


class Kind(StrEnum):
    """What the cells of a column are."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    TEXT = "text"


@dataclass(frozen=True)
class Proposal:
    """One thing about how to read a file.

    Attributes:
        aspect: Such as `format`, `encoding`, `separator`, `quote`, `header_line`, `preamble`, `footer`.
        value: What is proposed, as plain text or number.
        certainty: How sure that is.
        evidence: Why, in a sentence with figures.
        alternatives: What else it could be, the likeliest first.
    """

    aspect: str
    value: Any
    certainty: Certainty
    evidence: str
    alternatives: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Column:
    """One column as delivered.

    Attributes:
        name: As the header names it; made unique and non-empty where the header's is not.
        kind: What its cells are.
        certainty: How sure that is.
        filled: Cells of the sample that are not empty and no null word.
        fitting: Of those, the cells that are of this kind.
        misfits: Up to five distinct cells that are not; masked where the column looks personal.
        formats: Of dates, datetimes and times: the strftime formats found, the commonest first.
        decimal: The decimal sign of numbers.
        thousands: The sign between groups of digits, if there is one.
        affixes: Text around each number, such as `("€ ", "")` or `("", " oz")`; None without.
        null_words: Words that stand for "not known", such as `NA`, `-`, `?`.
        padded: True when cells have spaces around them.
        leading_zeros: True when numbers are codes that a number would damage, such as `00501`.
        distinct: Distinct filled cells of the sample.
        personal: What kind of personal data it looks like (`email`, `name`, `phone`, ...), or None.
        evidence: Why, in a sentence with figures.
        hints: What else to look at, one sentence each, such as `9999 stands in 12 cells: not known?`.
        examples: Up to three distinct cells; masked where the column looks personal.
        shares: Of each of the formats, the share of the fitting cells that it reads.
        true_words: Of booleans: the words for true, as delivered.
        false_words: Of booleans: the words for false, as delivered.
    """

    name: str
    kind: Kind
    certainty: Certainty
    filled: int
    fitting: int
    distinct: int
    misfits: tuple[str, ...] = ()
    formats: tuple[str, ...] = ()
    decimal: str = "."
    thousands: str | None = None
    affixes: tuple[str, str] | None = None
    null_words: tuple[str, ...] = ()
    padded: bool = False
    leading_zeros: bool = False
    personal: str | None = None
    evidence: str = ""
    hints: tuple[str, ...] = ()
    examples: tuple[str, ...] = ()
    shares: tuple[float, ...] = ()
    true_words: tuple[str, ...] = ()
    false_words: tuple[str, ...] = ()

    @property
    def share(self) -> float | None:
        """The share of filled cells that are of this kind, None where none is filled."""
        return self.fitting / self.filled if self.filled else None


@dataclass(frozen=True)
class Key:
    """Columns that may identify a row.

    Attributes:
        columns: Their names.
        certainty: How sure that is.
        distinct: Distinct values of the sample's rows.
        rows: Rows of the sample where none of the columns is empty.
    """

    columns: tuple[str, ...]
    certainty: Certainty
    distinct: int
    rows: int


@dataclass(frozen=True)
class Inspection:
    """What one file looks like.

    Attributes:
        path: The file.
        size: Its size in bytes.
        format: How to read it, for `sources.<table>.format` of a dataset's YAML.
        proposals: The same, aspect by aspect, with evidence.
        columns: Its columns, in order.
        keys: What may identify a row, the likeliest first.
        sample: The rows that were looked at, every cell text, null for an empty cell; columns as above.
        rows: How many rows the file has, None when only a part of it was read.
        complete: False when only a sample was read, because the file is large.
        problems: What is wrong with it, one sentence each, such as two columns of one name.
    """

    path: Path
    size: int
    format: Format
    proposals: tuple[Proposal, ...]
    columns: tuple[Column, ...]
    keys: tuple[Key, ...]
    sample: pl.DataFrame
    rows: int | None
    complete: bool
    problems: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def column(self, name: str) -> Column:
        """Return the column of this name; KeyError when there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)
