"""A change of an author's own code builds tables anew; moving the project doesn't."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl_assets.contracts.dataset import TableId
from etl_assets.datasets import load_dataset
from etl_assets.pipeline.state import code_version
from etl_assets_tests.datasets.folders import SILVER, write_dataset

SILVER_SALES = TableId.parse("silver/sales")


def version(folder: Path) -> str:
    dataset = load_dataset("sales", [folder])
    (table,) = (table for table in dataset.tables if table.id == SILVER_SALES)
    return code_version(table.transform)


def write(folder: Path, *, statement: str = "", **files: str) -> Path:
    write_dataset(
        folder, silver=SILVER.replace("import polars as pl", f"import polars as pl\n    {statement}")
    )
    for name, text in files.items():
        (folder / "sales" / f"{name}.py").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ("from .tidy import tidied", "sales/tidy.py"),
        ("from . import tidy", "sales/tidy.py"),
        ("from ..shared import tidied", "shared.py"),
        ("from .. import shared", "shared.py"),
    ],
)
def test_own_modules_count_however_they_are_imported(tmp_path: Path, statement: str, place: str) -> None:
    versions = []
    for number, code in enumerate(("def tidied():\n    return 1\n", "def tidied():\n    return 2\n")):
        folder = write(tmp_path / f"project{number}" / "datasets", statement=statement)
        (folder / place).write_text(code)
        versions.append(version(folder))
    assert versions[0] != versions[1]


def test_where_the_project_lies_does_not_count(tmp_path: Path) -> None:
    here, there = (write(tmp_path / name / "datasets") for name in ("here", "there"))
    assert version(here) == version(there)


def test_comments_do_not_count_and_other_modules_neither(tmp_path: Path) -> None:
    one = write(tmp_path / "one" / "datasets")
    other = write(tmp_path / "other" / "datasets", statement="# a remark", unused="X = 1\n")
    assert version(one) == version(other)
