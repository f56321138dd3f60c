"""What victims do: the work of a whole dataset, with and without Dagster."""

from __future__ import annotations

from pathlib import Path

from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.end_to_end.victim import Boundaries


def tiny_days(home: Path, _: Boundaries) -> None:
    desk.work(tiny.open_pipeline(home))
