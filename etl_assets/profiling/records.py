"""What profiling suggests: rules with their support, exceptions and a bound. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from etl_assets.contracts.vocabulary import Dimension, Severity


class SuggestionKind(StrEnum):
    """Which rule of a contract a suggestion becomes, and what its `parameters` hold.

    Parameters are plain values that survive JSON. They speak of typed values, as they are after cleaning
    (spaces trimmed, null words gone): a number is text as Python's `Decimal` reads it (`"12.50"`), a date
    or datetime text in ISO form (`"2024-02-29"`, `"2024-02-29T14:05:00"`); all other text is as delivered.

    castable: the column's type. `kind` (a value of inspection's `Kind`: integer, decimal, date, datetime,
        time), `formats` (a list of strftime formats, the one to keep first; of moments, and empty where
        inspection found none), `null_words` (a list). The exceptions are cells that are not in this form as
        delivered; silver's cleaning may mend some of them (`0.05%`, `N/A`).
    not_null: none. An empty cell or a null word breaks it.
    in_range: `min_value`, `max_value`; either may be absent.
    str_matches: `pattern`, a regular expression for the whole cell, anchored by `^` and `$`; it is of the
        Rust dialect and means the same in Python.
    str_length: `min_value`, `max_value`, characters, as int.
    isin: `values`, a list, the commonest first. `likely`: what exceptions may have been meant as.
    notin: `values`, a list of misspelt or misplaced values; `likely`: a mapping from each of them to
        what was probably meant, for a `replace` in silver.
    unique: none; `columns` together identify a row. Rows with an empty cell among them don't count.
    dependency: `dependents`, a list: rows that agree in `columns` agree in these. An empty cell breaks
        nothing. Where several sources describe the same things, `source` is the column that names them:
        then the majority is believed, however many contradict.
    reference: `table` and `column` (a list, in the order of `columns`) of the other table.
    row_check: `operator`, of one of these forms, over `columns`:
        `<=`, `<`, `>=`, `>`: `left`, `right`, two columns.
        `sum`: `left` (a list of columns) add up to `right`, within `tolerance` (text).
        `product`: `left` (a list of two columns) multiplied make `right`, within `tolerance` (text).
        `misplaced`: where the column `right` is empty, the cell of `left` does not match `pattern`: it
            does not end with what belongs into `right`.
    """

    CASTABLE = "castable"
    NOT_NULL = "not_null"
    IN_RANGE = "in_range"
    STR_MATCHES = "str_matches"
    STR_LENGTH = "str_length"
    ISIN = "isin"
    NOTIN = "notin"
    UNIQUE = "unique"
    DEPENDENCY = "dependency"
    REFERENCE = "reference"
    ROW_CHECK = "row_check"


@dataclass(frozen=True)
class Suggestion:
    """One rule that the data speaks for.

    Attributes:
        kind: Which rule.
        columns: Its columns, as delivered; of a dependency the determinants.
        severity: `error` when the exceptions look like mistakes, else `warn`.
        dimension: What it counts for.
        support: Rows of the sample that it speaks of.
        exceptions: Rows of the sample that break it.
        lower_bound: Lower end of the 95 % Wilson interval of the share of rows that keep it.
        why: One sentence with the figures, for the comment in the contract; it quotes no cell.
        parameters: See `SuggestionKind`.
        rows: Positions (0-based) in the sample of up to 1,000 rows that break it.
    """

    kind: SuggestionKind
    columns: tuple[str, ...]
    severity: Severity
    dimension: Dimension
    support: int
    exceptions: int
    lower_bound: float
    why: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[int, ...] = ()
