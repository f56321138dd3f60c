"""Where work stands: a partition of a table, or a publication."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from etl_assets.errors import ErrorKind


class Standing(StrEnum):
    """Where a partition of a table stands, or a publication.

    current: what is published is what its inputs give. pending: can be built now. held: the gate
    closed on these very inputs. failed: it failed as often as is tried. waiting: it will be tried
    again later. blocked: an input is missing. nothing: nothing was delivered.
    """

    CURRENT = "current"
    PENDING = "pending"
    HELD = "held"
    FAILED = "failed"
    WAITING = "waiting"
    BLOCKED = "blocked"
    NOTHING = "nothing"


FINAL: Mapping[str, str] = {
    ErrorKind.DATA: "waits for another delivery",
    ErrorKind.BUG: "waits for other code",
}
"""Kinds of errors that are the same with every try, and what makes another state, which is tried."""
