"""A publication from the lake to its destination and the ledger, without Dagster."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etl_assets.connections import Connection
from etl_assets.errors import SettingsError
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.pending import Pending, Standing
from etl_assets.pipeline.publications import PublicationStanding
from etl_assets.publications.declaration import ParquetPublication
from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.publications.material import ask
from etl_assets_tests.publications.works import FRI, lay_out, lay_out_more, open_tiny, published

NOBODY = Connection(name="warehouse", host="/nowhere", database="no", user="nobody", sslmode="prefer")


def standing(pipeline: DatasetPipeline, name: str = "daily") -> PublicationStanding:
    return Pending.of(pipeline).publications[name]


def files_of(home: Path, **said: Any) -> dict[str, ParquetPublication]:
    given = {"table": "gold/daily", "to": "parquet", "url": str(home / "out"), **said}
    return {"daily": ParquetPublication.model_validate(given)}


def rows(home: Path) -> pl.DataFrame:
    manifest = json.loads((home / "out" / "manifest.json").read_text())
    return pl.concat([pl.read_parquet(home / "out" / one["path"]) for one in manifest["files"]])


def test_nothing_is_written_before_the_table_is_published(tmp_path: Path) -> None:
    pipeline = open_tiny(tmp_path, NOBODY, "s", declared=files_of(tmp_path))

    assert standing(pipeline).standing is Standing.NOTHING
    assert Pending.of(pipeline).stretches() == []


def test_publications_go_with_the_last_stretch(tmp_path: Path) -> None:
    lay_out(tmp_path)
    lay_out_more(tmp_path)
    tiny.put(tmp_path, "orders/2024-03-09.csv", [tiny.line(1, "2024-03-09")])
    pipeline = open_tiny(tmp_path, NOBODY, "s", declared=files_of(tmp_path))

    done = desk.work(pipeline)

    assert [one.publications for one in done] == [(), ("daily",)]
    assert rows(tmp_path).height == 4
    assert desk.work(pipeline) == []


def test_a_table_whose_gate_closed_is_published_as_it_was(tmp_path: Path) -> None:
    lay_out(tmp_path)
    pipeline = open_tiny(tmp_path, NOBODY, "s", declared=files_of(tmp_path), tolerance=0.1)
    desk.work(pipeline)
    before = rows(tmp_path)

    tiny.put(tmp_path, f"orders/{FRI}.csv", [tiny.line(n, FRI, amount="much") for n in range(1, 6)])
    desk.work(pipeline)

    assert rows(tmp_path).equals(before)
    assert standing(pipeline).standing is Standing.CURRENT


def test_other_columns_are_another_content(tmp_path: Path) -> None:
    lay_out(tmp_path)
    desk.work(open_tiny(tmp_path, NOBODY, "s", declared=files_of(tmp_path)))

    pipeline = open_tiny(tmp_path, NOBODY, "s", declared=files_of(tmp_path, columns=["amount"]))
    assert standing(pipeline).standing is Standing.PENDING
    desk.work(pipeline)

    assert rows(tmp_path).columns == ["amount", "_period"]


def test_personal_data_is_left_out_or_allowed(tmp_path: Path) -> None:
    lay_out(tmp_path)
    silver = {"table": "silver/orders"}
    with pytest.raises(SettingsError, match="customer of silver/orders is personal data"):
        open_tiny(tmp_path, NOBODY, "s", declared=files_of(tmp_path, **silver))

    allowed = files_of(tmp_path, **silver, personal_data="allowed")
    desk.work(open_tiny(tmp_path, NOBODY, "s", declared=allowed))
    # Where a row came from is for those who can look it up.
    assert rows(tmp_path).columns == ["order_id", "shop", "customer", "amount", "placed_on", "_period"]

    left_out = files_of(tmp_path, **silver, columns=["order_id", "_row_id"])
    desk.work(open_tiny(tmp_path, NOBODY, "s", declared=left_out))
    assert rows(tmp_path).columns == ["order_id", "_row_id", "_period"]


def test_what_fails_waits_ever_longer_and_is_given_up(tmp_path: Path) -> None:
    lay_out(tmp_path)
    clock = tiny.Clock(datetime.now(UTC))
    pipeline = open_tiny(tmp_path, NOBODY, "s", now=clock)
    desk.work(pipeline)

    found = standing(pipeline)
    assert found.standing is Standing.WAITING
    assert found.history.failures == 1
    assert not found.waits_for_person
    assert standing(pipeline, "export").standing is Standing.CURRENT
    for _ in range(2):
        clock.pass_(4000)
        desk.work(pipeline)
    assert standing(pipeline).standing is Standing.FAILED
    assert "failed 3 times" in standing(pipeline).reason
    clock.pass_(4000)
    assert desk.work(pipeline) == []

    pipeline.ledger.retry_writings("tiny", {"daily": "warehouse:s.daily"})
    assert standing(pipeline).standing is Standing.PENDING
    (stretch,) = Pending.of(pipeline).stretches()
    assert (stretch.tables, stretch.publications, stretch.retried) == ((), ("daily",), True)


def test_rows_of_the_lake_that_were_not_published_are_not_written_out(tmp_path: Path) -> None:
    lay_out(tmp_path)
    pipeline = open_tiny(tmp_path, NOBODY, "s", declared={})
    desk.work(pipeline)
    file = pipeline.accepted(tiny.DAILY).files()[0]
    assert isinstance(file.path, Path)
    file.path.unlink()
    with_files = open_tiny(tmp_path, NOBODY, "s", declared=files_of(tmp_path))
    # The stray partition is built anew first, in the same run.
    (done,) = desk.work(with_files)
    assert (tiny.DAILY in done.tables, done.publications) == (True, ("daily",))
    assert rows(tmp_path).height == 2


@pytest.mark.slow
def test_what_somebody_altered_waits_for_a_person_and_goes_on(tmp_path: Path, warehouse: Connection) -> None:
    lay_out(tmp_path)
    clock = tiny.Clock(datetime.now(UTC))
    pipeline = open_tiny(tmp_path, warehouse, "reporting", now=clock)
    desk.work(pipeline)
    ask(warehouse, "UPDATE reporting.daily SET amount = amount + 1")
    lay_out_more(tmp_path)
    clock.pass_(60)

    desk.work(pipeline)

    found = standing(pipeline)
    assert "Somebody has changed rows of reporting.daily" in found.reason
    assert found.waits_for_person
    assert len(published(tmp_path, warehouse, "reporting")[1]) == 3

    # It is tried now and then for as long as it takes, and goes on by itself once that was undone.
    for _ in range(5):
        clock.pass_(4000)
        desk.work(pipeline)
    ask(warehouse, "UPDATE reporting.daily SET amount = amount - 1")
    clock.pass_(4000)
    desk.work(pipeline)
    assert standing(pipeline).standing is Standing.CURRENT
    there, exported = published(tmp_path, warehouse, "reporting")
    assert there == exported


@pytest.mark.slow
def test_a_destination_that_was_put_back_from_a_backup_is_brought_up_to_date(
    tmp_path: Path, warehouse: Connection
) -> None:
    lay_out(tmp_path)
    pipeline = open_tiny(tmp_path, warehouse, "reporting")
    desk.work(pipeline)
    for table in ("daily", "etl_publications"):
        ask(warehouse, f"CREATE TABLE public.{table} AS TABLE reporting.{table}")
    lay_out_more(tmp_path)
    desk.work(pipeline)
    for table in ("daily", "etl_publications"):
        ask(warehouse, f"DELETE FROM reporting.{table}")
        ask(warehouse, f"INSERT INTO reporting.{table} TABLE public.{table}")

    pipeline.ledger.retry_writings("tiny", {"daily": ""})
    desk.work(pipeline)

    there, exported = published(tmp_path, warehouse, "reporting")
    assert there == exported
    assert len(there) == 3
