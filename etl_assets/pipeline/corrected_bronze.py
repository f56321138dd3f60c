"""Corrections of records as they are read: in bronze, where a record that can't be read has no cells yet."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from etl_assets.contracts.dataset import Layer, TableId
from etl_assets.contracts.provenance import PROVENANCE
from etl_assets.lake.files import PERIOD
from etl_assets.ledger.decision_records import DecisionKind
from etl_assets.lookup import looked_up
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.refused import RAW
from etl_assets.quality.decided import Decided, typed
from etl_assets.quality.flags import DELIVERED, REASONS
from etl_assets.staging.unreadable import UNREADABLE_SCHEMA

Originals = Mapping[str, Mapping[str, str | None]]
"""Row -> what was delivered, as the decisions that corrected it have kept it."""


def corrected_records(
    rows: pl.LazyFrame, unreadable: pl.DataFrame, decided: Decided
) -> tuple[pl.LazyFrame, pl.DataFrame]:
    """Change the cells that a person corrected, and make rows of records that a person has read.

    Args:
        rows: What could be read, with `_period`.
        unreadable: What could not, with `_period`.
        decided: What was decided.

    Returns:
        The rows, with their cells as delivered as `_delivered.<column>`; the records that stay unreadable.
    """
    columns = list(decided.cells)
    rows = rows.with_columns(pl.col(name).alias(DELIVERED + name) for name in columns)
    rows = rows.with_columns(decided.new_cell(name).alias(name) for name in decided.corrected_columns)
    read = unreadable.filter(pl.col("_row_id").is_in(list(decided.records)))
    if not read.height:
        return rows, unreadable
    cells = [_cells_of(decided, name, dtype) for name, dtype in rows.collect_schema().items()]
    order = list(rows.collect_schema())
    left = unreadable.filter(~pl.col("_row_id").is_in(list(decided.records)))
    return pl.concat([rows, read.lazy().select(cells).select(order)]), left


def _cells_of(decided: Decided, name: str, dtype: pl.DataType) -> pl.Expr:
    """A column of the rows that people made of records."""
    column = name.removeprefix(DELIVERED)
    if name in (*PROVENANCE, PERIOD) or column not in decided.cells:
        return pl.col(name)
    values = {row: cells.get(column) for row, cells in decided.records.items()}
    return looked_up(pl.col("_row_id"), values, dtype).alias(name)


# -- what was delivered -----------------------------------------------------------------------


def originals(pipeline: DatasetPipeline, table: TableId) -> Originals:
    """What was delivered where a bronze table was ever corrected, whatever holds now: records, or cells."""
    found: dict[str, dict[str, str | None]] = {}
    for one in pipeline.ledger.decisions(pipeline.name):
        if (one.layer, one.table, one.kind) != (Layer.BRONZE, table.name, DecisionKind.CORRECT):
            continue
        own = found.setdefault(one.row_id, {})
        if RAW in one.original:
            own.update(one.original)
        else:
            own.update({name: one.original.get(name) for name in one.values})
    return found


def as_delivered(
    rows: pl.LazyFrame, unreadable: pl.DataFrame, known: Originals, cells: Mapping[str, pl.DataType]
) -> tuple[pl.LazyFrame, pl.DataFrame]:
    """Take corrections back, in rows that bronze has kept of a file that is gone.

    Args:
        rows: What bronze has of it: cells, provenance, `_period`.
        unreadable: Its unreadable records.
        known: What was delivered.
        cells: The columns of the row as delivered.
    """
    records = {row: one for row, one in known.items() if RAW in one}
    changed = {row: one for row, one in known.items() if RAW not in one}
    for name, dtype in cells.items():
        texts = {row: one[name] for row, one in changed.items() if name in one}
        if not texts:
            continue
        values = dict(zip(texts, typed(list(texts.values()), dtype).to_list(), strict=True))
        own = pl.col("_row_id").is_in(list(texts))
        rows = rows.with_columns(
            pl.when(own).then(looked_up(pl.col("_row_id"), values, dtype)).otherwise(pl.col(name)).alias(name)
        )
    if not records:
        return rows, unreadable
    mine = pl.col("_row_id").is_in(list(records))
    read = rows.filter(mine).select(*PROVENANCE, PERIOD).collect()
    lost = read.with_columns(
        looked_up(pl.col("_row_id"), {row: one[RAW] for row, one in records.items()}, pl.String()).alias(RAW),
        looked_up(
            pl.col("_row_id"), {row: one.get(REASONS) for row, one in records.items()}, pl.String()
        ).alias(REASONS),
    )
    again = pl.concat([unreadable, lost.select(*UNREADABLE_SCHEMA, PERIOD)])
    return rows.filter(~mine), again
