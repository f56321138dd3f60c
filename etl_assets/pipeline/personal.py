"""Which columns of a dataset hold personal values, wherever they are named so."""

from __future__ import annotations

from etl_assets.pipeline.dataset_pipeline import DatasetPipeline


def hidden_columns(pipeline: DatasetPipeline) -> frozenset[str]:
    """The columns of a dataset whose values are never shown, as `comparable` names.

    A column that is personal in one table of a dataset is taken for personal in all of them:
    `CustomerID` of bronze is `customer_id` of silver.
    """
    return frozenset(comparable(name) for table in pipeline.tables for name in pipeline.contract(table).pii)


def is_personal(pipeline: DatasetPipeline, column: str) -> bool:
    """Whether a column's values are never shown."""
    return comparable(column) in hidden_columns(pipeline)


def comparable(name: str) -> str:
    """A column's name without case and separators."""
    return "".join(char for char in name.casefold() if char.isalnum())
