"""A dataset as a Dagster Component, in a user's own `dg` project, by the real `dg`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from etl_assets.components import DatasetComponent
from etl_assets_tests.orchestration.homes import quick_folder

ROOT = Path(__file__).parents[2]
COMPONENT = "etl_assets.components.DatasetComponent"
PYPROJECT = """\
[project]
name = "shop-project"
version = "0.1.0"

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "shop_project"
registry_modules = ["etl_assets.components"]
"""
DEFINITIONS = """\
from pathlib import Path

from dagster import definitions, load_from_defs_folder


@definitions
def defs():
    return load_from_defs_folder(path_within_project=Path(__file__).parent)
"""


class Project:
    """A `dg` project, and somebody who works in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.defs = folder / "src" / "shop_project" / "defs"
        self.defs.mkdir(parents=True)
        (folder / "pyproject.toml").write_text(PYPROJECT)
        (self.defs.parent / "__init__.py").touch()
        (self.defs / "__init__.py").touch()
        (self.defs.parent / "definitions.py").write_text(DEFINITIONS)
        (folder / "dagster_home").mkdir()
        (folder / "dagster_home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        inherited = {key: one for key, one in os.environ.items() if not key.startswith(("ETL_", "DAGSTER"))}
        own = {
            "PYTHONPATH": f"{self.folder / 'src'}{os.pathsep}{ROOT}",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DAGSTER_HOME": str(self.folder / "dagster_home"),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "COLUMNS": "300",
        }
        return subprocess.run(
            command,
            cwd=self.folder,
            env=inherited | own,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def dg(self, *command: str) -> str:
        done = self.run("dg", *command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def change(self, file: Path, old: str, new: str) -> None:
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    with quick_folder() as folder:
        yield Project(folder / "project")


@pytest.mark.slow
def test_a_dataset_is_scaffolded_checked_listed_and_built(project: Project) -> None:
    assert COMPONENT in project.dg("list", "components")
    project.dg("scaffold", "defs", COMPONENT, "orders")
    folder = project.defs / "orders"
    assert {path.name for path in folder.iterdir()} == {
        "defs.yaml",
        "dataset.yaml",
        "contract.odcs.yaml",
        "daily_amount.sql",
    }
    assert "validated successfully" in project.dg("check", "yaml")
    assert "loaded successfully" in project.dg("check", "defs")
    listed = json.loads(project.run("dg", "list", "defs", "--json").stdout)
    assert {one["asset_key"] for one in listed["assets"]} == {
        "orders/bronze/orders",
        "orders/silver/orders",
        "orders/gold/daily_amount",
    }

    staging = project.folder / "var" / "staging" / "orders"
    staging.mkdir(parents=True)
    (staging / "2024-01-01.csv").write_text(
        'order_id,customer,ordered_on,amount\nA1,x,2024-01-01,"1,234.50"\nA2,-,01.01.2024,12\n'
    )
    project.change(
        project.folder / "config/datasets/orders.yaml", "2024-01-01\n", "2024-01-01\n  end: 2024-01-02\n"
    )
    project.dg("launch", "--assets", "key:orders/bronze/orders", "--partition", "2024-01-01")
    # The same folder is a dataset for `dq`: what Dagster has built is done, the rest is left to do.
    done = project.run("dq", "run", "orders", "--json")
    assert done.returncode == 0, done.stderr
    gold = project.folder / "var" / "lake" / "orders" / "gold" / "daily_amount"
    assert pl.read_delta(str(gold)).select("orders", "amount").rows() == [(2, Decimal("1246.50"))]


@pytest.mark.slow
def test_two_datasets_share_a_project_and_one_that_is_broken_stops_only_itself(project: Project) -> None:
    if not (project.defs / "orders").exists():
        project.dg("scaffold", "defs", COMPONENT, "orders")
    project.dg("scaffold", "defs", COMPONENT, "returns")
    contract = project.defs / "returns" / "contract.odcs.yaml"
    project.change(contract, "minimum: 0", "minimun: 0")
    told = project.dg("check", "defs")
    assert "loaded successfully" in told
    assert "no such key minimun" in told
    assert f"file {contract}, line 29" in told

    defs = project.defs / "returns" / "defs.yaml"
    defs.write_text(f"type: {COMPONENT}\nattributes: {{strict: true}}\n")
    done = project.run("dg", "check", "defs")
    assert done.returncode == 1
    assert "no such key minimun" in done.stdout + done.stderr

    defs.write_text(f"type: {COMPONENT}\nattributes: {{stric: true}}\n")
    # Of several components of one type dg looks at the last one: this one alone, then.
    done = project.run("dg", "check", "yaml", str(project.defs / "returns"))
    assert done.returncode == 1
    assert "stric" in done.stdout + done.stderr


def test_the_component_builds_what_any_dataset_is_built_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETL_CONFIG_DIR", str(ROOT / "examples" / "bakery" / "config"))
    monkeypatch.setenv("ETL_HOME", str(tmp_path))
    folder = ROOT / "examples" / "bakery" / "datasets" / "bakery"
    component = DatasetComponent(path=str(folder))
    built = component.build_defs(dg.ComponentTree.for_test().load_context)
    keys = {key.to_user_string() for key in built.resolve_asset_graph().get_all_asset_keys()}
    assert "bakery/gold/daily_revenue" in keys
    assert "bakery_deliveries" in {one.name for one in built.sensors or ()}
    assert not (tmp_path / "ledger.db").exists()
