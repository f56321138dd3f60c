"""What reading from a database comes to: rows, counts, or why it can't be read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from etl_assets.errors import ErrorKind, StagingError
from etl_assets.staging.extracts.log import Entry


class ShapeError(StagingError):
    """The query gives other columns than the contract has: nothing is read until one of them is corrected."""

    kind = ErrorKind.DATA


class WatermarkError(StagingError):
    """The watermark can't be used as the settings say."""

    kind = ErrorKind.CONFIGURATION


@dataclass(frozen=True)
class Extract:
    """What one read came to.

    Attributes:
        rows: How many rows are new; 0 where there is nothing to keep.
        file: They, where there are any.
        entry: What the log's entry will say; its keys are still to be filled in.
        window: Hashes of the rows that may still change.
        unrepresentable: How many of the new rows hold a value that their column's type can't hold.
        ahead: How many rows have a watermark more than a day ahead of the database's clock.
        more: Whether there is more to read at once.
    """

    rows: int
    file: Path | None
    entry: Entry
    window: bytes
    unrepresentable: int = 0
    ahead: int = 0
    more: bool = False


@dataclass(frozen=True)
class Behind:
    """What is behind the watermark.

    Attributes:
        rows: How many rows there are now.
        unmarked: How many rows have no watermark at all.
        missing: How many of the rows were never read as they are now; None where that was not looked at.
    """

    rows: int
    unmarked: int
    missing: int | None = None
