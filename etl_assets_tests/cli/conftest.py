from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from etl_assets.cli.main import app
from etl_assets_tests.cli import shop

Dq = Callable[..., Result]


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("shop")
    shop.fill(home)
    return home


@pytest.fixture
def home(filled: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The filled shop, for reading only."""
    use(monkeypatch, filled)
    return filled


@pytest.fixture
def own_home(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the filled shop, to be changed."""
    copy = tmp_path / "home"
    shutil.copytree(filled, copy)
    use(monkeypatch, copy)
    return copy


@pytest.fixture
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    use(monkeypatch, tmp_path / "empty")
    return tmp_path / "empty"


def use(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("ETL_HOME", str(home))
    monkeypatch.setenv("ETL_CONFIG_DIR", str(shop.PROJECT / "config"))
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture
def dq() -> Dq:
    def call(*arguments: str) -> Result:
        return CliRunner().invoke(app, list(arguments))

    return call


def data(result: Result) -> Any:
    """What a verb printed as JSON: all of standard output, and nothing else."""
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return json.loads(result.stdout)
