from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def requirement_name(requirement: str) -> str:
    return re.split(r"[\[<>=!~; ]", requirement)[0].lower().replace("_", "-")


def test_every_dependency_is_pinned_by_name_and_version_alone() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.+!]*", pin)] == []
    pinned = {requirement_name(pin) for pin in pins}
    extras = project()["project"]["optional-dependencies"].values()
    needed = [*project()["project"]["dependencies"], *(item for extra in extras for item in extra)]
    assert {requirement_name(item) for item in needed} - pinned == set()


def test_dg_and_the_workspace_serve_the_same_module() -> None:
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text(encoding="utf-8"))
    served = workspace["load_from"][0]["python_module"]["module_name"]
    assert served == project()["tool"]["dg"]["project"]["code_location_target_module"]


@pytest.mark.slow
def test_dagster_accepts_the_instance_and_keeps_its_state_in_its_home(tmp_path: Path) -> None:
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_bytes((ROOT / "dagster.yaml").read_bytes())
    command = [sys.executable, "-m", "dagster", "instance", "info"]
    done = subprocess.run(
        command, env=os.environ | {"DAGSTER_HOME": str(home)}, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "max_concurrent_runs: 2" in done.stdout
    assert re.search(r"telemetry:\s+enabled: false", done.stdout)
    assert str(home) in done.stdout
