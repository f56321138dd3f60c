from __future__ import annotations

from dataclasses import replace

import pytest

from etl_assets.contracts.vocabulary import Dimension, Severity
from etl_assets.quality.gate import closed_because
from etl_assets.quality.outcome import PeriodOutcome, Tally
from etl_assets.quality.score import score_outcome

VALIDITY, COMPLETENESS, UNIQUENESS = Dimension.VALIDITY, Dimension.COMPLETENESS, Dimension.UNIQUENESS


def tally(dimension: Dimension, evaluated: int, failed: int, weight: float = 1.0) -> Tally:
    return Tally(f"rule {dimension} {weight}", dimension, Severity.ERROR, weight, evaluated, failed)


def outcome(*tallies: Tally, rows: int = 100, quarantined: int = 0, duplicates: int = 0) -> PeriodOutcome:
    accepted = rows - quarantined - duplicates
    return PeriodOutcome("2024-01-01", rows, accepted, quarantined, duplicates, 0, tallies, ())


def test_a_dimension_is_the_weighted_mean_of_its_rules() -> None:
    # (1 - 1/10) * 3 and (1 - 5/10) * 1, over 4
    score = score_outcome(outcome(tally(VALIDITY, 10, 1, weight=3), tally(VALIDITY, 10, 5)))

    [validity] = score.dimensions
    assert validity.score == pytest.approx(0.8)
    assert (validity.evaluated, validity.failed) == (20, 6)


def test_a_table_is_the_weighted_mean_of_its_dimensions() -> None:
    found = outcome(tally(VALIDITY, 10, 5), tally(COMPLETENESS, 10, 0))

    assert score_outcome(found).score == pytest.approx(0.75)
    assert score_outcome(found, {VALIDITY: 3}).score == pytest.approx(0.625)
    assert score_outcome(found, {VALIDITY: 0}).score == 1.0


def test_what_was_not_evaluated_is_unknown_and_does_not_count() -> None:
    score = score_outcome(outcome(tally(VALIDITY, 10, 5), tally(VALIDITY, 0, 0), tally(UNIQUENESS, 0, 0)))

    assert {one.dimension: one.score for one in score.dimensions} == {VALIDITY: 0.5, UNIQUENESS: None}
    assert score.score == 0.5


@pytest.mark.parametrize("tallies", [(), (tally(VALIDITY, 0, 0),), (tally(VALIDITY, 10, 0, weight=0),)])
def test_nothing_known_is_unknown_never_good(tallies: tuple[Tally, ...]) -> None:
    score = score_outcome(outcome(*tallies, rows=0))

    assert score.score is None
    assert score.row_score is None


def test_the_row_score_is_the_share_of_rows_that_broke_no_error_rule() -> None:
    assert score_outcome(outcome(quarantined=7, duplicates=20)).row_score == pytest.approx(0.93)


@pytest.mark.parametrize(("quarantined", "is_open"), [(0, True), (5, True), (6, False), (100, False)])
def test_the_gate_lets_a_share_pass_that_equals_the_tolerance(quarantined: int, is_open: bool) -> None:
    reason = closed_because(outcome(quarantined=quarantined), 0.05)

    assert (reason is None) == is_open
    assert is_open or f"{quarantined} of 100 rows" in (reason or "")


def test_nothing_is_tolerated_at_zero() -> None:
    assert closed_because(outcome(), 0.0) is None
    assert closed_because(outcome(quarantined=1), 0.0)


def test_duplicates_close_no_gate() -> None:
    assert closed_because(outcome(duplicates=99), 0.0) is None


@pytest.mark.parametrize("change", [{"accepted": 99}, {"accepted": 101}, {"duplicates": 1}, {"rows_in": 0}])
def test_rows_that_do_not_add_up_close_the_gate(change: dict[str, int]) -> None:
    assert "do not add up" in (closed_because(replace(outcome(), **change), 1.0) or "")


def test_a_breach_closes_the_gate_whatever_the_rows_say() -> None:
    assert closed_because(outcome(), 1.0, breach="header differs") == "header differs"


def test_a_broken_aggregate_closes_the_gate_and_is_named() -> None:
    broken = replace(outcome(), broken_aggregates=("something_is_sold",))

    assert "something_is_sold" in (closed_because(broken, 1.0) or "")


def test_an_empty_period_passes_the_gate() -> None:
    assert closed_because(outcome(rows=0), 0.0) is None
