"""A small table, and rows for it."""

from __future__ import annotations

import polars as pl

from etl_assets.lake.stage import Stage
from etl_assets.lake.tables import LakeTable

SCHEMA = {"number": pl.Int64(), "text": pl.String()}


def staged(table: LakeTable, attempt: str, rows: dict[str, list[int]]) -> Stage:
    stage = table.stage(attempt)
    frame = pl.DataFrame(
        [(number, f"n{number}", period) for period, numbers in rows.items() for number in numbers],
        schema={**SCHEMA, "_period": pl.String()},
        orient="row",
    )
    pl.collect_all([stage.sink(frame.lazy())], engine="streaming")
    return stage


def write(
    table: LakeTable,
    attempt: str,
    rows: dict[str, list[int]],
    *,
    token: int = 1,
    periods: list[str] | None = None,
) -> int:
    stage = staged(table, attempt, rows)
    return table.commit(stage.files, periods or list(rows), SCHEMA, writer="shop", token=token)


def content(table: LakeTable, periods: list[str] | None = None) -> dict[str, list[int]]:
    rows = table.scan(SCHEMA, periods).collect().group_by("_period").agg(pl.col("number").sort())
    return dict(sorted(rows.select("_period", "number").iter_rows()))
