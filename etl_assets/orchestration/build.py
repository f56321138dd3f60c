"""All datasets as Dagster definitions."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from etl_assets.contracts.dataset import Dataset
from etl_assets.orchestration.assets import build_assets
from etl_assets.orchestration.automation import build_jobs, build_sensor
from etl_assets.orchestration.partitions import partitions_of
from etl_assets.orchestration.resources import Pipelines
from etl_assets.settings import AppSettings


def build_definitions(settings: AppSettings, datasets: Mapping[str, Dataset]) -> dg.Definitions:
    """Build assets, checks, sensors, schedules and jobs of every enabled dataset.

    Opens no database and lists no staging area.

    Raises:
        SettingsError: A dataset has no settings, or wrong ones.
        ContractError: A contract can't be compiled.
    """
    pipelines = Pipelines(settings, datasets)
    assets: list[dg.AssetsDefinition] = []
    sensors, schedules, jobs = [], [], []
    for name, dataset in pipelines.datasets.items():
        own = settings.dataset(name)
        own.check_tables(name, [str(table.id) for table in dataset.tables])
        partitions = partitions_of(own.calendar)
        assets += build_assets(dataset, partitions, settings)
        sensors.append(build_sensor(dataset, own, partitions))
        its_jobs, schedule = build_jobs(dataset, own)
        jobs += its_jobs
        schedules.append(schedule)
    return dg.Definitions(
        assets=assets,
        sensors=sensors,
        schedules=schedules,
        jobs=jobs,
        resources={"pipelines": pipelines},
        # Polars uses all cores of one process; a process per step would cost 2 s each.
        executor=dg.multiprocess_executor.configured({"max_concurrent": settings.concurrency.max_processes})
        if settings.concurrency.executor == "multiprocess"
        else dg.in_process_executor,
    )
