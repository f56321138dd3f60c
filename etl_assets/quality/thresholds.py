"""What score is good enough."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from etl_assets.contracts.vocabulary import Dimension

# A weighted mean of exact pass rates may miss the threshold that it stands on by a rounding error.
_ROUNDING = 1e-12


class Verdict(StrEnum):
    """What a threshold says of a score. `unknown` is never good: show it as a warning that says so."""

    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


class Threshold(BaseModel):
    """Two limits for a score in 0..1.

    At or above `warn` a score passes, below `fail` it fails, in between it is a warning.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    warn: float = Field(0.95, ge=0, le=1, description="At or above it the score passes.")
    fail: float = Field(0.90, ge=0, le=1, description="Below it the score is an error.")

    @model_validator(mode="after")
    def _warn_before_fail(self) -> Self:
        if self.fail > self.warn:
            raise ValueError(f"fail ({self.fail}) must not be above warn ({self.warn})")
        return self

    def verdict(self, score: float | None) -> Verdict:
        """Judge a score in 0..1; None or NaN is unknown.

        Raises:
            ValueError: The score lies outside 0..1.
        """
        if score is None or math.isnan(score):
            return Verdict.UNKNOWN
        if not -_ROUNDING <= score <= 1 + _ROUNDING:
            raise ValueError(f"a score lies in 0..1, this one is {score}")
        if score >= self.warn - _ROUNDING:
            return Verdict.PASS
        return Verdict.WARN if score >= self.fail - _ROUNDING else Verdict.FAIL


class Thresholds(BaseModel):
    """The thresholds of one table: one for each dimension, and one for those not named."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    default: Threshold = Field(default_factory=Threshold)
    dimensions: Mapping[Dimension, Threshold] = Field(default_factory=dict)

    def of(self, dimension: Dimension) -> Threshold:
        """Return the limits of a dimension."""
        return self.dimensions.get(dimension, self.default)

    def verdict(self, dimension: Dimension, score: float | None) -> Verdict:
        """Judge the score of a dimension."""
        return self.of(dimension).verdict(score)
