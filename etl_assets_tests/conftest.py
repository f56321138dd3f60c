from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from etl_assets_tests.servers import make_database, postgres_url, server

__all__ = ["make_database", "postgres_url", "server"]

# How long an example takes says nothing about whether it holds.
settings.register_profile("etl_assets", deadline=None)
settings.load_profile("etl_assets")


# Settings of this machine, or of make, are not those of the tests; gone before the first fixture of a module.
for _name in list(os.environ):
    if _name.startswith("ETL_") or _name == "DAGSTER_HOME":
        del os.environ[_name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, or one of them would be left to a single worker in the end.

    A file goes to one worker as a whole. Those with slow tests only are kills, tours and pages: few tests,
    a minute or more each. By themselves the workers would take the files with the most tests first.
    """
    slow: Counter[Path] = Counter(item.path for item in items if item.get_closest_marker("slow"))
    every: Counter[Path] = Counter(item.path for item in items)
    items.sort(key=lambda item: (-slow[item.path] / every[item.path], -slow[item.path]))


@pytest.fixture(autouse=True)
def _fresh_logger() -> Iterator[None]:
    logger = logging.getLogger("etl_assets")
    handlers, level, propagate = list(logger.handlers), logger.level, logger.propagate
    yield
    logger.handlers[:], logger.level, logger.propagate = handlers, level, propagate
