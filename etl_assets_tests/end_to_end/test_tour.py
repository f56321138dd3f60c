from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def tour() -> list[tuple[str, list[str]]]:
    """Commands of the README's tour, each with the output that the README shows."""
    text = (ROOT / "README.md").read_text()
    section = re.search(r"^## A tour$(.*?)^## ", text, re.DOTALL | re.MULTILINE)
    assert section is not None
    steps: list[tuple[str, list[str]]] = []
    for line in section[1].splitlines():
        if line.startswith("    $ "):
            steps.append((line.removeprefix("    $ "), []))
        elif line.startswith("    ") and steps:
            steps[-1][1].append(line.strip())
    return steps


@pytest.fixture
def place(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    return tmp_path


def run(command: str, place: Path) -> subprocess.CompletedProcess[str]:
    # The environment of the tests stands in for the one that `make demo` installs.
    command = {"make demo": "dq demo", "source .venv/bin/activate": "true"}.get(command, command)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ETL_", "DAGSTER_"))},
        "ETL_HOME": str(place / "var"),
        "ETL_CONFIG_DIR": str(ROOT / "config"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    return subprocess.run(
        ["bash", "-c", command], cwd=place, env=environment, capture_output=True, text=True, timeout=400
    )


def test_the_tour_goes_as_the_readme_tells_it(place: Path) -> None:
    steps = tour()
    assert len(steps) >= 8

    for command, shown in steps:
        done = run(command, place)
        expected = 1 if "exit code 1" in command else 0
        assert done.returncode == expected, f"{command}\n{done.stdout}\n{done.stderr}"
        for line in shown:
            assert line in done.stdout.splitlines(), f"{command}\n{done.stdout}\n{done.stderr}"
        if "gate closed" in command:
            assert "1 gate closed" in done.stdout
        if "quarantine list" in command:
            assert "carrier.in_airlines" in done.stdout
            assert "dep_time.is_clock" in done.stdout
        if "nothing to do" in command:
            assert "nothing to do" in done.stdout
