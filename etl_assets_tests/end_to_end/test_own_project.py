"""A user's own project, outside this repository: `dq`, `dagster` and `dg` in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from etl_assets.scaffolding.project import write_project
from etl_assets_tests.datasets.folders import (
    SILVER,
    write_dataset,
    write_distribution,
    write_settings,
)
from etl_assets_tests.orchestration.homes import quick_folder

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
DAYS = ("2024-01-01", "2024-01-02", "2024-01-03")


@dataclass
class Own:
    """A project's folder, and somebody who works in it."""

    folder: Path

    def run(
        self, *command: str, program: Path | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        inherited = {key: one for key, one in os.environ.items() if not key.startswith(("ETL_", "DAGSTER"))}
        values = {"PYTHONPATH": str(ROOT), "PWD": str(self.folder), "DAGSTER_DISABLE_TELEMETRY": "1"}
        return subprocess.run(
            [*([program] if program else [sys.executable, "-m"]), *command],
            cwd=self.folder,
            env=inherited | values | {"COLUMNS": "200"} | environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    def dq(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.run("etl_assets.cli.main", *arguments, **environment)

    def told(self, *arguments: str, **environment: str) -> Any:
        done = self.dq(*arguments, "--json", **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def deliver(self, name: str) -> None:
        staging = self.folder / "var" / "staging" / name
        staging.mkdir(parents=True)
        for number, day in enumerate(DAYS):
            (staging / f"{day}.csv").write_text(f"id,amount\n{number}1,2.5\n{number}2,3\n")
            os.utime(staging / f"{day}.csv", (1_700_000_000, 1_700_000_000))


@pytest.fixture
def own() -> Iterator[Own]:
    with quick_folder() as folder:
        write_project(folder)
        write_dataset(folder / "datasets")
        write_settings(folder / "config")
        project = Own(folder)
        project.deliver("sales")
        yield project


@pytest.fixture
def troubled(own: Own) -> Own:
    """Beside the sound dataset: broken code, a broken contract, broken settings, settings without code."""
    write_dataset(own.folder / "datasets", "mart", silver="import nothing_there\n")
    contract = SILVER.replace("pa.Field(ge=0)", "pa.Field(ge=0, coerce=True)")
    write_dataset(own.folder / "datasets", "till", silver=contract)
    for name in ("mart", "till", "nocode"):
        write_settings(own.folder / "config", name)
    write_settings(own.folder / "config", "typo", "sources: [\n")
    return own


BROKEN = {
    "mart": ("No module named 'nothing_there'", "datasets/mart/silver.py", 1),
    "till": ("coerce is set", "datasets/till/silver.py", 11),
    "nocode": ("no code for the dataset nocode", "", 0),
    "typo": ("isn't valid YAML", "config/datasets/typo.yaml", 2),
}


def test_what_is_broken_is_named_and_the_others_go_on(troubled: Own) -> None:
    done = troubled.dq("run", "sales", "--json")
    assert done.returncode == 0, done.stderr
    assert {one["table"]: one["accepted"] for one in json.loads(done.stdout)["tables"]} == {"sales": 6}

    status = troubled.dq("status", "--json")
    assert status.returncode == 0
    assert {one["dataset"] for one in json.loads(status.stdout)} == {"sales"}
    doctor = troubled.dq("doctor", "--json")
    assert doctor.returncode == 2
    wrong = [one["message"] for one in json.loads(doctor.stdout) if one["state"] == "wrong"]
    for name, (what, file, line) in BROKEN.items():
        (examined,) = [message for message in wrong if message.startswith(f"{name}: ")]
        run = troubled.dq("run", name)
        assert run.returncode == 2
        assert f"the dataset {name} is left out" in status.stderr
        for told in (status.stderr, run.stderr, examined):
            assert what in told
            assert file in told
        if line:
            assert f"line: {line}\n" in run.stderr
            assert f"line {line}" in examined
    assert "Traceback" not in status.stderr
    assert troubled.dq("status", "--check").returncode == 2


def test_errors_of_all_still_stop_all(own: Own) -> None:
    (own.folder / "config" / "app.local.yaml").write_text("log: {levle: info}\n")
    for arguments in (("status",), ("run", "sales"), ("try", "sales", "x.csv"), ("doctor",)):
        done = own.dq(*arguments)
        assert done.returncode == 2
        assert "app.local.yaml" in done.stderr + done.stdout


def test_dagster_loads_the_sound_ones_and_shows_the_broken(troubled: Own) -> None:
    done = troubled.run("dagster", "definitions", "validate", "-w", "workspace.yaml")
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert "All code locations passed validation" in told
    code = (
        "from etl_assets.definitions import defs\n"
        "print({s.key.to_user_string(): s.description for s in defs.resolve_all_asset_specs()})"
    )
    (troubled.folder / "shown.py").write_text(code)
    shown = eval(troubled.run("shown", PYTHONPATH=f"{ROOT}{os.pathsep}{troubled.folder}").stdout)
    assert {"sales/bronze/sales", "sales/silver/sales"} <= {*shown}
    for name, (what, file, _) in BROKEN.items():
        assert what in shown[f"{name}/not_loaded"]
        assert file in shown[f"{name}/not_loaded"]
        assert what in told


@pytest.mark.skipif(not (BIN / "dg").is_file(), reason="dg is not installed")
def test_dg_works_in_the_folder(own: Own) -> None:
    for command in ("check defs", "check yaml", "list defs --json"):
        done = own.run(*command.split(), program=BIN / "dg")
        assert done.returncode == 0, done.stdout + done.stderr
    assert "sales/silver/sales" in done.stdout


def test_a_process_for_each_step_finds_the_dataset_too(own: Own) -> None:
    (run,) = own.told("run", "sales")["runs"]
    assert run["success"]
    done = own.run(
        *("dagster", "asset", "materialize", "-m", "etl_assets.definitions"),
        *("--select", 'key:"sales/bronze/sales"+', "--partition", DAYS[0]),
        ETL_CONCURRENCY__EXECUTOR="multiprocess",
    )
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert told.count("Executing step") >= 2 or told.count("STEP_WORKER_STARTED") >= 2
    assert "RUN_SUCCESS" in told
    # `dagster` and `dq` write one history.
    assert run["id"] in own.run("dagster", "run", "list").stdout


def test_a_dataset_comes_from_an_installed_package(own: Own) -> None:
    site = own.folder / "site"
    write_dataset(write_distribution(site, "acme_data", {"parts": "acme_data.parts:DATASET"}), "parts")
    write_settings(own.folder / "config", "parts")
    own.deliver("parts")
    path = f"{ROOT}{os.pathsep}{site}"
    assert own.told("run", "parts", PYTHONPATH=path)["runs"][0]["success"]
    status = own.told("status", PYTHONPATH=path)
    assert {one["dataset"] for one in status} == {"parts", "sales"}


def test_it_works_from_a_folder_below(own: Own) -> None:
    below = Own(own.folder / "datasets" / "sales")
    assert {one["dataset"] for one in below.told("status")} == {"sales"}


def test_an_empty_folder_is_told_what_to_do(own: Own) -> None:
    with quick_folder() as folder:
        for arguments in (("config", "show"), ("status",), ("run", "sales")):
            done = Own(folder).dq(*arguments)
            assert done.returncode == 2
            assert "dq new NAME FILE" in done.stderr
        assert list(folder.iterdir()) == []
