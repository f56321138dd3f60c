"""`dq inspect --suggest`: rules with what breaks them, and never a cell that looks personal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from etl_assets.cli.main import app

runner = CliRunner()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = []
    for week in (1, 2):
        lines = ["number,email,shop,city"]
        for n in range(week * 1_000, week * 1_000 + 200):
            city = "Birnam" if n % 2 else "Ashford"
            lines.append(f"{n},person{n}@example.org,S{n % 2},{'Nowhere' if n == 2_007 else city}")
        lines[5] = lines[5].replace("@example.org", " at home")
        path = tmp_path / f"sales_W{week}.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        paths.append(path)
    return paths


def test_the_table_shows_rules_with_file_and_row_of_what_breaks_them(files: list[Path]):
    result = runner.invoke(app, ["inspect", *map(str, files), "--suggest"], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert "shop -> city" in result.output
    assert "sales_W2.csv row 8: S1, Nowhere" in result.output
    assert "number identifies a row" in result.output
    assert "person1" not in result.output.partition("rules that the rows speak for")[2]
    assert "at home" not in result.output
    assert "***" in result.output


def test_json_holds_them_too(files: list[Path]):
    result = runner.invoke(app, ["inspect", *map(str, files), "--suggest", "--json"])
    (table,) = json.loads(result.stdout)["tables"]
    (rule,) = (
        one for one in table["suggestions"] if (one["rule"], one["columns"]) == ("dependency", ["shop"])
    )
    assert rule["parameters"] == {"dependents": ["city"]}
    assert rule["broken_by"] == [{"file": "sales_W2.csv", "row": 8}]
    assert (rule["rows"], rule["exceptions"]) == (400, 1)
    assert "at home" not in result.stdout


def test_without_the_option_nothing_is_suggested(files: list[Path]):
    result = runner.invoke(app, ["inspect", *map(str, files)])
    assert "rules that the rows speak for" not in result.output
