"""When what failed is tried again: the sections `retry` and `circuit` of a dataset."""

from __future__ import annotations

from dataclasses import replace
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from etl_assets.backoff import Backoff, Strategy


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RetrySettings(_Section):
    """What happens to a delivery after an error that may pass, such as a file that can't be read just now.

    Waits grow by one strategy everywhere: between runs as said here, between the quick tries of a step and
    between the probes of a circuit from first waits of their own.
    """

    strategy: Strategy = Field(
        "exponential",
        description="fixed: always the first wait; linear: longer by the first wait each time; exponential: "
        "`factor` times the one before; fibonacci: the sum of the two before.",
    )
    max_attempts: int = Field(5, ge=1, description="After so many failures in a row it is put on hold.")
    first_delay_seconds: float = Field(
        60, gt=0, allow_inf_nan=False, description="Wait after the first failure."
    )
    factor: float | None = Field(
        None,
        ge=1,
        allow_inf_nan=False,
        description="With exponential: each wait is so many times the one before; 2 unless said.",
    )
    max_delay_seconds: float = Field(3600, gt=0, allow_inf_nan=False, description="Longest wait.")
    jitter: float = Field(
        0.2,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Share by which a wait is shorter or longer, drawn anew for each piece of work, so that "
        "what failed together does not come back together.",
    )

    @model_validator(mode="after")
    def _factor_is_for_exponential(self) -> Self:
        if self.factor is not None and self.strategy != "exponential":
            raise ValueError(
                f"factor goes with strategy: exponential; leave it out for {self.strategy}, whose waits are "
                "given by first_delay_seconds and max_delay_seconds"
            )
        return self

    @property
    def backoff(self) -> Backoff:
        """The same as the rooms below the settings take it."""
        factor = 2.0 if self.factor is None else self.factor
        return Backoff(self.strategy, self.first_delay_seconds, self.max_delay_seconds, factor, self.jitter)


class CircuitSettings(_Section):
    """When work is kept away from a staging area or a lake that is sick, and how often it is probed.

    A wrong setting or a refused credential opens it at the first failure: trying again changes nothing.
    """

    failures: int = Field(3, ge=1, description="After so many failures in a row no run is started.")
    first_probe_seconds: float = Field(
        30, gt=0, allow_inf_nan=False, description="Wait before the first probe; then by retry's strategy."
    )
    max_probe_seconds: float = Field(
        600, gt=0, allow_inf_nan=False, description="Longest wait between two probes."
    )

    def backoff(self, retry: RetrySettings) -> Backoff:
        """Waits between probes: by the strategy of `retry`, from first waits of their own."""
        return replace(
            retry.backoff, first_seconds=self.first_probe_seconds, max_seconds=self.max_probe_seconds
        )
