"""Dagster's own commands, as a user types them in the repository's folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from etl_assets_tests.orchestration.homes import quick_folder

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
DAYS = ["2010-12-01", "2010-12-02", "2010-12-03"]
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"


def sales(day: str) -> str:
    """Three good lines of a day: 15.30 + 20.34 + 22.00 = 57.64."""
    return "\n".join(
        [
            HEADER,
            f"536365,85123A,WHITE HANGING HEART,6,{day} 08:26:00,2.55,17850.0,United Kingdom",
            f"536365,71053,WHITE METAL LANTERN,6,{day} 08:26:00,3.39,17850.0,United Kingdom",
            f"536366,84406B,CREAM CUPID HEARTS,8,{day} 08:28:00,2.75,13047.0,France",
            "",
        ]
    )


@dataclass
class Shell:
    """The repository's folder with an ETL_HOME of its own."""

    home: Path

    def run(self, command: str, **environment: str) -> str:
        program, *arguments = command.split()
        done = subprocess.run(
            [str(BIN / program), *arguments],
            cwd=ROOT,
            env={
                **os.environ,
                "ETL_HOME": str(self.home),
                "DAGSTER_HOME": str(self.home / "dagster"),
                "DAGSTER_DISABLE_TELEMETRY": "1",
                "COLUMNS": "200",
                "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
                **environment,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def rows(self, *table: str) -> pl.DataFrame:
        return pl.read_delta(str(self.home.joinpath("lake", "retail", *table)))


@pytest.fixture
def shell() -> Iterator[Shell]:
    with quick_folder() as home:
        staging = home / "staging" / "retail"
        staging.mkdir(parents=True)
        (home / "dagster").mkdir()
        shutil.copy(ROOT / "dagster.yaml", home / "dagster")
        for day in DAYS:
            path = staging / f"{day}.csv"
            path.write_text(sales(day))
            os.utime(path, (1_600_000_000, 1_600_000_000))
        yield Shell(home)


@pytest.mark.parametrize("options", ["", " -w workspace.yaml", " -m etl_assets.definitions"])
def test_definitions_validate(shell: Shell, options: str) -> None:
    told = shell.run(f"dagster definitions validate{options}")
    assert "All code locations passed validation" in told
    # Nothing was opened, and nobody is warned of what we chose.
    assert not (shell.home / "ledger.db").exists()
    assert "BetaWarning" not in told
    assert "PreviewWarning" not in told


def test_lists(shell: Shell) -> None:
    assets = shell.run("dagster asset list -m etl_assets.definitions").split()
    assert {"retail/bronze/sales", "retail/gold/daily_revenue", "flights/silver/flights"} <= {*assets}
    sensors = shell.run("dagster sensor list -w workspace.yaml")
    assert "Sensor: retail_deliveries [RUNNING]" in sensors
    assert "Sensor: flights_deliveries [RUNNING]" in sensors
    schedules = shell.run("dagster schedule list -w workspace.yaml")
    assert "Schedule: retail_missing_deliveries_daily [RUNNING]" in schedules
    assert "Cron Schedule: 0 6 * * *" in schedules
    jobs = shell.run("dagster job list -w workspace.yaml")
    for job in ("retail_build", "retail_missing_deliveries", "flights_build"):
        assert f"Job: {job}" in jobs


def test_dg_knows_the_project(shell: Shell) -> None:
    assert "All definitions loaded successfully" in shell.run("dg check defs")
    told = shell.run("dg list defs --json")
    for name in ("retail/gold/customer_rfm", "retail_deliveries", "flights_missing_deliveries_daily"):
        assert name in told


def test_a_sensor_preview_asks_for_what_was_delivered(shell: Shell) -> None:
    told = shell.run("dagster sensor preview retail_deliveries -w workspace.yaml")
    assert "Sensor returning run requests for 1 run(s)" in told
    for day in DAYS:
        (shell.home / "staging" / "retail" / f"{day}.csv").unlink()
    (shell.home / "ledger.db").unlink()
    told = shell.run("dagster sensor preview retail_deliveries -w workspace.yaml")
    assert "no data yet: nothing was delivered to" in told


def test_tables_are_materialized_day_by_day_and_by_range(shell: Shell) -> None:
    materialize = "dagster asset materialize -m etl_assets.definitions --select"
    shell.run(f"{materialize} group:retail --partition {DAYS[0]}")
    daily = shell.rows("gold", "daily_revenue")
    assert {str(day) for day in daily["day"]} == {DAYS[0]}
    assert {str(one) for one in daily["gross"]} == {"35.640", "22.000"}

    shell.run(f"{materialize} group:retail --partition-range {DAYS[1]}...{DAYS[2]}")
    daily = shell.rows("gold", "daily_revenue")
    assert {str(day) for day in daily["day"]} == {*DAYS}
    assert shell.rows("gold", "customer_rfm")["frequency"].sort().to_list() == [3, 3]


def test_a_process_per_step_builds_the_same(shell: Shell) -> None:
    told = shell.run(
        "dagster asset materialize -m etl_assets.definitions "
        f"--select retail/bronze/sales,retail/silver/sales --partition {DAYS[0]}",
        ETL_CONCURRENCY__EXECUTOR="multiprocess",
    )
    assert "Launching subprocess for" in told
    assert shell.rows("silver", "sales")["kind"].to_list() == ["sale"] * 3


def test_missing_deliveries_are_looked_for(shell: Shell) -> None:
    shell.run("dagster sensor preview retail_deliveries -w workspace.yaml")
    told = shell.run("dagster job execute -m etl_assets.definitions -j retail_missing_deliveries")
    assert "deliveries are missing" in told
