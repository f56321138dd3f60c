"""Scores: how good a period of a table is, per dimension and as a whole.

Formulas (design, section 7): pass rate of a rule = 1 - failed / evaluated; a dimension's score is
the weighted mean of its rules' pass rates, the table's score the weighted mean of its dimensions'.
Nothing evaluated gives an unknown score (None), never 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from etl_assets.contracts.vocabulary import Dimension
from etl_assets.quality.outcome import PeriodOutcome, Tally


@dataclass(frozen=True)
class DimensionScore:
    """A dimension's score, 0..1 or None for unknown, with its denominators in rows."""

    dimension: Dimension
    score: float | None
    evaluated: int
    failed: int


@dataclass(frozen=True)
class Score:
    """A table's score, its dimensions, and the row score: all 0..1, or None for unknown."""

    score: float | None
    row_score: float | None
    dimensions: tuple[DimensionScore, ...]


def score_outcome(outcome: PeriodOutcome, weights: Mapping[str, float] | None = None) -> Score:
    """Score one period of a table.

    Args:
        outcome: The validation's tallies and counts.
        weights: Dimension -> weight; 1 where not given.
    """
    dimensions = score_dimensions(outcome.tallies)
    return Score(
        score=combine(dimensions, weights),
        # A waived row is accepted, and none the better for it.
        row_score=1 - (outcome.quarantined + outcome.waived) / outcome.rows_in if outcome.rows_in else None,
        dimensions=dimensions,
    )


def score_dimensions(tallies: Iterable[Tally]) -> tuple[DimensionScore, ...]:
    """Score each dimension that the tallies speak of, in the order of the vocabulary."""
    by_dimension: dict[Dimension, list[Tally]] = {}
    for tally in tallies:
        by_dimension.setdefault(tally.dimension, []).append(tally)
    return tuple(
        _score_dimension(dimension, by_dimension[dimension])
        for dimension in Dimension
        if dimension in by_dimension
    )


def _score_dimension(dimension: Dimension, tallies: Sequence[Tally]) -> DimensionScore:
    known = [(1 - tally.failed / tally.evaluated, tally.weight) for tally in tallies if tally.evaluated]
    return DimensionScore(
        dimension,
        weighted_mean(known),
        sum(tally.evaluated for tally in tallies),
        sum(tally.failed for tally in tallies),
    )


def combine(dimensions: Iterable[DimensionScore], weights: Mapping[str, float] | None = None) -> float | None:
    """Combine dimensions into a table's score; unknown dimensions do not count."""
    weights = weights or {}
    return weighted_mean(
        [(d.score, weights.get(d.dimension, 1.0)) for d in dimensions if d.score is not None]
    )


def weighted_mean(values: Sequence[tuple[float, float]]) -> float | None:
    """Weighted mean of (value, weight) pairs; None where the weights add up to nothing."""
    total = sum(weight for _, weight in values)
    return sum(value * weight for value, weight in values) / total if total else None
