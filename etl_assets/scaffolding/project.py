"""The files that make a folder a project, beside its datasets."""

from __future__ import annotations

import contextlib
from importlib import resources
from pathlib import Path

_FILES = {
    "config/app.yaml": "app.yaml",
    "workspace.yaml": "workspace.yaml",
    "dagster.yaml": "dagster.yaml",
    "pyproject.toml": "pyproject.toml.txt",
    ".env": "env",
    ".gitignore": "gitignore",
}


def write_project(folder: Path) -> list[Path]:
    """Write the files of a project that are missing; nothing that is there is touched.

    After it `dq`, `dagster` and `dg` work in the folder. The folder of Dagster's own storage is made too:
    without it Dagster would forget everything at each start.

    Args:
        folder: The project's folder; made if it isn't there.

    Returns:
        The files that were written.
    """
    templates = resources.files(__package__) / "project_files"
    written = []
    for name, template in _FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write((templates / template).read_text(encoding="utf-8"))
        except FileExistsError:
            continue
        written.append(path)
    (folder / "datasets").mkdir(exist_ok=True)
    (folder / "config" / "datasets").mkdir(exist_ok=True)
    _prepare_dagster(folder)
    return written


def write_builtin_settings(config_dir: Path, dataset: str) -> Path | None:
    """Give a project the settings that a built-in dataset comes with, unless it has some of its own.

    Returns:
        The file that was written, None if there was one.
    """
    path = config_dir / "datasets" / f"{dataset}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("xb") as file:
            file.write((resources.files("etl_assets.datasets") / dataset / "settings.yaml").read_bytes())
    except FileExistsError:
        return None
    return path


def _prepare_dagster(folder: Path) -> None:
    home = folder / "var" / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError), (home / "dagster.yaml").open("xb") as file:
        file.write((folder / "dagster.yaml").read_bytes())
