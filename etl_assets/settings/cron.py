"""Cron lines in settings."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator

_PROBE = datetime(2000, 1, 1)  # any moment: only whether the line can be read matters


def _five_fields(value: str) -> str:
    # CronSim also takes six fields with seconds, which Dagster's schedules don't.
    if len(value.split()) != 5:
        raise ValueError("expected a cron line of five fields, such as 0 6 * * *")
    try:
        CronSim(value, _PROBE)
    except CronSimError as error:
        raise ValueError(f"expected a cron line such as 0 6 * * * ({error})") from None
    return value


CronLine = Annotated[str, AfterValidator(_five_fields)]
