from __future__ import annotations

import os
from pathlib import Path

import pytest

from etl_assets.orchestration.local_run import open_instance
from etl_assets.settings import AppSettings


def test_each_home_of_one_process_has_a_dagster_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    for name in ("first", "second"):
        with open_instance(AppSettings(home=tmp_path / name)) as instance:
            assert Path(instance.root_directory) == tmp_path / name / "dagster"

    assert "DAGSTER_HOME" not in os.environ, "what comes after in this process may be of another home"


def test_dagster_home_says_where_the_instance_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "team"))

    with open_instance(AppSettings(home=tmp_path / "home")) as instance:
        assert Path(instance.root_directory) == tmp_path / "team"
