"""What an operator says of one dataset: `config/datasets/<name>.yaml`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from etl_assets.contracts.vocabulary import Dimension
from etl_assets.errors import SettingsError
from etl_assets.logs import mask_url_passwords
from etl_assets.object_storage import is_s3, parse_place
from etl_assets.publications.declaration import Publication
from etl_assets.quality.thresholds import Threshold, Thresholds
from etl_assets.settings.cron import CronLine
from etl_assets.settings.retry import CircuitSettings, RetrySettings
from etl_assets.staging.calendar import Calendar
from etl_assets.staging.source import Source

_NAME = "[a-z][a-z0-9_]*"

TableName = Annotated[
    str,
    StringConstraints(pattern=f"^{_NAME}$"),
    Field(description="a name in lower-case letters, digits and _, such as sales"),
]
Scope = Annotated[
    str,
    StringConstraints(pattern=f"^(default|(bronze|silver|gold)(/{_NAME})?)$"),
    Field(description="default, a layer such as silver, or a table such as silver/sales"),
]
"""Where a value holds: `default`, a layer (`silver`) or a table (`silver/sales`); the narrowest counts."""

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Weight = Annotated[float, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
T = TypeVar("T")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ScheduleSettings(_Section):
    """When the dataset is looked at."""

    sensor_seconds: int = Field(30, ge=5, description="Seconds between two looks into the staging area.")
    missing_cron: CronLine = Field(
        "0 6 * * *",
        description="When to look for missing deliveries, as a cron line in the calendar's timezone.",
    )
    max_periods_per_run: int = Field(
        400, ge=1, description="Longest stretch of periods that one run takes on."
    )


class DatasetSettings(_Section):
    """What an operator says of one dataset: where its data comes from and what is tolerated.

    `tolerances`, `thresholds` and `weights` may be said for all tables (`default`), for a layer
    (`silver`) or for a table (`silver/sales`); the narrowest one counts.
    """

    enabled: bool = Field(True, description="False: no sensor, no schedule; its tables stay as they are.")
    description: str | None = Field(None, description="A sentence for the people who operate it.")
    staging: str | None = Field(
        None, description="Folder or URL where deliveries arrive; default: staging/<dataset> in ETL_HOME."
    )
    sources: dict[TableName, Source] = Field(
        min_length=1, description="Bronze table -> which files are delivered for it."
    )
    calendar: Calendar = Field(description="When deliveries are due.")
    tolerances: dict[Scope, Share] = Field(
        default_factory=dict,
        description="Share of a partition's rows that may be quarantined before the gate closes; "
        "0.05 unless said. Gold takes what is said for gold alone, else 0.",
    )
    thresholds: dict[Scope, dict[Dimension | Literal["default"], Threshold]] = Field(
        default_factory=dict, description="Limits that turn the score of a dimension into pass, warn or fail."
    )
    weights: dict[Scope, dict[Dimension, Weight]] = Field(
        default_factory=dict, description="Weight of a dimension in a table's score; 1 unless said."
    )
    schedule: ScheduleSettings = Field(default_factory=ScheduleSettings)
    retry: RetrySettings = Field(default_factory=RetrySettings)
    circuit: CircuitSettings = Field(default_factory=CircuitSettings)
    publications: dict[TableName, Publication] = Field(
        default_factory=dict,
        description="Name -> a table that is written out, to PostgreSQL or as files, when it has changed.",
    )

    @field_validator("staging")
    @classmethod
    def _no_password(cls, value: str | None) -> str | None:
        if value is not None and mask_url_passwords(value) != value:
            raise ValueError("a URL without a password: credentials belong to the environment of the process")
        if value is not None and is_s3(value):
            parse_place(value)
        return value

    @model_validator(mode="after")
    def _weights_leave_something(self) -> Self:
        for scope, weights in self.weights.items():
            if len(weights) == len(Dimension) and not any(weights.values()):
                raise ValueError(f"weights of {scope}: at least one dimension has to count")
        return self

    def tolerance(self, table: str) -> float:
        """Return the share (0..1) of a table's rows that may be quarantined; table as `silver/sales`."""
        layer = table.partition("/")[0]
        # Gold is built from accepted rows: what its contract refuses is a fault of ours, not of the data.
        builtin = 0.0 if layer == "gold" else 0.05
        scopes = (table, layer) if layer == "gold" else _scopes(table)
        return next((self.tolerances[scope] for scope in scopes if scope in self.tolerances), builtin)

    def thresholds_of(self, table: str) -> Thresholds:
        """Return the limits of a table such as `silver/sales`, one for each dimension."""
        default = Threshold()
        limits: dict[Dimension, Threshold] = {}
        for said in reversed(_said(self.thresholds, table)):
            if "default" in said:
                # A narrower default also outranks a wider scope's word on a single dimension.
                default = said["default"]
                limits.clear()
            limits.update({dimension: limit for dimension, limit in said.items() if dimension != "default"})
        return Thresholds(default=default, dimensions=limits)

    def weights_of(self, table: str) -> dict[Dimension, float]:
        """Return the weights that are said for the dimensions of a table such as `silver/sales`."""
        weights: dict[Dimension, float] = {}
        for said in reversed(_said(self.weights, table)):
            weights.update(said)
        return weights

    def check_tables(self, dataset: str, tables: Iterable[str]) -> None:
        """Compare what is said here with the tables that the dataset's code has.

        Args:
            dataset: The dataset's name.
            tables: All its tables, as `bronze/sales`.

        Raises:
            SettingsError: A table is named that doesn't exist, or a bronze table has no source.
        """
        known = set(tables)
        bronze = {table.removeprefix("bronze/") for table in known if table.startswith("bronze/")}
        for name in self.sources:
            if name not in bronze:
                raise _unknown_table(dataset, f"sources.{name}", name, bronze)
        if without := sorted(bronze - set(self.sources)):
            raise SettingsError(
                f"The bronze table {without[0]} has no source",
                where={"file": f"config/datasets/{dataset}.yaml", "key": "sources"},
                hint="Say which files are delivered for it, such as\n"
                f"  {without[0]}: {{pattern: '{without[0]}/{{period:%Y-%m-%d}}.csv'}}",
            )
        for key in ("tolerances", "thresholds", "weights"):
            for scope in getattr(self, key):
                if "/" in scope and scope not in known:
                    raise _unknown_table(dataset, f"{key}.{scope}", scope, known)


def _scopes(table: str) -> tuple[str, str, str]:
    """Return where a table's value is looked for, the narrowest first."""
    return table, table.partition("/")[0], "default"


def _said(settings: Mapping[str, T], table: str) -> list[T]:
    return [settings[scope] for scope in _scopes(table) if scope in settings]


def _unknown_table(dataset: str, key: str, name: str, known: set[str]) -> SettingsError:
    near = get_close_matches(name, sorted(known), n=1)
    return SettingsError(
        f"The dataset has no table {name}",
        where={"file": f"config/datasets/{dataset}.yaml", "key": key},
        hint=(f"Did you mean {near[0]}? " if near else "") + f"It has {', '.join(sorted(known))}",
    )
