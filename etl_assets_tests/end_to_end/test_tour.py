from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from etl_assets_tests.docs.walkthrough import Command, Reader, steps

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

# The environment of the tests stands in for the one that `make demo` installs.
INSTEAD = {"make demo": "dq demo", "source .venv/bin/activate": "true"}

SEEN = {
    "gate closed": ["1 gate closed"],
    "quarantine list": ["carrier.in_airlines", "dep_time.is_clock"],
    "nothing to do": ["nothing to do"],
}
"""What a command has in it -> what it is to print, beside what the README shows."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


def test_the_tour_goes_as_the_readme_tells_it(place: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.search(r"^## A tour$(.*?)^## ", text, re.DOTALL | re.MULTILINE)
    assert section is not None
    tour = [step for step in steps(section[1]) if isinstance(step, Command)]
    assert len(tour) >= 8

    reader = Reader(place, {"ETL_HOME": str(place / "var"), "ETL_CONFIG_DIR": str(ROOT / "config")})
    for command in tour:
        command.text = INSTEAD.get(command.text, command.text)
        printed = reader.do(command)
        for said, seen in SEEN.items():
            assert said not in command.text or all(one in printed for one in seen), printed
