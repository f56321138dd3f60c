"""How much a project grows that has nothing to do: `python -m benchmarks.idle [--days 3] [--every 10]`.

Real iterations of Dagster's sensor daemon over the project's own sensors, its real storage, and a clock that
jumps; each simulated day the daily jobs run once. With `--every 10` only each tenth tick is made, and its
growth counts ten times: ticks are alike.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock, patch

import dagster as dg
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import InProcessTestWorkspaceLoadTarget, freeze_time
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._daemon.sensor import execute_sensor_iteration

ROOT = Path(__file__).parents[1]
SENSOR_SECONDS = 30
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def sizes(home: Path) -> Counter[str]:
    """Bytes on disk of ticks, runs, the ledger and everything else."""
    found: Counter[str] = Counter()
    for file in home.rglob("*"):
        if file.is_file():
            parts = file.relative_to(home).parts
            kind = {"schedules": "ticks", "history": "runs"}.get(parts[1]) if parts[0] == "dagster" else None
            name = "ledger" if parts[0].startswith("ledger") else "other"
            found[kind or name] += file.stat().st_size
    return found


def tick(context: WorkspaceProcessContext, at: datetime) -> None:
    """Let each sensor look once, at a time that Dagster and the sensors take for the present."""
    with freeze_time(at), patch("etl_assets.pipeline.dataset_pipeline.datetime", Mock(now=lambda _: at)):
        for _ in execute_sensor_iteration(context, logging.getLogger("idle"), None, None):
            pass


def run_daily_jobs(definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
    """Run what the schedules start once a day."""
    for schedule in definitions.schedules or []:
        assert isinstance(schedule, dg.ScheduleDefinition)
        job = definitions.resolve_job_def(schedule.job_name)
        job.execute_in_process(instance=instance, run_config=QUIET)


def measure(home: Path, days: int, every: int) -> None:
    """Print what each day adds."""
    from etl_assets.definitions import defs

    module = LoadableTargetOrigin(module_name="etl_assets.definitions", working_directory=str(ROOT))
    target = InProcessTestWorkspaceLoadTarget(InProcessCodeLocationOrigin(module))
    with dg.DagsterInstance.get() as instance, WorkspaceProcessContext(instance, target) as context:
        now = datetime.now(UTC).replace(minute=0)
        tick(context, now)
        run_daily_jobs(defs, instance)
        before = sizes(home)
        for day in range(1, days + 1):
            for _ in range(86_400 // SENSOR_SECONDS // every):
                now += timedelta(seconds=SENSOR_SECONDS * every)
                tick(context, now)
            run_daily_jobs(defs, instance)
            after = sizes(home)
            grown = {name: after[name] - before[name] for name in ("ticks", "runs", "ledger", "other")}
            grown["ticks"] *= every
            told = ", ".join(f"{name} {size / 1e6:.2f}" for name, size in grown.items())
            print(f"day {day}: {sum(grown.values()) / 1e6:.2f} MB ({told})", flush=True)
            before = after


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--every", type=int, default=10)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ |= {"ETL_HOME": folder, "DAGSTER_HOME": str(home / "dagster")}
        (home / "dagster").mkdir()
        shutil.copy(ROOT / "dagster.yaml", home / "dagster")
        measure(home, given.days, given.every)


if __name__ == "__main__":
    main()
