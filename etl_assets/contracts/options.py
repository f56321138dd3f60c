"""What is said beside Pandera's own fields and checks, as plain values; written with `declare`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from etl_assets.contracts.vocabulary import Dimension, OnViolation, RuleKind, Severity, UniqueScope
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
        waits: Rows may arrive before what they refer to: while they lack nothing but that they wait in
            quarantine and don't count against the tolerance, and they are released by themselves when
            it arrives. A timedelta says after which time, counted from their delivery, they are reported
            as overdue; True never.
    """

    table: str
    column: str
    waits: bool | timedelta = False

    def __post_init__(self) -> None:
        if isinstance(self.waits, timedelta) and self.waits <= timedelta(0):
            raise ContractError(
                f"Rows may wait for {self.table} for {self.waits}", hint="Give a time, or True"
            )


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
    scope: UniqueScope | None = None

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
class Dependency:
    """A functional dependency: rows with the same `determinants` have the same `dependents`.

    Each dependent gives a rule `<dependent>.determined_by(<determinant>,...)`. It is judged within each
    partition. Rows that agree in all determinants form a group; a row breaks the rule if its dependent
    value is not the group's most frequent one, and if several values are equally frequent, every row of the
    group breaks it. It speaks of rows in which all these columns are given and none of them breaks another
    `error` rule; the others neither vote nor break it. What a row breaks elsewhere does not take away its
    vote, and a row that is there twice has two.

    Attributes:
        determinants: One column, or several that count together.
        dependents: One column or several, each by itself.
        options: Severity (default `warn`: that a value is rare does not prove that it is wrong),
            dimension (default consistency), weight, reason.

    Example:
        Dependency("zip", ("city", "state"), warn("an operator types the city"))
    """

    determinants: str | tuple[str, ...]
    dependents: str | tuple[str, ...]
    options: RuleOptions = RuleOptions()

    @property
    def pairs(self) -> list[tuple[tuple[str, ...], str]]:
        """The determinants with each dependent."""
        one, other = self.determinants, self.dependents
        determinants = (one,) if isinstance(one, str) else tuple(one)
        return [(determinants, name) for name in ((other,) if isinstance(other, str) else other)]


@dataclass(frozen=True)
class TableOptions:
    """What is said about the table; made by `about_table`."""

    period_column: str | None = None
    in_period: RuleOptions = RuleOptions()
    unique: RuleOptions = RuleOptions()
    unique_as_delivered: RuleOptions | None = None
    dependencies: tuple[Dependency, ...] = ()


@dataclass(frozen=True)
class CheckOptions:
    """What is said about a custom check; made by the decorators below."""

    rule: RuleOptions
    kind: RuleKind
