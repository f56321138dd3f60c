"""Datasets and their settings, put together into pipelines."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from etl_assets.contracts.dataset import Dataset
from etl_assets.lake.tables import Lake, open_lake
from etl_assets.pipeline.dataset_pipeline import CircuitPolicy, DatasetPipeline, Limits, Policy, Retry
from etl_assets.settings import AppSettings
from etl_assets.staging.area import StagingArea
from etl_assets.staging.extracts.log import ExtractLog
from etl_assets.staging.opening import open_area

if TYPE_CHECKING:
    from etl_assets.ledger.ledger import Ledger


def build_pipeline(dataset: Dataset, settings: AppSettings, ledger: Ledger) -> DatasetPipeline:
    """Put one dataset together with what the operator says of it.

    Raises:
        SettingsError: The settings name tables that the dataset does not have.
    """
    own = settings.dataset(dataset.name)
    if own.staging is None:
        # The folder of our own default; one that somebody else names is theirs to make.
        Path(settings.staging_url(dataset.name)).mkdir(parents=True, exist_ok=True)
    area = open_area(settings.staging_url(dataset.name), settings.object_storage)
    lake = open_lake(settings.lake, settings.object_storage)
    return assemble(dataset, settings, ledger, area, lake, settings.home / "scratch")


def assemble(
    dataset: Dataset, settings: AppSettings, ledger: Ledger, area: StagingArea, lake: Lake, scratch: Path
) -> DatasetPipeline:
    """Put one dataset together with what the operator says of it, at places of the caller's choice.

    Raises:
        SettingsError: The settings name tables that the dataset does not have.
    """
    own = settings.dataset(dataset.name)
    own.check_tables(dataset.name, [str(table.id) for table in dataset.tables])
    queries = {name: source.query for name, source in own.sources.items() if source.query}
    return DatasetPipeline(
        dataset=dataset,
        sources=own.sources,
        calendar=own.calendar,
        area=area,
        lake=lake,
        ledger=ledger,
        scratch=scratch,
        policies={
            table.id: Policy(
                own.tolerance(str(table.id)),
                own.thresholds_of(str(table.id)),
                {str(dimension): weight for dimension, weight in own.weights_of(str(table.id)).items()},
            )
            for table in dataset.tables
        },
        retry=Retry(own.retry.max_attempts, own.retry.backoff),
        circuit=CircuitPolicy(own.circuit.failures, own.circuit.backoff(own.retry)),
        limits=Limits(
            group_bytes=int(settings.memory.group_bytes),
            lease_seconds=settings.lease.ttl_seconds,
            periods_per_run=own.schedule.max_periods_per_run,
        ),
        extracts=ExtractLog(settings.extracts(dataset.name), settings.object_storage) if queries else None,
        connections={name: settings.connection(query.connection) for name, query in queries.items()},
        publications=settings.publications(dataset),
    )


def load_pipelines(settings: AppSettings, datasets: Mapping[str, Dataset]) -> dict[str, DatasetPipeline]:
    """Put every enabled dataset together; they share one ledger, which is made or migrated first.

    Raises:
        SettingsError: A dataset has no settings, or wrong ones.
        LedgerError: The ledger can't be opened.
    """
    ledger = open_ledger(settings.ledger.get_secret_value())
    return {
        name: build_pipeline(dataset, settings, ledger)
        for name, dataset in enabled(settings, datasets).items()
    }


def enabled(settings: AppSettings, datasets: Mapping[str, Dataset]) -> dict[str, Dataset]:
    """The datasets that have both code and enabled settings."""
    return {
        name: dataset
        for name, dataset in datasets.items()
        if name in settings.datasets and settings.datasets[name].enabled
    }


@lru_cache(maxsize=8)
def open_ledger(url: str) -> Ledger:
    """Open a ledger once a process."""
    from etl_assets.ledger.ledger import Ledger

    return Ledger.open(url)
