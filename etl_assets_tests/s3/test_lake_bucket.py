"""Tables in a bucket, against a real server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from etl_assets.errors import LakeError, StaleWriterError
from etl_assets.lake.places import BucketPath, LakeUnreachableError, parquet_files
from etl_assets.lake.tables import LakeTable, open_lake
from etl_assets.object_storage import ObjectStorage, Place
from etl_assets_tests.s3.server import KEY, READER, READER_SECRET, SECRET, Server

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SCHEMA: dict[str, pl.DataType] = {"value": pl.Int64()}
WRITER = "etl_assets_tests.s3.writer"
MakePlace = Callable[..., Place]


@pytest.fixture
def table(make_place: MakePlace, storage: ObjectStorage) -> LakeTable:
    lake = open_lake(str(make_place("lake")), storage)
    return lake.table("shop", "silver", "orders", partitioned=True)


def write(table: LakeTable, rows: dict[str, list[int]], token: int = 1, attempt: str = "00000001-a") -> int:
    stage = table.stage(attempt)
    frame = pl.LazyFrame(
        {"value": [one for some in rows.values() for one in some]},
        schema=SCHEMA,
    ).with_columns(_period=pl.Series([key for key, some in rows.items() for _ in some], dtype=pl.String))
    pl.collect_all([stage.sink(frame)], engine="streaming")
    return table.commit(stage.files, list(rows), SCHEMA, writer="shop", token=token)


def rows_of(table: LakeTable) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for value, period in table.scan(SCHEMA).select("value", "_period").sort("value").collect().iter_rows():
        found.setdefault(period, []).append(value)
    return found


def test_partitions_are_replaced(table: LakeTable) -> None:
    assert not table.exists()
    assert table.files() == []
    write(table, {"2024-01-01": [1, 2], "2024-W05": [3]})
    write(table, {"2024-01-01": [7]}, token=2, attempt="00000002-a")

    assert rows_of(table) == {"2024-01-01": [7], "2024-W05": [3]}
    assert table.exists()
    assert table.lost(table.files()) == set()


def test_an_older_writer_is_refused(table: LakeTable) -> None:
    write(table, {"a": [1]}, token=2)

    with pytest.raises(StaleWriterError):
        write(table, {"a": [2]}, token=1, attempt="00000001-b")
    assert rows_of(table) == {"a": [1]}


def test_a_new_dtype_carries_other_partitions_over(table: LakeTable) -> None:
    write(table, {"a": [1], "b": [2]})
    wider: dict[str, pl.DataType] = {"value": pl.Float64()}
    stage = table.stage("00000002-a")
    pl.collect_all([stage.sink(pl.LazyFrame({"value": [1.5], "_period": ["a"]}))], engine="streaming")
    table.commit(stage.files, ["a"], wider, writer="shop", token=2)

    assert dict(table.scan(wider).select("_period", "value").collect().iter_rows()) == {"a": 1.5, "b": 2.0}


def test_files_are_discarded_moved_and_missed(table: LakeTable, server: Server) -> None:
    write(table, {"a": [1]})
    stage = table.stage("00000002-a")
    frame = pl.LazyFrame({"value": [1, 2], "_period": ["b", "c"]})
    pl.collect_all([stage.sink(frame)], engine="streaming")
    assert isinstance(table.path, BucketPath)
    held = BucketPath(Place(table.path.place.bucket, "lake/held/b"), table.path.storage)

    stage.move([file for file in stage.files if file.period == "b"], held)
    stage.discard(list(stage.files))

    assert [one.name for one in parquet_files(held)] == ["00000002-a-0-0.parquet"]
    listed = server.client().list_objects_v2(
        Bucket=table.path.place.bucket, Prefix="lake/shop/silver/orders/_p"
    )
    assert len(listed["Contents"]) == 1
    (live,) = table.files()
    server.client().delete_object(Bucket=table.path.place.bucket, Key=listed["Contents"][0]["Key"])
    assert table.lost([live]) == {live.path}


def test_two_processes_write_one_table_and_no_commit_is_lost(table: LakeTable, server: Server) -> None:
    write(table, {"first": [1]}, token=0)
    writers = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "etl_assets_tests.s3.writer",
                str(table.path),
                server.endpoint,
                name,
                "12",
            ],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("left", "right")
    ]
    for one in writers:
        assert one.stdout
        assert one.stdout.readline() == "ready\n"
    told = []
    for one in writers:
        assert one.stdin
        one.stdin.write("go\n")
        one.stdin.flush()
    for one in writers:
        out, _ = one.communicate(timeout=120)
        assert one.returncode == 0
        told.append(out)

    expected = {f"{name}{n}": [n] * 10 for name in ("left", "right") for n in range(12)} | {"first": [1]}
    assert rows_of(table) == expected
    assert table.version() == 25
    assert all(out.startswith("done") for out in told)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"secret_access_key": "wr0ng-secret"}, "does not accept the credentials"),
        ({"access_key_id": READER, "secret_access_key": READER_SECRET}, "no permission to write"),
        ({"endpoint": "http://127.0.0.1:9", "retries": 0}, "does not answer"),
    ],
)
def test_a_refusal_is_told_with_place_and_hint(table: LakeTable, change: dict[str, str], told: str) -> None:
    write(table, {"a": [1]})
    assert isinstance(table.path, BucketPath)
    refused = LakeTable(replace(table.path, storage=replace(table.path.storage, **change)), partitioned=True)

    with pytest.raises(LakeUnreachableError, match=told) as raised:
        refused.commit([], ["a"], SCHEMA, writer="shop", token=2)

    assert table.path.place.bucket in str(raised.value)
    assert raised.value.hint
    for secret in (SECRET, READER_SECRET, "wr0ng-secret"):
        assert secret not in str(raised.value)
        assert secret not in repr(refused)
    assert rows_of(table) == {"a": [1]}


def test_a_bucket_that_is_not_there(server: Server) -> None:
    storage = ObjectStorage(endpoint=server.endpoint, access_key_id=KEY, secret_access_key=SECRET)
    table = open_lake("s3://no-such-lake/x", storage).table("shop", "gold", "days", partitioned=False)

    with pytest.raises(LakeError, match="There is no bucket no-such-lake"):
        table.commit([], [""], SCHEMA, writer="shop", token=1)
