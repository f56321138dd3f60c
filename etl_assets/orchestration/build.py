"""All datasets as Dagster definitions."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from etl_assets import logs
from etl_assets.contracts.dataset import Dataset
from etl_assets.errors import EtlError, SettingsError
from etl_assets.lake.storable import check_storable
from etl_assets.orchestration.assets import build_assets
from etl_assets.orchestration.automation import build_missing, build_sensor
from etl_assets.orchestration.deciding import build_deciding
from etl_assets.orchestration.failures import describe_failure
from etl_assets.orchestration.partitions import partitions_of
from etl_assets.orchestration.publications import build_publications
from etl_assets.orchestration.resources import Pipelines, s3_resources
from etl_assets.orchestration.tags import DATASET_TAG
from etl_assets.orchestration.upkeep import build_upkeep
from etl_assets.settings import AppSettings, ConcurrencySettings

LOG = logs.get_logger(__name__)


def build_definitions(
    settings: AppSettings,
    datasets: Mapping[str, Dataset],
    failures: Mapping[str, EtlError] | None = None,
) -> dg.Definitions:
    """Build assets, checks, sensors, schedules and jobs of every enabled dataset.

    Opens no database and lists no staging area.

    Args:
        settings: The settings.
        datasets: Name -> dataset.
        failures: Datasets that can't be loaded, with the reason: each is shown as one asset that says so.

    Raises:
        SettingsError: A dataset has no settings, or wrong ones.
        ContractError: A contract can't be compiled.
    """
    failures = failures or {}
    for name, error in failures.items():
        LOG.error("The dataset can't be loaded; the others go on: %s", error, extra={"dataset": name})
    pipelines = Pipelines(settings, datasets)
    return dg.Definitions.merge(
        *(build_dataset(dataset, settings) for dataset in pipelines.datasets.values()),
        dg.Definitions(
            assets=[describe_failure(name, error) for name, error in failures.items()],
            resources={"pipelines": pipelines, **s3_resources(settings)},
            executor=build_executor(settings.concurrency),
        ),
    )


def build_executor(concurrency: ConcurrencySettings) -> dg.ExecutorDefinition:
    """Build what decides where the steps of a run live.

    Raises:
        SettingsError: It needs a package that is not installed.
    """
    most = {"max_concurrent": concurrency.max_processes}
    if concurrency.executor == "multiprocess":
        return dg.multiprocess_executor.configured(most)
    if concurrency.executor == "ecs":
        from dagster_aws.ecs import ecs_executor

        return ecs_executor.configured(most)
    if concurrency.executor == "k8s":
        try:
            from dagster_k8s import k8s_job_executor
        except ImportError:
            raise SettingsError(
                "concurrency.executor is k8s, and dagster-k8s is not installed",
                hint="pip install 'etl-assets[k8s]'",
            ) from None
        return k8s_job_executor.configured(most)
    # Polars uses all cores of one process; a process per step would cost 2 s each.
    return dg.in_process_executor


def build_dataset(dataset: Dataset, settings: AppSettings) -> dg.Definitions:
    """Build one dataset: tables, publications, the sensor that feeds them, the daily jobs beside it."""
    own = settings.dataset(dataset.name)
    own.check_tables(dataset.name, [str(table.id) for table in dataset.tables])
    check_storable(dataset)
    partitions = partitions_of(own.calendar)
    missing, daily = build_missing(dataset, own)
    upkeep, nightly = build_upkeep(dataset, own, settings.upkeep)
    return dg.Definitions(
        assets=[
            *build_assets(dataset, partitions, settings),
            *build_publications(dataset, settings.publications(dataset)),
        ],
        sensors=[build_sensor(dataset, own, partitions)],
        schedules=[daily, nightly],
        jobs=[
            missing,
            upkeep,
            build_deciding(dataset),
            dg.define_asset_job(
                f"{dataset.name}_build",
                selection=dg.AssetSelection.groups(dataset.name),
                tags={DATASET_TAG: dataset.name},
                description=f"Builds the tables of {dataset.name} for the partitions that you choose.",
            ),
        ],
    )
