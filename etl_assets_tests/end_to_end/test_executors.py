"""A process per step, by a setting: the same tables as with all steps in one process."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from etl_assets_tests.end_to_end.setups import ROOT, SetUp
from etl_assets_tests.s3.test_main_job import TABLES, day_file, trading_days

pytestmark = pytest.mark.slow

DAYS = trading_days(3)


def tables(place: SetUp) -> dict[str, Counter[tuple[object, ...]]]:
    frames = {name: place.table(name) for name in TABLES}
    return {name: Counter(one.select(sorted(one.columns)).rows()) for name, one in frames.items()}


def test_a_process_per_step_gives_the_same_tables(tmp_path: Path) -> None:
    one = SetUp(tmp_path / "one")
    many = SetUp(tmp_path / "many", {"ETL_CONCURRENCY__EXECUTOR": "multiprocess"})
    for place in (one, many):
        place.deliver((f"{day}.csv", day_file(day)) for day in DAYS)
    assert one.dq("run", "retail").returncode == 0

    # `dq run` is one process in any case; a run that the daemon starts is as its executor says.
    materialize = ["dagster", "asset", "materialize", "-m", "etl_assets.definitions"]
    chosen = ["--select", "group:retail", "--partition-range", f"{DAYS[0]}...{DAYS[-1]}"]
    done = subprocess.run(
        [Path(sys.executable).parent / "dq", "exec", *materialize, *chosen],
        cwd=ROOT,
        env=many.environment,
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert done.returncode == 0, done.stderr[-3000:]
    assert "Launching subprocess for" in done.stderr, "a process for each step"
    assert tables(many) == tables(one)
    (run,) = json.loads(many.dq("runs", "list", "--json").stdout)["runs"]
    (same,) = json.loads(one.dq("runs", "list", "--json").stdout)["runs"]
    for found in (run, same):
        assert found["cpu_seconds"] > 0
        assert found["peak_memory_bytes"] > 50_000_000
    assert "nothing to do" in many.dq("run", "retail").stdout
