"""Records that can't be read: kept as they are, up to a limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

MAX_RAW_BYTES = 64_000
MAX_UNREADABLE = 200_000
MAX_UNREADABLE_BYTES = 64_000_000

UNREADABLE_SCHEMA = {
    "_delivery": pl.String(),
    "_line": pl.Int64(),
    "_row_id": pl.String(),
    "_raw": pl.String(),
    "_reasons": pl.String(),
}
"""Columns of unreadable records."""


@dataclass(frozen=True)
class Unreadable:
    """A record that could not be read: its line, its first 64 kB, and why."""

    line: int
    raw: str
    reason: str


class Rejects:
    """The unreadable records of one delivery.

    Attributes:
        records: They, as they were found.
        overflow: True when there are too many to go on.
    """

    def __init__(self) -> None:
        self.records: list[Unreadable] = []
        self.overflow = False
        self._bytes = 0

    def add(self, line: int, raw: bytes | str, reason: str) -> None:
        """Keep a record with its line, without its line end."""
        if isinstance(raw, str):
            # What could not be decoded is a lone surrogate until here.
            raw = raw[:MAX_RAW_BYTES].encode("utf-8", "surrogatepass" if _escaped(raw) else "surrogateescape")
        shown = raw.rstrip(b"\r\n")[:MAX_RAW_BYTES].decode("utf-8", "replace")
        self.records.append(Unreadable(line, shown, reason))
        self._bytes += len(shown)
        self.overflow = len(self.records) >= MAX_UNREADABLE or self._bytes >= MAX_UNREADABLE_BYTES


def _escaped(raw: str) -> bool:
    """Whether there are surrogates that do not stand for one undecodable byte each."""
    return any("\ud800" <= sign < "\udc80" or "\udcff" < sign <= "\udfff" for sign in raw[:MAX_RAW_BYTES])


def unreadable_frame(delivery_id: str, records: Sequence[Unreadable]) -> pl.DataFrame:
    """Return the records as a frame of `UNREADABLE_SCHEMA`."""
    lines = [record.line for record in records]
    return pl.DataFrame(
        {
            "_delivery": [delivery_id] * len(lines),
            "_line": lines,
            "_row_id": [f"{delivery_id}:{line}" for line in lines],
            "_raw": [record.raw for record in records],
            "_reasons": [record.reason for record in records],
        },
        schema=UNREADABLE_SCHEMA,
    )
