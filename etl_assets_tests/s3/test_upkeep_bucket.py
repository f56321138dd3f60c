"""Upkeep of tables in a bucket, against a real server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import polars as pl
import pytest

from etl_assets.errors import StaleWriterError
from etl_assets.lake.places import parquet_files
from etl_assets.lake.tables import LakeTable, open_lake
from etl_assets.lake.upkeep import keep_table
from etl_assets.object_storage import ObjectStorage, Place

pytestmark = pytest.mark.slow

SCHEMA: dict[str, pl.DataType] = {"value": pl.Int64()}
DAY = "2024-01-01"
NOW = timedelta(0)


@pytest.fixture
def table(make_place: Callable[..., Place], storage: ObjectStorage) -> LakeTable:
    lake = open_lake(str(make_place("lake")), storage)
    return lake.table("shop", "silver", "orders", partitioned=True)


def write(table: LakeTable, token: int, *pieces: list[int], commit: bool = True) -> None:
    """One attempt that writes each piece into a file of its own."""
    stage = table.stage(f"{token:08d}-a")
    for values in pieces:
        rows = pl.LazyFrame({"value": values}, schema=SCHEMA).with_columns(_period=pl.lit(DAY))
        pl.collect_all([stage.sink(rows)], engine="streaming")
    if commit:
        table.commit(stage.files, [DAY], SCHEMA, writer="shop", token=token)


def values(table: LakeTable) -> list[int]:
    return sorted(table.scan(SCHEMA).collect()["value"])


def test_a_table_is_compacted_and_cleared(table: LakeTable) -> None:
    write(table, 1, [1], [2])
    write(table, 2, [3], [4], [5])
    write(table, 3, [6], commit=False)

    done = keep_table(table, writer="shop", token=4, retention=NOW)

    assert values(table) == [3, 4, 5]
    assert (done.files, done.files_after, done.compacted) == (3, 1, 1)
    assert done.removed == 6
    assert done.removed_bytes
    assert len(parquet_files(table.path / f"_period={DAY}")) == 1
    with pytest.raises(StaleWriterError):
        write(table, 3, [7])


def test_what_is_young_stays(table: LakeTable) -> None:
    write(table, 1, [1])
    write(table, 2, [2])
    version = table.version()

    assert keep_table(table, writer="shop", token=3, retention=timedelta(days=7)).removed == 0
    assert values(table) == [2]
    assert table.version() == (version or 0) + 1  # which states the retention
    keep_table(table, writer="shop", token=4, retention=timedelta(days=7))
    assert table.version() == (version or 0) + 1
