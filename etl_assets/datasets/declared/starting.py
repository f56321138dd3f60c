"""Writes a small declared dataset that works, to be changed into one's own."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

_SETTINGS = "settings.yaml"
_OF_THE_DATASET = ("dataset.yaml", "contract.odcs.yaml", "daily_amount.sql")


def write_starter(folder: Path) -> list[Path]:
    """Write a dataset's files into a folder that is called as the dataset; what is there stays as it is.

    Returns:
        The files written.
    """
    return [path for file in _OF_THE_DATASET if (path := _write(file, folder / file, folder.name))]


def write_starter_settings(config: Path, name: str) -> list[Path]:
    """Write the settings of such a dataset, `datasets/<name>.yaml` in the folder of settings."""
    path = _write(_SETTINGS, config / "datasets" / f"{name}.yaml", name)
    return [path] if path else []


def _write(file: str, path: Path, name: str) -> Path | None:
    if path.exists():
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    text = files(__package__).joinpath("starter", file).read_text(encoding="utf-8")
    path.write_text(text.replace("NAME", name), encoding="utf-8")
    return path
