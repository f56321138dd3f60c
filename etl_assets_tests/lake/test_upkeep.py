from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_assets.errors import LakeError, StaleWriterError
from etl_assets.lake.tables import Lake, LakeTable
from etl_assets.lake.upkeep import TableUpkeep, keep_table
from etl_assets_tests.lake.test_tables import SCHEMA, content, staged, write

WEEK = timedelta(days=7)
NOW = timedelta(0)
DAY = 86_400.0


@pytest.fixture
def table(tmp_path: Path) -> LakeTable:
    return Lake(tmp_path).table("shop", "silver", "sales", partitioned=True)


def attempt(token: int, name: str = "aa") -> str:
    return f"{token:08d}-{name}"


def keep(table: LakeTable, token: int = 99, retention: timedelta = WEEK, **options: bool) -> TableUpkeep:
    return keep_table(table, writer="shop", token=token, retention=retention, **options)


def parts(table: LakeTable) -> set[str]:
    return {path.relative_to(table.path).as_posix() for path in table.path.rglob("*.parquet")} - {
        path.relative_to(table.path).as_posix() for path in (table.path / "_delta_log").glob("*.parquet")
    }


def live(table: LakeTable) -> set[str]:
    return {file.path.relative_to(table.path).as_posix() for file in table.files()}


def age(table: LakeTable, days: float) -> None:
    """All that was written so far is as old, the commits' own words included."""
    for path in table.path.rglob("*"):
        if path.is_dir():
            continue
        moment = path.stat().st_mtime - days * DAY
        if path.suffix == ".json":
            actions = [json.loads(line) for line in path.read_text().splitlines()]
            for one in actions:
                for action, named in (("remove", "deletionTimestamp"), ("commitInfo", "timestamp")):
                    if named in one.get(action, {}):
                        one[action][named] -= int(days * DAY * 1000)
            path.write_text("".join(json.dumps(one) + "\n" for one in actions))
        os.utime(path, (moment, moment))


def several_files(table: LakeTable, token: int, groups: list[dict[str, list[int]]]) -> None:
    """One attempt that wrote each group of rows into files of its own."""
    stage = table.stage(attempt(token))
    for group in groups:
        rows = [(n, f"n{n}", period) for period, numbers in group.items() for n in numbers]
        frame = pl.DataFrame(rows, schema={**SCHEMA, "_period": pl.String()}, orient="row")
        pl.collect_all([stage.sink(frame.lazy())], engine="streaming")
    periods = {period for group in groups for period in group}
    table.commit(stage.files, periods, SCHEMA, writer="shop", token=token)


# -- what goes --------------------------------------------------------------------------------


def test_versions_of_the_retention_can_be_read_and_older_ones_go(table: LakeTable) -> None:
    write(table, attempt(1), {"p1": [1], "p2": [2]}, token=1)
    write(table, attempt(2), {"p1": [10]}, token=2)
    age(table, 9)
    within = table.version()
    write(table, attempt(3), {"p1": [100]}, token=3)
    age(table, 3)

    done = keep(table)

    assert content(table) == {"p1": [100], "p2": [2]}
    # Replaced 12 days ago, and 3 days ago.
    assert parts(table) == live(table) | {"_period=p1/00000002-aa-0-0.parquet"}
    assert done.removed == 1
    assert done.removed_bytes
    then = pl.read_delta(str(table.path), version=within)
    assert sorted(then["number"]) == [2, 10]


def test_files_of_a_killed_run_go_once_they_are_old(table: LakeTable) -> None:
    write(table, attempt(1), {"p1": [1]}, token=1)
    staged(table, attempt(2), {"p1": [5], "p9": [5]})
    age(table, 8)
    staged(table, attempt(3), {"p1": [6]})

    done = keep(table)

    assert parts(table) == live(table) | {"_period=p1/00000003-aa-0-0.parquet"}
    assert done.removed == 2
    assert content(table) == {"p1": [1]}


def test_whoever_wrote_a_removed_file_can_not_commit_it_any_more(table: LakeTable) -> None:
    write(table, attempt(1), {"p1": [1]}, token=1)
    stage = staged(table, attempt(2), {"p1": [5]})

    keep(table, token=3, retention=NOW)

    with pytest.raises(StaleWriterError):
        table.commit(stage.files, ["p1"], SCHEMA, writer="shop", token=2)
    assert content(table) == {"p1": [1]}


def test_a_stale_upkeep_changes_nothing(table: LakeTable) -> None:
    write(table, attempt(5), {"p1": [1]}, token=5)
    stage = staged(table, attempt(6), {"p1": [5]})

    with pytest.raises(StaleWriterError):
        keep(table, token=4, retention=NOW)

    table.commit(stage.files, ["p1"], SCHEMA, writer="shop", token=6)
    assert content(table) == {"p1": [5]}


def test_a_dry_run_changes_nothing_and_says_what_would_be_done(table: LakeTable) -> None:
    several_files(table, 1, [{"p1": [1]}, {"p1": [2]}])
    staged(table, attempt(2), {"p1": [5]})
    age(table, 8)
    before = {path: path.stat().st_mtime_ns for path in table.path.rglob("*")}

    told = keep(table, dry_run=True)

    assert {path: path.stat().st_mtime_ns for path in table.path.rglob("*")} == before
    assert (told.files, told.files_after, told.compacted, told.removed) == (2, 1, 1, 1)
    assert keep(table).removed == told.removed


# -- what comes -------------------------------------------------------------------------------


def test_several_files_of_a_partition_become_one(table: LakeTable) -> None:
    several_files(table, 1, [{"p1": [1, 2], "p2": [7]}, {"p1": [3]}, {"p1": [4]}])

    done = keep(table)

    assert (done.files, done.files_after, done.compacted) == (4, 2, 1)
    assert content(table) == {"p1": [1, 2, 3, 4], "p2": [7]}
    # Who built these rows can still be told.
    assert all(file.path.name.startswith("00000001-aa-") for file in table.files())


def test_an_unpartitioned_table_is_compacted_too(tmp_path: Path) -> None:
    snapshot = Lake(tmp_path).table("shop", "silver", "countries", partitioned=False)
    several_files(snapshot, 1, [{"": [1]}, {"": [2]}])

    assert keep(snapshot).files_after == 1
    assert content(snapshot) == {"": [1, 2]}


def test_a_day_without_work_leaves_no_trace(table: LakeTable) -> None:
    several_files(table, 1, [{"p1": [1]}, {"p1": [2]}])
    staged(table, attempt(2), {"p1": [5]})
    keep(table, retention=NOW)
    version, sizes = table.version(), {path: path.stat().st_size for path in table.path.rglob("*")}

    for token in range(100, 105):
        keep(table, token=token, retention=NOW)

    assert table.version() == version
    assert {path: path.stat().st_size for path in table.path.rglob("*")} == sizes


def test_the_log_stays_as_short_as_the_retention(table: LakeTable) -> None:
    log = table.path / "_delta_log"
    lengths = []
    for day in range(40):
        write(table, attempt(2 * day + 1), {"p1": [day]}, token=2 * day + 1)
        keep(table, token=2 * day + 2)
        lengths.append(len(list(log.iterdir())))
        age(table, 1)

    assert lengths[-1] == lengths[20] < 40
    assert content(table) == {"p1": [39]}


def test_a_table_that_was_never_written_is_left_alone(table: LakeTable) -> None:
    assert keep(table) == TableUpkeep()
    assert not table.path.exists()


def test_a_damaged_log_is_told(table: LakeTable) -> None:
    write(table, attempt(1), {"p1": [1]}, token=1)
    (table.path / "_delta_log" / f"{1:020d}.json").write_text("{")

    with pytest.raises(LakeError, match="log can't be read"):
        keep(table)


def test_columns_of_every_dtype_keep_their_cells_when_compacted(table: LakeTable) -> None:
    columns = {
        "tiny": pl.Series([1, None], dtype=pl.Int8),
        "price": pl.Series(["1.50", None]).cast(pl.Decimal(12, 2)),
        "at": pl.Series([0, None]).cast(pl.Datetime("us", "UTC")),
        "local": pl.Series([0, None]).cast(pl.Datetime("us")),
        "ratio": pl.Series([float("nan"), -0.0]),
        "raw": pl.Series([b"\x00\xff", None]),
        "many": pl.Series([["a", None], []], dtype=pl.List(pl.String)),
        "deep": pl.Series([{"x": 1}, None], dtype=pl.Struct({"x": pl.Int64})),
        "none": pl.Series([None, None], dtype=pl.Date),
        "_period": pl.Series(["p1", "p1"]),
    }
    frame = pl.DataFrame(columns)
    schema = {name: dtype for name, dtype in frame.schema.items() if name != "_period"}
    stage = table.stage(attempt(1))
    for row in range(2):
        pl.collect_all([stage.sink(frame[row : row + 1].lazy())], engine="streaming")
    table.commit(stage.files, ["p1"], schema, writer="shop", token=1)
    before = table.scan(schema).collect()

    assert keep(table).compacted == 1

    after = table.scan(schema).collect()
    assert after.schema == before.schema
    assert Counter(map(repr, after.rows())) == Counter(map(repr, before.rows()))


# -- the property -----------------------------------------------------------------------------

PERIODS = st.sampled_from(["p1", "p2", "p3"])
ROWS = st.dictionaries(PERIODS, st.lists(st.integers(0, 9), max_size=4), max_size=3)
STEP = st.one_of(
    st.tuples(st.just("write"), st.lists(ROWS, min_size=1, max_size=3)),
    st.tuples(st.just("killed"), ROWS),
    st.tuples(st.just("age"), st.floats(0.5, 6)),
    st.tuples(st.just("keep"), st.sampled_from([0, 3, 7])),
)


@settings(max_examples=40, deadline=None)
@given(st.lists(STEP, min_size=1, max_size=9))
def test_upkeep_changes_no_table_whatever_happened_before(steps: list[tuple[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        table = Lake(Path(folder)).table("shop", "silver", "sales", partitioned=True)
        expected: dict[str, list[int]] = {}
        for token, (what, value) in enumerate(steps, start=1):
            if what == "write":
                groups: list[dict[str, list[int]]] = value  # type: ignore[assignment]
                several_files(table, token, groups)
                for period in {period for group in groups for period in group}:
                    expected[period] = sorted(n for group in groups for n in group.get(period, []))
            elif what == "killed":
                staged(table, attempt(token), value)  # type: ignore[arg-type]
            elif what == "age":
                age(table, value)  # type: ignore[arg-type]
            else:
                done = keep(table, token, timedelta(days=value))  # type: ignore[arg-type]
                assert done.files_after == len(table.files())
            assert content(table) == {period: rows for period, rows in sorted(expected.items()) if rows}
        if table.exists():
            keep(table, len(steps) + 1, NOW)
            assert parts(table) == live(table)
            assert content(table) == {period: rows for period, rows in sorted(expected.items()) if rows}
