from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest
import yaml

from etl_assets.scaffolding.project import write_builtin_settings, write_project
from etl_assets.settings import load_settings

ROOT = Path(__file__).parents[2]
FILES = [
    ".env",
    ".gitignore",
    "config/app.yaml",
    "dagster.yaml",
    "pyproject.toml",
    "workspace.yaml",
]


def test_an_empty_folder_becomes_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "new" / "mine"
    assert sorted(str(path.relative_to(folder)) for path in write_project(folder)) == FILES
    monkeypatch.chdir(folder)
    settings = load_settings(environ={})
    assert settings.folders == [folder / "datasets"]
    assert settings.home == folder / "var"
    # Dagster stops where DAGSTER_HOME names no folder.
    assert (settings.dagster_home / "dagster.yaml").read_text() == (folder / "dagster.yaml").read_text()


def test_nothing_that_is_there_is_touched(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    mine = {"config/app.yaml": "home: elsewhere\n", "pyproject.toml": "[tool.black]\n"}
    for name, text in mine.items():
        (tmp_path / name).write_text(text)
    assert len(write_project(tmp_path)) == len(FILES) - len(mine)
    assert write_project(tmp_path) == []
    assert {name: (tmp_path / name).read_text() for name in mine} == mine


def test_the_demo_brings_the_settings_of_this_repository(tmp_path: Path) -> None:
    file = write_builtin_settings(tmp_path, "flights")
    assert file == tmp_path / "datasets" / "flights.yaml"
    ours = yaml.safe_load((ROOT / "config" / "datasets" / "flights.yaml").read_text())
    assert yaml.safe_load(file.read_text()) == ours
    assert write_builtin_settings(tmp_path, "flights") is None


def test_dagster_is_set_up_as_in_this_repository() -> None:
    ours = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    theirs = resources.files("etl_assets.scaffolding") / "project_files" / "dagster.yaml"
    assert yaml.safe_load(theirs.read_text()) == ours
