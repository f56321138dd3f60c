"""Datasets declared without Python: `dataset.yaml`, a contract in YAML, gold by SQL."""

from etl_assets.datasets.declared.declaration import Declaration, declaration_schema
from etl_assets.datasets.declared.loading import load_declared

__all__ = ["Declaration", "declaration_schema", "load_declared"]
