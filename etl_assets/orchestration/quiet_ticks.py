"""Ticks that end early, since nothing can have changed since one that left nothing to do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.quiet import marker

FULL_LOOK = timedelta(minutes=15)
"""How often everything is looked at all the same."""

_TOLD = 500
"""Characters of a reason that a cursor keeps."""


@dataclass(frozen=True)
class QuietTick:
    """A sensor's cursor: the last look that left nothing to do, and what it said.

    Attributes:
        marker: Names all that its answer follows from.
        at: When it was.
        told: Why there was nothing to do.
    """

    marker: str
    at: datetime
    told: str

    @classmethod
    def of(cls, cursor: str | None) -> QuietTick | None:
        """Read a cursor; None for one of another kind, or none."""
        try:
            found = json.loads(cursor or "")
            return cls(str(found["marker"]), datetime.fromisoformat(found["at"]), str(found["told"]))
        except (ValueError, KeyError, TypeError):
            return None

    def cursor(self) -> str:
        """What the sensor keeps until its next tick."""
        return json.dumps({"marker": self.marker, "at": self.at.isoformat(), "told": self.told[:_TOLD]})

    def still_holds(self, pipeline: DatasetPipeline, listed: str | None) -> bool:
        """Whether the same would be said now."""
        age = pipeline.now() - self.at
        return timedelta() <= age < FULL_LOOK and marker(pipeline, listed) == self.marker
