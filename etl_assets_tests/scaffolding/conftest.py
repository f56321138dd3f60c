from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from etl_assets.cli.main import app

Dq = Callable[..., Result]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that becomes a project."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.setenv("ETL_CONFIG_DIR", str(folder / "config"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def dq() -> Dq:
    def call(*arguments: object) -> Result:
        return CliRunner().invoke(app, list(map(str, arguments)))

    return call
