"""Parquet files that are not what they should be."""

from __future__ import annotations

import io

import polars as pl

from etl_assets.staging.breaches import BreachCode
from etl_assets_tests.staging.desk import Desk


def parquet(**columns: object) -> bytes:
    out = io.BytesIO()
    pl.DataFrame(columns).write_parquet(out)
    return out.getvalue()


def test_parquet_keeps_types_and_is_found_by_name(desk: Desk) -> None:
    reading = desk.read_parquet(parquet(b=["x", None], a=[1, 2]), ["a", "b"])
    assert reading.frame.collect().rows() == [
        (1, "x", "id-x.parquet", 1, "id-x.parquet:1"),
        (2, None, "id-x.parquet", 2, "id-x.parquet:2"),
    ]
    assert reading.rows == reading.records == 2


def test_parquet_that_is_cut_in_half_or_differs_is_a_breach(desk: Desk) -> None:
    data = parquet(a=list(range(1000)), b=["x"] * 1000)
    for damaged, code in [(data[: len(data) // 2], BreachCode.DAMAGED), (b"", BreachCode.EMPTY)]:
        found = desk.read_parquet(damaged, ["a", "b"]).breach
        assert found is not None
        assert found.code is code
    renamed = desk.read_parquet(data, ["a", "c"]).breach
    assert renamed is not None
    assert renamed.code is BreachCode.HEADER
    typed = desk.read_parquet(data, ["a", "b"], {"a": pl.String(), "b": pl.String()}).breach
    assert typed is not None
    assert typed.code is BreachCode.TYPES
    assert "'a' is Int64, expected String" in typed.message
