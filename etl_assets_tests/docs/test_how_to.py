"""Each how-to is followed to the letter: its files, its changes, its commands and what they print."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from etl_assets.staging.source import Source, compile_pattern
from etl_assets_tests.docs.places import HOW_TOS, ROOT, place_of
from etl_assets_tests.docs.refill import refilled
from etl_assets_tests.docs.walkthrough import Change, Command, File, QuickReader, is_shown, steps

TEMPLATES = ROOT / "etl_assets" / "scaffolding" / "project_files"


@pytest.mark.slow
@pytest.mark.parametrize("page", HOW_TOS, ids=lambda page: page.stem)
def test_a_page_does_what_it_says(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert any(isinstance(step, Command) for step in steps(text))
    with place_of(page) as reader:
        reader.follow(text)


def test_every_page_is_in_the_list() -> None:
    listed = (ROOT / "docs" / "how-to" / "index.md").read_text(encoding="utf-8")
    assert {page.stem for page in HOW_TOS} <= set(listed.split())


@pytest.mark.parametrize("page", HOW_TOS, ids=lambda page: page.stem)
def test_tables_of_patterns_fit_their_file_names(page: Path) -> None:
    """Rows such as ``| `2024-03-04.csv`, ... | `{period:%Y-%m-%d}.csv` |``."""
    for name, pattern in re.findall(
        r"^\| `([^`]+)`[^|]*\| `([^`]*\{period[^`]*)`", page.read_text(), re.MULTILINE
    ):
        compiled = compile_pattern(pattern)
        found = compiled.expression.fullmatch(name)
        assert found, (name, pattern)
        assert isinstance(compiled.moment(found), datetime)


def test_formats_that_are_named_in_passing_can_be_said() -> None:
    texts = (page.read_text(encoding="utf-8") for page in HOW_TOS)
    formats = [one for text in texts for one in re.findall(r"`(\{type: [^`]+\})`", text)]
    assert len(formats) > 8
    for one in formats:
        Source.model_validate({"pattern": "a.csv", "format": yaml.safe_load(one)})


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


def test_a_page_gets_what_its_commands_print_now(tmp_path: Path) -> None:
    page = "Say:\n\n```console\n$ echo no; pwd\nyes\n$ echo a; echo b\n...\nb\n$ true\n```\nend\n"
    told = refilled(page, QuickReader(tmp_path))
    assert told == page.replace("yes", "no\n...")
    QuickReader(tmp_path).follow(told)
