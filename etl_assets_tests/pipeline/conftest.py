from __future__ import annotations

from pathlib import Path

import pytest

from etl_assets_tests.pipeline.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def strict(tmp_path: Path) -> Shop:
    """A shop in which few rows may be refused."""
    return Shop(tmp_path, tolerance=0.4)
