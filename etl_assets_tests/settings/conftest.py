from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from etl_assets_tests.settings.files import SHOP, Write


@pytest.fixture
def config(tmp_path: Path) -> Path:
    folder = tmp_path / "config"
    (folder / "datasets").mkdir(parents=True)
    (folder / "app.yaml").write_text("log:\n  level: warning\n")
    (folder / "datasets" / "shop.yaml").write_text(dedent(SHOP))
    return folder


@pytest.fixture
def write(config: Path) -> Write:
    def write(name: str, text: str) -> Path:
        path = config / name
        path.write_text(dedent(text))
        return path

    return write
