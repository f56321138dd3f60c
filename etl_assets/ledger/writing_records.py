"""What the ledger keeps of publications: each attempt to write one, and where a publication stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class WritingOutcome(StrEnum):
    """How an attempt to write a publication ended. retry: no attempt; somebody asked for another one."""

    WRITTEN = "written"
    FAILED = "failed"
    RETRY = "retry"


@dataclass(frozen=True, kw_only=True)
class Writing:
    """One attempt to write a publication, never changed once recorded.

    Attributes:
        id: Given by the ledger (0 before); a later one has a larger one.
        state_id: Names everything that the destination holds afterwards.
        place: The destination, without secrets.
        rows: Rows that the destination holds, counted there.
        rows_written: Of these, rows that were written by this attempt.
        partitions: Partitions that it replaced.
        error_kind: Of a failed one: one of `ErrorKind`.
    """

    dataset: str
    publication: str
    run_id: str
    state_id: str
    outcome: WritingOutcome
    started_at: datetime
    ended_at: datetime
    place: str = ""
    rows: int = 0
    rows_written: int = 0
    partitions: int = 0
    error_kind: str = ""
    error_class: str = ""
    error: str = ""
    id: int = 0


@dataclass(frozen=True)
class WritingHistory:
    """What matters of a publication's past.

    Attributes:
        written: The newest attempt that succeeded.
        newest: The newest attempt, or request for one.
        failures: How many attempts have failed in a row on the newest one's state.
    """

    written: Writing | None = None
    newest: Writing | None = None
    failures: int = 0
