from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from etl_assets.ledger.records import (
    Delivery,
    Outcome,
    Score,
    Statistic,
    Tally,
    Validation,
    ValidationRecord,
)

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Clock:
    time: datetime = field(default=START)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> datetime:
        self.time += timedelta(seconds=seconds)
        return self.time


@dataclass(frozen=True)
class Listed:
    key: str
    fingerprint: str = "f1"
    size: int = 10
    modified_ns: int = 1


def delivery(id: str, key: str = "2010-12-01.csv", **changes: Any) -> Delivery:
    values: dict[str, Any] = {
        "dataset": "retail",
        "table": "sales",
        "period": "2010-12-01",
        "sha256": id * 2,
        "size": 10,
        "modified_ns": 1,
        "fingerprint": "f1",
    }
    return Delivery(id=id, key=key, **(values | changes))


def validation(
    period: str = "2010-12-01", outcome: Outcome = Outcome.PUBLISHED, **changes: Any
) -> Validation:
    values: dict[str, Any] = {
        "dataset": "retail",
        "layer": "silver",
        "table": "sales",
        "attempt": "attempt-1",
        "run_id": "run-1",
        "state_id": "state-1",
        "started_at": START,
        "ended_at": START + timedelta(seconds=2),
        "rows_read": 100,
        "rows_in": 100,
        "accepted": 95,
        "quarantined": 3,
        "duplicates": 2,
    }
    return Validation(period=period, outcome=outcome, **(values | changes))


def record(
    period: str = "2010-12-01", outcome: Outcome = Outcome.PUBLISHED, **changes: Any
) -> ValidationRecord:
    return ValidationRecord(
        validation(period, outcome, **changes),
        tallies=(
            Tally("quantity.ge", "validity", "error", 100, 3),
            Tally("customer_id.not_null", "completeness", "warn", 100, 27),
        ),
        statistics=(
            Statistic("country", 100, 0, "EIRE", "United Kingdom", None, 4),
            Statistic("unit_price", 100, 1, "0.0", "38970.0", 4.25, 60),
        ),
        scores=(Score("completeness", 0.73, 100, 27), Score("integrity", None, 0, 0)),
    )


def failed(period: str = "2010-12-01", state_id: str = "state-1", **changes: Any) -> ValidationRecord:
    return ValidationRecord(validation(period, Outcome.FAILED, state_id=state_id, **changes))


def numbered(records: Sequence[ValidationRecord], ids: Sequence[int]) -> list[Validation]:
    return [replace(one.validation, id=id) for one, id in zip(records, ids, strict=True)]
