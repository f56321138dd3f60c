"""Folders of settings, and what is told of wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from etl_assets.errors import SettingsError
from etl_assets.settings import load_settings

SHOP = """\
    sources:
      sales:
        pattern: "{period:%Y-%m-%d}.csv"
    calendar:
      start: 2024-01-01
    """


Write = Callable[[str, str], Path]


def refused(config: Path, environ: dict[str, str] | None = None) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load_settings(config, environ or {})
    return caught.value


def broken(config: Path, environ: dict[str, str] | None = None) -> SettingsError:
    """What is wrong with the one dataset; it is left out, and nothing else is refused."""
    settings = load_settings(config, environ or {})
    assert list(settings.broken_datasets) == ["shop"]
    assert "shop" not in settings.datasets
    with pytest.raises(SettingsError) as caught:
        settings.dataset("shop")
    return caught.value
