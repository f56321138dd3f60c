from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from etl_assets.errors import LakeError, StaleWriterError
from etl_assets.lake.stage import Stage
from etl_assets.lake.tables import LakeTable
from etl_assets_tests.lake.writing import SCHEMA, content, staged, write

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
