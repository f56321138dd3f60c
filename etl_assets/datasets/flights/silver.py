"""Flights, typed: every moment is an instant in UTC, what is not known is null."""

import narwhals.stable.v1 as nw
import pandera.polars as pa
import polars as pl

from etl_assets.contracts.contract import RowContract
from etl_assets.contracts.declare import (
    Reference,
    about,
    about_table,
    aggregate_check,
    column_check,
    row_check,
    rule,
    warn,
)
from etl_assets.datasets.flights.cells import (
    ORIGINS,
    PUERTO_RICO,
    UTC_HOUR,
    ZONES,
    Instant,
    given,
    local_time,
    number,
    stated_hour,
    utc,
)

ARRIVED, DIVERTED, CANCELLED = "arrived", "diverted", "cancelled"

# Four airports of Puerto Rico and the Virgin Islands are missing from the list of airports; two
# per cent of all flights go there, and their time has no summer and no doubt.
CARIBBEAN = ["BQN", "PSE", "SJU", "STT"]

# Never text, so that they can't fail: a score that counted these checks would be flattered.
COMPUTED = rule(weight=0)


class SilverFlights(RowContract):
    """One scheduled departure from New York: planned and real times, and what became of it."""

    scheduled_departure: Instant = pa.Field(
        description="planned departure; its local date is the day that the flight belongs to",
        metadata=about(
            castable=COMPUTED,
            not_null=rule(
                why="date and clock give no moment: the flight can't be put on a day", dimension="validity"
            ),
        ),
    )
    departure: Instant = pa.Field(
        nullable=True, description="real departure; null if cancelled", metadata=about(castable=COMPUTED)
    )
    scheduled_arrival: Instant = pa.Field(
        nullable=True,
        description="planned arrival",
        metadata=about(
            castable=COMPUTED,
            not_null=warn("without the destination's time zone its clock means nothing; the flight is real"),
        ),
    )
    arrival: Instant = pa.Field(
        nullable=True,
        description="real arrival; null if cancelled or not known. A diverted flight has no delay: its "
        "arrival is the first moment after departure at which the clocks there showed `arr_time`",
        metadata=about(castable=COMPUTED),
    )
    status: str = pa.Field(
        isin=[ARRIVED, DIVERTED, CANCELLED],
        description="arrived as planned, diverted, cancelled",
        metadata=about(isin=COMPUTED, not_null=COMPUTED),
    )
    carrier: str = pa.Field(
        description="airline, two characters",
        metadata=about(
            references=Reference("airlines", "carrier"),
            in_airlines=rule(why="the list is complete: an unknown carrier is a mistyped or shifted cell"),
        ),
    )
    flight: int = pa.Field(
        in_range={"min_value": 1, "max_value": 9_999},
        description="flight number",
        metadata=about(
            in_range=rule(why="flight numbers have one to four digits; another one names no flight")
        ),
    )
    tailnum: str = pa.Field(
        nullable=True,
        str_matches=r"^N[0-9A-Z]{2,5}$",
        description="airplane; null if none had been assigned",
        metadata=about(
            str_matches=warn("D942DN is likely a mistyped N942DN: the flight took place all the same"),
            references=Reference("planes", "tailnum"),
            in_planes=warn(
                "American and Envoy report fleet numbers: one flight in six has no plane in the register"
            ),
        ),
    )
    origin: str = pa.Field(
        isin=ORIGINS,
        description="EWR, JFK or LGA",
        metadata=about(
            isin=rule(why="local times are taken for New York's; from elsewhere they would be wrong"),
            references=Reference("airports", "faa"),
            in_airports=rule(why="all three are listed: if one is missing, the list of airports is damaged"),
        ),
    )
    dest: str = pa.Field(
        str_matches=r"^[A-Z]{3}$",
        description="destination",
        metadata=about(
            str_matches=rule(why="no airport: the route would be nobody's"),
            references=Reference("airports", "faa"),
            in_airports=warn("four airports of the Caribbean are not listed; their 7,602 flights are real"),
        ),
    )
    sched_dep_time: int = pa.Field(description="planned departure by the clock in New York, hhmm")
    dep_time: int = pa.Field(
        nullable=True, description="real departure by that clock, hhmm; midnight is 2400"
    )
    dep_delay: int = pa.Field(
        nullable=True,
        in_range={"min_value": -120, "max_value": 2_880},
        description="minutes late, negative if early",
        metadata=about(
            in_range=rule(why="the longest known is 1,301; one of 99,999 would spoil a day's mean")
        ),
    )
    sched_arr_time: int = pa.Field(description="planned arrival by the clock at the destination, hhmm")
    arr_time: int = pa.Field(nullable=True, description="real arrival by that clock, hhmm; midnight is 2400")
    arr_delay: int = pa.Field(
        nullable=True,
        in_range={"min_value": -240, "max_value": 2_880},
        description="minutes late, negative if early; null if cancelled or diverted",
        metadata=about(
            in_range=rule(why="the longest known is 1,272; one of 99,999 would spoil a day's mean")
        ),
    )
    air_time: int = pa.Field(
        nullable=True,
        in_range={"min_value": 5, "max_value": 1_200},
        description="minutes in the air",
        metadata=about(
            in_range=warn("nothing is computed from it; the longest flight, to Honolulu, takes 695")
        ),
    )
    distance: int = pa.Field(
        in_range={"min_value": 10, "max_value": 10_000},
        description="miles",
        metadata=about(
            in_range=warn("nothing is computed from it; 17 (to LaGuardia) to 4,983 (Honolulu) are known")
        ),
    )
    time_hour: Instant = pa.Field(
        description="the hour of the planned departure, as delivered", metadata=about(cast=UTC_HOUR)
    )

    class Config:
        """Whole-table promises."""

        unique = ("carrier", "flight", "origin", "scheduled_departure")
        metadata = about_table(
            period_column="scheduled_departure",
            in_period=rule(why="it would be counted on a day whose file may be delivered again without it"),
            unique=rule(on_violation="duplicate", why="a departure told twice would count twice"),
        )

    @column_check(
        "sched_dep_time",
        "dep_time",
        "sched_arr_time",
        "arr_time",
        why="no clock shows 1275: the moment can't be told",
    )
    def is_clock(cls, clock: nw.Expr) -> nw.Expr:
        """A time of day as hhmm, 0 to 2400."""
        return (clock >= 0) & (clock <= 2_400) & (clock % 100 < 60)

    @row_check(why="an airline's system fills both or neither; one alone is a damaged record")
    def departure_has_clock_and_delay(cls) -> nw.Expr:
        """A flight has both a departure time and a departure delay, or neither."""
        return nw.col("dep_time").is_null() == nw.col("dep_delay").is_null()

    @row_check(
        why="what never left can't have arrived: one of the two is wrong, and it would be counted as both"
    )
    def arrived_after_departing(cls) -> nw.Expr:
        """A flight that arrived also departed."""
        arrived = ~nw.col("arr_time").is_null() | ~nw.col("arr_delay").is_null()
        return ~arrived | ~nw.col("dep_time").is_null()

    @row_check(
        severity="warn", why="punctuality rests on the delay; a clock that says otherwise needs a look"
    )
    def departure_clock_agrees(cls) -> nw.Expr:
        """Planned time plus delay gives the real time of departure, whatever the day."""
        late = _minutes("dep_time") - _minutes("sched_dep_time") - nw.col("dep_delay")
        return late % 1_440 == 0

    @row_check(
        severity="warn", why="punctuality rests on the delay; a clock that says otherwise needs a look"
    )
    def arrival_clock_agrees(cls) -> nw.Expr:
        """Planned time plus delay gives the real time of arrival, whatever the day."""
        late = _minutes("arr_time") - _minutes("sched_arr_time") - nw.col("arr_delay")
        return late % 1_440 == 0

    @row_check(
        severity="warn", why="a wrong time zone of the destination would show here; delays don't need it"
    )
    def time_enough_to_fly(cls) -> nw.Expr:
        """From departure to arrival passes the time in the air and at most four hours more."""
        under_way = (nw.col("arrival") - nw.col("departure")).dt.total_minutes()
        return (under_way >= nw.col("air_time")) & (under_way <= nw.col("air_time") + 240)

    @row_check(why="weather is matched by this hour: if it is another one, it is another hour's weather")
    def hour_agrees(cls) -> nw.Expr:
        """The hour as delivered is the hour of the planned departure."""
        return nw.col("time_hour") == nw.col("scheduled_departure").dt.truncate("1h")

    @row_check(
        severity="warn", why="about 500 mph is what airliners fly; the flight counts, its figures are odd"
    )
    def plausible_speed(cls) -> nw.Expr:
        """Its speed over ground lies between 50 and 800 mph."""
        miles_an_hour = nw.col("distance") * 60
        return (miles_an_hour >= 50 * nw.col("air_time")) & (miles_an_hour <= 800 * nw.col("air_time"))

    @row_check(why="a departure to where it starts is none")
    def goes_elsewhere(cls) -> nw.Expr:
        """Origin and destination differ."""
        return nw.col("origin") != nw.col("dest")

    @row_check(
        severity="warn", dimension="completeness", why="it flew, so it had an airplane; the flight counts"
    )
    def airplane_of_departed_is_known(cls) -> nw.Expr:
        """A flight that departed names its airplane."""
        return nw.col("dep_time").is_null() | ~nw.col("tailnum").is_null()

    @aggregate_check(
        severity="warn", why="a storm does that, and so does a failed export: someone should know"
    )
    def most_depart(cls) -> nw.Expr:
        """Fewer than half of the day's flights are cancelled."""
        return (nw.col("status") == CANCELLED).mean() < 0.5


def _minutes(clock: str) -> nw.Expr:
    return nw.col(clock) // 100 * 60 + nw.col(clock) % 100


def flights(bronze: pl.LazyFrame, airports: pl.LazyFrame) -> pl.LazyFrame:
    """Turn local clocks into instants.

    Departures are told by New York's clocks, arrivals by those of the destination. An arrival's
    date is not delivered: it is the first moment after departure at which the clocks there show it.
    """
    zones = airports.select(dest=pl.col("faa"), __zone=pl.col("tzone"))
    known = pl.when(pl.col("dest").is_in(CARIBBEAN)).then(pl.lit(PUERTO_RICO)).otherwise("__zone")
    rows = bronze.with_columns(
        given(name) for name in ("dest", "dep_time", "dep_delay", "arr_time", "arr_delay")
    )
    rows = rows.join(zones, on="dest", how="left").with_columns(__zone=known)
    rows = rows.with_columns(scheduled_departure=utc(local_time(number("sched_dep_time")), stated_hour()))
    rows = rows.with_columns(
        departure=pl.col("scheduled_departure") + pl.duration(minutes=number("dep_delay")),
        scheduled_arrival=_next("sched_arr_time", after="scheduled_departure"),
    )
    late = pl.col("scheduled_arrival") + pl.duration(minutes=number("arr_delay"))
    status = (
        pl.when(pl.col("dep_time").is_null())
        .then(pl.lit(CANCELLED))
        .when(pl.col("arr_delay").is_null())
        .then(pl.lit(DIVERTED))
        .otherwise(pl.lit(ARRIVED))
    )
    names = ["carrier", "flight", "tailnum", "origin", "sched_dep_time", "sched_arr_time"]
    numbers = ["air_time", "distance", "time_hour"]
    return rows.with_columns(arrival=late.fill_null(_next("arr_time", after="departure"))).select(
        pl.col("^_.*$").exclude("__zone"),
        *("scheduled_departure", "departure", "scheduled_arrival", "arrival"),
        *("dest", "dep_time", "dep_delay", "arr_time", "arr_delay"),
        *(given(name) for name in (*names, *numbers)),
        status=status,
    )


def _next(clock: str, *, after: str) -> pl.Expr:
    """The first instant after another at which the destination's clocks show a time."""
    local = local_time(number(clock))
    days = ((pl.col(after) - _there(local)).dt.total_minutes() // 1_440 + 1).clip(lower_bound=0)
    return _there(local + pl.duration(days=days))


def _there(local: pl.Expr) -> pl.Expr:
    """The instant of a local time in the destination's zone, null if that is none of `ZONES`."""
    instants = [
        pl.when(pl.col("__zone") == zone).then(
            local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").dt.convert_time_zone(
                "UTC"
            )
        )
        for zone in ZONES
    ]
    return pl.coalesce(instants)
