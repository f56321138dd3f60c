from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from etl_assets.settings.dataset import DatasetSettings
from etl_assets_tests.cli.conftest import Dq, data
from etl_assets_tests.inspection.hard_cases import CASES


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    path = tmp_path / "sales_2024-03-01.csv"
    path.write_bytes(CASES["a_preamble_and_a_footer"].content)
    return path


def test_how_to_read_it_and_why(sales: Path, dq: Dq) -> None:
    result = dq("inspect", str(sales))

    assert result.exit_code == 0, result.stdout
    for words in ("cp1252", "2 lines before the table", "the last line holds totals", "decimal", "1234,56"):
        assert words in result.stdout


def test_json_has_a_stable_shape(sales: Path, dq: Dq) -> None:
    (table,) = data(dq("inspect", str(sales), "--json"))["tables"]

    assert table["files"] == [str(sales)]
    assert table["format"] == {
        "type": "csv",
        "encoding": "cp1252",
        "skip_lines": 2,
        "skip_pattern": '^"?Gesamt"?;',
        "separator": ";",
    }
    assert set(table["columns"][0]) >= {"name", "kind", "certainty", "filled", "fitting", "evidence"}
    assert {"aspect", "value", "certainty", "evidence", "alternatives"} == set(table["proposals"][0])


def test_the_lines_for_the_yaml_are_settings(sales: Path, dq: Dq) -> None:
    shown = dq("inspect", str(sales)).stdout
    lines = shown.partition("for config/datasets/<name>.yaml\n")[2].split("\n\n")[0]

    sources = yaml.safe_load(lines)["sources"]

    assert sources["sales"]["pattern"] == "sales_{period:%Y-%m-%d}.csv"
    assert "sources" in DatasetSettings.model_fields


def test_personal_cells_are_masked(tmp_path: Path, dq: Dq, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    path = tmp_path / "people.csv"
    path.write_bytes(CASES["people"].content)

    for output in (dq("inspect", str(path)).stdout, dq("inspect", str(path), "--json").stdout):
        assert "example.org" not in output
        assert "xxxx9@xxxxxxx.xxx" in output


def test_a_folder_and_an_empty_one(sales: Path, tmp_path: Path, dq: Dq) -> None:
    (tmp_path / ".hidden").write_text("x")
    (tmp_path / "empty").mkdir()

    assert len(data(dq("inspect", str(tmp_path), "--json"))["tables"]) == 1
    result = dq("inspect", str(tmp_path / "empty"))
    assert result.exit_code == 2
    assert "The folder holds no file" in result.stderr


def test_a_file_that_is_no_table_is_named_and_the_others_go_on(sales: Path, dq: Dq) -> None:
    empty = sales.with_name("empty.csv")
    empty.touch()

    result = dq("inspect", str(sales), str(empty))

    assert result.exit_code == 1
    assert "empty.csv: The file is empty" in result.stderr.replace("\n", " ")
    assert "decimal" in result.stdout


def test_commands_to_the_terminal_are_spelled_out(tmp_path: Path, dq: Dq) -> None:
    path = tmp_path / "odd.csv"
    path.write_text("id,[bold]name\n" + "".join(f"{n},\x1b[31mred {n}\n" for n in range(20)))

    result = dq("inspect", str(path))

    assert result.exit_code == 0
    assert "\x1b" not in result.stdout
    assert "[bold]name" in result.stdout


def test_a_narrow_terminal_gets_whole_formats(sales: Path, dq: Dq, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    shown = dq("inspect", str(sales)).stdout

    assert "%Y-%m-%d" in shown
    assert "1234,56" in shown
    assert max(map(len, shown.split("for config")[0].splitlines())) <= 80


def test_dagster_is_not_loaded(sales: Path) -> None:
    code = (
        "import sys; from etl_assets.cli.main import app; "
        f"app(['inspect', {str(sales)!r}], standalone_mode=False); assert 'dagster' not in sys.modules"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
