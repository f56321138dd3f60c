from __future__ import annotations

from pathlib import Path

import pytest

from etl_assets.lake.tables import Lake, LakeTable


@pytest.fixture
def table(tmp_path: Path) -> LakeTable:
    return Lake(tmp_path).table("shop", "silver", "sales", partitioned=True)


@pytest.fixture
def snapshot(tmp_path: Path) -> LakeTable:
    return Lake(tmp_path).table("shop", "silver", "countries", partitioned=False)
