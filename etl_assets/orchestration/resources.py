"""The one resource of all assets: the datasets' pipelines, opened when first used. And a client of S3."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import dagster as dg

from etl_assets.contracts.dataset import Dataset
from etl_assets.object_storage import is_s3
from etl_assets.orchestration.pipelines import enabled, load_pipelines
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.settings import AppSettings

if TYPE_CHECKING:
    from dagster_aws.s3 import S3Resource


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


def s3_resources(settings: AppSettings) -> dict[str, S3Resource]:
    """Give `s3`, a boto3 client for assets of one's own, where staging areas or the lake are in buckets.

    Keys stay names of environment variables, which Dagster reads when a run starts and shows as names.
    """
    places = [settings.lake, *(settings.staging_url(name) for name in settings.datasets)]
    storage = settings.storage
    if storage.endpoint is None and not any(is_s3(one) for one in places):
        return {}
    from dagster_aws.s3 import S3Resource  # brings boto3: 0.3 s of a start

    keys: Any = {
        f"aws_{name}": dg.EnvVar(f"ETL_STORAGE__{name.upper()}")
        for name in ("access_key_id", "secret_access_key", "session_token")
        if getattr(storage, name) is not None
    }
    return {"s3": S3Resource(endpoint_url=storage.endpoint, region_name=storage.region, **keys)}
