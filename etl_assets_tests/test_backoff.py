from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_assets.backoff import Backoff, Strategy

STRATEGIES: list[Strategy] = ["fixed", "linear", "exponential", "fibonacci"]


@pytest.mark.parametrize(
    ("strategy", "waits"),
    [
        ("fixed", [0, 10, 10, 10, 10, 10, 10]),
        ("linear", [0, 10, 20, 30, 40, 50, 60]),
        ("exponential", [0, 10, 30, 90, 100, 100, 100]),
        ("fibonacci", [0, 10, 10, 20, 30, 50, 80]),
    ],
)
def test_waits_grow_as_the_strategy_says(strategy: Strategy, waits: list[float]) -> None:
    backoff = Backoff(strategy, first_seconds=10, max_seconds=100, factor=3)
    assert [backoff.seconds(failures) for failures in range(7)] == waits


@given(
    strategy=st.sampled_from(STRATEGIES),
    failures=st.integers(0, 10**9),
    first=st.floats(1e-3, 1e6),
    longest=st.floats(1e-3, 1e9),
    factor=st.floats(1, 1e6),
    jitter=st.floats(0, 1),
)
def test_no_wait_is_longer_than_the_longest(
    strategy: Strategy, failures: int, first: float, longest: float, factor: float, jitter: float
) -> None:
    wait = Backoff(strategy, first, longest, factor, jitter).seconds(failures, "a")
    assert 0 <= wait <= longest


@given(st.sampled_from(STRATEGIES), st.integers(1, 50))
def test_jitter_stays_within_its_share(strategy: Strategy, failures: int) -> None:
    plain = Backoff(strategy, 10, 1e9)
    wait = Backoff(strategy, 10, 1e9, jitter=0.2).seconds(failures, "retail")
    assert plain.seconds(failures) * 0.8 <= wait <= min(plain.seconds(failures) * 1.2, 1e9)


def test_jitter_parts_what_failed_together_and_is_the_same_in_every_process() -> None:
    backoff = Backoff(jitter=0.2)
    waits = {seed: backoff.seconds(3, seed) for seed in ("retail", "flights", "orders")}
    assert len(set(waits.values())) == 3
    code = "from etl_assets.backoff import Backoff; print(Backoff(jitter=0.2).seconds(3, 'retail'))"
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": salt},
        ).stdout
        for salt in ("1", "2")
    }
    assert said == {f"{waits['retail']}\n"}
