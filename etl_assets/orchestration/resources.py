"""The one resource of all assets: the datasets' pipelines, opened when first used."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from etl_assets.contracts.dataset import Dataset
from etl_assets.orchestration.pipelines import enabled, load_pipelines
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.settings import AppSettings


class Pipelines:
    """Gives assets, sensors and jobs their dataset's lake, ledger and staging area.

    Nothing is opened until a run or a tick asks: loading the definitions touches no database.
    """

    def __init__(self, settings: AppSettings, datasets: Mapping[str, Dataset]) -> None:
        self.settings = settings
        self.datasets = enabled(settings, datasets)

    @cached_property
    def _pipelines(self) -> dict[str, DatasetPipeline]:
        return load_pipelines(self.settings, self.datasets)

    def of(self, dataset: str) -> DatasetPipeline:
        """The pipeline of a dataset."""
        return self._pipelines[dataset]
