from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from etl_assets.ledger.ledger import Ledger
from etl_assets.pipeline.leases import held_lease
from etl_assets_tests.cli import shop
from etl_assets_tests.cli.conftest import Dq, data


def dead_file(home: Path) -> Path:
    """What a run left that was killed months ago."""
    path = (
        home / "lake" / "retail" / "silver" / "sales" / f"_period={shop.GOOD}" / "00000001-dead-0-0.parquet"
    )
    pl.DataFrame({"a": [1]}).write_parquet(path)
    os.utime(path, (1_300_000_000, 1_300_000_000))
    return path


def test_what_a_killed_run_left_goes(own_home: Path, dq: Dq) -> None:
    dead = dead_file(own_home)
    before = data(dq("status", "--json"))

    told = dq("upkeep", "retail", "--dry-run")
    assert told.exit_code == 0, told.stderr
    assert "retail: 1 file would be removed" in told.stdout
    assert dead.exists()

    done = dq("upkeep", "retail")
    assert done.exit_code == 0, done.stderr
    assert "retail: 1 file removed" in done.stdout
    assert "silver/sales" in done.stdout
    assert not dead.exists()
    assert data(dq("status", "--json")) == before
    assert dq("doctor").exit_code == 0


def test_each_table_is_told_for_machines(own_home: Path, dq: Dq) -> None:
    dead_file(own_home)
    (one,) = data(dq("upkeep", "retail", "--json"))

    assert one["dataset"] == "retail"
    assert one["removed"] == 1
    assert one["removed_bytes"] > 0
    (sales,) = [table for table in one["tables"] if table["table"] == "silver/sales"]
    assert sales["removed"] == 1
    assert sales["files"] >= sales["files_after"] > 0
    assert sales["files"] - sales["files_after"] == sales["compacted"]


def test_a_dataset_at_work_is_left_for_the_next_time(own_home: Path, dq: Dq) -> None:
    dead = dead_file(own_home)
    ledger = shop.pipeline_of(own_home).ledger
    with held_lease(ledger, "retail", "a run", 60):
        result = dq("upkeep", "retail")

    assert result.exit_code == 0
    assert "left for the next time. Another run works on this dataset" in result.stdout
    assert dead.exists()


def test_a_damaged_table_is_named(own_home: Path, dq: Dq) -> None:
    for path in (own_home / "lake" / "retail" / "silver" / "sales" / "_delta_log").glob("*.json"):
        path.write_text("{")
    result = dq("upkeep", "retail")

    assert result.exit_code == 3
    assert "silver/sales: the table's log can't be read" in result.stdout


def test_an_unknown_dataset_is_wrong_use(home: Path, dq: Dq) -> None:
    result = dq("upkeep", "retial")
    assert result.exit_code == 2
    assert "Did you mean retail?" in result.stderr


def test_backup_copies_the_ledger(own_home: Path, tmp_path: Path, dq: Dq) -> None:
    copy = tmp_path / "backups" / "ledger.db"
    result = dq("backup", str(copy))

    assert result.exit_code == 0, result.stderr
    assert f"copied to {copy}" in result.stdout
    with Ledger.open(f"sqlite:///{copy}") as ledger:
        assert ledger.validations("retail") == shop.pipeline_of(own_home).ledger.validations("retail")


def test_backup_into_a_folder_is_wrong_use(own_home: Path, tmp_path: Path, dq: Dq) -> None:
    result = dq("backup", str(tmp_path))
    assert result.exit_code == 2
    assert "Name a file in it" in result.stderr
