"""A project: its settings, and the datasets that they name, each with its code or with what is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from etl_assets import logs
from etl_assets.contracts.dataset import Dataset
from etl_assets.datasets import load_datasets
from etl_assets.errors import EtlError, SettingsError
from etl_assets.lake.storable import check_storable
from etl_assets.settings import AppSettings


@dataclass(frozen=True)
class Project:
    """What can be worked with, and what can't.

    Attributes:
        settings: The settings.
        datasets: Name -> code of the enabled datasets that are sound.
        failures: Name -> what is wrong with the dataset's settings or its code.
    """

    settings: AppSettings
    datasets: dict[str, Dataset] = field(default_factory=dict)
    failures: dict[str, EtlError] = field(default_factory=dict)


def load_project(settings: AppSettings, names: Iterable[str] | None = None) -> Project:
    """Load the code of datasets; what is wrong with one of them does not concern the others.

    Args:
        settings: The settings; datasets without any are not loaded, nor those that are not enabled.
        names: Only these, each of which has settings; None for all.

    Raises:
        SettingsError: `dataset_folders` names a folder that is not there.
    """
    _check_folders(settings)
    wanted = [*settings.datasets, *settings.broken_datasets] if names is None else list(names)
    failures: dict[str, EtlError] = {
        name: error for name, error in settings.broken_datasets.items() if name in wanted
    }
    enabled = [name for name in wanted if name in settings.datasets and settings.datasets[name].enabled]
    loaded = load_datasets(enabled, settings.folders)
    datasets = {}
    for name, dataset in loaded.datasets.items():
        try:
            settings.dataset(name).check_tables(name, [str(table.id) for table in dataset.tables])
            check_storable(dataset)
            settings.publications(dataset)
            datasets[name] = dataset
        except EtlError as error:
            failures[name] = error
    return Project(settings, datasets, {**failures, **loaded.failures})


def open_project(names: Iterable[str] | None = None) -> Project:
    """Read the settings, let the logs speak as they say, and load the datasets."""
    from etl_assets.settings import load_settings

    settings = load_settings()
    logs.configure(settings.log.format, settings.log.level, secrets=settings.secrets)
    return load_project(settings, names)


def _check_folders(settings: AppSettings) -> None:
    default = type(settings).model_fields["dataset_folders"].default
    for said, folder in zip(settings.dataset_folders, settings.folders, strict=True):
        # The default folder need not be there: datasets may all come from packages.
        if said not in default and not folder.is_dir():
            raise SettingsError(
                "There is no such folder of datasets",
                where={"key": "dataset_folders", "folder": folder},
                hint="Make it, or correct the setting",
            )
