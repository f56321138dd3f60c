from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from etl_assets_tests.postgres.erp import TABLES, Erp


@pytest.fixture
def erp(tmp_path: Path, make_database: Callable[[], str]) -> Erp:
    found = Erp(tmp_path, make_database())
    found.sql(TABLES)
    return found
