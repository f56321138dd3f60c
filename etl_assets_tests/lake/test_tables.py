from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from etl_assets.errors import LakeError, StaleWriterError
from etl_assets.lake.stage import Stage
from etl_assets.lake.tables import Lake, LakeTable

SCHEMA = {"number": pl.Int64(), "text": pl.String()}


@pytest.fixture
def table(tmp_path: Path) -> LakeTable:
    return Lake(tmp_path).table("shop", "silver", "sales", partitioned=True)


@pytest.fixture
def snapshot(tmp_path: Path) -> LakeTable:
    return Lake(tmp_path).table("shop", "silver", "countries", partitioned=False)


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


# -- commits ----------------------------------------------------------------------------------


def test_a_table_that_was_never_written_is_empty(table: LakeTable) -> None:
    assert not table.exists()
    assert table.version() is None
    assert table.files() == []
    assert table.scan(SCHEMA).collect().schema == {**SCHEMA, "_period": pl.String()}


def test_a_commit_replaces_the_named_partitions_only(table: LakeTable) -> None:
    write(table, "a", {"p1": [1, 2], "p2": [3]})
    write(table, "b", {"p2": [4, 5]})

    assert content(table) == {"p1": [1, 2], "p2": [4, 5]}
    assert content(table, ["p2"]) == {"p2": [4, 5]}


def test_writing_the_same_again_gives_the_same_rows(table: LakeTable) -> None:
    for attempt in "abc":
        write(table, attempt, {"p1": [1, 2], "p2": [3]})

    assert content(table) == {"p1": [1, 2], "p2": [3]}


def test_a_partition_without_files_becomes_empty(table: LakeTable) -> None:
    write(table, "a", {"p1": [1], "p2": [2]})
    write(table, "b", {"p2": [3]}, periods=["p1", "p2"])

    assert content(table) == {"p2": [3]}


def test_the_first_commit_may_be_empty(table: LakeTable) -> None:
    write(table, "a", {}, periods=["p1"])

    assert table.exists()
    assert content(table) == {}


def test_an_unpartitioned_table_is_replaced_as_a_whole(snapshot: LakeTable) -> None:
    write(snapshot, "a", {"": [1, 2, 3]})
    write(snapshot, "b", {"": [4]})

    assert content(snapshot) == {"": [4]}
    assert "_period" not in DeltaTable(str(snapshot.path)).schema().to_json()


def test_other_readers_of_delta_see_rows_and_partitions(table: LakeTable) -> None:
    write(table, "a", {"2024-01-01": [1, 2], "2024-01-02": [3]})

    seen = pl.read_delta(str(table.path)).sort("number")
    assert seen["number"].to_list() == [1, 2, 3]
    assert seen["_period"].to_list() == ["2024-01-01", "2024-01-01", "2024-01-02"]


def test_files_say_how_many_rows_they_hold(table: LakeTable) -> None:
    write(table, "a", {"p1": [1, 2], "p2": [3]})

    assert [(file.period, file.rows) for file in table.files()] == [("p1", 2), ("p2", 1)]
    assert all(file.path.stat().st_size == file.bytes for file in table.files())


def test_two_stages_of_one_partition_are_one_partition(table: LakeTable) -> None:
    stage = staged(table, "a", {"p1": [1]})
    more = pl.LazyFrame(
        {"number": [2], "text": ["n2"], "_period": ["p1"]}, schema={**SCHEMA, "_period": pl.String()}
    )
    pl.collect_all([stage.sink(more)], engine="streaming")
    table.commit(stage.files, ["p1"], SCHEMA, writer="shop", token=1)

    assert content(table) == {"p1": [1, 2]}


# -- stages -----------------------------------------------------------------------------------


def test_what_is_staged_is_not_visible(table: LakeTable) -> None:
    write(table, "a", {"p1": [1]})
    stage = staged(table, "b", {"p1": [2], "p2": [3]})

    assert content(table) == {"p1": [1]}
    assert {file.period for file in stage.files} == {"p1", "p2"}


def test_discarded_files_are_gone_and_moved_ones_elsewhere(table: LakeTable, tmp_path: Path) -> None:
    stage = staged(table, "a", {"p1": [1], "p2": [2]})
    one, two = sorted(stage.files, key=lambda file: file.period)
    stage.discard([one])
    stage.move([two], tmp_path / "held")

    assert stage.files == []
    assert not list(table.path.rglob("*.parquet"))
    [held] = (tmp_path / "held").iterdir()
    assert pl.read_parquet(held)["number"].to_list() == [2]


def test_a_writer_killed_before_its_commit_leaves_the_table_as_it_was(table: LakeTable) -> None:
    version = write(table, "a", {"p1": [1]})
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from etl_assets.lake.tables import LakeTable\n"
        "from etl_assets_tests.lake.test_tables import staged\n"
        "stage = staged(LakeTable(Path(sys.argv[1]), True), 'b', {'p1': [2], 'p2': [3]})\n"
        "assert len(stage.files) == 2\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, str(table.path)], check=False, env={**os.environ})

    assert killed.returncode == -signal.SIGKILL
    assert len(list(table.path.rglob("*.parquet"))) == 3, "it had staged its files"
    assert table.version() == version
    assert content(table) == {"p1": [1]}
    write(table, "c", {"p1": [4]}, token=2)
    assert content(table) == {"p1": [4]}


# -- writers ----------------------------------------------------------------------------------


def test_a_writer_whose_token_is_older_is_refused(table: LakeTable) -> None:
    version = write(table, "new", {"p1": [1]}, token=8)

    with pytest.raises(StaleWriterError, match="token 8"):
        write(table, "old", {"p1": [2], "p2": [3]}, token=7)
    assert table.version() == version
    assert content(table) == {"p1": [1]}


def test_the_same_and_newer_tokens_may_write(table: LakeTable) -> None:
    for number, token in enumerate([3, 3, 4]):
        write(table, f"a{number}", {"p1": [number]}, token=token)

    assert content(table) == {"p1": [2]}


def test_tokens_of_other_writers_do_not_matter(table: LakeTable) -> None:
    write(table, "a", {"p1": [1]}, token=9)
    stage = staged(table, "b", {"p2": [2]})
    table.commit(stage.files, ["p2"], SCHEMA, writer="another", token=1)

    assert content(table) == {"p1": [1], "p2": [2]}


@pytest.mark.parametrize("period", ["p1", "p2"], ids=["the same partition", "another partition"])
def test_of_two_writers_at_once_one_is_refused(
    table: LakeTable, period: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(table, "first", {"p0": [0]})
    slow, quick = staged(table, "slow", {"p1": [1]}), staged(table, "quick", {period: [2]})
    check = DeltaTable.transaction_version

    def overtaken(delta: DeltaTable, writer: str) -> int | None:
        found = check(delta, writer)
        monkeypatch.setattr(DeltaTable, "transaction_version", check)
        # Between the look at the table and the commit, somebody else commits.
        table.commit(quick.files, [period], SCHEMA, writer="shop", token=2)
        return found

    monkeypatch.setattr(DeltaTable, "transaction_version", overtaken)
    with pytest.raises(StaleWriterError):
        table.commit(slow.files, ["p1"], SCHEMA, writer="shop", token=1)
    assert content(table) == {"p0": [0], period: [2]}


def test_writers_that_race_for_a_partition_never_double_its_rows(table: LakeTable) -> None:
    write(table, "first", {"p0": [0]})
    stages = {token: staged(table, f"w{token}", {"p1": [token]}) for token in range(1, 6)}
    start = threading.Barrier(len(stages))
    refused = []

    def commit(token: int, stage: Stage) -> None:
        start.wait()
        try:
            table.commit(stage.files, ["p1"], SCHEMA, writer="shop", token=token)
        except StaleWriterError:
            refused.append(token)

    threads = [threading.Thread(target=commit, args=pair) for pair in stages.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    written = content(table)["p1"]
    assert len(written) == 1
    assert written[0] == max(set(stages) - set(refused)), "the newest that came through has the last word"


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


# -- damage -----------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["{", "", '{"add": {"path": 1}}'], ids=["cut off", "empty", "nonsense"])
def test_a_damaged_log_is_told_with_its_table_and_what_to_do(table: LakeTable, content: str) -> None:
    write(table, "a", {"p1": [1]})
    stage = staged(table, "b", {"p1": [2]})
    for entry in (table.path / "_delta_log").iterdir():
        entry.write_text(content)
    attempts = [
        table.version,
        table.files,
        lambda: table.scan(SCHEMA),
        lambda: table.commit(stage.files, ["p1"], SCHEMA, writer="shop", token=1),
        lambda: table.check_commit(["p1"], SCHEMA),
    ]
    for attempt in attempts:
        with pytest.raises(LakeError, match="log can't be read or written") as error:
            attempt()
        assert error.value.where == {"table": str(table.path)}
        assert "_delta_log" in error.value.hint
        assert "\n" not in str(error.value)


def test_what_a_commit_refuses_can_be_asked_before(table: LakeTable) -> None:
    write(table, "00000001-a", {"p1": [1], "p2": [2]})
    narrow = {**SCHEMA, "text": pl.Int64()}

    table.check_commit(["p1"], SCHEMA)
    table.check_commit(["p1", "p2"], narrow)
    with pytest.raises(LakeError, match="text to Int64"):
        table.check_commit(["p1"], narrow)
    assert content(table) == {"p1": [1], "p2": [2]}
    assert [file.path.name for file in table.files()] == ["00000001-a-0-0.parquet"] * 2
