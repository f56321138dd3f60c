"""What profiling suggests: rules with their support, exceptions and a bound. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from etl_assets.contracts.vocabulary import Dimension, Severity


class SuggestionKind(StrEnum):
    """Which rule of a contract a suggestion becomes."""

    NOT_NULL = "not_null"
    IN_RANGE = "in_range"
    STR_MATCHES = "str_matches"
    STR_LENGTH = "str_length"
    ISIN = "isin"
    UNIQUE = "unique"
    DEPENDENCY = "dependency"
    REFERENCE = "reference"
    ROW_CHECK = "row_check"


@dataclass(frozen=True)
class Suggestion:
    """One rule that the data speaks for.

    Attributes:
        kind: Which rule.
        columns: Its columns, as delivered; of a dependency the determinants and, in `parameters`,
            `dependents`.
        parameters: `min_value`, `max_value`; `pattern`; `values`; `dependents`; `table` and `column` of a
            reference; `left`, `operator`, `right` of a row check.
        severity: `error` when the exceptions look like mistakes, else `warn`.
        dimension: What it counts for.
        support: Rows of the sample that it speaks of.
        exceptions: Rows of the sample that break it.
        rows: Positions (0-based) in the sample of up to 1,000 rows that break it.
        lower_bound: Lower end of the 95 % Wilson interval of the share of rows that keep it.
        why: One sentence with the figures, for the comment in the contract.
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
