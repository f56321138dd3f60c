from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import make_url

from etl_assets.errors import ErrorKind
from etl_assets.ledger.circuit_records import Failed
from etl_assets.ledger.ledger import Ledger
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


# -- what lies elsewhere --------------------------------------------------------------------------


def of_area(dq: Dq, area: str) -> list[dict[str, str]]:
    return [one for one in data(dq("doctor", "--json")) if one["area"] == area]


def test_a_lake_that_can_not_be_written_to_is_found(
    own_home: Path, dq: Dq, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETL_LAKE_URL", "/sys/lake")  # where nobody may write, root included
    (found,) = of_area(dq, "lake")
    assert found["state"] == "wrong"
    assert "The lake can't be written to" in found["message"]
    assert "permissions" in found["hint"]


def test_an_open_circuit_is_shown_with_what_it_waits_for(own_home: Path, dq: Dq) -> None:
    sick = Failed("staging", ErrorKind.CONFIGURATION, "no_area", "the staging folder does not exist")
    with Ledger.open(f"sqlite:///{own_home}/ledger.db") as ledger:
        ledger.circuit_failed("retail", sick, 3, lambda _: 60.0)
    (found,) = of_area(dq, "circuits")
    assert found["state"] == "warning"
    assert "retail: the circuit of the staging area is open since" in found["message"]
    assert "dq circuits reset retail" in found["hint"]


def test_a_database_that_is_away_is_found(own_home: Path, dq: Dq, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "HOST": "127.0.0.1", "PORT": "9", "DATABASE": "erp", "USER": "etl", "PASSWORD": "canary-word",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"ETL_CONNECTIONS__ERP__{name}", value)
    (found,) = of_area(dq, "databases")
    assert found["state"] == "wrong"
    assert found["message"].startswith("erp: The database does not answer as it should")
    assert "canary" not in str(found)


@pytest.mark.slow
def test_a_database_that_answers_is_told_with_its_clock(
    own_home: Path, dq: Dq, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    url = make_url(postgres_url)
    settings = {"HOST": url.host or str(url.query["host"]), "DATABASE": url.database, "USER": url.username}
    for name, value in settings.items():
        monkeypatch.setenv(f"ETL_CONNECTIONS__ERP__{name}", str(value))
    (found,) = of_area(dq, "databases")
    assert (found["state"], found["message"].startswith("erp: postgresql://")) == ("ok", True)
    (clock,) = of_area(dq, "clocks")
    assert clock["message"] == "this machine and the database erp agree"


def test_dagsters_storage_that_is_away_is_found(
    own_home: Path, tmp_path: Path, dq: Dq, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setenv("DAGSTER_PG_URL", "postgresql://etl:canary-word@127.0.0.1:9/dagster")
    (tmp_path / "dagster").mkdir()
    storage = "storage: {postgres: {postgres_url: {env: DAGSTER_PG_URL}}}\n"
    (tmp_path / "dagster" / "dagster.yaml").write_text(storage)
    found = [one for one in of_area(dq, "dagster") if one["state"] == "wrong"]
    assert len(found) == 1
    assert "Dagster's storage can't be used" in found[0]["message"] or "no answer" in found[0]["message"]
    assert "canary" not in str(found)
