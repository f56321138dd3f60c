from __future__ import annotations

import polars as pl
import pytest

from etl_assets.lookup import looked_up

VALUES = {"a": 1, "b": 2}


@pytest.mark.parametrize(
    ("keys", "found"),
    [
        ([], []),
        (["a", "a"], [1, 1]),
        (["x", "x"], [None, None]),
        (["a", "b", "x", None, "a"], [1, 2, None, None, 1]),
        ([None, None], [None, None]),
        (["a", None], [1, None]),
        ([None, "b"], [None, 2]),
    ],
)
@pytest.mark.parametrize("engine", ["streaming", "in-memory"])
def test_each_key_gets_its_value(keys: list[str | None], found: list[int | None], engine: str) -> None:
    rows = pl.LazyFrame({"key": keys}, schema={"key": pl.String})

    given = rows.select(looked_up(pl.col("key"), VALUES, pl.Int64()).alias("value")).collect(engine=engine)
    assert given["value"].to_list() == found
    assert given.schema == {"value": pl.Int64()}


def test_nothing_to_look_up_in() -> None:
    rows = pl.LazyFrame({"key": ["a", "b"]})

    assert rows.select(looked_up(pl.col("key"), {}, pl.Date())).collect()["key"].to_list() == [None, None]
