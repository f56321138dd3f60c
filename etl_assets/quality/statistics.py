"""Column statistics of accepted rows, in a form that can be merged."""

from __future__ import annotations

import polars as pl

from etl_assets.contracts.provenance import PROVENANCE
from etl_assets.contracts.rules import CompiledContract
from etl_assets.quality.outcome import ColumnStatistics

TEXT_CUT = 200


def expressions(contract: CompiledContract, *, profile: bool = True) -> list[pl.Expr]:
    """Aggregations over a group of rows: nulls, minimum, maximum, sum and distinct values per column.

    Distinct values are counted by HyperLogLog. Columns marked `pii` give no minimum and maximum.

    Args:
        contract: The table.
        profile: False for nulls alone.
    """
    out: list[pl.Expr] = []
    for name, dtype in _columns(contract).items():
        column = pl.col(name)
        out.append(column.null_count().alias(f"nulls.{name}"))
        if dtype.is_nested() or not profile:
            continue
        out.append(column.approx_n_unique().alias(f"distinct.{name}"))
        if name not in contract.pii:
            out += [column.min().alias(f"minimum.{name}"), column.max().alias(f"maximum.{name}")]
            if dtype.is_numeric():
                out.append(column.cast(pl.Float64).sum().alias(f"sum.{name}"))
    return out


def _columns(contract: CompiledContract) -> dict[str, pl.DataType]:
    return {name: dtype for name, dtype in contract.schema.items() if name not in PROVENANCE}


def merge(one: dict[str, object] | None, other: dict[str, object]) -> dict[str, object]:
    """Merge the counts of two groups of rows of one period and fate.

    Counts and sums add up; of the approximate numbers of distinct values the larger is kept.
    """
    if one is None:
        return other
    merged = dict(one)
    for name, value in other.items():
        mine = one[name]
        kind = name.partition(".")[0]
        if mine is None or value is None:
            merged[name] = value if mine is None else mine
        elif kind in ("minimum",):
            merged[name] = min(mine, value)  # type: ignore[call-overload]
        elif kind in ("maximum", "distinct"):
            merged[name] = max(mine, value)  # type: ignore[call-overload]
        elif kind not in ("_period", "__fate"):
            merged[name] = mine + value  # type: ignore[operator]
    return merged


def read(contract: CompiledContract, counts: dict[str, object] | None) -> tuple[ColumnStatistics, ...]:
    """Read the statistics of each column from the counts of a period's accepted rows."""
    if not counts:
        return tuple(ColumnStatistics(name, 0, 0, None, None, None, None) for name in _columns(contract))
    return tuple(_read_column(name, counts) for name in _columns(contract))


def _read_column(name: str, counts: dict[str, object]) -> ColumnStatistics:
    rows, nulls = int(str(counts["rows"])), int(str(counts[f"nulls.{name}"]))
    total = counts.get(f"sum.{name}")
    distinct = counts.get(f"distinct.{name}")
    mean = float(str(total)) / (rows - nulls) if total is not None and rows > nulls else None
    return ColumnStatistics(
        column=name,
        rows=rows,
        nulls=nulls,
        minimum=_as_text(counts.get(f"minimum.{name}")),
        maximum=_as_text(counts.get(f"maximum.{name}")),
        mean=mean,
        # HyperLogLog counts null as a value of its own.
        distinct=None if distinct is None else min(max(int(str(distinct)) - (nulls > 0), 0), rows - nulls),
    )


def _as_text(value: object) -> str | None:
    return None if value is None else str(value)[:TEXT_CUT]
