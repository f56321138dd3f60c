"""Datasets: finds and loads the user's own and the built-in ones. No Dagster in here."""

from etl_assets.contracts.dataset import ENTRY_POINTS
from etl_assets.datasets.discovery import BUILT_IN, Place, find_datasets
from etl_assets.datasets.loading import Loaded, load_dataset, load_datasets

__all__ = ["BUILT_IN", "ENTRY_POINTS", "Loaded", "Place", "find_datasets", "load_dataset", "load_datasets"]
