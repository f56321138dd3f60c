"""What one validation says of one period: counts, tallies per rule, statistics per column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from etl_assets.contracts.vocabulary import Dimension, Severity


@dataclass(frozen=True)
class Tally:
    """How many rows a rule was applied to, and how many broke it.

    An aggregate rule counts as one evaluation of its partition.
    """

    rule: str
    dimension: Dimension
    severity: Severity
    weight: float
    evaluated: int
    failed: int


@dataclass(frozen=True)
class ColumnStatistics:
    """What the accepted rows of one column look like.

    `minimum` and `maximum` are text, cut to 200 characters, and None for columns marked `pii`;
    `mean` is None for columns that are not numeric; `distinct` is approximate (HyperLogLog).
    """

    column: str
    rows: int
    nulls: int
    minimum: str | None
    maximum: str | None
    mean: float | None
    distinct: int | None


@dataclass(frozen=True)
class PeriodOutcome:
    """The rows of one period after validation: `rows_in = accepted + quarantined + duplicates`.

    `quarantined` includes the `unreadable` records. `row_errors` counts the rows that broke an
    `error` rule, for the row score. `broken_aggregates` names the aggregate rules of severity
    `error` that do not hold.

    What people decided: of the accepted rows, `corrected` have cells that a person changed, and `waived`
    broke an `error` rule that a person waived; of the quarantined, `discarded` are a loss that a person
    accepted. `effects` says how many rows each decision concerned, by its id.

    `waiting` counts the other quarantined rows that lack nothing but what they refer to, and may wait for it.
    """

    period: str
    rows_in: int
    accepted: int
    quarantined: int
    duplicates: int
    unreadable: int
    tallies: tuple[Tally, ...]
    statistics: tuple[ColumnStatistics, ...]
    broken_aggregates: tuple[str, ...] = ()
    corrected: int = 0
    waived: int = 0
    discarded: int = 0
    waiting: int = 0
    effects: Mapping[int, int] = field(default_factory=dict)

    @property
    def adds_up(self) -> bool:
        """Whether every row is accounted for."""
        return self.rows_in == self.accepted + self.quarantined + self.duplicates

    @property
    def quarantined_share(self) -> float:
        """Share of the rows in that were quarantined, 0..1; 0 where there are no rows."""
        return self.quarantined / self.rows_in if self.rows_in else 0.0

    @property
    def undecided(self) -> int:
        """Quarantined rows that wait for nothing, and that nobody has decided to lose."""
        return self.quarantined - self.discarded - self.waiting

    @property
    def undecided_share(self) -> float:
        """Share of the rows in that is undecided, 0..1; 0 where there are no rows."""
        return self.undecided / self.rows_in if self.rows_in else 0.0
