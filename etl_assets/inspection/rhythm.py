"""When deliveries are due: the calendar that a series of dates speaks for."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from etl_assets.inspection.file_names import Grain
from etl_assets.inspection.records import Certainty, Proposal
from etl_assets.staging.calendar import Calendar, Closed, Weekday

_DAY, _WEEK = timedelta(days=1), timedelta(days=7)
_CLOSED_AFTER = 4
"""So often a weekday must have passed without a file to count as closed."""
_MOST_DAYS = 400
"""Rows of so many days are still kept by the day; beyond, by the month."""


class Step(StrEnum):
    """How long a period is."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


_CRON = {
    Step.DAY: "0 0 * * *",
    Step.MONTH: "0 0 1 * *",
    Step.QUARTER: "0 0 1 1,4,7,10 *",
    Step.YEAR: "0 0 1 1 *",
}
_KEYS = {Step.MONTH: "%Y-%m", Step.YEAR: "%Y"}


@dataclass(frozen=True)
class Rhythm:
    """When a table's periods begin.

    Attributes:
        step: How long they are.
        start: The first of them.
        weekday: With weeks, the day on which they begin, 0 for Monday.
        closed: Weekdays without a delivery, 0 for Monday.
        any_day: Months whose files are named by a day that is not the first.
        proposals: What is proposed, with evidence.
    """

    step: Step
    start: date
    weekday: int = 0
    closed: tuple[int, ...] = ()
    any_day: bool = False
    proposals: tuple[Proposal, ...] = ()

    def window(self, day: date) -> tuple[date, date]:
        """The period of a file that is named by a day: its first day, and the first one after it."""
        if self.step is Step.DAY:
            return day, day + _DAY
        if self.step is Step.WEEK:
            return day, day + _WEEK
        months = {Step.MONTH: 1, Step.QUARTER: 3, Step.YEAR: 12}[self.step]
        first = day.replace(day=1)
        count = first.year * 12 + first.month - 1 + months
        return first, date(count // 12, count % 12 + 1, 1)

    def calendar(self, timezone: str) -> Calendar:
        """The calendar to be written."""
        start = self.window(self.start)[0]
        return Calendar(
            cron=f"0 0 * * {(self.weekday + 1) % 7}" if self.step is Step.WEEK else _CRON[self.step],
            timezone=timezone,
            start=start,
            closed=Closed(weekdays=tuple(list(Weekday)[number] for number in self.closed)),
            key_format=_KEYS.get(self.step, "%Y-%m-%d"),
        )


def rhythm_of(days: Sequence[date], grain: Grain, *, crowded: bool) -> Rhythm:
    """Find the rhythm of the days that files are named by.

    Args:
        days: Each once, in order.
        grain: How exactly the names tell them.
        crowded: Whether several files have the same day.
    """
    first = days[0]
    named = {Grain.WEEK: Step.WEEK, Grain.MONTH: Step.MONTH, Grain.YEAR: Step.YEAR}.get(grain)
    if named is not None:
        return Rhythm(named, first, proposals=(_step(named, Certainty.SURE, f"the names tell {named}s"),))
    if len(days) == 1:
        told = f"there is one day only, {first}: nothing tells how often files come"
        return Rhythm(Step.DAY, first, proposals=(_step(Step.DAY, Certainty.UNSURE, told, "week", "month"),))
    gaps = [b - a for a, b in pairwise(days)]
    sure = Certainty.SURE if len(days) > 3 else Certainty.LIKELY if len(days) > 2 else Certainty.UNSURE
    if (
        len({day.weekday() for day in days}) == 1
        and min(gaps) >= _WEEK
        and gaps.count(_WEEK) * 2 >= len(gaps)
    ):
        name = list(Weekday)[first.weekday()].capitalize()
        told = f"all {len(days)} files are of a {name}"
        weeks = _step(Step.WEEK, sure, told, "day")
        return Rhythm(Step.WEEK, first, weekday=first.weekday(), proposals=(weeks, *_missing(days, _WEEK)))
    by_month = Counter((day.year, day.month) for day in days)
    if {day.day for day in days} == {1}:
        quarters = {day.month for day in days} <= {1, 4, 7, 10} and len(days) > 2
        step = Step.QUARTER if quarters else Step.MONTH
        return Rhythm(step, first, proposals=(_step(step, sure, "all files are of the first of a month"),))
    if max(by_month.values()) == 1 and len(days) > 2 and min(gaps) > timedelta(days=20):
        months = _step(Step.MONTH, Certainty.LIKELY, f"{len(days)} files, each of another month", "day")
        return Rhythm(Step.MONTH, first, any_day=not crowded, proposals=(months,))
    return _daily(days, sure)


def rhythm_of_span(first: date, days: int, evidence: str, *, of_rows: bool = False) -> Rhythm:
    """A rhythm for what lies within so many days: of one file, or of all rows."""
    if of_rows:
        step = Step.DAY if days <= _MOST_DAYS else Step.MONTH
        told = f"{evidence} span {days:,} days"
        other = "month" if step is Step.DAY else "day"
        start = first if step is Step.DAY else first.replace(day=1)
        return Rhythm(step, start, proposals=(_step(step, Certainty.LIKELY, told, other),))
    step = Step.WEEK if days <= 7 else Step.MONTH
    return Rhythm(
        step, first, weekday=first.weekday(), proposals=(_step(step, Certainty.UNSURE, evidence, "day"),)
    )


def _daily(days: Sequence[date], certainty: Certainty) -> Rhythm:
    span = [days[0] + _DAY * n for n in range((days[-1] - days[0]).days + 1)]
    passed, seen = Counter(day.weekday() for day in span), Counter(day.weekday() for day in days)
    closed = tuple(number for number in range(7) if passed[number] >= _CLOSED_AFTER and not seen[number])
    maybe = [number for number in range(7) if 2 <= passed[number] < _CLOSED_AFTER and not seen[number]]
    proposals = [_step(Step.DAY, certainty, f"{len(days)} days between {days[0]} and {days[-1]}")]
    if closed:
        names = tuple(str(list(Weekday)[number]) for number in closed)
        told = f"no file of a {' or '.join(names)} in {min(passed[number] for number in closed)} weeks"
        proposals.append(Proposal("calendar.closed.weekdays", names, Certainty.LIKELY, told))
    elif maybe:
        names = tuple(str(list(Weekday)[number]) for number in maybe)
        told = f"no file of a {' or '.join(names)}, in a few weeks only"
        proposals.append(Proposal("calendar.closed.weekdays", (), Certainty.UNSURE, told, names))
    open_days = [day for day in span if day.weekday() not in (*closed, *maybe)]
    return Rhythm(
        Step.DAY, days[0], closed=closed, proposals=(*proposals, *_absent(sorted({*open_days} - {*days})))
    )


def _step(step: Step, certainty: Certainty, evidence: str, *alternatives: str) -> Proposal:
    return Proposal("calendar.cron", str(step), certainty, evidence, alternatives)


def _missing(days: Sequence[date], step: timedelta) -> list[Proposal]:
    return _absent([a + step * n for a, b in pairwise(days) for n in range(1, (b - a) // step)])


def _absent(days: Sequence[date]) -> list[Proposal]:
    if not days:
        return []
    shown = ", ".join(map(str, days[:10])) + (f" and {len(days) - 10} more" if len(days) > 10 else "")
    return [
        Proposal(
            "calendar.closed.dates",
            (),
            Certainty.UNSURE,
            f"there is no file of {shown}: closed, or missing",
            tuple(map(str, days[:10])),
        )
    ]


# -- one calendar for a dataset ------------------------------------------------------------------------


def common_rhythm(rhythms: Sequence[Rhythm]) -> Rhythm:
    """The one rhythm that fits several tables: their own where they agree, else days."""
    start = min(rhythm.start for rhythm in rhythms)
    first = rhythms[0]
    if len({(one.step, one.weekday if one.step is Step.WEEK else 0) for one in rhythms}) == 1:
        closed = set(first.closed).intersection(*(one.closed for one in rhythms))
        return Rhythm(first.step, start, first.weekday, tuple(sorted(closed)), proposals=first.proposals)
    told = "tables come in different rhythms (" + ", ".join(sorted({one.step for one in rhythms})) + ")"
    return Rhythm(Step.DAY, start, proposals=(_step(Step.DAY, Certainty.UNSURE, told),))


def machine_timezone() -> str:
    """The name of this machine's timezone; UTC where it can't be told."""
    name = os.environ.get("TZ", "").removeprefix(":")
    if not name:
        target = str(Path("/etc/localtime").resolve())
        name = target.partition("zoneinfo/")[2]
    try:
        known = ZoneInfo(name).key if name else "UTC"
        return "UTC" if known.startswith("Etc/") else known
    except (ValueError, OSError, KeyError):
        return "UTC"
