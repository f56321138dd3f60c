"""What victims do: the work of a whole dataset, with and without Dagster."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from deltalake import DeltaTable
from deltalake.table import TableAlterer

from etl_assets.pipeline.dataset_pipeline import DatasetPipeline, Limits
from etl_assets.pipeline.upkeep import Upkeep, keep_dataset
from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.end_to_end.victim import Boundaries

if TYPE_CHECKING:
    from etl_assets.settings import AppSettings

ROOT = Path(__file__).parents[2]

SHORT_LEASE_SECONDS = 2.0


def tiny_days(home: Path, _: Boundaries) -> None:
    desk.work(tiny.open_pipeline(home))


def tiny_days_with_a_short_lease(home: Path, _: Boundaries) -> None:
    pipeline = tiny.open_pipeline(home)
    desk.work(replace(pipeline, limits=Limits(lease_seconds=SHORT_LEASE_SECONDS)))


def tiny_upkeep(home: Path, boundaries: Boundaries) -> None:
    boundaries.after(DeltaTable, "vacuum", writes=lambda *_, dry_run=True, **__: not dry_run)
    boundaries.after(DeltaTable, "create_checkpoint")
    boundaries.after(DeltaTable, "cleanup_metadata")
    boundaries.after(TableAlterer, "set_table_properties")
    assert not keep_tiny(tiny.open_pipeline(home)).errors


def keep_tiny(pipeline: DatasetPipeline) -> Upkeep:
    """Upkeep that keeps no old version at all."""
    return keep_dataset(pipeline, "upkeep", retention=timedelta(0), details=timedelta(0))


def tiny_days_in_dagster(home: Path, boundaries: Boundaries) -> None:
    wrap_dagster(boundaries)
    from etl_assets.orchestration.local_run import run_dataset
    from etl_assets_tests.end_to_end.leaky import settings

    done = run_dataset(tiny.DATASET, settings(home))
    assert not done.waiting, done.waiting


def retail_settings(home: Path) -> AppSettings:
    from etl_assets.settings import load_settings
    from etl_assets.settings.dataset import RetrySettings

    loaded = load_settings(ROOT / "config", {"ETL_HOME": str(home)})
    # A run that was killed is tried again at once.
    retail = loaded.datasets["retail"].model_copy(update={"retry": RetrySettings(first_delay_seconds=0.001)})
    return loaded.model_copy(update={"datasets": {"retail": retail}})


def retail_days_in_dagster(home: Path, boundaries: Boundaries) -> None:
    wrap_dagster(boundaries)
    from etl_assets.datasets.retail import DATASET
    from etl_assets.orchestration.local_run import run_dataset

    run_dataset(DATASET, retail_settings(home))


def wrap_dagster(boundaries: Boundaries) -> None:
    """Dagster's own writes: its runs, its events."""
    from dagster._core.storage.event_log import SqliteEventLogStorage
    from dagster._core.storage.runs import SqlRunStorage

    boundaries.after(SqliteEventLogStorage, "store_event")
    boundaries.after(SqlRunStorage, "add_run")
    boundaries.after(SqlRunStorage, "handle_run_event")
