"""Rows that people corrected and that are refused all the same: the new values broke rules as well."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from etl_assets.contracts.dataset import Layer, TableId
from etl_assets.ledger.decision_records import Decision, DecisionKind
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.refused import scan_refused
from etl_assets.quality.decided import DECISION
from etl_assets.quality.flags import REASONS


@dataclass(frozen=True)
class StillRefused:
    """What a correction did not mend.

    Attributes:
        decision_id: The correction.
        table: Whose rules refuse the rows.
        rows: How many.
        row_id: The first of them.
        reasons: The rules that they break with their new values.
    """

    decision_id: int
    table: TableId
    rows: int
    row_id: str
    reasons: tuple[str, ...]


def still_refused(pipeline: DatasetPipeline, decisions: Iterable[Decision]) -> dict[int, StillRefused]:
    """Find the corrections whose rows are refused as the tables stand now.

    Rows whose loss somebody has accepted since are left out. Quarantine is read only of the partitions
    that these corrections name.

    Args:
        pipeline: The dataset.
        decisions: Those that hold, with the discards among them.

    Returns:
        The id of the correction -> what is still refused.
    """
    decisions = list(decisions)
    discards = [one.id for one in decisions if one.kind is DecisionKind.DISCARD]
    by_table: defaultdict[TableId, list[Decision]] = defaultdict(list)
    for one in decisions:
        table = TableId(Layer(one.layer), one.table)
        if one.kind is DecisionKind.CORRECT and table in pipeline.tables:
            by_table[table].append(one)
    found: dict[int, StillRefused] = {}
    for table, corrections in by_table.items():
        periods = {period for one in corrections for period in one.periods}
        refused = _undiscarded(scan_refused(pipeline, table, periods), discards)
        marked = refused.with_columns(_ids().alias("_by")).explode("_by")
        found |= _counted(table, marked, [one.id for one in corrections])
        if table.layer is Layer.BRONZE:
            found = _refused_downstream(pipeline, table, corrections, discards) | found
    return found


def _refused_downstream(
    pipeline: DatasetPipeline, bronze: TableId, corrections: list[Decision], discards: list[int]
) -> dict[int, StillRefused]:
    """A record that bronze could read at last may be refused by the next table, under the same id."""
    own = {one.row_id: one.id for one in corrections if one.row_id}
    periods = {"", *(period for one in corrections for period in one.periods)}
    found: dict[int, StillRefused] = {}
    for id, table in pipeline.tables.items():
        if not own or id.layer is not Layer.SILVER or next(iter(table.inputs.values())) != bronze:
            continue
        refused = _undiscarded(scan_refused(pipeline, id, periods), discards)
        by = pl.col("_row_id").replace_strict(own, default=None, return_dtype=pl.Int64)
        for decision, one in _counted(id, refused.with_columns(by.alias("_by")), own.values()).items():
            found.setdefault(decision, one)
    return found


def _undiscarded(refused: pl.LazyFrame, discards: list[int]) -> pl.LazyFrame:
    if not discards:
        return refused
    return refused.filter(~_ids().list.eval(pl.element().is_in(discards)).list.any().fill_null(False))


def _ids() -> pl.Expr:
    # Not strict: a null may have an empty text beneath it.
    return pl.col(DECISION).str.split(";").list.eval(pl.element().cast(pl.Int64, strict=False))


def _counted(table: TableId, marked: pl.LazyFrame, ids: Iterable[int]) -> dict[int, StillRefused]:
    rules = pl.col(REASONS).str.split(";").explode().unique().sort()
    rows = (
        marked.filter(pl.col("_by").is_in(list(ids)))
        .group_by("_by")
        .agg(pl.len().alias("rows"), pl.col("_row_id").min(), rules.alias("rules"))
        .collect(engine="streaming")
    )
    return {
        id: StillRefused(id, table, count, row_id, tuple(broken))
        for id, count, row_id, broken in rows.iter_rows()
    }
