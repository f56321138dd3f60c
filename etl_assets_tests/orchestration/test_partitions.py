from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from dagster._core.test_utils import freeze_time

from etl_assets.orchestration.partitions import partitions_of
from etl_assets.staging.calendar import Calendar

OPEN_END: Mapping[str, object] = {"start": "2024-01-01", "timezone": "Europe/London"}
NO_SATURDAYS: Mapping[str, object] = {
    **OPEN_END,
    "end": "2024-01-31",
    "closed": {"weekdays": ["saturday"], "dates": ["2024-01-01", "2024-01-15..2024-01-17"]},
}
CALENDARS = {
    "open end": OPEN_END,
    "with an end": {**OPEN_END, "end": "2024-01-31"},
    "closed days": NO_SATURDAYS,
    "hours": {**OPEN_END, "cron": "0 * * * *", "key_format": "%Y-%m-%d %H:%M", "end": "2024-01-12"},
    "weeks": {**OPEN_END, "cron": "0 0 * * 1"},
}
MOMENTS = [
    datetime(2024, 1, 2, 12, tzinfo=UTC),
    datetime(2024, 1, 6, 12, tzinfo=UTC),  # a Saturday
    datetime(2024, 1, 10, 0, tzinfo=UTC),
    datetime(2024, 1, 31, 23, 59, tzinfo=UTC),
    datetime(2024, 2, 1, 0, 0, tzinfo=UTC),
    datetime(2024, 7, 1, 12, tzinfo=UTC),  # long past the end
]


@pytest.mark.parametrize("name", CALENDARS)
@pytest.mark.parametrize("now", MOMENTS, ids=str)
def test_dagster_has_the_calendars_periods_and_the_running_one(name: str, now: datetime) -> None:
    calendar = Calendar.model_validate(CALENDARS[name])
    expected = [period.key for period in calendar.periods(now)]
    running = calendar.period_of(now)
    if running is not None and running.key not in expected:
        expected.append(running.key)
    with freeze_time(now):
        partitions = partitions_of(calendar)
        found = list(partitions.get_partition_keys())
        for key in found:
            assert partitions.has_partition_key(key)
    # On a closed day the next open one shows already, never more than that.
    assert found[: len(expected)] == expected
    early = found[len(expected) :]
    assert len(early) <= (0 if running else 1)
    for key in early:
        period = calendar.period(key)
        assert period is not None
        assert period.start > now


def test_a_calendar_that_has_ended_stays_as_it_was() -> None:
    calendar = Calendar.model_validate(NO_SATURDAYS)
    with freeze_time(datetime(2026, 1, 1, tzinfo=UTC)):
        keys = list(partitions_of(calendar).get_partition_keys())
    assert (keys[0], keys[-1]) == ("2024-01-02", "2024-01-31")
    assert not {"2024-01-01", "2024-01-06", "2024-01-16", "2024-02-01"} & set(keys)


def test_what_was_loaded_on_a_closed_day_has_the_days_that_follow() -> None:
    calendar = Calendar.model_validate(NO_SATURDAYS)
    with freeze_time(datetime(2024, 1, 6, 12, tzinfo=UTC)):
        partitions = partitions_of(calendar)
    with freeze_time(datetime(2024, 1, 8, 12, tzinfo=UTC)):
        assert partitions.has_partition_key("2024-01-08")


def test_before_the_start_there_is_nothing() -> None:
    calendar = Calendar.model_validate(OPEN_END)
    with freeze_time(datetime(2023, 12, 30, tzinfo=UTC)):
        partitions = partitions_of(calendar)
        assert partitions.get_partition_keys() == []
    with freeze_time(datetime(2024, 1, 1, 1, tzinfo=UTC)):
        assert partitions.get_partition_keys() == ["2024-01-01"]
