from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from etl_assets_tests.cli import shop
from etl_assets_tests.cli.conftest import Dq, data


def trouble(dq: Dq) -> list[dict[str, str]]:
    return [one for one in data(dq("doctor", "--json")) if one["state"] == "wrong"]


def test_all_is_well(home: Path, dq: Dq) -> None:
    result = dq("doctor")

    assert result.exit_code == 0, result.stdout
    assert trouble(dq) == []
    assert "hold what the ledger says" in result.stdout


def test_it_makes_nothing(empty_home: Path, dq: Dq) -> None:
    assert dq("doctor").exit_code == 0
    assert not empty_home.exists()


def test_a_lost_file_of_the_lake_is_found(own_home: Path, dq: Dq) -> None:
    folder = own_home / "lake" / "retail" / "silver" / "sales" / f"_period={shop.GOOD}"
    assert len(list(folder.glob("*.parquet"))) == 2
    shutil.rmtree(folder)

    assert dq("doctor").exit_code == 3
    (found,) = trouble(dq)
    assert found["area"] == "lake"
    assert "silver/sales: 2 files missing" in found["message"]
    assert "dq deliveries retry retail" in found["hint"]


def test_a_ledger_that_is_none_is_found(own_home: Path, dq: Dq) -> None:
    for rest in own_home.glob("ledger.db-*"):
        rest.unlink()
    (own_home / "ledger.db").write_bytes(b"no database" * 1000)

    assert dq("doctor").exit_code == 3
    assert {one["area"] for one in trouble(dq)} == {"ledger"}


def test_wrong_settings_are_found(own_home: Path, dq: Dq, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_LOG__LEVEL", "loud")

    assert dq("doctor").exit_code == 2
    assert [one["area"] for one in trouble(dq)] == ["settings"]


def test_tables_that_the_code_does_not_have_are_found(
    own_home: Path, tmp_path: Path, dq: Dq, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    shutil.copytree(shop.PROJECT / "config", config)
    file = config / "datasets" / "retail.yaml"
    file.write_text(file.read_text().replace("  default: 0.05", "  silver/salez: 0.05", 1))
    monkeypatch.setenv("ETL_CONFIG_DIR", str(config))

    assert dq("doctor").exit_code == 2
    assert "silver/sales" in trouble(dq)[0]["hint"]
