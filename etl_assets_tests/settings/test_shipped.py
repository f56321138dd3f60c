from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from etl_assets.settings import AppSettings, load_settings
from etl_assets.settings.schemas import schemas, write_schemas
from etl_assets.staging.calendar import WhyNot

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def shipped() -> AppSettings:
    return load_settings(ROOT / "config", {})


def test_every_environment_that_is_shipped_loads() -> None:
    assert load_settings(ROOT / "config", {"ETL_ENVIRONMENT": "production"}).log.format == "json"


def test_schemas_are_current() -> None:
    folder = ROOT / "config" / "schemas"
    # declared.json is of dataset.yaml, see datasets/declared/test_schema.py.
    assert {path.name for path in folder.iterdir()} == {*schemas(), "declared.json"}
    for name, text in schemas().items():
        assert (folder / name).read_text(encoding="utf-8") == text, "run `make schemas`"


def test_schemas_know_the_keys_of_a_file_and_nothing_secret() -> None:
    assert "ledger_url" not in schemas()["app.json"]
    assert '"period_from"' in schemas()["dataset.json"]


def test_writing_schemas_again_changes_nothing(tmp_path: Path) -> None:
    assert len(write_schemas(tmp_path / "new")) == 2
    assert write_schemas(tmp_path / "new") == []


@pytest.mark.slow
def test_schemas_are_written_by_a_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "etl_assets.settings", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert "written" in done.stdout
    assert (tmp_path / "dataset.json").read_text(encoding="utf-8") == schemas()["dataset.json"]


def test_retail_is_due_on_its_trading_days(shipped: AppSettings) -> None:
    calendar = shipped.dataset("retail").calendar
    keys = [period.key for period in calendar.periods(datetime(2011, 9, 13))]
    assert len(keys) == 229
    assert (keys[0], keys[-1]) == ("2010-12-01", "2011-09-12")
    assert calendar.why_not("2010-12-04") is WhyNot.CLOSED
    assert calendar.why_not("2010-12-24") is WhyNot.CLOSED
    assert calendar.why_not("2011-12-09") is None
    assert calendar.why_not("2011-12-11") is WhyNot.AFTER_END


def test_flights_is_due_every_day_of_its_year(shipped: AppSettings) -> None:
    keys = [period.key for period in shipped.dataset("flights").calendar.periods(datetime(2020, 1, 1))]
    assert len(keys) == 365
    assert (keys[0], keys[-1]) == ("2013-01-01", "2013-12-31")


def test_flights_has_days_and_snapshots(shipped: AppSettings) -> None:
    sources = shipped.dataset("flights").sources
    assert {name for name, source in sources.items() if source.partitioned} == {"flights", "weather"}
    assert {name for name, source in sources.items() if source.mode == "snapshot"} == {
        "airlines",
        "airports",
        "planes",
    }


@pytest.mark.parametrize(
    ("file", "schema"),
    [
        ("app.yaml", "app.json"),
        ("app.production.yaml", "app.json"),
        ("datasets/retail.yaml", "dataset.json"),
        ("datasets/flights.yaml", "dataset.json"),
    ],
)
def test_an_editor_that_knows_the_schema_accepts_the_shipped_files(file: str, schema: str) -> None:
    text = (ROOT / "config" / file).read_text(encoding="utf-8")
    values = json.loads(json.dumps(yaml.safe_load(text), default=str))  # JSON has no dates
    validator = Draft202012Validator(json.loads(schemas()[schema]))
    assert [error.message for error in validator.iter_errors(values)] == []
