"""What a look of `dq doctor` comes to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from etl_assets.errors import EtlError


class State(StrEnum):
    """What a look came to."""

    OK = "ok"
    WARNING = "warning"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: what is there, and how to mend it."""

    area: str
    state: State
    message: str
    hint: str = ""


Look = Iterator[Finding]


def ok(area: str, message: str) -> Finding:
    """All is well."""
    return Finding(area, State.OK, message)


def wrong(area: str, error: EtlError, subject: str = "") -> Finding:
    """Something is wrong, as an error of ours says."""
    place = ", ".join(f"{key} {value}" for key, value in error.where.items())
    told = f"{error.what} ({place})" if place else error.what
    return Finding(area, State.WRONG, f"{subject}: {told}" if subject else told, error.hint)
