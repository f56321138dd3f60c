"""A whole installation in a folder: settings, staging area, lake, ledger, Dagster's instance."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import polars as pl

from etl_assets.contracts.dataset import Dataset, TableId
from etl_assets.ledger.ledger import Ledger
from etl_assets.ledger.records import Delivery, Finding, Validation
from etl_assets.orchestration.build import build_definitions
from etl_assets.orchestration.local_run import LocalRun, open_instance, run_dataset
from etl_assets.orchestration.pipelines import build_pipeline, open_ledger
from etl_assets.orchestration.resources import Pipelines
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.status import DatasetStatus, dataset_status
from etl_assets.settings import AppSettings, DatasetSettings

OLD = time.time() - 3600
"""Files are dropped an hour ago: they have settled."""

CALENDAR = {"start": "2024-01-01", "end": "2024-01-31", "closed": {"weekdays": ["saturday"]}}
"""2024-01-01 is a Monday."""


class FixedPipelines(Pipelines):
    """The resource of all assets, with one pipeline in place of what the settings say."""

    def __init__(
        self, settings: AppSettings, datasets: Mapping[str, Dataset], pipeline: DatasetPipeline | None
    ) -> None:
        super().__init__(settings, datasets)
        self.fixed = pipeline

    def of(self, dataset: str) -> DatasetPipeline:
        return self.fixed or super().of(dataset)


class House:
    """One dataset, installed as a user has it."""

    def __init__(self, home: Path, dataset: Dataset, **changes: object) -> None:
        self.home = home
        self.dataset = dataset
        self.staging = home / "staging" / dataset.name
        self.staging.mkdir(parents=True, exist_ok=True)
        self.settings = self._settings(changes)

    def _settings(self, changes: Mapping[str, object]) -> AppSettings:
        sources = {"orders": {"pattern": "**/{period:%Y-%m-%d}.csv"}}
        if any(table.id.name == "products" for table in self.dataset.tables):
            sources["products"] = {"pattern": "products.csv", "mode": "snapshot"}
        said = {"sources": sources, "calendar": CALENDAR, **changes}
        return AppSettings(home=self.home, datasets={self.dataset.name: DatasetSettings.model_validate(said)})

    def set(self, **changes: object) -> None:
        """Change the dataset's settings, as an operator would in its YAML."""
        self.settings = self._settings(changes)

    # -- deliveries -----------------------------------------------------------------------------

    def drop(self, key: str, data: bytes) -> Path:
        """Deliver a file that has settled; dropping it again replaces it."""
        path = self.staging / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        os.utime(path, (OLD, OLD))
        return path

    def snapshot(self) -> dict[str, tuple[bytes, int, int]]:
        """Every file in staging with its bytes, time and mode."""
        return {
            str(path.relative_to(self.staging)): (
                path.read_bytes(),
                path.stat().st_mtime_ns,
                path.stat().st_mode,
            )
            for path in sorted(self.staging.rglob("*"))
            if path.is_file()
        }

    # -- work -----------------------------------------------------------------------------------

    def run(self) -> LocalRun:
        """Do what `dq run` does."""
        return run_dataset(self.dataset, self.settings)

    def definitions(self) -> dg.Definitions:
        """Dagster's definitions of this house."""
        return build_definitions(self.settings, {self.dataset.name: self.dataset})

    def instance(self) -> dg.DagsterInstance:
        """Dagster's instance of this house."""
        return open_instance(self.settings)

    def tick(self, pipeline: DatasetPipeline | None = None, *, cursor: str | None = None) -> dg.SensorResult:
        """One look of the dataset's sensor, with the pipeline given in place of the usual one.

        Without a cursor it is a full look, as the first one is.
        """
        definitions = self.definitions()
        sensor = definitions.resolve_sensor_def(f"{self.dataset.name}_deliveries")
        pipelines = FixedPipelines(self.settings, {self.dataset.name: self.dataset}, pipeline)
        with self.instance() as instance:
            context = dg.build_sensor_context(
                instance=instance,
                definitions=definitions,
                resources={"pipelines": pipelines},
                cursor=cursor,
            )
            result = sensor(context)
        assert isinstance(result, dg.SensorResult)
        return result

    def execute(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        """Do what a tick asked for, as the daemon would."""
        job = self.definitions().resolve_implicit_global_asset_job_def()
        with self.instance() as instance:
            return job.execute_in_process(
                instance=instance,
                asset_selection=request.asset_selection,
                partition_key=request.partition_key,
                tags={**request.tags, "dagster/run_key": request.run_key or ""},
                raise_on_error=False,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )

    # -- what came of it ------------------------------------------------------------------------

    @property
    def ledger(self) -> Ledger:
        """The ledger."""
        return open_ledger(self.settings.ledger.get_secret_value())

    @property
    def pipeline(self) -> DatasetPipeline:
        """The dataset with its places."""
        return build_pipeline(self.dataset, self.settings, self.ledger)

    def status(self) -> DatasetStatus:
        """What `dq status` shows."""
        return dataset_status(self.pipeline)

    def delivery(self, key: str) -> Delivery:
        """The newest delivery of a file."""
        return [one for one in self.ledger.deliveries(self.dataset.name) if one.key == key][-1]

    def findings(self, *kinds: str) -> list[Finding]:
        """Open findings, of some kinds or all."""
        return self.ledger.findings(self.dataset.name, kinds or None)

    def latest(self, table: TableId, period: str = "") -> Validation:
        """The newest validation of a partition."""
        return self.ledger.latest_validations(self.dataset.name)[table.layer, table.name, period]

    def rows(self, table: TableId) -> pl.DataFrame:
        """The accepted rows of a table, as any reader of Delta sees them."""
        return self._delta(self.home / "lake" / self.dataset.name / table.layer / table.name)

    def quarantine(self, table: TableId) -> pl.DataFrame:
        """The quarantined rows of a table."""
        folder = self.home / "lake" / self.dataset.name / "quarantine" / f"{table.layer}_{table.name}"
        return self._delta(folder)

    def held(self, table: TableId, period: str) -> pl.DataFrame:
        """The quarantined rows that a closed gate has put aside."""
        found = self.latest(table, period)
        assert found.held_path is not None
        return pl.read_parquet(self.home / "lake" / found.held_path / "**/*.parquet")

    def check(self, table: TableId, name: str) -> dg.AssetCheckEvaluation:
        """The newest result of a check, as Dagster's UI shows it."""
        key = dg.AssetCheckKey(dg.AssetKey([self.dataset.name, str(table.layer), table.name]), name)
        with self.instance() as instance:
            # The newest may be of a run that was asked for it and never came to it.
            records = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
        found = [one.event.dagster_event.event_specific_data for one in records if one.event is not None]
        return next(one for one in found if isinstance(one, dg.AssetCheckEvaluation))

    def materialized(self, table: TableId) -> set[str]:
        """The partitions that Dagster's UI shows as materialized."""
        key = dg.AssetKey([self.dataset.name, str(table.layer), table.name])
        with self.instance() as instance:
            return set(instance.get_materialized_partitions(key))

    def _delta(self, folder: Path) -> pl.DataFrame:
        return pl.read_delta(str(folder)) if folder.exists() else pl.DataFrame()
