"""Airlines, airports and planes, typed: the registers that flights and weather refer to."""

import narwhals.stable.v1 as nw
import pandera.polars as pa
import polars as pl

from etl_assets.contracts.contract import RowContract
from etl_assets.contracts.declare import about, row_check, rule, warn
from etl_assets.datasets.flights.cells import ZONES, given

TOLD_TWICE = "a code that means two things means none: the first entry counts"
EXISTS_ANYWAY = "the airplane exists all the same, and flights refer to it"


class SilverAirlines(RowContract):
    """One airline."""

    carrier: str = pa.Field(
        unique=True,
        str_matches=r"^[A-Z0-9]{2}$",
        description="code, two characters",
        metadata=about(
            unique=rule(on_violation="duplicate", why=TOLD_TWICE),
            str_matches=rule(why="airlines' codes have two characters; no flight could refer to another"),
        ),
    )
    name: str = pa.Field(
        description="full name", metadata=about(not_null=rule(why="the name is all that the list is for"))
    )


class SilverAirports(RowContract):
    """One airport."""

    faa: str = pa.Field(
        unique=True,
        str_matches=r"^[A-Z0-9]{3}$",
        description="code, three characters",
        metadata=about(
            unique=rule(on_violation="duplicate", why=TOLD_TWICE),
            str_matches=rule(why="the codes have three characters; no flight could refer to another"),
        ),
    )
    name: str = pa.Field(
        nullable=True, description="name", metadata=about(not_null=warn("the code still tells it"))
    )
    lat: float = pa.Field(
        in_range={"min_value": -90, "max_value": 90},
        description="latitude, degrees north",
        metadata=about(in_range=rule(why="no such place")),
    )
    lon: float = pa.Field(
        in_range={"min_value": -180, "max_value": 180},
        description="longitude, degrees east",
        metadata=about(in_range=rule(why="no such place")),
    )
    alt: int = pa.Field(
        in_range={"min_value": -300, "max_value": 15_000},
        description="altitude, feet",
        metadata=about(in_range=warn("nothing is computed from it; -54 to 9,078 are known")),
    )
    tz: int = pa.Field(
        in_range={"min_value": -12, "max_value": 14},
        description="hours from UTC in winter",
        metadata=about(in_range=warn("no such zone; arrivals are computed from the zone's name")),
    )
    dst: str = pa.Field(
        isin=["A", "U", "N"],
        description="summer time: A as in the United States, N none, U unknown",
        metadata=about(isin=warn("nothing is computed from it")),
    )
    tzone: str = pa.Field(
        nullable=True,
        isin=ZONES,
        description="time zone's name",
        metadata=about(
            not_null=warn("three have none: arrivals there would have no instant; no flight goes there"),
            isin=warn(
                "two airports of the west are said to lie in China; arrivals there would have no instant"
            ),
        ),
    )

    @row_check(
        severity="warn", why="three lie in Asia or the Arctic Sea by a wrong sign; no flight goes there"
    )
    def lies_in_america(cls) -> nw.Expr:
        """It lies between Hawaii and the Virgin Islands, or on the Aleutians beyond the date line."""
        west = (nw.col("lon") < -60) | (nw.col("lon") > 170)
        return west & (nw.col("lat") > 15) & (nw.col("lat") < 72)


class SilverPlanes(RowContract):
    """One airplane of the register of the Federal Aviation Administration."""

    tailnum: str = pa.Field(
        unique=True,
        str_matches=r"^N[0-9A-Z]{2,5}$",
        description="tail number",
        metadata=about(
            unique=rule(on_violation="duplicate", why=TOLD_TWICE),
            str_matches=rule(why="American tail numbers begin with N; no flight could refer to another"),
        ),
    )
    year: int = pa.Field(
        nullable=True,
        in_range={"min_value": 1930, "max_value": 2030},
        description="year of manufacture",
        metadata=about(
            in_range=warn("no airliner is older; the airplane exists all the same"),
            not_null=warn("two in a hundred have none; the airplane exists all the same"),
        ),
    )
    type: str = pa.Field(
        isin=["Fixed wing multi engine", "Fixed wing single engine", "Rotorcraft"],
        description="kind of aircraft",
        metadata=about(isin=warn("a new kind, or a mistyped one: nothing is computed from it")),
    )
    manufacturer: str = pa.Field(
        nullable=True, description="who built it", metadata=about(not_null=warn(EXISTS_ANYWAY))
    )
    model: str = pa.Field(nullable=True, description="model", metadata=about(not_null=warn(EXISTS_ANYWAY)))
    engines: int = pa.Field(
        in_range={"min_value": 1, "max_value": 8},
        description="number of engines",
        metadata=about(in_range=warn("nothing is computed from it; 1 to 4 are known")),
    )
    seats: int = pa.Field(
        in_range={"min_value": 1, "max_value": 853},
        description="number of seats",
        metadata=about(in_range=warn("an A380 has 853 at most; nothing is computed from it")),
    )
    speed: int = pa.Field(nullable=True, description="cruising speed, mph; known of 23 planes in all")
    engine: str = pa.Field(
        nullable=True, description="kind of engine", metadata=about(not_null=warn(EXISTS_ANYWAY))
    )


def airlines(bronze: pl.LazyFrame) -> pl.LazyFrame:
    """Trim."""
    return bronze.select(pl.col("^_.*$"), *map(given, ("carrier", "name")))


def airports(bronze: pl.LazyFrame) -> pl.LazyFrame:
    """Trim; NA is no value."""
    return bronze.select(
        pl.col("^_.*$"), *map(given, ("faa", "name", "lat", "lon", "alt", "tz", "dst", "tzone"))
    )


def planes(bronze: pl.LazyFrame) -> pl.LazyFrame:
    """Trim; NA is no value."""
    names = ("tailnum", "year", "type", "manufacturer", "model", "engines", "seats", "speed", "engine")
    return bronze.select(pl.col("^_.*$"), *map(given, names))
