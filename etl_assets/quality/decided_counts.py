"""How many rows owe their fate to what people decided, counted in the scan that judges them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import polars as pl

from etl_assets.quality.flags import QUARANTINED, JudgedRows
from etl_assets.quality.uniqueness import Violations

MARKS = "__marks"


def counts_of_decided(judged: JudgedRows, reasons: pl.Expr | None = None) -> list[pl.Expr]:
    """Sums for each fate: rows that were corrected, broke an `error` rule, or are discarded.

    Args:
        judged: The rows.
        reasons: The rules that a refused row broke; its broken row rules unless given.
    """
    if judged.decided is None:
        return []
    reasons = judged.reasons() if reasons is None else reasons
    return [
        pl.col("__correct").is_not_null().sum().alias("corrected"),
        judged.excused().sum().alias("waived"),
        judged.discarded(reasons).is_not_null().sum().alias("discarded"),
    ]


def decided_rows(flagged: pl.LazyFrame, judged: JudgedRows) -> list[pl.LazyFrame]:
    """Count the rows of each correction and waiver; nothing where nobody decided anything."""
    if judged.decided is None:
        return []
    return [_counted(flagged, pl.col(mark)) for mark in ("__correct", "__waive")]


def discarded_rows(
    others: pl.LazyFrame, violations: Violations | None, judged: JudgedRows
) -> list[pl.DataFrame]:
    """Count the rows of each discard among those that were refused."""
    refused = others.filter(pl.col("__fate") == QUARANTINED)
    counted = [_counted(refused, judged.discarded(judged.reasons()))]
    if violations is not None:
        repeated = violations.rows.lazy().filter(pl.col("__reasons").is_not_null())
        counted.append(_counted(repeated, judged.discarded(pl.col("__reasons"))))
    return pl.collect_all(counted)


def _counted(rows: pl.LazyFrame, mark: pl.Expr) -> pl.LazyFrame:
    marked = rows.select("_period", mark.alias(MARKS)).filter(pl.col(MARKS).is_not_null())
    return marked.group_by("_period", MARKS).agg(pl.len().alias("rows"))


def effects(counted: Iterable[pl.DataFrame]) -> dict[str, dict[int, int]]:
    """Add up the rows of each decision: period -> decision -> rows."""
    found: defaultdict[str, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
    for frame in counted:
        for period, marks, rows in frame.select("_period", MARKS, "rows").iter_rows():
            for id in set(marks.split(";")):
                found[period][int(id)] += rows
    return {period: dict(decisions) for period, decisions in found.items()}
