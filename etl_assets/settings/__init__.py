"""Typed settings: `config/*.yaml`, layered by environment, overridden by environment variables."""

from etl_assets.settings.app import (
    AppSettings,
    LeaseSettings,
    LogSettings,
    MemorySettings,
)
from etl_assets.settings.concurrency import ConcurrencySettings
from etl_assets.settings.dataset import DatasetSettings, ScheduleSettings
from etl_assets.settings.loading import Explained, Loaded, explain, load_settings, read_settings
from etl_assets.settings.retry import CircuitSettings, RetrySettings
from etl_assets.settings.storage import StorageSettings
from etl_assets.settings.upkeep import UpkeepSettings

__all__ = [
    "AppSettings",
    "CircuitSettings",
    "ConcurrencySettings",
    "DatasetSettings",
    "Explained",
    "LeaseSettings",
    "Loaded",
    "LogSettings",
    "MemorySettings",
    "RetrySettings",
    "ScheduleSettings",
    "StorageSettings",
    "UpkeepSettings",
    "explain",
    "load_settings",
    "read_settings",
]
