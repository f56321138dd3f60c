"""Fixtures of tests that run a whole installation; a room's conftest imports them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from etl_assets.contracts.dataset import Dataset
from etl_assets_tests.orchestration.homes import make_template, quick_folder
from etl_assets_tests.orchestration.house import House
from etl_assets_tests.orchestration.shop import SHOP

MakeHouse = Callable[..., House]


@pytest.fixture(scope="session")
def dagster_template() -> Iterator[Path]:
    with quick_folder() as folder:
        yield make_template(folder)


@pytest.fixture
def make_house(dagster_template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeHouse]:
    with ExitStack() as stack:

        def make(dataset: Dataset = SHOP, **changes: object) -> House:
            home = stack.enter_context(quick_folder())
            shutil.copytree(dagster_template, home / "dagster")
            monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
            monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "1")
            return House(home, dataset, **changes)

        yield make


@pytest.fixture
def house(make_house: MakeHouse) -> House:
    return make_house()
