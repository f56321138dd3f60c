"""What the parts of the ledger share: the database, and the clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from etl_assets.ledger.database import Database

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


class Transactions:
    """Every method is one transaction: what it writes is there as a whole, or not at all."""

    def __init__(self, database: Database, now: Clock = utc_now) -> None:
        self._database = database
        self._now = now
