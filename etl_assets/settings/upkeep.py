"""What is kept for how long, and when the rest is cleared away."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from etl_assets.settings.cron import CronLine


class UpkeepSettings(BaseModel):
    """When each dataset's upkeep runs, and for how long what it clears away is kept before."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cron: CronLine = Field(
        "30 3 * * *",
        description="When each dataset's upkeep runs, as a cron line in its calendar's timezone.",
    )
    retention_days: int = Field(
        7,
        ge=1,
        description="Old versions of tables can be read for so long; files of killed runs go as late.",
    )
    details_days: int = Field(
        90,
        ge=1,
        description="The ledger keeps tallies and statistics of replaced validations, and runs, for so "
        "long; scores and row counts for ever.",
    )
    dagster_days: int | None = Field(
        30,
        ge=1,
        description="Dagster keeps runs of upkeep and of looks for missing deliveries for so long; null: for "
        "ever. Runs that built tables stay: the history of the tables is in them.",
    )
