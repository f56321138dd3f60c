"""When deliveries are due: periods, closed days, start and end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Self, TypedDict
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    field_validator,
    model_validator,
)


class Weekday(StrEnum):
    """Days as written in a dataset's YAML."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


class WhyNot(StrEnum):
    """Why a key is no period of a calendar."""

    CLOSED = "closed day"
    BEFORE_START = "before start"
    AFTER_END = "after end"
    NOT_IN_CALENDAR = "not in calendar"
    NOT_OVER = "not over yet"


@dataclass(frozen=True)
class Period:
    """One partition: rows from `start` (included) to `end` (excluded), both in the calendar's timezone."""

    key: str
    start: datetime
    end: datetime


class PartitionArguments(TypedDict):
    """What a scheduler's time-window partitions need to have the same periods; naive local times."""

    cron_schedule: str
    timezone: str
    start: datetime
    end: datetime | None
    fmt: str
    exclusions: Sequence[str | datetime] | None


_SPAN = re.compile(r"(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)")


def _expand_spans(value: object) -> object:
    """`2010-12-24..2011-01-03` in a list of dates stands for each of its days."""
    if not isinstance(value, (list, tuple)):
        return value
    days: list[object] = []
    for item in value:
        span = _SPAN.fullmatch(item.strip()) if isinstance(item, str) else None
        if span is None:
            days.append(item)
            continue
        first, last = date.fromisoformat(span[1]), date.fromisoformat(span[2])
        if last < first or (last - first).days > 3660:
            raise ValueError(f"{item!r} is no span of days from the first to the last")
        days.extend(first + timedelta(days=n) for n in range((last - first).days + 1))
    return days


ClosedDates = Annotated[
    tuple[date, ...],
    BeforeValidator(_expand_spans),
    WithJsonSchema(
        {
            "type": "array",
            "items": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d(\.\.\d{4}-\d\d-\d\d)?$"},
            "description": "Days, or spans such as 2010-12-24..2011-01-03.",
        }
    ),
]


class Closed(BaseModel):
    """Days without a delivery."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weekdays: tuple[Weekday, ...] = Field((), description="Days of the week without a delivery.")
    dates: ClosedDates = Field((), description="Days, or spans such as 2010-12-24..2011-01-03.")

    @cached_property
    def weekday_numbers(self) -> frozenset[int]:
        """0 is Monday."""
        return frozenset(list(Weekday).index(day) for day in self.weekdays)

    @cached_property
    def date_set(self) -> frozenset[date]:
        """The closed dates, to look one up."""
        return frozenset(self.dates)


class Calendar(BaseModel):
    """The periods of a dataset: each begins at a tick of `cron` and ends at the next one.

    A period is closed when it begins on a closed day. The first period is the first that begins
    at or after `start`, the last one the last that begins on `end`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cron: str = Field("0 0 * * *", description="When periods begin, as a cron line of five fields.")
    timezone: str = Field("UTC", description="Name of a timezone, such as Europe/London.")
    start: date | datetime = Field(description="First day, or first local time.")
    end: date | None = Field(None, description="Last day, included; without it there is no end.")
    closed: Closed = Field(default_factory=Closed)
    due_after_hours: float = Field(
        24.0,
        ge=0,
        le=24 * 366,
        allow_inf_nan=False,
        description="A delivery is due this long after its period's end.",
    )
    key_format: str = Field("%Y-%m-%d", description="strftime format of a period's key.")

    # -- validation ---------------------------------------------------------------------------

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, value: str) -> str:
        if len(value.split()) != 5:
            raise ValueError("expected a cron line of five fields, such as 0 0 * * *")
        try:
            next(CronSim(value, datetime(2000, 1, 1)))
        except (CronSimError, StopIteration):
            raise ValueError(f"{value!r} is no cron line that ever comes true") from None
        return value

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{value!r} is no timezone; expected a name such as Europe/London") from None
        return value

    @field_validator("start", mode="before")
    @classmethod
    def _local(cls, value: object) -> object:
        moment = value
        if isinstance(value, str):
            # Pydantic would make a date of a midnight, and forget its offset.
            with suppress(ValueError):
                moment = datetime.fromisoformat(value)
        if isinstance(moment, datetime) and moment.tzinfo is not None:
            raise ValueError("start is a local time of the calendar's timezone, without an offset")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        start = self.start.date() if isinstance(self.start, datetime) else self.start
        if self.end is not None and self.end < start:
            raise ValueError(f"end {self.end} lies before start {self.start}")
        if self.closed.weekdays and self.cron.split()[2] != "*":
            # Cron reads day-of-month and day-of-week as "or": there is no line for the closed ticks.
            raise ValueError("closed weekdays need a cron line with * as day of the month")
        ticks = _ticks(self.cron, self.timezone, self._first_moment)
        some = [self._key(next(ticks)) for _ in range(26)]
        if len(set(some)) < len(some):
            raise ValueError(
                f"key_format {self.key_format!r} gives two periods the same key, such as {some[1]!r}"
            )
        return self

    # -- what a caller asks -------------------------------------------------------------------

    def periods(self, now: datetime) -> list[Period]:
        """Return the periods that are over at `now`, oldest first, without the closed ones."""
        limit = _aware(now, self._zone)
        if self._end_moment is not None:
            limit = min(limit, self._end_moment, key=datetime.timestamp)
        return [
            Period(self._key(start), start, end)
            for start, end in _windows(self.cron, self.timezone, self._first_moment, limit)
            if not self._is_closed(start)
        ]

    def due(self, now: datetime) -> list[str]:
        """Return the keys whose delivery should have come by `now`, oldest first."""
        latest = _aware(now, self._zone).astimezone(UTC) - timedelta(hours=self.due_after_hours)
        return [period.key for period in self.periods(latest)]

    def period_of(self, instant: datetime) -> Period | None:
        """Return the period that an instant lies in, None on a closed day or outside start and end.

        Args:
            instant: Aware, or a local time of the calendar's timezone.
        """
        period = self._window_around(_aware(instant, self._zone))
        return period if self._why_not(period) is None else None

    def period(self, key: str) -> Period | None:
        """Return the period of a key, over or not; None when the calendar does not have it."""
        window = self._window_of_key(key)
        return window if window is not None and self._why_not(window) is None else None

    def why_not(self, key: str, now: datetime | None = None) -> WhyNot | None:
        """Return why a key is no period of this calendar, None when it is one.

        Args:
            key: Key of a period, in `key_format`.
            now: With it, a period that is not over yet is none either.
        """
        window = self._window_of_key(key)
        if window is None:
            return WhyNot.NOT_IN_CALENDAR
        reason = self._why_not(window)
        if (
            reason is None
            and now is not None
            and window.end.timestamp() > _aware(now, self._zone).timestamp()
        ):
            return WhyNot.NOT_OVER
        return reason

    def partition_arguments(self) -> PartitionArguments:
        """Return the same calendar as arguments of a scheduler's time-window partitions."""
        return PartitionArguments(
            cron_schedule=self.cron,
            timezone=self.timezone,
            start=self._first_moment.replace(tzinfo=None),
            end=None if self._end_moment is None else self._end_moment.replace(tzinfo=None),
            fmt=self.key_format,
            exclusions=self._exclusions() or None,
        )

    # -- within -------------------------------------------------------------------------------

    @cached_property
    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @cached_property
    def _first_moment(self) -> datetime:
        return _aware(_as_datetime(self.start), self._zone)

    @cached_property
    def _end_moment(self) -> datetime | None:
        """Where the last period ends: the first tick after the last day."""
        if self.end is None:
            return None
        midnight = _aware(_as_datetime(self.end + timedelta(days=1)), self._zone)
        return next(_ticks(self.cron, self.timezone, midnight))

    def _is_closed(self, start: datetime) -> bool:
        return start.weekday() in self.closed.weekday_numbers or start.date() in self.closed.date_set

    def _why_not(self, period: Period) -> WhyNot | None:
        if period.start.timestamp() < self._first_moment.timestamp():
            return WhyNot.BEFORE_START
        if self._end_moment is not None and period.start.timestamp() >= self._end_moment.timestamp():
            return WhyNot.AFTER_END
        return WhyNot.CLOSED if self._is_closed(period.start) else None

    def _key(self, start: datetime) -> str:
        # The second of two equal local times in autumn carries its offset, as in Dagster.
        ambiguous = start.fold and "%z" not in self.key_format and self._repeats_hourly
        return start.strftime(self.key_format + ("%z" if ambiguous else ""))

    @cached_property
    def _repeats_hourly(self) -> bool:
        return self.cron.split()[1:] == ["*", "*", "*", "*"]

    def _window_of_key(self, key: str) -> Period | None:
        for fmt in (self.key_format, self.key_format + "%z"):
            try:
                moment = datetime.strptime(key, fmt)
            except ValueError:
                continue
            period = self._window_around(_aware(moment, self._zone))
            # One spelling only: strptime also takes 2011-1-5, and a moment inside a period.
            if period.key == key:
                return period
            following = self._window_around(period.end)
            if following.key == key:
                return following
        return None

    def _window_around(self, instant: datetime) -> Period:
        # Reverse iteration starts strictly before its argument.
        after = instant.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        start = next(CronSim(self.cron, after.astimezone(self._zone), reverse=True))
        end = next(CronSim(self.cron, start))
        return Period(self._key(start), start, end)

    def _exclusions(self) -> list[str | datetime]:
        minute, hour, _, month, _ = self.cron.split()
        out: list[str | datetime] = []
        if self.closed.weekdays:
            numbers = sorted((number + 1) % 7 for number in self.closed.weekday_numbers)
            out.append(f"{minute} {hour} * {month} {','.join(map(str, numbers))}")
        for day in sorted(self.closed.date_set):
            midnight = _aware(_as_datetime(day), self._zone)
            for tick in _ticks(self.cron, self.timezone, midnight):
                if tick.date() != day:
                    break
                out.append(tick.replace(tzinfo=None))
        return out


def _as_datetime(value: date | datetime) -> datetime:
    return value if isinstance(value, datetime) else datetime.combine(value, time())


def _aware(value: datetime, zone: ZoneInfo) -> datetime:
    if value.tzinfo is None:
        value = value.replace(tzinfo=zone)
    # Through UTC: a local time that a clock change skips becomes one that exists.
    return value.astimezone(UTC).astimezone(zone)


def _ticks(cron: str, timezone: str, first: datetime) -> Iterator[datetime]:
    """Yield the ticks at or after `first`, in the timezone."""
    before = first.astimezone(UTC) - timedelta(microseconds=1)
    yield from CronSim(cron, before.astimezone(ZoneInfo(timezone)))


def _windows(
    cron: str, timezone: str, first: datetime, limit: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """Yield all windows between two moments, also those of closed days."""
    ticks = _ticks(cron, timezone, first)
    start = next(ticks)
    for end in ticks:
        # Two datetimes of one timezone compare by wall clock, which goes back in autumn.
        if end.timestamp() > limit.timestamp():
            return
        yield start, end
        start = end
