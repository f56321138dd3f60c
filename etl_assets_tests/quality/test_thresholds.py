from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from etl_assets.contracts.vocabulary import Dimension
from etl_assets.quality.thresholds import Threshold, Thresholds, Verdict

LIMIT = Threshold(warn=0.95, fail=0.90)


@pytest.mark.parametrize(
    ("score", "verdict"),
    [
        (1.0, Verdict.PASS),
        (0.95, Verdict.PASS),
        (0.949999, Verdict.WARN),
        (0.90, Verdict.WARN),
        (0.899999, Verdict.FAIL),
        (0.0, Verdict.FAIL),
        (None, Verdict.UNKNOWN),
        (math.nan, Verdict.UNKNOWN),
    ],
)
def test_both_sides_of_each_boundary(score: float | None, verdict: Verdict) -> None:
    assert LIMIT.verdict(score) is verdict


@given(st.integers(1, 10_000_000).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))))
def test_a_score_that_equals_the_limit_passes_however_it_was_computed(counts: tuple[int, int]) -> None:
    evaluated, failed = counts
    limit = Threshold(warn=(evaluated - failed) / evaluated, fail=0)
    assert limit.verdict(1 - failed / evaluated) is Verdict.PASS
    assert limit.verdict(sum([1 - failed / evaluated] * 7) / 7) is Verdict.PASS
    if failed < evaluated:
        assert limit.verdict(1 - (failed + 1) / evaluated) is Verdict.WARN


@pytest.mark.parametrize("score", [-0.01, 1.01, math.inf, -math.inf])
def test_what_is_no_score_is_refused(score: float) -> None:
    with pytest.raises(ValueError, match=r"0\.\.1"):
        LIMIT.verdict(score)


def test_equal_limits_leave_no_room_for_a_warning() -> None:
    strict = Threshold(warn=1, fail=1)
    assert strict.verdict(1) is Verdict.PASS
    assert strict.verdict(0.9999999) is Verdict.FAIL


def test_limits_the_wrong_way_round_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"fail \(0\.9\) must not be above warn \(0\.8\)"):
        Threshold(warn=0.8, fail=0.9)


@pytest.mark.parametrize("limit", [{"warn": 1.1}, {"fail": -0.1}, {"warn": "nan"}, {"error": 0.5}])
def test_limits_that_are_no_shares_are_refused(limit: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Threshold.model_validate(limit)


def test_a_dimension_not_named_gets_the_default() -> None:
    limits = Thresholds(
        default=Threshold(warn=0.5, fail=0.4),
        dimensions={Dimension.COMPLETENESS: Threshold(warn=0.8, fail=0.7)},
    )
    assert limits.verdict(Dimension.COMPLETENESS, 0.6) is Verdict.FAIL
    assert limits.verdict(Dimension.VALIDITY, 0.6) is Verdict.PASS
