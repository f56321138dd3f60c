from __future__ import annotations

import logging
import os
from collections.abc import Iterator

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


@pytest.fixture(autouse=True)
def _fresh_logger() -> Iterator[None]:
    logger = logging.getLogger("etl_assets")
    handlers, level, propagate = list(logger.handlers), logger.level, logger.propagate
    yield
    logger.handlers[:], logger.level, logger.propagate = handlers, level, propagate
