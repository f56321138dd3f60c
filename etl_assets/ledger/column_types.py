"""Column types that hold the same on SQLite and PostgreSQL."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from sqlalchemy import BigInteger, Dialect, Double, Integer, Text, TypeDecorator

E = TypeVar("E", bound=StrEnum)

LONGEST_MESSAGE = 8_000
"""Characters kept of a message: one that quotes a 10 MB line must not fill the ledger."""

# SQLite gives ids by itself only to a column that is declared INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")


def storable(text: str) -> str:
    """Return `text` as every database can hold it: NULs and lone surrogates as visible escapes."""
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text.replace("\x00", "\\x00") if "\x00" in text else text


class PlainText(TypeDecorator[str]):
    """Text, with what a database can't hold shown as an escape."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Turn a `str` or an enum's member into what is stored."""
        return None if value is None else storable(str(value))


class Message(PlainText):
    """Text for people, cut to `LONGEST_MESSAGE` characters."""

    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Turn a text into what is stored."""
        text = super().process_bind_param(value, dialect)
        if text is not None and len(text) > LONGEST_MESSAGE:
            return text[: LONGEST_MESSAGE - 1] + "…"
        return text


class EnumText(TypeDecorator[E]):
    """A member of a StrEnum; anything else is refused on the way in."""

    impl = Text
    cache_ok = True

    def __init__(self, members: type[E]) -> None:
        super().__init__()
        self.members = members

    def process_bind_param(self, value: E | None, dialect: Dialect) -> str | None:
        """Turn a member into what is stored."""
        return None if value is None else self.members(value).value

    def process_result_value(self, value: str | None, dialect: Dialect) -> E | None:
        """Turn what is stored into a member."""
        return None if value is None else self.members(value)


class UtcTime(TypeDecorator[datetime]):
    """An instant as ISO text in UTC, always with microseconds, so that texts sort as instants do."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:
        """Turn an aware datetime into what is stored."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a timezone: {value.isoformat()}")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """Turn what is stored into an aware datetime in UTC."""
        return None if value is None else datetime.fromisoformat(value)


class Number(TypeDecorator[float]):
    """A finite float. NaN is refused: SQLite would store null, PostgreSQL a value larger than any."""

    impl = Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        """Turn a finite number into what is stored."""
        if value is not None and not math.isfinite(value):
            raise ValueError(f"a number that is not finite: {value}; null says unknown")
        return None if value is None else float(value)


class JsonText(TypeDecorator[Mapping[str, object]]):
    """A JSON object as text: the ledger never searches in it, and every database holds it alike."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Mapping[str, object] | None, dialect: Dialect) -> str:
        """Turn a mapping into what is stored."""
        # ASCII only: NULs and surrogates become JSON escapes, and come back as they were.
        return json.dumps(dict(value or {}), allow_nan=False, sort_keys=True, ensure_ascii=True)

    def process_result_value(self, value: Any, dialect: Dialect) -> dict[str, object]:
        """Turn what is stored into a dict."""
        loaded: dict[str, object] = json.loads(value) if value else {}
        return loaded
