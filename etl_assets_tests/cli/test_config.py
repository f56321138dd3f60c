from __future__ import annotations

from pathlib import Path

import pytest

from etl_assets_tests.cli.conftest import Dq, data


def test_values_come_with_their_source(home: Path, dq: Dq, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_LOG__LEVEL", "warning")
    found = {one["key"]: one for one in data(dq("config", "show", "--json"))}

    assert found["log.level"] == {"key": "log.level", "value": "warning", "source": "ETL_LOG__LEVEL"}
    assert "app.yaml" in found["log.format"]["source"]
    assert found["home"]["value"] == str(home)
    assert "datasets.retail.calendar.start" in dq("config", "show", "datasets.retail").stdout


def test_secrets_are_masked(home: Path, dq: Dq, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETL_LEDGER_URL", "postgresql://etl:canary-secret@db.invalid/etl")
    for told in (dq("config", "show"), dq("config", "show", "--json")):
        assert told.exit_code == 0
        assert "canary-secret" not in told.output


def test_only_a_part(home: Path, dq: Dq) -> None:
    assert {one["key"] for one in data(dq("config", "show", "log", "--json"))} == {"log.format", "log.level"}
    assert dq("config", "show", "lo").exit_code == 2
