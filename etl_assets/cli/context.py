"""What the verbs work with: settings, the ledger, pipelines; imported and opened only when needed."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING

from etl_assets.cli.problems import WrongUseError, warn_of
from etl_assets.errors import LedgerError

if TYPE_CHECKING:
    from etl_assets.contracts.dataset import Dataset, TableId
    from etl_assets.ledger.ledger import Ledger
    from etl_assets.ledger.records import Delivery, Run
    from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
    from etl_assets.settings import AppSettings


def open_settings() -> AppSettings:
    """Read the settings, and let the logs speak as they say."""
    from etl_assets import logs
    from etl_assets.settings import load_settings

    settings = load_settings()
    logs.configure(settings.log.format, settings.log.level, secrets=settings.secrets)
    return settings


def open_ledger(settings: AppSettings) -> Ledger:
    """Open the ledger; it is made where there is none."""
    from etl_assets.ledger.ledger import Ledger

    return Ledger.open(settings.ledger.get_secret_value())


def open_configured_ledger() -> Ledger:
    """Read the settings, and open the ledger that they name."""
    return open_ledger(open_settings())


def known_dataset(settings: AppSettings, name: str | None) -> str | None:
    """Return the name, if there are settings for such a dataset.

    Raises:
        SettingsError: They are wrong.
        WrongUseError: There are none; names the nearest.
    """
    if name is None or name in settings.datasets:
        return name
    if name in settings.broken_datasets:
        raise settings.broken_datasets[name]
    raise WrongUseError(
        f"There is no dataset {name}",
        where={"folder": settings.config_dir / "datasets"},
        hint=did_you_mean(name, [*settings.datasets, *settings.broken_datasets]),
    )


def open_pipelines(settings: AppSettings, name: str | None = None) -> dict[str, DatasetPipeline]:
    """Open one dataset, or all that are enabled and sound; what is wrong with others is told.

    Raises:
        WrongUseError: There is no such dataset, or it is not enabled.
        ContractError: The code of the one asked for is wrong.
    """
    datasets = {name: dataset_of(settings, name)} if name is not None else sound_datasets(settings)
    from etl_assets.orchestration.pipelines import load_pipelines

    return load_pipelines(settings, datasets)


def open_pipeline(settings: AppSettings, name: str) -> DatasetPipeline:
    """Open one dataset."""
    return open_pipelines(settings, name)[name]


def dataset_of(settings: AppSettings, name: str) -> Dataset:
    """Import the code of one dataset; only that, for a contract costs time.

    Raises:
        WrongUseError: There is no such dataset, or it is not enabled.
        SettingsError: Its settings are wrong, or don't fit its code.
        ContractError: There is no code for it, or it is wrong.
    """
    known_dataset(settings, name)
    if not settings.datasets[name].enabled:
        raise WrongUseError(
            f"The dataset {name} is not enabled",
            where={"file": f"datasets/{name}.yaml"},
            hint="Set enabled: true in its file",
        )
    from etl_assets.project import load_project

    project = load_project(settings, [name])
    if name in project.failures:
        raise project.failures[name]
    return project.datasets[name]


def sound_datasets(settings: AppSettings) -> dict[str, Dataset]:
    """Import the code of all enabled datasets; warn of those that are broken."""
    from etl_assets.project import load_project

    project = load_project(settings)
    for name, error in project.failures.items():
        warn_of(f"the dataset {name} is left out", error)
    return project.datasets


# -- what arguments name ----------------------------------------------------------------------


def table_of(pipeline: DatasetPipeline, text: str) -> TableId:
    """Read a table's name: `silver/sales`.

    Raises:
        WrongUseError: The dataset has no such table.
    """
    names = {str(table): table for table in pipeline.tables}
    if text not in names:
        raise WrongUseError(f"{pipeline.name} has no table {text}", hint=did_you_mean(text, names))
    return names[text]


def delivery_of(ledger: Ledger, id: str) -> Delivery:
    """Find a delivery by its id, or by the beginning of it."""
    try:
        return ledger.delivery(id)
    except LedgerError as error:
        raise _asked_wrongly(error) from None


def run_of(ledger: Ledger, id: str) -> Run:
    """Find a run by its id, or by the beginning of it."""
    try:
        return ledger.run(id)
    except LedgerError as error:
        raise _asked_wrongly(error) from None


def _asked_wrongly(error: LedgerError) -> LedgerError | WrongUseError:
    # What the database itself has to say names the ledger.
    if "ledger" in error.where:
        return error
    return WrongUseError(error.what, where=error.where, hint=error.hint)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Hint at the nearest of the known names, and list them."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1)
    return (f"Did you mean {near[0]}? " if near else "") + f"There is {', '.join(names) or 'none yet'}"
