"""Weather, typed: what each airport's station reported, hour by hour in UTC."""

import narwhals.stable.v1 as nw
import pandera.polars as pa
import polars as pl

from etl_assets.contracts.contract import RowContract
from etl_assets.contracts.declare import Reference, about, about_table, aggregate_check, row_check, rule, warn
from etl_assets.datasets.flights.cells import (
    ORIGINS,
    UTC_HOUR,
    Instant,
    given,
    local_time,
    number,
    stated_hour,
    utc,
)


class SilverWeather(RowContract):
    """The weather at one airport in one hour."""

    origin: str = pa.Field(
        isin=ORIGINS,
        description="EWR, JFK or LGA",
        metadata=about(
            isin=rule(why="local times are taken for New York's; from elsewhere they would be wrong"),
            references=Reference("airports", "faa"),
            in_airports=rule(why="all three are listed: if one is missing, the list of airports is damaged"),
        ),
    )
    observed_at: Instant = pa.Field(
        description="start of the hour",
        metadata=about(
            castable=rule(weight=0),  # computed, never text
            not_null=rule(why="date and hour give no moment: no flight can be matched", dimension="validity"),
        ),
    )
    temp: float = pa.Field(
        nullable=True,
        in_range={"min_value": -60, "max_value": 130},
        description="temperature, F",
        metadata=about(
            in_range=rule(why="never was in New York: the thermometer is broken, and tells rain from snow"),
            not_null=warn("one report of the year has none; its other figures are good"),
        ),
    )
    dewp: float = pa.Field(
        nullable=True,
        in_range={"min_value": -80, "max_value": 100},
        description="dew point, F",
        metadata=about(
            in_range=warn("nothing is computed from it"),
            not_null=warn("comes with the temperature, and lacks with it"),
        ),
    )
    humid: float = pa.Field(
        nullable=True,
        in_range={"min_value": 0, "max_value": 100},
        description="relative humidity, per cent",
        metadata=about(
            in_range=warn("nothing is computed from it"),
            not_null=warn("comes with the temperature, and lacks with it"),
        ),
    )
    wind_dir: float = pa.Field(
        nullable=True,
        in_range={"min_value": 0, "max_value": 360},
        description="where the wind comes from, degrees; null also if it varies",
        metadata=about(in_range=warn("nothing is computed from it")),
    )
    wind_speed: float = pa.Field(
        nullable=True,
        in_range={"min_value": 0, "max_value": 150},
        description="mph",
        metadata=about(
            in_range=rule(
                why="1,048 mph was reported at Newark; a hurricane has 75, and 231 is the land's record"
            ),
            not_null=warn("four reports of the year have none; their other figures are good"),
        ),
    )
    wind_gust: float = pa.Field(
        nullable=True,
        in_range={"min_value": 0, "max_value": 200},
        description="mph; null if there were no gusts, as in four of five hours",
        metadata=about(in_range=rule(why="no gust of such strength leaves a station that reports it")),
    )
    precip: float = pa.Field(
        nullable=True,
        in_range={"min_value": 0, "max_value": 10},
        description="rain and melted snow, inches in the hour",
        metadata=about(
            in_range=rule(why="more than ever fell in an hour: it would make a dry hour a wet one"),
            not_null=warn("without it a wet hour is taken for a dry one"),
        ),
    )
    pressure: float = pa.Field(
        nullable=True,
        in_range={"min_value": 870, "max_value": 1_085},
        description="at sea level, millibar",
        metadata=about(
            in_range=warn("beyond the world's records, but nothing is computed from it"),
            not_null=warn("a tenth of the reports have none; nothing is computed from it", weight=0.5),
        ),
    )
    visib: float = pa.Field(
        nullable=True,
        in_range={"min_value": 0, "max_value": 10},
        description="visibility in miles; 10 is 10 or more",
        metadata=about(
            in_range=rule(why="stations report 10 at most: another figure is of another unit or column"),
            not_null=warn("without it fog goes unseen"),
        ),
    )
    time_hour: Instant = pa.Field(description="the hour, as delivered", metadata=about(cast=UTC_HOUR))

    class Config:
        """Whole-table promises."""

        # Not the clock's hour: in the night in which summer time ends 1 o'clock comes twice.
        unique = ("origin", "observed_at")
        metadata = about_table(
            period_column="observed_at",
            in_period=rule(why="it would be lost when that day's file is delivered again"),
            unique=rule(
                on_violation="duplicate",
                why="an hour's flights have one weather: the first report counts, or they would count twice",
            ),
        )

    @row_check(why="flights are matched by this hour: if it is another one, it is another hour's weather")
    def hour_agrees(cls) -> nw.Expr:
        """The hour as delivered is the hour of the local clock."""
        return nw.col("time_hour") == nw.col("observed_at")

    @row_check(severity="warn", why="air can't hold more water: a sensor is off, by how much is not known")
    def dew_point_below_temperature(cls) -> nw.Expr:
        """The dew point is not above the temperature."""
        return nw.col("dewp") <= nw.col("temp")

    @row_check(severity="warn", why="a gust is the wind's peak; one of the two is off")
    def gust_above_wind(cls) -> nw.Expr:
        """Gusts are at least as strong as the wind."""
        return nw.col("wind_gust") >= nw.col("wind_speed")

    @aggregate_check(
        severity="warn", dimension="completeness", why="the flights of a silent airport have unknown weather"
    )
    def all_airports_report(cls) -> nw.Expr:
        """All three airports report on the day."""
        return nw.col("origin").n_unique() == len(ORIGINS)


def weather(bronze: pl.LazyFrame) -> pl.LazyFrame:
    """Turn the local hour into an instant."""
    names = [
        "origin",
        "temp",
        "dewp",
        "humid",
        "wind_dir",
        "wind_speed",
        "wind_gust",
        "precip",
        "pressure",
        "visib",
    ]
    return bronze.select(
        pl.col("^_.*$"),
        *(given(name) for name in (*names, "time_hour")),
        observed_at=utc(local_time(number("hour") * 100), stated_hour()),
    )
