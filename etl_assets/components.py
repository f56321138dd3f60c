# No postponed annotations: Dagster reads them.
"""Datasets as Dagster Components: `dg scaffold defs etl_assets.components.DatasetComponent orders`."""

import os
from functools import cache
from pathlib import Path

import dagster as dg
from pydantic import Field

from etl_assets import logs
from etl_assets.contracts.dataset import Dataset
from etl_assets.datasets import load_dataset
from etl_assets.datasets.declared.starting import write_starter, write_starter_settings
from etl_assets.errors import EtlError
from etl_assets.orchestration.build import build_dataset
from etl_assets.orchestration.failures import describe_failure
from etl_assets.orchestration.resources import Pipelines
from etl_assets.settings import AppSettings, load_settings

LOG = logs.get_logger(__name__)

_APP = """\
# Settings of the whole application. `dq` finds datasets in these folders.
dataset_folders: [{folder}]
"""


class DatasetScaffolder(dg.Scaffolder):
    """Writes `defs.yaml` and beside it a small dataset that works, to be changed into one's own."""

    def scaffold(self, request: dg.ScaffoldRequest) -> None:
        """Write the files; what is there already stays as it is."""
        folder = Path(request.target_path)
        dg.scaffold_component(request, {})
        write_starter(folder)
        if request.project_root is None:
            return
        config = Path(request.project_root) / "config"
        write_starter_settings(config, folder.name)
        app = config / "app.yaml"
        if not app.exists():
            inside = folder.parent.resolve().relative_to(Path(request.project_root).resolve())
            app.write_text(_APP.format(folder=inside.as_posix()), encoding="utf-8")


@dg.scaffold_with(DatasetScaffolder)
class DatasetComponent(dg.Component, dg.Model, dg.Resolvable):
    """One dataset: delivered files become validated, scored bronze, silver and gold tables.

    The dataset is a folder, by default the one of `defs.yaml`, and is called like it: `dataset.yaml` with a
    contract and queries, which needs no Python, or `__init__.py` with `DATASET`. Which files are delivered,
    and when, is said in the project's `config/datasets/<name>.yaml`. The same folder is a dataset for
    `dq`, if `dataset_folders` in `config/app.yaml` names the folder that it is in.
    """

    path: str = Field(".", description="The dataset's folder, from the folder of defs.yaml.")
    strict: bool = Field(
        False,
        description="True: what is wrong with the dataset stops the whole code location, as `dg check defs` "
        "then tells. By default it is shown as one asset that says why, and the others go on.",
    )

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """Build the dataset's assets, checks, sensor, schedule and jobs."""
        folder = (Path(context.path) / self.path).resolve()
        config = Path(context.project_root) / "config"
        is_said = bool(os.environ.get("ETL_CONFIG_DIR"))
        settings = load_settings(config if config.is_dir() and not is_said else None)
        logs.configure(settings.log.format, settings.log.level, secrets=settings.secrets)
        try:
            return _definitions(folder, settings)
        except EtlError as error:
            if self.strict:
                raise
            LOG.error(
                "The dataset can't be loaded; the others go on: %s", error, extra={"dataset": folder.name}
            )
            return dg.Definitions(assets=[describe_failure(folder.name, error)])


class SharedPipelines(Pipelines):
    """The datasets of all components of one project, which share one ledger."""

    def add(self, dataset: Dataset, settings: AppSettings) -> None:
        """Take a dataset in; one of the same name is replaced."""
        self.settings = settings
        self.datasets = {**self.datasets, dataset.name: dataset}
        self.__dict__.pop("_pipelines", None)


def _definitions(folder: Path, settings: AppSettings) -> dg.Definitions:
    own = settings.dataset(folder.name)
    if not own.enabled:
        return dg.Definitions()
    dataset = load_dataset(folder.name, [folder.parent])
    pipelines = _pipelines(settings.config_dir)
    built = build_dataset(dataset, settings)
    pipelines.add(dataset, settings)
    return dg.Definitions.merge(built, dg.Definitions(resources={"pipelines": pipelines}))


@cache
def _pipelines(config_dir: Path) -> SharedPipelines:
    # One object for all components of a project: Dagster refuses two resources of the same name.
    return SharedPipelines(load_settings(config_dir), {})
