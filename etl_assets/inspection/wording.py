"""Numbers with their nouns, for sentences that people read."""

from __future__ import annotations


def counted(count: int, one: str, many: str = "") -> str:
    """Return a number with its noun: `1 line`, `2 lines`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
