from __future__ import annotations

import json
from pathlib import Path

import pytest

from etl_assets_tests.cli import shop
from etl_assets_tests.cli.conftest import Dq


@pytest.fixture
def delivered(empty_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with one day's file, and an environment as some shells and services leave it."""
    monkeypatch.setenv("DAGSTER_HOME", "")
    shop.deliver(empty_home / "staging" / "retail", f"{shop.GOOD}.csv", shop.lines(shop.GOOD, 40))
    return empty_home


def test_in_a_pipe_the_scorecard_is_all_that_a_good_run_prints(delivered: Path, dq: Dq) -> None:
    result = dq("run", "retail")

    assert "completed" in result.stdout
    assert result.stderr == ""
    assert (delivered / "dagster").is_dir(), "an empty DAGSTER_HOME is none"
    assert not (Path.cwd() / ".starting").exists()


def test_a_log_for_machines_tells_everything(
    delivered: Path, dq: Dq, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETL_LOG__FORMAT", "json")
    result = dq("run", "retail")

    records = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
    assert {"info"} <= {one["level"] for one in records}
