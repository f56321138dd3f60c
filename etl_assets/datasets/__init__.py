"""The domains: a folder each, with bronze.py, silver.py and gold.py. No Dagster in here."""

from __future__ import annotations

from importlib import import_module

from etl_assets.contracts.dataset import Dataset

NAMES = ("flights", "retail")


def load_datasets() -> dict[str, Dataset]:
    """Return every dataset of this package by name; imports their contracts, which takes a moment."""
    return {name: import_module(f"{__name__}.{name}").DATASET for name in NAMES}
