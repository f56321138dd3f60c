"""What a person may write into a cell: what a file could have held."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from etl_assets.contracts.dataset import Layer
from etl_assets.errors import DecisionError
from etl_assets.pipeline.choosing import ChosenRows, Rows
from etl_assets.pipeline.column_periods import period_expression
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.decisions import cell_columns
from etl_assets.quality.decided import typed
from etl_assets.staging.source import PeriodFrom

LONGEST_CELL = 64_000
"""Characters of a cell; as much as is kept of a record that can't be read."""


def check_values(
    pipeline: DatasetPipeline, rows: Rows, found: ChosenRows, values: Mapping[str, str | None]
) -> dict[str, str | None]:
    """Check new cells, and return them as they are stored: null for an empty text.

    Messages name columns, never what was written: it may be personal.

    Raises:
        DecisionError: A column is not delivered, or its type can't hold such a cell; a record that could
            not be read lacks a column; rows in bronze are to be corrected all alike, or moved elsewhere.
    """
    where: dict[str, object] = {"dataset": pipeline.name, "table": str(rows.table)}
    columns = cell_columns(pipeline, rows.table)
    if not values:
        raise DecisionError("Say which column gets which value", where=where)
    for name in values:
        if name not in columns:
            hint = f"Delivered are {', '.join(columns)}"
            raise DecisionError(f"There is no column {name} in what was delivered", where=where, hint=hint)
    cells = {name: _cell(name, value, columns[name], where) for name, value in values.items()}
    if rows.table.layer is Layer.BRONZE:
        _check_bronze(pipeline, rows, found, cells, where)
    return cells


def _cell(name: str, value: str | None, dtype: pl.DataType, where: dict[str, object]) -> str | None:
    if value is None or value == "":
        return None
    if len(value) > LONGEST_CELL:
        what = f"The value for {name} has more than {LONGEST_CELL:,} characters"
        raise DecisionError(what, where=where)
    if "\x00" in value or any("\ud800" <= sign <= "\udfff" for sign in value):
        raise DecisionError(f"The value for {name} holds a NUL, or half of a character", where=where)
    if dtype.is_nested() or dtype == pl.Binary or typed([value], dtype).null_count():
        raise DecisionError(f"{name} holds {dtype}: the value is no such thing", where=where)
    return value


def _check_bronze(
    pipeline: DatasetPipeline,
    rows: Rows,
    found: ChosenRows,
    cells: Mapping[str, str | None],
    where: dict[str, object],
) -> None:
    if not rows.row_id:
        hint = "Correct them row by row, or all alike in the silver table"
        raise DecisionError("Records of bronze are corrected one by one", where=where, hint=hint)
    where = where | {"row": rows.row_id}
    columns = cell_columns(pipeline, rows.table)
    if found.unreadable and (lost := [name for name in columns if name not in cells]):
        hint = "Say all columns; an empty one as NAME="
        raise DecisionError(
            f"The record could not be read: it lacks {', '.join(lost)}", where=where, hint=hint
        )
    source = pipeline.sources[rows.table.name]
    column = source.period_column
    if source.period_from is not PeriodFrom.COLUMN or column is None or column not in cells:
        return
    frame = pl.DataFrame({column: typed([cells[column]], columns[column])})
    named = frame.select(period_expression(pipeline, rows.table, columns[column])).item()
    if (named,) != found.periods:
        raise DecisionError(
            f"{column} would move the row to another partition", where=where, hint="Deliver it in a file"
        )
