"""What came of a hop, and how the ledger is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import polars as pl

from etl_assets.contracts.dataset import TableId
from etl_assets.lake.files import PERIOD
from etl_assets.ledger import records
from etl_assets.ledger.decision_records import DecisionEffect
from etl_assets.ledger.records import Outcome, Validation, ValidationRecord
from etl_assets.pipeline.reading import Input
from etl_assets.quality.decided import DECISION
from etl_assets.quality.outcome import PeriodOutcome
from etl_assets.quality.score import Score


@dataclass(frozen=True)
class Built:
    """What became of one period of one table."""

    validation: Validation
    outcome: PeriodOutcome
    score: Score

    @property
    def published(self) -> bool:
        """Whether the gate was open."""
        return self.validation.outcome is Outcome.PUBLISHED


@dataclass
class HopResult:
    """What became of the periods that a hop was asked for.

    Attributes:
        built: Period -> what it came to, whether published or held.
        without_data: Periods that have nothing to build from, with the reason.
        failed: Periods that could not be read just now, or that the code could not cope with; they
            are tried again later.
    """

    table: TableId
    built: dict[str, Built] = field(default_factory=dict)
    without_data: dict[str, str] = field(default_factory=dict)
    failed: dict[str, Exception] = field(default_factory=dict)

    @property
    def held(self) -> dict[str, Built]:
        """The periods whose gate closed."""
        return {period: built for period, built in self.built.items() if not built.published}


def stopped(given: Input) -> PeriodOutcome:
    """The outcome of a period that can't be read at all: nothing is known of its rows."""
    return PeriodOutcome(given.period, 0, 0, 0, 0, 0, (), ())


def with_unreadable(
    outcome: PeriodOutcome, given: Input, unreadable: Iterable[pl.DataFrame]
) -> PeriodOutcome:
    """Count the records that could not be read among the quarantined rows.

    Args:
        outcome: What could be read.
        given: What the period is built from.
        unreadable: The records of some periods, with the decisions that discard them.
    """
    count = given.unreadable.height if given.unreadable is not None else 0
    marks = [
        mark
        for one in unreadable
        for mark in one.filter(pl.col(PERIOD) == given.period)[DECISION].drop_nulls()
    ]
    effects = Counter(outcome.effects)
    for mark in marks:
        effects.update(map(int, mark.split(";")))
    return replace(
        outcome,
        rows_in=outcome.rows_in + count,
        quarantined=outcome.quarantined + count,
        unreadable=count,
        discarded=outcome.discarded + len(marks),
        effects=effects,
    )


def with_details(validation: Validation, built: Built) -> ValidationRecord:
    """A validation with its tallies, statistics and scores."""
    return ValidationRecord(
        validation,
        tuple(
            records.Tally(one.rule, one.dimension, one.severity, one.evaluated, one.failed)
            for one in built.outcome.tallies
        ),
        tuple(records.Statistic(**vars(one)) for one in built.outcome.statistics),
        tuple(
            records.Score(one.dimension, one.score, one.evaluated, one.failed)
            for one in built.score.dimensions
        ),
        tuple(DecisionEffect(id, rows) for id, rows in sorted(built.outcome.effects.items())),
    )
