"""Each how-to is followed to the letter: its files, its changes, its commands and what they print."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from etl_assets.staging.source import compile_pattern
from etl_assets_tests.docs.walkthrough import Change, Command, File, QuickReader, is_shown, steps
from etl_assets_tests.orchestration.homes import make_template, quick_folder

ROOT = Path(__file__).parents[2]
PAGES = sorted(path for path in (ROOT / "docs" / "how-to").glob("*.md") if path.stem != "index")
TEMPLATES = ROOT / "etl_assets" / "scaffolding" / "project_files"


@pytest.fixture(scope="module")
def dagster_home() -> Iterator[Path]:
    with quick_folder() as folder:
        yield make_template(folder)


@contextmanager
def project_of(page: str, dagster_home: Path) -> Iterator[Path]:
    """The project that a page starts from: `orders`, unless its front matter says another."""
    said = re.match(r"---\nproject: (\w+)\n---\n", page)
    with quick_folder() as folder:
        shutil.copytree(ROOT / "examples" / (said[1] if said else "orders"), folder, dirs_exist_ok=True)
        shutil.copytree(dagster_home, folder / "var" / "dagster")
        yield folder


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_does_what_it_says(page: Path, dagster_home: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert any(isinstance(step, Command) for step in steps(text))
    with project_of(text, dagster_home) as project:
        QuickReader(project).follow(text)


def test_every_page_is_in_the_list() -> None:
    listed = (ROOT / "docs" / "how-to" / "index.md").read_text(encoding="utf-8")
    assert {page.stem for page in PAGES} <= set(listed.split())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_tables_of_patterns_fit_their_file_names(page: Path) -> None:
    """Rows such as ``| `2024-03-04.csv`, ... | `{period:%Y-%m-%d}.csv` |``."""
    for name, pattern in re.findall(
        r"^\| `([^`]+)`[^|]*\| `([^`]*\{period[^`]*)`", page.read_text(), re.MULTILINE
    ):
        compiled = compile_pattern(pattern)
        found = compiled.expression.fullmatch(name)
        assert found, (name, pattern)
        assert isinstance(compiled.moment(found), datetime)


def test_the_project_has_the_files_that_any_project_has() -> None:
    for name in ("dagster.yaml", "config/app.yaml"):
        ours, theirs = ROOT / "examples" / "orders" / name, TEMPLATES / Path(name).name
        assert ours.read_text(encoding="utf-8") == theirs.read_text(encoding="utf-8"), f"copy {theirs} there"


# -- the machinery itself -----------------------------------------------------------------------------


def test_steps_are_read_as_they_stand() -> None:
    page = (
        "```console\n$ one \\\n  two    # exit code 2\nprinted\n\n$ three\n```\n"
        "```{code-block} yaml\n:caption: a/b.yaml\n\nkey: 1\n```\n"
        "```diff\n--- c.py\n kept\n-gone\n+come\n```\n"
        "```python\nnot = 'executed'\n```\n"
    )
    assert list(steps(page)) == [
        Command("one \\\n  two    # exit code 2", ["printed"]),
        Command("three", []),
        File("a/b.yaml", "key: 1\n"),
        Change("c.py", "kept\ngone\n", "kept\ncome\n"),
    ]


@pytest.mark.parametrize(
    ("shown", "printed", "fits"),
    [
        (["a", "b"], "a\nb\n", True),
        (["a", "b"], "a\nx\nb\n", False),
        (["a", "...", "b"], "a\nx\ny\nb\n", True),
        (["a", "...", "b"], "a\nb\n", True),
        (["run ... done"], "run 1f3a done   \n", True),
        (["run ... done"], "run 1f3a\ndone\n", False),
        (["a"], "a\nand more\n", False),
        (["a+"], "aa\n", False),
    ],
)
def test_dots_stand_for_what_may_differ(shown: list[str], printed: str, fits: bool) -> None:
    assert is_shown(shown, printed) is fits


def test_a_page_that_says_something_else_fails(tmp_path: Path) -> None:
    for wrong in (
        "```console\n$ echo no\nyes\n```\n",
        "```console\n$ false\n```\n",
        "```diff\n--- a.py\n-x\n```\n",
    ):
        (tmp_path / "a.py").write_text("y\n")
        with pytest.raises(AssertionError):
            QuickReader(tmp_path).follow(wrong)
