from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from dagster import TimeWindowPartitionsDefinition
from pydantic import ValidationError

from etl_assets.staging.calendar import Calendar, WhyNot

RETAIL = Calendar(
    start=date(2010, 12, 1),
    end=date(2011, 9, 12),
    timezone="Europe/London",
    closed={
        "weekdays": ["saturday"],
        "dates": [
            "2010-12-24..2011-01-03",
            "2011-04-22..2011-04-25",
            "2011-04-29",
            "2011-05-02",
            "2011-05-30",
            "2011-08-29",
        ],
    },
)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def of(**settings: object) -> Calendar:
    return Calendar.model_validate({"start": "2013-01-01", **settings})


CALENDARS = {
    "retail": RETAIL,
    "daily": of(end="2013-12-31"),
    "open end": of(start="2025-06-01"),
    "hourly": of(
        cron="0 * * * *", key_format="%Y-%m-%d-%H:%M", end="2013-01-09", closed={"dates": ["2013-01-03"]}
    ),
    "hourly over a clock change": of(
        cron="0 * * * *",
        key_format="%Y-%m-%d-%H:%M",
        timezone="Europe/Berlin",
        start="2013-10-26",
        end="2013-10-28",
    ),
    "into summer time": of(
        cron="0 * * * *",
        key_format="%Y-%m-%d-%H:%M",
        timezone="Europe/Berlin",
        start="2013-03-30",
        end="2013-04-01",
    ),
    "midnight is skipped": of(timezone="America/Sao_Paulo", start="2013-10-15", end="2013-10-25"),
    "midnight comes twice": of(timezone="America/Sao_Paulo", start="2014-02-10", end="2014-02-20"),
    "weekly": of(cron="0 0 * * 1", end="2013-06-30"),
    "monthly": of(cron="0 0 1 * *", end="2013-06-12", key_format="%Y-%m"),
    "six in the morning": of(cron="0 6 * * *", end="2013-03-31", closed={"weekdays": ["sunday", "monday"]}),
    "workdays": of(cron="30 5 * * 1-5", timezone="Europe/London", end="2013-12-31"),
    "start within a day": of(start="2013-01-01T07:00:00", end="2013-01-31"),
    "not begun": of(start="2030-01-01"),
}


@pytest.mark.parametrize("name", CALENDARS)
def test_periods_are_those_of_dagster(name: str) -> None:
    calendar = CALENDARS[name]
    partitions = TimeWindowPartitionsDefinition(**calendar.partition_arguments())
    with dg.partition_loading_context(effective_dt=NOW):
        keys = partitions.get_partition_keys()
        windows = {key: partitions.time_window_for_partition_key(key) for key in [*keys[:40], *keys[-40:]]}
    periods = calendar.periods(NOW)
    assert [period.key for period in periods] == list(keys)
    for period in periods:
        if period.key in windows:
            assert period.start.timestamp() == windows[period.key].start.timestamp()
            assert period.end.timestamp() == windows[period.key].end.timestamp()


@pytest.mark.parametrize("name", CALENDARS)
def test_a_key_leads_back_to_its_period(name: str) -> None:
    calendar = CALENDARS[name]
    for period in calendar.periods(NOW)[:200]:
        assert calendar.period(period.key) == period
        assert calendar.period_of(period.start) == period
        last_moment = datetime.fromtimestamp(period.end.timestamp() - 0.001, UTC)
        assert calendar.period_of(last_moment) == period


def test_a_calendar_may_be_closed_throughout() -> None:
    # Dagster gives one period after the end here; nothing can be delivered for it.
    calendar = of(end="2013-01-05", closed={"dates": ["2013-01-01..2013-01-05"]})
    assert calendar.periods(NOW) == []
    assert calendar.due(NOW) == []


def test_retail_has_its_229_days() -> None:
    assert len(RETAIL.periods(NOW)) == 229


def test_a_period_begins_to_exist_when_it_is_over() -> None:
    calendar = of()
    assert calendar.periods(datetime(2013, 1, 1, 23, 59, tzinfo=UTC)) == []
    assert [p.key for p in calendar.periods(datetime(2013, 1, 2, tzinfo=UTC))] == ["2013-01-01"]


def test_a_delivery_is_due_some_hours_after_its_period() -> None:
    calendar = of(due_after_hours=6)
    assert calendar.due(datetime(2013, 1, 3, 5, 59, tzinfo=UTC)) == ["2013-01-01"]
    assert calendar.due(datetime(2013, 1, 3, 6, tzinfo=UTC)) == ["2013-01-01", "2013-01-02"]


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("2011-03-25", None),
        ("2011-03-26", WhyNot.CLOSED),
        ("2010-12-25", WhyNot.CLOSED),
        ("2010-11-30", WhyNot.BEFORE_START),
        ("2011-09-13", WhyNot.AFTER_END),
        ("2011-3-25", WhyNot.NOT_IN_CALENDAR),
        ("2011-02-30", WhyNot.NOT_IN_CALENDAR),
        ("yesterday", WhyNot.NOT_IN_CALENDAR),
        ("", WhyNot.NOT_IN_CALENDAR),
    ],
)
def test_a_key_outside_the_calendar_says_why(key: str, reason: WhyNot | None) -> None:
    assert RETAIL.why_not(key) == reason
    assert (RETAIL.period(key) is None) == (reason is not None)


def test_a_day_that_no_week_begins_with_is_not_in_the_calendar() -> None:
    assert CALENDARS["weekly"].why_not("2013-01-08") is WhyNot.NOT_IN_CALENDAR
    assert CALENDARS["weekly"].why_not("2013-01-07") is None


def test_today_is_not_over_yet() -> None:
    now = datetime(2013, 5, 5, 12, tzinfo=UTC)
    assert of().why_not("2013-05-05", now) is WhyNot.NOT_OVER
    assert of().why_not("2013-05-04", now) is None


def test_a_naive_instant_is_local_time() -> None:
    calendar = of(timezone="Europe/London")
    period = calendar.period_of(datetime(2013, 7, 1, 0, 30))
    assert period is not None
    assert period.key == "2013-07-01"
    period = calendar.period_of(datetime(2013, 6, 30, 23, 30, tzinfo=UTC))
    assert period is not None
    assert period.key == "2013-07-01"
    assert period.end - period.start == timedelta(days=1)


@pytest.mark.parametrize(
    "settings",
    [
        {"cron": "0 0 * *"},
        {"cron": "61 0 * * *"},
        {"cron": "0 0 30 2 *"},
        {"timezone": "Europe/Atlantis"},
        {"timezone": "../etc/passwd"},
        {"end": "2012-12-31"},
        {"start": "2013-01-01T00:00:00+02:00"},
        {"cron": "0 * * * *"},
        {"cron": "0 0 1 * *", "closed": {"weekdays": ["sunday"]}},
        {"closed": {"weekdays": ["funday"]}},
        {"closed": {"dates": ["2013-02-02..2013-01-01"]}},
        {"due_after_hours": float("nan")},
        {"color": "red"},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        of(**settings)
