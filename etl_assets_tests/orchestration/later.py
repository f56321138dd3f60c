"""Ticks of a house at any time: its ledger and its pipeline share a clock that a test moves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg

from etl_assets.ledger.database import Database
from etl_assets.ledger.ledger import Ledger
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets_tests.orchestration.house import House


class Later:
    """Ticks of a house at any time."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.start = datetime.now(UTC)
        self.seconds = 0.0
        self.changes: dict[str, Any] = {}

    def pipeline(self) -> DatasetPipeline:
        def now() -> datetime:
            return self.start + timedelta(seconds=self.seconds)

        url = self.house.settings.ledger.get_secret_value()
        ledger = Ledger(Database(url), now)
        return replace(self.house.pipeline, ledger=ledger, now=now, **self.changes)

    def tick(self, seconds: float = 0) -> dg.SensorResult:
        self.seconds += seconds
        pipeline = self.pipeline()
        try:
            return self.house.tick(pipeline)
        finally:
            pipeline.ledger.close()

    def skipped(self, seconds: float = 0) -> str:
        result = self.tick(seconds)
        assert not result.run_requests
        return result.skip_reason.skip_message or "" if result.skip_reason else ""
