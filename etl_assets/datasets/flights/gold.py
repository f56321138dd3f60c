"""Flights, as they are asked for: which airline and which route is punctual, and what weather costs.

As the Department of Transportation counts: a flight is on time if it arrives less than 15 minutes
late, and its share is taken of all scheduled flights, cancelled and diverted ones included. Every
figure rests on whole minutes and whole flights, so that it does not depend on the order of rows;
totals are given beside means, for means of days can't be added up.
"""

import datetime
from typing import Annotated

import narwhals.stable.v1 as nw
import pandera.polars as pa
import polars as pl

from etl_assets.contracts.contract import Contract
from etl_assets.contracts.declare import row_check
from etl_assets.datasets.flights.silver import ARRIVED, CANCELLED, DIVERTED

#: Minutes; less is on time.
LATE = 15

Minutes = Annotated[pl.Decimal, 9, 2]
Share = Annotated[pl.Decimal, 5, 4]

SNOW, RAIN, FOG, WIND, FAIR, UNKNOWN = "snow", "rain", "fog", "wind", "fair", "unknown"


class CarrierPunctuality(Contract):
    """How punctual one airline was on one day."""

    day: datetime.date = pa.Field(description="local date of the planned departures")
    carrier: str = pa.Field(description="airline's code")
    airline: str = pa.Field(description="airline's name")
    flights: int = pa.Field(ge=1, description="scheduled flights")
    cancelled: int = pa.Field(ge=0, description="flights that never departed")
    diverted: int = pa.Field(ge=0, description="flights that landed elsewhere")
    arrived: int = pa.Field(ge=0, description="flights that arrived as planned, late or not")
    on_time: int = pa.Field(ge=0, description="flights that arrived less than 15 minutes late")
    on_time_share: Share = pa.Field(ge=0, le=1, description="share of all scheduled flights that was on time")
    departure_delay_minutes: int = pa.Field(
        description="sum over the flights that departed; early ones subtract"
    )
    arrival_delay_minutes: int = pa.Field(
        description="sum over the flights that arrived; early ones subtract"
    )
    mean_departure_delay: Minutes = pa.Field(nullable=True, description="minutes; null if none departed")
    mean_arrival_delay: Minutes = pa.Field(nullable=True, description="minutes; null if none arrived")

    class Config:
        """One row per day and airline."""

        unique = ("day", "carrier")

    @row_check(why="each flight has one fate; readers add them up")
    def fates_add_up(cls) -> nw.Expr:
        """Cancelled, diverted and arrived flights are all flights."""
        return nw.col("flights") == nw.col("cancelled") + nw.col("diverted") + nw.col("arrived")

    @row_check(why="only what arrived can be on time")
    def on_time_arrived(cls) -> nw.Expr:
        """No more flights were on time than arrived."""
        return nw.col("on_time") <= nw.col("arrived")


def carrier_punctuality(flights: pl.LazyFrame, airlines: pl.LazyFrame) -> pl.LazyFrame:
    """Count the flights of each airline and day."""
    return (
        flights.group_by("_period", "carrier")
        .agg(*_fates(), _sum("dep_delay", "departure_delay_minutes"))
        .join(airlines.select("carrier", airline="name"), on="carrier", how="left")
        .with_columns(
            day=_day(),
            on_time_share=_share("on_time", "flights"),
            mean_departure_delay=_mean("departure_delay_minutes", pl.col("flights") - pl.col("cancelled")),
            mean_arrival_delay=_mean("arrival_delay_minutes", pl.col("arrived")),
        )
    )


class RouteDays(Contract):
    """What happened on one route on one day: the daily part of `route_punctuality`."""

    day: datetime.date = pa.Field(description="local date of the planned departures")
    origin: str = pa.Field(description="from")
    dest: str = pa.Field(description="to")
    distance: int = pa.Field(gt=0, description="miles")
    flights: int = pa.Field(ge=1, description="scheduled flights")
    cancelled: int = pa.Field(ge=0, description="flights that never departed")
    diverted: int = pa.Field(ge=0, description="flights that landed elsewhere")
    arrived: int = pa.Field(ge=0, description="flights that arrived as planned, late or not")
    on_time: int = pa.Field(ge=0, description="flights that arrived less than 15 minutes late")
    arrival_delay_minutes: int = pa.Field(
        description="sum over the flights that arrived; early ones subtract"
    )

    class Config:
        """One row per day and route."""

        unique = ("day", "origin", "dest")

    @row_check(why="each flight has one fate; readers add them up")
    def fates_add_up(cls) -> nw.Expr:
        """Cancelled, diverted and arrived flights are all flights."""
        return nw.col("flights") == nw.col("cancelled") + nw.col("diverted") + nw.col("arrived")


def route_days(flights: pl.LazyFrame) -> pl.LazyFrame:
    """Count the flights of each route and day."""
    return (
        flights.group_by("_period", "origin", "dest")
        .agg(*_fates(), distance=pl.col("distance").max())
        .with_columns(day=_day())
    )


class RoutePunctuality(Contract):
    """How punctual one route is, over all days so far."""

    origin: str = pa.Field(description="from")
    dest: str = pa.Field(description="to")
    destination: str = pa.Field(nullable=True, description="name of the airport; null if it is not listed")
    distance: int = pa.Field(gt=0, description="miles")
    first_day: datetime.date = pa.Field(description="first day with a flight")
    last_day: datetime.date = pa.Field(description="last day with a flight")
    days: int = pa.Field(ge=1, description="days with a flight")
    flights: int = pa.Field(ge=1, description="scheduled flights")
    cancelled: int = pa.Field(ge=0, description="flights that never departed")
    diverted: int = pa.Field(ge=0, description="flights that landed elsewhere")
    arrived: int = pa.Field(ge=0, description="flights that arrived as planned, late or not")
    on_time: int = pa.Field(ge=0, description="flights that arrived less than 15 minutes late")
    on_time_share: Share = pa.Field(ge=0, le=1, description="share of all scheduled flights that was on time")
    arrival_delay_minutes: int = pa.Field(
        description="sum over the flights that arrived; early ones subtract"
    )
    mean_arrival_delay: Minutes = pa.Field(nullable=True, description="minutes; null if none arrived")

    class Config:
        """One row per route."""

        unique = ("origin", "dest")

    @row_check(why="each flight has one fate; readers add them up")
    def fates_add_up(cls) -> nw.Expr:
        """Cancelled, diverted and arrived flights are all flights."""
        return nw.col("flights") == nw.col("cancelled") + nw.col("diverted") + nw.col("arrived")


def route_punctuality(route_days: pl.LazyFrame, airports: pl.LazyFrame) -> pl.LazyFrame:
    """Add up the days of each route.

    It costs one pass over `route_days` (some 200 rows a day), never over the flights: the daily
    part is incremental, and only this sum of it is made anew.
    """
    counts = ["flights", "cancelled", "diverted", "arrived", "on_time", "arrival_delay_minutes"]
    return (
        route_days.group_by("origin", "dest")
        .agg(
            pl.col("distance").max(),
            pl.col(counts).sum(),
            first_day=pl.col("day").min(),
            last_day=pl.col("day").max(),
            days=pl.len().cast(pl.Int64),
        )
        .join(airports.select(dest="faa", destination="name"), on="dest", how="left")
        .with_columns(
            on_time_share=_share("on_time", "flights"),
            mean_arrival_delay=_mean("arrival_delay_minutes", pl.col("arrived")),
        )
    )


class DelayByWeather(Contract):
    """How late flights left one airport on one day in one kind of weather.

    An hour has one kind, the first that applies: snow or rain (anything fell, at 34 F or below, or
    above), fog (visibility below 3 miles), wind (25 mph, or gusts of 35), fair.
    """

    day: datetime.date = pa.Field(description="local date of the planned departures")
    origin: str = pa.Field(description="where the flights departed and the weather was")
    weather: str = pa.Field(
        isin=[SNOW, RAIN, FOG, WIND, FAIR, UNKNOWN],
        description="in the hour of the planned departure; unknown: no report",
    )
    flights: int = pa.Field(ge=1, description="scheduled flights")
    cancelled: int = pa.Field(ge=0, description="flights that never departed")
    departed: int = pa.Field(ge=0, description="flights that departed")
    departed_late: int = pa.Field(ge=0, description="flights that departed 15 minutes late or more")
    late_share: Share = pa.Field(ge=0, le=1, nullable=True, description="their share of those that departed")
    departure_delay_minutes: int = pa.Field(
        description="sum over the flights that departed; early ones subtract"
    )
    mean_departure_delay: Minutes = pa.Field(nullable=True, description="minutes; null if none departed")

    class Config:
        """One row per day, airport and kind of weather."""

        unique = ("day", "origin", "weather")

    @row_check(why="each flight has one fate; readers add them up")
    def fates_add_up(cls) -> nw.Expr:
        """Cancelled and departed flights are all flights."""
        return nw.col("flights") == nw.col("cancelled") + nw.col("departed")


def delay_by_weather(flights: pl.LazyFrame, weather: pl.LazyFrame) -> pl.LazyFrame:
    """Match each flight with the weather of its hour; flights without a report are kept as unknown."""
    hours = weather.select("_period", "origin", time_hour="observed_at", weather=_kind_of_weather())
    return (
        flights.join(hours, on=["_period", "origin", "time_hour"], how="left")
        .with_columns(pl.col("weather").fill_null(UNKNOWN))
        .group_by("_period", "origin", "weather")
        .agg(
            pl.len().cast(pl.Int64).alias("flights"),
            _count(pl.col("status") == CANCELLED, "cancelled"),
            _count(pl.col("status") != CANCELLED, "departed"),
            _count(pl.col("dep_delay") >= LATE, "departed_late"),
            _sum("dep_delay", "departure_delay_minutes"),
        )
        .with_columns(
            day=_day(),
            late_share=_share("departed_late", "departed"),
            mean_departure_delay=_mean("departure_delay_minutes", pl.col("departed")),
        )
    )


def _kind_of_weather() -> pl.Expr:
    wet = pl.col("precip") > 0
    return (
        pl.when(wet & (pl.col("temp") <= 34))
        .then(pl.lit(SNOW))
        .when(wet)
        .then(pl.lit(RAIN))
        .when(pl.col("visib") < 3)
        .then(pl.lit(FOG))
        .when((pl.col("wind_speed") >= 25) | (pl.col("wind_gust") >= 35))
        .then(pl.lit(WIND))
        .otherwise(pl.lit(FAIR))
    )


def _day() -> pl.Expr:
    return pl.col("_period").str.to_date("%Y-%m-%d")


def _fates() -> list[pl.Expr]:
    return [
        pl.len().cast(pl.Int64).alias("flights"),
        _count(pl.col("status") == CANCELLED, "cancelled"),
        _count(pl.col("status") == DIVERTED, "diverted"),
        _count(pl.col("status") == ARRIVED, "arrived"),
        _count(pl.col("arr_delay") < LATE, "on_time"),
        _sum("arr_delay", "arrival_delay_minutes"),
    ]


def _count(condition: pl.Expr, name: str) -> pl.Expr:
    return condition.sum().cast(pl.Int64).alias(name)


def _sum(column: str, name: str) -> pl.Expr:
    return pl.col(column).sum().alias(name)


def _share(part: str, whole: str) -> pl.Expr:
    return _quotient(pl.col(part), pl.col(whole), 4).cast(pl.Decimal(5, 4))


def _mean(total: str, count: pl.Expr) -> pl.Expr:
    return _quotient(pl.col(total), count, 2).cast(pl.Decimal(9, 2))


def _quotient(numerator: pl.Expr, denominator: pl.Expr, places: int) -> pl.Expr:
    """Divide whole numbers, rounding halves away from zero; null where the denominator is 0."""
    # Whole numbers to the last step: Polars would round a quotient of decimals twice.
    unit = pl.lit(10**places, dtype=pl.Int64)
    units = (numerator.abs() * 2 * unit + denominator) // (denominator * 2) * numerator.sign()
    return units.cast(pl.Decimal(18, places)) / unit
