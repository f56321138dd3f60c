"""How long to wait before the next try: one strategy for runs, for their steps and for probes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tenacity import RetryCallState
    from tenacity.wait import wait_base

Strategy = Literal["fixed", "linear", "exponential", "fibonacci"]

_MOST_TERMS = 1500
"""Fibonacci's numbers are beyond what a float holds by then."""


@dataclass(frozen=True)
class Backoff:
    """Waits that grow with the failures in a row.

    Attributes:
        strategy: fixed: always the first wait. linear: it grows by the first wait each time. exponential: by
            a factor. fibonacci: each is the sum of the two before, 1 1 2 3 5 times the first wait.
        first_seconds: The wait after the first failure.
        max_seconds: No wait is longer, jitter included.
        factor: What an exponential wait is multiplied by each time.
        jitter: Share by which a wait may be shorter or longer, so that what failed together does not come
            back together.
    """

    strategy: Strategy = "exponential"
    first_seconds: float = 60.0
    max_seconds: float = 3600.0
    factor: float = 2.0
    jitter: float = 0.0

    def seconds(self, failures: int, seed: str = "") -> float:
        """Return how long to wait after so many failures in a row.

        Args:
            failures: How many.
            seed: Names what waits. The jitter is drawn from it and from the number of failures: asked again,
                in another process too, the answer is the same.
        """
        if failures < 1:
            return 0.0
        wait = _wait(self)(_state(failures))
        if self.jitter:
            # Seeded by a text, which Python turns into a number without its salted hash.
            wait *= random.Random(f"{seed}:{failures}").uniform(1 - self.jitter, 1 + self.jitter)
        return float(min(wait, self.max_seconds))


@lru_cache(maxsize=64)
def _wait(backoff: Backoff) -> wait_base:
    import tenacity as t  # 50 ms of a start, and hardly ever wanted

    first, longest = backoff.first_seconds, backoff.max_seconds
    match backoff.strategy:
        case "fixed":
            return t.wait_fixed(first)
        case "linear":
            return t.wait_incrementing(start=first, increment=first, max=longest)
        case "exponential":
            return t.wait_exponential(multiplier=first, exp_base=backoff.factor, max=longest)
        case "fibonacci":
            # The one strategy that tenacity lacks, put together from its parts.
            return t.wait_chain(*(t.wait_fixed(seconds) for seconds in _fibonacci(first, longest)))


def _fibonacci(first: float, longest: float) -> Iterator[float]:
    before, wait = 0.0, first
    for _ in range(_MOST_TERMS):
        yield min(wait, longest)
        if wait >= longest:
            return
        before, wait = wait, before + wait


def _state(failures: int) -> RetryCallState:
    import tenacity

    state = tenacity.RetryCallState(retry_object=None, fn=None, args=(), kwargs={})  # type: ignore[arg-type]
    state.attempt_number = failures
    return state
