"""The main job with staging and lake in buckets: the same tables as in folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from etl_assets.lake.places import BucketPath
from etl_assets.lake.tables import Lake
from etl_assets.object_storage import ObjectStorage, Place
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.intake import take_in
from etl_assets.staging.bucket import StagingBucket
from etl_assets.staging.source import Source
from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.s3.server import Server

pytestmark = pytest.mark.slow

FRI, SAT, MON = "2024-03-01", "2024-03-02", "2024-03-04"
IN_ORDER = Source(pattern="orders/{period:%Y-%m-%d}.csv", settle_seconds=0)
MakePlace = Callable[..., Place]


class Cloud:
    """A home whose staging area and lake are in a bucket, and one beside it that has both in folders."""

    def __init__(self, home: Path, server: Server, place: Place, storage: ObjectStorage) -> None:
        self.home, self.server, self.place, self.storage = home, server, place, storage

    def pipeline(self, source: Source = tiny.ONE_A_DAY, **changes: Any) -> DatasetPipeline:
        area = StagingBucket(self.place, changes.pop("storage", self.storage))
        lake = Lake(BucketPath(Place(self.place.bucket, "lake"), self.storage))
        (self.home / "s3").mkdir(exist_ok=True)
        return tiny.open_pipeline(self.home / "s3", source, **({"area": area, "lake": lake} | changes))

    def local(self, source: Source = tiny.ONE_A_DAY) -> DatasetPipeline:
        (self.home / "local").mkdir(exist_ok=True)
        return tiny.open_pipeline(self.home / "local", source)

    def put(self, key: str, lines: list[str], header: str = tiny.HEADER) -> None:
        tiny.put(self.home / "local", key, lines, header=header)
        data = (self.home / "local" / "staging" / "tiny" / key).read_bytes()
        self.server.client().put_object(Bucket=self.place.bucket, Key=f"{self.place.prefix}/{key}", Body=data)

    def delete(self, key: str) -> None:
        (self.home / "local" / "staging" / "tiny" / key).unlink()
        self.server.client().delete_object(Bucket=self.place.bucket, Key=f"{self.place.prefix}/{key}")

    def assert_same_tables(self, source: Source = tiny.ONE_A_DAY) -> None:
        ours, theirs = self.pipeline(source), self.local(source)
        desk.assert_same(desk.tables(ours), desk.tables(theirs))
        desk.assert_rows_add_up(ours)
        desk.assert_settled(ours)


@pytest.fixture
def cloud(tmp_path: Path, server: Server, make_place: MakePlace, storage: ObjectStorage) -> Cloud:
    cloud = Cloud(tmp_path, server, make_place(), storage)
    cloud.put("shops.csv", ["north,Northam", "south,Southam"], header="shop,city")
    return cloud


def test_the_same_tables_as_in_folders(cloud: Cloud) -> None:
    for number, day in enumerate((FRI, SAT, MON)):
        lines = [tiny.line(10 * number + n, day) for n in range(1, 6)]
        bad = tiny.line(10 * number + 7, day, amount="much")
        cloud.put(f"orders/{day}.csv", [*lines, lines[0], bad, "one,cell,short"])
    for pipeline in (cloud.pipeline(), cloud.local()):
        desk.work(pipeline)

    cloud.assert_same_tables()

    cloud.put(f"orders/{SAT}.csv", [tiny.line(99, SAT)])
    cloud.delete(f"orders/{FRI}.csv")
    for pipeline in (cloud.pipeline(), cloud.local()):
        desk.work(pipeline)

    cloud.assert_same_tables()
    assert list((cloud.home / "s3" / "scratch" / "tiny").iterdir()) == []


def test_a_closed_gate_puts_rows_aside_in_the_bucket(cloud: Cloud) -> None:
    from etl_assets.cli.quarantined_rows import Selection, read_rows

    cloud.put(f"orders/{FRI}.csv", [tiny.line(n, FRI, amount="much") for n in range(1, 6)])
    pipeline = cloud.pipeline(tolerance=0.1)
    desk.work(pipeline)

    rows = read_rows(pipeline, Selection(held=True), 10)

    assert [row.line for row in rows] == [2, 3, 4, 5, 6]
    cloud.put(f"orders/{FRI}.csv", [tiny.line(n, FRI) for n in range(1, 6)])
    desk.work(pipeline)
    assert read_rows(pipeline, Selection(held=True), 10) == []
    assert desk.accepted(pipeline, tiny.ORDERS).height == 5


def test_periods_in_a_column(cloud: Cloud) -> None:
    cloud.put("orders/week.csv", [tiny.line(n, day) for n, day in enumerate((FRI, SAT, MON, MON))])
    for pipeline in (cloud.pipeline(tiny.BY_COLUMN), cloud.local(tiny.BY_COLUMN)):
        desk.work(pipeline)

    cloud.assert_same_tables(tiny.BY_COLUMN)


def test_an_object_that_changes_after_it_was_registered_is_built_from_what_it_is_then(cloud: Cloud) -> None:
    cloud.put(f"orders/{FRI}.csv", [tiny.line(1, FRI)])
    pipeline = cloud.pipeline()
    take_in(pipeline)
    cloud.put(f"orders/{FRI}.csv", [tiny.line(2, FRI), tiny.line(3, FRI)])
    desk.work(pipeline)
    desk.work(cloud.local())

    assert sorted(desk.accepted(pipeline, tiny.ORDERS)["order_id"]) == ["O2", "O3"]
    assert desk.accepted(cloud.local(), tiny.ORDERS).height == 2


def test_what_may_still_be_written_is_told_by_the_servers_clock(cloud: Cloud) -> None:
    patient = tiny.ONE_A_DAY.model_copy(update={"settle_seconds": 30.0})
    cloud.put(f"orders/{FRI}.csv", [tiny.line(1, FRI)])
    ahead = tiny.Clock(tiny.NOON.replace(year=2030))

    assert take_in(cloud.pipeline(patient, now=ahead)).unsettled == [f"orders/{FRI}.csv"]
    ahead.pass_(31)
    assert take_in(cloud.pipeline(patient, now=ahead)).unsettled == []


def test_a_large_area_is_looked_through_in_slices(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl_assets.pipeline.looking.SLICE_KEYS", 3)
    days = [f"2024-03-{day:02}" for day in (1, 2, 4, 5, 6, 8, 9, 11)]
    for number, day in enumerate(days):
        cloud.put(f"orders/{day}.csv", [tiny.line(number, day)])
    cloud.put("notes.txt", ["of nobody"])
    clock = tiny.Clock(tiny.NOON)
    pipeline = cloud.pipeline(IN_ORDER, now=clock)

    found = []
    for _ in range(5):
        clock.pass_(30)
        found += [one.key for one in take_in(pipeline, seconds=20).registered]

    assert sorted(found) == [*(f"orders/{day}.csv" for day in days), "shops.csv"]
    assert {one.kind for one in pipeline.ledger.findings("tiny")} == {"unmatched_file"}

    cloud.put("orders/2024-03-12.csv", [tiny.line(99, "2024-03-12")])
    cloud.delete("orders/2024-03-01.csv")
    cloud.delete("notes.txt")
    # The newest is found at once, wherever the slice is; what is gone when its slice comes.
    assert [one.key for one in take_in(pipeline, seconds=20).registered] == ["orders/2024-03-12.csv"]
    for _ in range(5):
        take_in(pipeline, seconds=20)
    gone = {key for key, one in pipeline.ledger.seen_objects("tiny").items() if one.gone}
    assert gone == {"orders/2024-03-01.csv", "notes.txt"}
    assert pipeline.ledger.findings("tiny") == []
