"""The settings of the whole application."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import (
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from etl_assets.connections import Connection
from etl_assets.errors import SettingsError
from etl_assets.object_storage import ObjectStorage, is_s3, parse_place
from etl_assets.settings.concurrency import ConcurrencySettings
from etl_assets.settings.connections import ConnectionSettings
from etl_assets.settings.dataset import DatasetSettings, TableName
from etl_assets.settings.storage import StorageSettings
from etl_assets.settings.upkeep import UpkeepSettings

if TYPE_CHECKING:
    from etl_assets.contracts.dataset import Dataset
    from etl_assets.publications.opening import Publication


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LogSettings(_Section):
    """How the program speaks."""

    format: Literal["text", "json"] = Field("text", description="json: one object a line, for machines.")
    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The lowest that is written."
    )


class MemorySettings(_Section):
    """What bounds memory."""

    group_bytes: ByteSize = Field(
        ByteSize(64_000_000),
        ge=1_000_000,
        description="Partitions are validated in groups of at most so many delivered bytes, such as 256MB; "
        "one partition is never divided.",
    )


class LeaseSettings(_Section):
    """How a run claims its dataset."""

    ttl_seconds: float = Field(
        120, ge=2, allow_inf_nan=False, description="A lease not renewed so long is free."
    )
    renew_seconds: float = Field(
        20, gt=0, allow_inf_nan=False, description="How often a living run renews it."
    )

    @model_validator(mode="after")
    def _renewed_in_time(self) -> Self:
        if self.renew_seconds > self.ttl_seconds / 2:
            raise ValueError(
                f"renew_seconds ({self.renew_seconds:g}) exceeds half of ttl_seconds ({self.ttl_seconds:g})"
            )
        return self


class AppSettings(BaseSettings):
    """All settings, checked; `load_settings` reads them from files and environment.

    Building one by hand, as tests do, reads neither.
    """

    model_config = SettingsConfigDict(
        env_prefix="ETL_", env_nested_delimiter="__", env_ignore_empty=True, extra="forbid", frozen=True
    )

    home: Path = Field(Path("var"), description="The folder that holds all state.")
    environment: str = Field(
        "development", pattern="^[a-z][a-z0-9_-]*$", description="Which app.<environment>.yaml is read."
    )
    config_dir: Path = Field(Path("config"), description="The folder that the settings were read from.")
    secrets_dir: Path | None = Field(
        None,
        description="A folder of secrets, each in a file that is named as its variable, such as "
        "ETL_LEDGER_URL: /run/secrets of a container, or systemd's credentials.",
    )
    log: LogSettings = Field(default_factory=LogSettings)
    ledger_url: SecretStr | None = Field(
        None,
        description="SQLAlchemy URL of the ledger, from the environment only; default: ledger.db in home.",
    )
    concurrency: ConcurrencySettings = Field(default_factory=ConcurrencySettings)
    memory: MemorySettings = Field(default_factory=MemorySettings)
    lease: LeaseSettings = Field(default_factory=LeaseSettings)
    lake_url: str | None = Field(
        None, description="Where tables live: a folder, or s3://bucket/prefix; default: lake in home."
    )
    extracts_url: str | None = Field(
        None,
        description="Where what was read from databases is kept: a folder, or s3://bucket/prefix; default: "
        "extracts in home, or _extracts below a lake in a bucket.",
    )
    storage: StorageSettings = Field(default_factory=StorageSettings)
    connections: dict[TableName, ConnectionSettings] = Field(
        default_factory=dict, description="Name -> a PostgreSQL database, to read from or to publish to."
    )
    upkeep: UpkeepSettings = Field(default_factory=UpkeepSettings)
    dataset_folders: tuple[Path, ...] = Field(
        (Path("datasets"),),
        description="Folders that hold the project's own datasets, a folder each; relative to the project.",
    )
    datasets: dict[TableName, DatasetSettings] = Field(
        default_factory=dict, description="From datasets/<name>.yaml; what is said here goes on top of it."
    )
    _broken: dict[str, SettingsError] = PrivateAttr(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Leave the layers to `load_settings`, which knows where each value came from."""
        return (init_settings,)

    @field_validator("home", "config_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        # Dagster's processes may be started in another folder.
        return value.expanduser().absolute()

    @field_validator("lake_url", "extracts_url")
    @classmethod
    def _folder_or_bucket(cls, value: str | None) -> str | None:
        if value is not None and "://" in value:
            parse_place(value)
            return value.rstrip("/")
        return value

    @property
    def broken_datasets(self) -> dict[str, SettingsError]:
        """Datasets whose own file is wrong, with what is wrong: the others are not kept from their work."""
        return self._broken

    @property
    def project_dir(self) -> Path:
        """The project's folder: the one above the settings."""
        return self.config_dir.parent

    @property
    def folders(self) -> list[Path]:
        """The folders that hold the project's own datasets."""
        return [self.project_dir / folder.expanduser() for folder in self.dataset_folders]

    @property
    def ledger(self) -> SecretStr:
        """The ledger's SQLAlchemy URL, which may hold a password."""
        return self.ledger_url or SecretStr(f"sqlite:///{self.home / 'ledger.db'}")

    @property
    def lake(self) -> str:
        """Where tables live, as an absolute path or a URL: `<dataset>/<layer>/<table>/`."""
        if self.lake_url is None:
            return str(self.home / "lake")
        if is_s3(self.lake_url):
            return self.lake_url
        return str(self.project_dir / Path(self.lake_url).expanduser())

    def extracts(self, name: str) -> str:
        """Where what was read from databases is kept for a dataset, as an absolute path or a URL."""
        root = self.extracts_url
        if root is None and is_s3(self.lake):
            root = f"{self.lake}/_extracts"
        if root is None:
            return str(self.home / "extracts" / name)
        if is_s3(root):
            return f"{root}/{name}"
        return str(self.project_dir / Path(root).expanduser() / name)

    @property
    def dagster_home(self) -> Path:
        """Where Dagster keeps runs, events and schedules."""
        return self.home / "dagster"

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be written anywhere in clear: hand it to `logs.configure`."""
        ledger = (self.ledger_url.get_secret_value(),) if self.ledger_url else ()
        passwords = (one.password.get_secret_value() for one in self.connections.values() if one.password)
        return (*ledger, *self.storage.secrets, *passwords)

    @property
    def object_storage(self) -> ObjectStorage:
        """How object storage is reached, secrets included."""
        return self.storage.object_storage

    def connection(self, name: str) -> Connection:
        """Return how a database is reached, its password included.

        Raises:
            SettingsError: There is no connection of that name.
        """
        if name not in self.connections:
            known = ", ".join(sorted(self.connections)) or "none"
            raise SettingsError(
                f"There is no connection {name}",
                where={"key": "connections"},
                hint=f"Describe it in app.yaml; there are {known} so far",
            )
        return self.connections[name].connection(name, self.project_dir)

    def publications(self, dataset: Dataset) -> dict[str, Publication]:
        """Return a dataset's publications, by name; nothing is asked of their destinations yet.

        Raises:
            SettingsError: One of them can't be what it is declared to be.
        """
        # Brings Polars, whose threads are counted by these settings before it is imported.
        from etl_assets.publications.opening import Means, open_publications

        means = Means(self.connection, self.object_storage, self.project_dir)
        return open_publications(dataset, self.dataset(dataset.name).publications, means)

    def dataset(self, name: str) -> DatasetSettings:
        """Return the settings of one dataset.

        Raises:
            SettingsError: There are none, or they are wrong.
        """
        if name in self._broken:
            raise self._broken[name]
        if name not in self.datasets:
            raise SettingsError(
                f"There are no settings for the dataset {name}",
                where={"file": str(self.config_dir / "datasets" / f"{name}.yaml")},
                hint=f"Write that file; there are {', '.join(sorted(self.datasets)) or 'none'} so far",
            )
        return self.datasets[name]

    def staging_url(self, name: str) -> str:
        """Return where a dataset's deliveries arrive: an absolute path or a URL."""
        said = self.dataset(name).staging
        if said is None:
            return str(self.home / "staging" / name)
        if "://" in said:
            return said
        return str(self.project_dir / Path(said).expanduser())
