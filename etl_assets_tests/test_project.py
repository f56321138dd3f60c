"""A project's datasets: those that are sound, and what is wrong with each of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl_assets.errors import ContractError, SettingsError
from etl_assets.project import Project, load_project
from etl_assets.settings import load_settings
from etl_assets_tests.datasets.folders import SETTINGS, write_dataset, write_settings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_dataset(tmp_path / "datasets")
    write_settings(tmp_path / "config")
    return tmp_path


def load(folder: Path, names: list[str] | None = None, **environ: str) -> Project:
    return load_project(load_settings(folder / "config", environ), names)


def test_each_dataset_is_sound_or_says_what_is_wrong(folder: Path) -> None:
    config = folder / "config"
    write_dataset(folder / "datasets", "mart", bronze="1 / 0\n")
    for name in ("mart", "nocode"):
        write_settings(config, name)
    write_settings(config, "typo", "sources: [\n")
    write_dataset(folder / "datasets", "till")
    write_settings(config, "till", SETTINGS.replace("sales:", "slaes:"))
    project = load(folder)
    assert list(project.datasets) == ["sales"]
    said = {name: (type(error), error.what) for name, error in project.failures.items()}
    assert said["mart"] == (
        ContractError,
        "The code of the dataset mart can't be imported: ZeroDivisionError; its own words are left out, "
        "for they may quote cells",
    )
    assert said["nocode"] == (ContractError, "There is no code for the dataset nocode")
    assert said["typo"][0] is SettingsError
    assert said["till"] == (SettingsError, "The dataset has no table slaes")
    assert "Did you mean sales" in project.failures["till"].hint


def test_what_is_not_asked_for_or_not_enabled_is_not_looked_at(folder: Path) -> None:
    write_dataset(folder / "datasets", "mart", bronze="raise SystemExit\n")
    write_settings(folder / "config", "mart")
    assert load(folder, ["sales"]).failures == {}
    assert load(folder, ETL_DATASETS__MART__ENABLED="false").failures == {}
    assert list(load(folder).failures) == ["mart"]


def test_folders_are_a_setting_and_must_be_there(folder: Path) -> None:
    (folder / "shop").mkdir()
    (folder / "datasets").rename(folder / "shop" / "tables")
    assert list(load(folder).failures) == ["sales"]
    assert list(load(folder, ETL_DATASET_FOLDERS='["shop/tables"]').datasets) == ["sales"]
    with pytest.raises(SettingsError, match="no such folder of datasets") as caught:
        load(folder, ETL_DATASET_FOLDERS='["shop/tabels"]')
    assert caught.value.where["folder"] == folder / "shop" / "tabels"
