"""How much happens at once, and where: the section `concurrency` of app.yaml."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ConcurrencySettings(BaseModel):
    """How much happens at once, and where.

    Dagster is told the same: `dq exec` and `make ui` write these settings into its `dagster.yaml`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_runs: int = Field(
        2, ge=1, description="Runs at the same time, over all datasets; others wait in Dagster's queue."
    )
    launcher: Literal["process", "ecs", "k8s"] = Field(
        "process",
        description="Where a run lives: process, beside the code server; ecs, a task of its own; "
        "k8s, a job of its own (needs the extra k8s).",
    )
    launcher_config: dict[str, Any] = Field(
        default_factory=dict,
        description="With ecs and k8s: what Dagster's EcsRunLauncher or K8sRunLauncher takes.",
    )
    executor: Literal["in_process", "multiprocess", "ecs", "k8s"] = Field(
        "in_process",
        description="Where a step of a run lives: in_process, in the run; multiprocess, a process of its "
        "own, which costs some two seconds each; ecs or k8s, a task or job of its own.",
    )
    max_processes: int = Field(
        2, ge=1, description="Steps of one run at the same time; in_process takes one after the other."
    )
    polars_threads: int | None = Field(
        None,
        ge=1,
        description="Threads of each process that builds tables; default: POLARS_MAX_THREADS, else the cores "
        "divided by what may run on them at once.",
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.launcher_config and self.launcher == "process":
            raise ValueError("launcher_config goes with launcher: ecs or k8s")
        return self

    @property
    def processes_per_machine(self) -> int:
        """How many processes may build tables on one machine (or in one container) at the same time."""
        runs = self.max_runs if self.launcher == "process" else 1
        steps = self.max_processes if self.executor == "multiprocess" else 1
        return runs * steps
