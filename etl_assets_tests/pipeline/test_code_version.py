"""A change of an author's own code builds tables anew; moving the project doesn't."""

from __future__ import annotations

import functools
import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import polars as pl
import pytest

from etl_assets.contracts.dataset import TableId
from etl_assets.datasets import load_dataset, load_datasets
from etl_assets.pipeline.code_version import code_version
from etl_assets_tests.datasets.folders import (
    BRONZE,
    DATASET,
    SILVER,
    write_dataset,
    write_distribution,
)

NUMBERS = itertools.count()
SILVER_SALES = TableId.parse("silver/sales")


def version(folder: Path, name: str = "sales") -> str:
    dataset = load_dataset(name, [folder])
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


# -- what was imported ------------------------------------------------------------------------


def test_a_file_that_is_saved_after_it_was_imported_is_not_what_runs(tmp_path: Path) -> None:
    folder = write(tmp_path / "datasets")
    other = write(tmp_path / "other" / "datasets", statement="X = 1")
    dataset = load_dataset("sales", [folder])
    write(folder, statement="X = 1")
    (table,) = (table for table in dataset.tables if table.id == SILVER_SALES)
    assert code_version(table.transform) == version(write(tmp_path / "same" / "datasets"))
    assert code_version(table.transform) != version(other)


LAZY = SILVER.replace("return bronze", "from ..shared import X\n        return bronze.head(X)")


def test_a_helper_that_is_imported_late_runs_as_it_was_told(tmp_path: Path) -> None:
    write_dataset(tmp_path, silver=LAZY)
    (tmp_path / "shared.py").write_text("X = 1\n")
    before = version(tmp_path)
    (tmp_path / "shared.py").write_text("X = 2\n")
    (table,) = (one for one in load_dataset("sales", [tmp_path]).tables if one.id == SILVER_SALES)
    assert table.transform is not None
    assert table.transform(bronze=pl.LazyFrame({"id": [1, 2]})).collect().height == 1
    assert version(tmp_path) == before


def test_what_else_was_loaded_does_not_count(tmp_path: Path) -> None:
    versions = []
    for project, names in (("alone", ["sales"]), ("beside", ["eager", "sales"])):
        folder = tmp_path / project / "datasets"
        write_dataset(folder, silver=LAZY)
        write_dataset(folder, "eager", silver=SILVER + "\n    from ..shared import X\n")
        (folder / "shared.py").write_text("X = 1\n")
        assert not load_datasets(names, [folder]).failures
        versions.append(version(folder))
    assert versions[0] == versions[1]


def test_another_process_says_the_same(tmp_path: Path) -> None:
    folder = write(tmp_path / "datasets")
    code = (
        "from pathlib import Path; from etl_assets_tests.pipeline.test_code_version import version\n"
        f"print(version(Path({str(folder)!r})))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == version(folder)


# -- what a function was made with ------------------------------------------------------------

HEAD = SILVER.replace("(bronze: pl.LazyFrame)", "(bronze: pl.LazyFrame, rows: int = 1)").replace(
    "return bronze", "return bronze.head(rows)"
)
MAKE = (
    SILVER
    + """

    def make(rows):
        def made(bronze: pl.LazyFrame) -> pl.LazyFrame:
            return bronze.head(rows)
        return made
"""
)


def made_by(expression: str, statement: str = "") -> str:
    text = dedent(DATASET).format(name="sales").replace("silver.sales,", f"{expression},")
    return f"import functools\nimport polars as pl\n{statement}\n{text}"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            {"silver": HEAD, "__init__": made_by("functools.partial(silver.sales, rows=1)")},
            {"silver": HEAD, "__init__": made_by("functools.partial(silver.sales, rows=2)")},
        ),
        (
            {"silver": HEAD, "__init__": made_by("functools.partial(silver.sales, rows=1)")},
            {
                "silver": HEAD.replace("head", "tail"),
                "__init__": made_by("functools.partial(silver.sales, rows=1)"),
            },
        ),
        (
            {"silver": MAKE, "__init__": made_by("silver.make(1)")},
            {"silver": MAKE, "__init__": made_by("silver.make(2)")},
        ),
        (
            {"silver": MAKE, "__init__": made_by("silver.make(pl.lit(1))")},
            {"silver": MAKE, "__init__": made_by("silver.make(pl.lit(2))")},
        ),
        (
            {"silver": MAKE + "    other = sales\n", "__init__": made_by("silver.make(silver.sales)")},
            {"silver": MAKE + "    other = sales\n", "__init__": made_by("silver.make(silver.make)")},
        ),
        (
            {"silver": "    from . import N\n" + SILVER, "__init__": made_by("silver.sales", "N = 1")},
            {"silver": "    from . import N\n" + SILVER, "__init__": made_by("silver.sales", "N = 2")},
        ),
        (
            {"silver": LAZY.replace("..shared", ".tidy"), "tidy": "X = 1\n"},
            {"silver": LAZY.replace("..shared", ".tidy"), "tidy": "X = 2\n"},
        ),
        (
            {"silver": MAKE.replace("def make(rows)", "def other(bronze: pl.LazyFrame)")},
            {
                "silver": MAKE.replace("def make(rows)", "def other(bronze: pl.LazyFrame)"),
                "__init__": made_by("silver.other"),
            },
        ),
    ],
    ids=[
        "argument of a partial",
        "function of a partial",
        "closure",
        "expression in a closure",
        "function in a closure",
        "constant of the package",
        "import in a function",
        "another function of the module",
    ],
)
def test_whatever_changes_the_rows_counts(tmp_path: Path, one: dict[str, str], other: dict[str, str]) -> None:
    versions = []
    for project, files in (("one", one), ("same", one), ("other", other)):
        folder = tmp_path / project / "datasets"
        write_dataset(folder, **files)
        versions.append(version(folder))
    assert versions[0] == versions[1]
    assert versions[0] != versions[2]


@pytest.mark.parametrize(
    ("statement", "use"),
    [
        ("import {p}.tidy as tidy", "tidy.X"),
        ("import {p}.tidy", "{p}.tidy.X"),
        ("import {p} as own", "own.tidy.X"),
        ("from {p}.tidy import X", "X"),
        ("from {p} import tidy", "tidy.X"),
    ],
)
def test_modules_of_the_own_package_count_by_their_full_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statement: str, use: str
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    package = f"acme{next(NUMBERS)}"
    own = write_distribution(tmp_path, package, {f"{package}_sales": f"{package}:DATASET"})
    silver = SILVER.replace("return bronze", f"return bronze.head({use.format(p=package)})")
    texts = {"__init__": DATASET.format(name=f"{package}_sales"), "bronze": BRONZE}
    texts["silver"] = f"    {statement.format(p=package)}\n{silver}"
    for module, text in texts.items():
        (own / f"{module}.py").write_text(dedent(text))
    versions = []
    for number in (1, 2):
        (own / "tidy.py").write_text(f"X = {number}\n")
        dataset = load_dataset(f"{package}_sales")
        (table,) = (one for one in dataset.tables if one.id == SILVER_SALES)
        versions.append(code_version(table.transform))
        for name in [name for name in sys.modules if name.partition(".")[0] == package]:
            monkeypatch.delitem(sys.modules, name)
    assert versions[0] != versions[1]


def test_functions_of_a_session_count_by_their_code() -> None:
    versions = set()
    for rows in (1, 2):
        scope: dict[str, Callable[..., object]] = {"__name__": "no_module"}  # type: ignore[dict-item]
        exec(f"def sales(bronze):\n    return bronze.head({rows})", scope)
        versions.add(code_version(scope["sales"]))
    assert len(versions) == 2


def test_a_value_that_holds_itself_ends() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert code_version(functools.partial(version, endless)) == code_version(
        functools.partial(version, endless)
    )
