"""What is said beside Pandera's own fields and checks, as plain values; written with `declare`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from etl_assets.contracts.vocabulary import Dimension, OnViolation, RuleKind, Severity
from etl_assets.errors import ContractError

#: The key under which `about` and the check decorators keep their options in Pandera's metadata.
OPTIONS_KEY = "rules"


@dataclass(frozen=True)
class Reference:
    """A key that must exist in another table of the same dataset.

    Attributes:
        table: The table's name without its layer, such as `airlines`; the rule is called
            `<column>.in_<table>`.
        column: The column of that table that holds the keys.
    """

    table: str
    column: str


@dataclass(frozen=True)
class Cast:
    """How delivered text becomes the column's dtype.

    Attributes:
        format: For Date, Datetime and Time: a strftime format; None for ISO 8601. Never guessed from
            the data, for a guess would differ from partition to partition.
    """

    format: str | None = None


@dataclass(frozen=True)
class RuleOptions:
    """What is said about one rule; made by `rule` and `warn`."""

    severity: Severity | None = None
    dimension: Dimension | None = None
    weight: float = 1.0
    why: str = ""
    on_violation: OnViolation | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and self.weight >= 0):
            raise ContractError(f"A rule's weight is {self.weight}", hint="Give a finite number, 0 or more")


@dataclass(frozen=True)
class FieldOptions:
    """What is said about one column; made by `about`."""

    rules: Mapping[str, RuleOptions] = field(default_factory=dict)
    references: Reference | None = None
    cast: Cast | None = None
    pii: bool = False


@dataclass(frozen=True)
class TableOptions:
    """What is said about the table; made by `about_table`."""

    period_column: str | None = None
    in_period: RuleOptions = RuleOptions()
    unique: RuleOptions = RuleOptions()
    unique_as_delivered: RuleOptions | None = None


@dataclass(frozen=True)
class CheckOptions:
    """What is said about a custom check; made by the decorators below."""

    rule: RuleOptions
    kind: RuleKind
