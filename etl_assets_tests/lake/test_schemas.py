"""Columns and dtypes of a table that change, with what is published in it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl
import pytest
from deltalake import DeltaTable

from etl_assets.errors import LakeError, StaleWriterError
from etl_assets.lake.tables import LakeTable
from etl_assets_tests.lake.writing import SCHEMA, content, staged, write

# -- schemas ----------------------------------------------------------------------------------


def test_a_new_column_is_null_in_old_partitions(table: LakeTable) -> None:
    write(table, "a", {"p1": [1]})
    wider = {**SCHEMA, "price": pl.Float64()}
    stage = table.stage("b")
    rows = pl.LazyFrame({"number": [2], "text": ["x"], "price": [1.5], "_period": ["p2"]})
    pl.collect_all([stage.sink(rows)], engine="streaming")
    table.commit(stage.files, ["p2"], wider, writer="shop", token=1)

    found = table.scan(wider).collect().sort("number")
    assert found["price"].to_list() == [None, 1.5]
    assert pl.read_delta(str(table.path)).sort("number")["price"].to_list() == [None, 1.5]


def test_a_new_column_may_be_a_time_without_zone(table: LakeTable) -> None:
    write(table, "a", {"p1": [1]})
    wider = {**SCHEMA, "at": pl.Datetime("us")}
    for attempt in ("b", "c"):
        stage = table.stage(attempt)
        at = dt.datetime(2024, 1, 1)
        rows = pl.LazyFrame({"number": [2], "text": ["x"], "at": [at], "_period": ["p2"]})
        pl.collect_all([stage.sink(rows)], engine="streaming")
        table.commit(stage.files, ["p2"], wider, writer="shop", token=1)

    assert table.scan(wider).collect().sort("number")["at"].to_list() == [None, at]


def test_a_column_that_was_dropped_is_not_read(table: LakeTable) -> None:
    write(table, "a", {"p1": [1]})

    assert table.scan({"number": pl.Int64()}).collect().columns == ["number", "_period"]


def retyped(
    table: LakeTable, attempt: str, values: dict[str, list[object]], dtype: pl.DataType, *, token: int = 2
) -> dict[str, pl.DataType]:
    """Commit some partitions whose column `number` has another dtype."""
    schema = {"number": dtype, "text": pl.String()}
    stage = table.stage(attempt)
    rows = [(value, "new", period) for period, found in values.items() for value in found]
    frame = pl.DataFrame(rows, schema={**schema, "_period": pl.String()}, orient="row")
    pl.collect_all([stage.sink(frame.lazy())], engine="streaming")
    table.commit(stage.files, list(values), schema, writer="shop", token=token)
    return schema


def test_partitions_that_are_not_replaced_are_carried_into_a_new_dtype(table: LakeTable) -> None:
    write(table, "00000001-a", {"p1": [1], "p2": [2, 3], "p3": [4]}, token=1)
    before = table.version() or 0
    schema = retyped(table, "00000002-b", {"p1": ["one"]}, pl.String())

    assert table.version() == before + 1
    found = table.scan(schema).collect().select("number", "text", "_period").sort("number").rows()
    assert found == [("2", "n2", "p2"), ("3", "n3", "p2"), ("4", "n4", "p3"), ("one", "new", "p1")]
    assert pl.read_delta(str(table.path)).height == 4
    assert [(file.period, file.rows) for file in table.files()] == [("p1", 1), ("p2", 2), ("p3", 1)]
    assert all(file.path.stat().st_size == file.bytes for file in table.files())


def test_carried_files_still_begin_with_the_token_of_who_built_them(table: LakeTable) -> None:
    write(table, "00000001-a", {"p1": [1], "p2": [2]}, token=1)
    retyped(table, "00000002-b", {"p1": ["one"]}, pl.String())
    retyped(table, "00000003-c", {"p1": [1]}, pl.Int64(), token=3)

    names = [file.path.name for file in table.files()]
    assert [name.partition("-")[0] for name in names] == ["00000003", "00000001"]
    assert names[1].count("-carried-") == 1
    assert content(table) == {"p1": [1], "p2": [2]}


@pytest.mark.parametrize(
    ("old", "values", "new"),
    [
        (pl.String(), ["1", "secret"], pl.Int64()),
        (pl.Float64(), [2.0, -0.5], pl.Int64()),
        (pl.Datetime("us"), [dt.datetime(2024, 1, 1, 12)], pl.Date()),
        (pl.String(), ["2024-13-01"], pl.Date()),
        (pl.Int64(), [300], pl.Int8()),
        (pl.Int64(), [1], pl.List(pl.Int64())),
        (pl.List(pl.String()), [["secret"]], pl.List(pl.Int64())),
    ],
)
def test_rows_that_a_new_dtype_would_change_stop_the_commit(
    table: LakeTable, old: pl.DataType, values: list[object], new: pl.DataType
) -> None:
    schema = retyped(table, "a", {"p1": values[:1], "p2": values}, old)
    version, files = table.version(), sorted(table.path.rglob("*.parquet"))

    with pytest.raises(LakeError) as caught:
        retyped(table, "b", {"p1": [None]}, new)
    assert all(word in str(caught.value) for word in ("number to", "p2", str(table.path), "same run"))
    assert "secret" not in str(caught.value)
    assert table.version() == version
    assert table.scan(schema).collect().height == len(values) + 1
    staged_ones = [path for path in table.path.rglob("*.parquet") if path not in files]
    assert [path.name[:2] for path in staged_ones] == ["b-"]


@pytest.mark.parametrize(
    ("old", "value", "new", "cast"),
    [
        (pl.String(), "2024-02-29", pl.Date(), dt.date(2024, 2, 29)),
        (pl.Float64(), 3.0, pl.Int64(), 3),
        (pl.Int64(), 3, pl.Float64(), 3.0),
        (pl.Decimal(12, 3), Decimal("0.125"), pl.Float64(), 0.125),
        (pl.Int64(), None, pl.Date(), None),
        (pl.Date(), dt.date(2024, 2, 29), pl.Datetime("us"), dt.datetime(2024, 2, 29)),
    ],
)
def test_what_a_new_dtype_can_hold_is_carried(
    table: LakeTable, old: pl.DataType, value: object, new: pl.DataType, cast: object
) -> None:
    retyped(table, "a", {"p1": [None], "p2": [value]}, old)
    schema = retyped(table, "b", {"p1": [None]}, new)

    assert table.scan(schema, ["p2"]).collect()["number"].to_list() == [cast]


def test_a_column_that_comes_back_with_another_dtype_is_carried(table: LakeTable) -> None:
    write(table, "a", {"p1": [1], "p2": [2]})
    stage = table.stage("b")
    pl.collect_all([stage.sink(pl.LazyFrame({"text": ["x"], "_period": ["p1"]}))], engine="streaming")
    table.commit(stage.files, ["p1"], {"text": pl.String()}, writer="shop", token=1)
    schema = retyped(table, "c", {"p3": ["three"]}, pl.String())

    rows = table.scan(schema).collect().sort("_period")
    assert rows.select("number", "_period").rows() == [(None, "p1"), ("2", "p2"), ("three", "p3")]


def test_a_commit_that_was_overtaken_leaves_no_carried_files(
    table: LakeTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(table, "first", {"p1": [1], "p2": [2]})
    quick = staged(table, "quick", {"p2": [3]})
    check = DeltaTable.transaction_version

    def overtaken(delta: DeltaTable, writer: str) -> int | None:
        found = check(delta, writer)
        monkeypatch.setattr(DeltaTable, "transaction_version", check)
        table.commit(quick.files, ["p2"], SCHEMA, writer="shop", token=2)
        return found

    monkeypatch.setattr(DeltaTable, "transaction_version", overtaken)
    with pytest.raises(StaleWriterError):
        retyped(table, "slow", {"p1": ["one"]}, pl.String(), token=1)
    assert content(table) == {"p1": [1], "p2": [3]}
    assert not [path for path in table.path.rglob("*.parquet") if "-carried-" in path.name]


@pytest.mark.parametrize("token", [1, 2])
def test_a_new_dtype_does_not_open_the_door_to_stale_writers(table: LakeTable, token: int) -> None:
    write(table, "a", {"p1": [1]}, token=2)
    other = {"number": pl.String(), "text": pl.String()}
    stage = table.stage("b")
    rows = pl.LazyFrame({"number": ["one"], "text": ["x"], "_period": ["p1"]})
    pl.collect_all([stage.sink(rows)], engine="streaming")
    if token < 2:
        with pytest.raises(StaleWriterError):
            table.commit(stage.files, ["p1"], other, writer="shop", token=token)
        assert content(table) == {"p1": [1]}
    else:
        table.commit(stage.files, ["p1"], other, writer="shop", token=token)
        with pytest.raises(StaleWriterError):
            write(table, "c", {"p1": [1]}, token=1)


def test_a_dtype_that_delta_does_not_have_is_refused(table: LakeTable) -> None:
    stage = staged(table, "a", {"p1": [1]})

    with pytest.raises(LakeError, match="olumn text has dtype Time"):
        table.commit(stage.files, ["p1"], {**SCHEMA, "text": pl.Time()}, writer="shop", token=1)
    assert not table.exists()


def test_every_dtype_of_a_contract_comes_back(table: LakeTable) -> None:
    row = {
        "day": dt.date(2024, 2, 29),
        "at": dt.datetime(2024, 2, 29, 12, 0, 0, 1),
        "instant": dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC),
        "share": 0.1,
        "price": "1.25",
        "is_open": True,
        "tags": ["a", None],
        "place": {"x": 1, "y": None},
        "_period": "p1",
    }
    schema = {
        "day": pl.Date(),
        "at": pl.Datetime("us"),
        "instant": pl.Datetime("us", "UTC"),
        "share": pl.Float64(),
        "price": pl.Decimal(12, 3),
        "is_open": pl.Boolean(),
        "tags": pl.List(pl.String),
        "place": pl.Struct({"x": pl.Int64, "y": pl.String()}),
    }
    rows = pl.DataFrame([row], schema_overrides={"place": schema["place"]}).with_columns(
        pl.col("price").cast(pl.Decimal(12, 3))
    )
    stage = table.stage("a")
    pl.collect_all([stage.sink(rows.lazy())], engine="streaming")
    table.commit(stage.files, ["p1"], schema, writer="shop", token=1)

    found = table.scan(schema).collect()
    assert found.schema == {**schema, "_period": pl.String()}
    assert found.select(rows.columns).rows() == rows.rows()
    assert pl.read_delta(str(table.path)).height == 1
