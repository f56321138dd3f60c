from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from etl_assets.threads import available_cores, share_out_threads

ROOT = Path(__file__).parents[1]
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@pytest.fixture(autouse=True)
def _unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLARS_MAX_THREADS", "")  # so that what is set is undone


@pytest.mark.parametrize(("processes", "said", "threads"), [(1, None, CORES), (10_000, None, 1), (2, 7, 7)])
def test_cores_are_shared_out(processes: int, said: int | None, threads: int) -> None:
    assert share_out_threads(processes, said) == threads
    assert os.environ["POLARS_MAX_THREADS"] == str(threads)


def test_what_the_operator_said_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLARS_MAX_THREADS", "5")
    assert share_out_threads(2, 7) == 5
    assert os.environ["POLARS_MAX_THREADS"] == "5"


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({"cpu.max": "100000 100000\n"}, 1),
        ({"cpu.max": "50000 100000\n"}, 1),
        ({"cpu.max": "max 100000\n"}, CORES),
        ({"cpu.max": "what is this"}, CORES),
        ({"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, CORES),
        ({}, CORES),
    ],
)
def test_a_container_has_the_cores_of_its_limit(files: dict[str, str], cores: int, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert available_cores(tmp_path) == cores


@pytest.mark.slow
def test_polars_has_its_share_where_the_definitions_are_loaded(tmp_path: Path) -> None:
    code = "import etl_assets.definitions, polars; print(polars.thread_pool_size())"
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("ETL_", "DAGSTER_", "POLARS_"))}
    own = {"ETL_HOME": str(tmp_path), "ETL_CONCURRENCY__POLARS_THREADS": "3"}

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ | own, capture_output=True, text=True, check=True
    )

    assert done.stdout.split()[-1] == "3"
