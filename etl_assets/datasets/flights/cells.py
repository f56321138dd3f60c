"""Reads the cells that flights and weather share: what is not known, local clocks, hours in UTC."""

from __future__ import annotations

from typing import Annotated

import polars as pl

from etl_assets.cleaning import text
from etl_assets.contracts.declare import Cast

#: Column type of an instant.
Instant = Annotated[pl.Datetime, "us", "UTC"]

#: The airports that flights depart from and weather is reported of.
ORIGINS = ["EWR", "JFK", "LGA"]

NEW_YORK = "America/New_York"
PUERTO_RICO = "America/Puerto_Rico"

# Where flights from New York land. Another zone in airports is likely a mistake (two airports of
# the west are said to lie in China), so that no arrival is computed with it.
ZONES = [
    NEW_YORK,
    "America/Chicago",
    "America/Denver",
    "America/Phoenix",
    "America/Los_Angeles",
    "America/Vancouver",
    "America/Anchorage",
    "Pacific/Honolulu",
    PUERTO_RICO,
]

UTC_HOUR = Cast(format="%Y-%m-%dT%H:%M:%SZ")


def given(name: str) -> pl.Expr:
    """A cell without spaces around it; null where it says that nothing is known."""
    return text(name, nulls=["NA"])


def number(name: str) -> pl.Expr:
    """A cell as a whole number; null where it is none."""
    return pl.col(name).str.strip_chars().cast(pl.Int64, strict=False)


def local_time(clock: pl.Expr) -> pl.Expr:
    """The moment that a clock (hhmm) shows on the row's date, without a zone; 2400 is the next midnight."""
    parts = [pl.col(name).str.strip_chars() for name in ("year", "month", "day")]
    date = pl.concat_str(parts, separator="-").str.to_date("%Y-%m-%d", strict=False)
    minutes = clock // 100 * 60 + clock % 100
    return date.cast(pl.Datetime("us")) + pl.duration(minutes=minutes)


def stated_hour() -> pl.Expr:
    """The delivered hour in UTC; null where it is none."""
    return (
        pl.col("time_hour")
        .str.to_datetime(UTC_HOUR.format, time_unit="us", strict=False)
        .dt.replace_time_zone("UTC")
    )


def utc(local: pl.Expr, stated_hour: pl.Expr) -> pl.Expr:
    """The instant of a local time; of one that comes twice in autumn the stated hour tells which."""

    def instant(which: str) -> pl.Expr:
        aware = local.dt.replace_time_zone(NEW_YORK, ambiguous=which, non_existent="null")  # type: ignore[arg-type]
        return aware.dt.convert_time_zone("UTC")

    second = instant("latest")
    return pl.when(second.dt.truncate("1h") == stated_hour).then(second).otherwise(instant("earliest"))
