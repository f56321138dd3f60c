"""Reads settings files."""

from __future__ import annotations

from pathlib import Path

from etl_assets.errors import SettingsError
from etl_assets.yaml_text import KeyPath, YamlText, read_yaml

__all__ = ["KeyPath", "read_settings_file"]


def read_settings_file(path: Path, name: str) -> YamlText:
    """Read one YAML file.

    Raises:
        SettingsError: The file can't be read, isn't YAML, isn't a mapping, or says something twice.
    """
    return read_yaml(path, name, SettingsError, "The settings file")
