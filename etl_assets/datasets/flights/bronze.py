"""Flights as delivered: departures and weather day by day, the rest as snapshots; every cell text.

A value that is not known is written `NA`.
"""

import pandera.polars as pa

from etl_assets.contracts.contract import RowContract


class BronzeFlights(RowContract):
    """One scheduled departure from New York, cancelled ones included; local times as hhmm."""

    year: str = pa.Field(nullable=True)
    month: str = pa.Field(nullable=True)
    day: str = pa.Field(nullable=True)
    dep_time: str = pa.Field(nullable=True)
    sched_dep_time: str = pa.Field(nullable=True)
    dep_delay: str = pa.Field(nullable=True)
    arr_time: str = pa.Field(nullable=True)
    sched_arr_time: str = pa.Field(nullable=True)
    arr_delay: str = pa.Field(nullable=True)
    carrier: str = pa.Field(nullable=True)
    flight: str = pa.Field(nullable=True)
    tailnum: str = pa.Field(nullable=True)
    origin: str = pa.Field(nullable=True)
    dest: str = pa.Field(nullable=True)
    air_time: str = pa.Field(nullable=True)
    distance: str = pa.Field(nullable=True)
    hour: str = pa.Field(nullable=True)
    minute: str = pa.Field(nullable=True)
    time_hour: str = pa.Field(nullable=True)


class BronzeWeather(RowContract):
    """What one airport's weather station reported for one hour of local time."""

    origin: str = pa.Field(nullable=True)
    year: str = pa.Field(nullable=True)
    month: str = pa.Field(nullable=True)
    day: str = pa.Field(nullable=True)
    hour: str = pa.Field(nullable=True)
    temp: str = pa.Field(nullable=True)
    dewp: str = pa.Field(nullable=True)
    humid: str = pa.Field(nullable=True)
    wind_dir: str = pa.Field(nullable=True)
    wind_speed: str = pa.Field(nullable=True)
    wind_gust: str = pa.Field(nullable=True)
    precip: str = pa.Field(nullable=True)
    pressure: str = pa.Field(nullable=True)
    visib: str = pa.Field(nullable=True)
    time_hour: str = pa.Field(nullable=True)


class BronzeAirlines(RowContract):
    """One airline."""

    carrier: str = pa.Field(nullable=True)
    name: str = pa.Field(nullable=True)


class BronzeAirports(RowContract):
    """One airport, mostly of the United States."""

    faa: str = pa.Field(nullable=True)
    name: str = pa.Field(nullable=True)
    lat: str = pa.Field(nullable=True)
    lon: str = pa.Field(nullable=True)
    alt: str = pa.Field(nullable=True)
    tz: str = pa.Field(nullable=True)
    dst: str = pa.Field(nullable=True)
    tzone: str = pa.Field(nullable=True)


class BronzePlanes(RowContract):
    """One airplane of the register."""

    tailnum: str = pa.Field(nullable=True)
    year: str = pa.Field(nullable=True)
    type: str = pa.Field(nullable=True)
    manufacturer: str = pa.Field(nullable=True)
    model: str = pa.Field(nullable=True)
    engines: str = pa.Field(nullable=True)
    seats: str = pa.Field(nullable=True)
    speed: str = pa.Field(nullable=True)
    engine: str = pa.Field(nullable=True)
