from __future__ import annotations

import datetime as dt
import shutil
import warnings
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from etl_assets.datasets.flights import DATASET
from etl_assets.datasets.flights.sample import lay_out
from etl_assets_tests.datasets.desk import (
    Finished,
    age,
    damage,
    needs_flights,
    quotient,
    read_csv,
    run,
    same_rows,
)

pytestmark = needs_flights

# A blizzard's day, the impossible wind, the nights in which summer time begins and ends.
DAYS = ["2013-02-08", "2013-02-12", "2013-03-10", "2013-11-03"]
NEW_YORK = ZoneInfo("America/New_York")
CARIBBEAN = {"BQN", "PSE", "SJU", "STT"}


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    staging = tmp_path_factory.mktemp("year") / "flights"
    lay_out(staging, (2, 3, 11))
    return staging


def staged(year: Path, folder: Path, days: Iterable[str] = DAYS) -> Path:
    for table in ("flights", "weather"):
        (folder / table).mkdir(parents=True)
        for day in days:
            shutil.copy2(year / table / f"{day}.csv", folder / table)
    for name in ("airlines", "airports", "planes"):
        shutil.copy2(year / f"{name}.csv", folder)
    return folder


@pytest.fixture(scope="module")
def finished(year: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    home = tmp_path_factory.mktemp("flights")
    return run(DATASET, staged(year, home / "staging"), home)


def raw(year: Path, table: str) -> list[tuple[str, dict[str, str]]]:
    return [(day, row) for day in DAYS for row in read_csv(year / table / f"{day}.csv")]


def whole(cell: str) -> int | None:
    return None if cell == "NA" else int(cell)


def moment(day: str, clock: str, zone: ZoneInfo) -> dt.datetime:
    midnight = dt.datetime.fromisoformat(day)
    local = midnight + dt.timedelta(hours=int(clock) // 100, minutes=int(clock) % 100)
    return local.replace(tzinfo=zone).astimezone(dt.UTC)


def test_no_flight_is_lost_cancelled_ones_included(finished: Finished, year: Path) -> None:
    rows = [row for _, row in raw(year, "flights")]
    flights = finished.rows("silver/flights")

    assert finished.count("silver/flights", "accepted") == flights.height == len(rows)
    assert flights.filter(status="cancelled").height == sum(row["dep_time"] == "NA" for row in rows) > 400
    assert flights.filter(status="arrived").height == sum(row["arr_delay"] != "NA" for row in rows)
    assert finished.failed("silver/flights", "most_depart") == 1  # the blizzard


def test_references_that_real_flights_break_are_counted(finished: Finished, year: Path) -> None:
    rows = [row for _, row in raw(year, "flights")]
    planes = {row["tailnum"] for row in read_csv(year / "planes.csv")}

    strangers = sum(row["tailnum"] not in {*planes, "NA"} for row in rows)
    assert finished.failed("silver/flights", "tailnum.in_planes") == strangers > 100
    assert finished.failed("silver/flights", "dest.in_airports") == sum(
        row["dest"] in CARIBBEAN for row in rows
    )
    assert finished.count("silver/flights", "quarantined") == 0


def test_clocks_become_instants(finished: Finished, year: Path) -> None:
    zones = {row["faa"]: row["tzone"] for row in read_csv(year / "airports.csv")}
    zones |= dict.fromkeys(CARIBBEAN, "America/Puerto_Rico")
    keys = ["_period", "carrier", "flight", "origin"]
    found = finished.rows("silver/flights").rows_by_key(keys, named=True, unique=True)

    for day, row in raw(year, "flights"):
        flight = found[day, row["carrier"], int(row["flight"]), row["origin"]]
        departs = moment(day, row["sched_dep_time"], NEW_YORK)
        assert flight["scheduled_departure"] == departs
        if row["dep_delay"] != "NA":
            assert flight["departure"] == departs + dt.timedelta(minutes=int(row["dep_delay"]))
            shown = flight["departure"].astimezone(NEW_YORK)
            assert (shown.hour * 100 + shown.minute) % 2_400 == int(row["dep_time"]) % 2_400
        zone = ZoneInfo(zones[row["dest"]])
        for name, clock in (("scheduled_arrival", row["sched_arr_time"]), ("arrival", row["arr_time"])):
            if clock == "NA":
                assert flight[name] is None
                continue
            shown = flight[name].astimezone(zone)
            assert (shown.hour * 100 + shown.minute) % 2_400 == int(clock) % 2_400
            assert dt.timedelta(0) < flight[name] - departs < dt.timedelta(hours=24)
        if row["air_time"] != "NA":
            assert flight["arrival"] - flight["departure"] > dt.timedelta(minutes=int(row["air_time"]))


def test_arrivals_after_midnight_and_at_2400_are_on_the_right_day(finished: Finished) -> None:
    flights = finished.rows("silver/flights").with_columns(
        local=pl.col("arrival").dt.convert_time_zone("America/New_York")
    )

    overnight = flights.filter((pl.col("dest") == "MCO") & (pl.col("arr_time") < 300))
    assert overnight.height
    assert (overnight["local"].dt.date().cast(pl.String) > overnight["_period"]).all()
    midnight = flights.filter(
        (pl.col("dest").is_in(["BOS", "MCO", "FLL", "RDU", "DCA"])) & (pl.col("arr_time") == 2_400)
    )
    assert (midnight["local"].dt.hour() == 0).all()


def test_the_impossible_wind_is_quarantined_alone(finished: Finished, year: Path) -> None:
    assert finished.quarantine("silver/weather")["_reasons"].to_list() == ["wind_speed.in_range"]
    assert finished.rows("silver/weather").height == len(raw(year, "weather")) - 1


def test_the_hour_that_comes_twice_in_autumn_is_two_hours(finished: Finished) -> None:
    night = finished.rows("silver/weather").filter(_period="2013-11-03", origin="JFK").sort("observed_at")

    assert finished.count("silver/weather", "duplicates") == 0
    assert night["observed_at"].n_unique() == night.height
    assert night["observed_at"].dt.hour().to_list()[:3] == [5, 6, 7]
    assert night["temp"].to_list()[:2] == [53.96, 51.98]


def counted(rows: list[dict[str, str]]) -> dict[str, Any]:
    late = [int(row["dep_delay"]) for row in rows if row["dep_time"] != "NA"]
    delays = [int(row["arr_delay"]) for row in rows if row["arr_delay"] != "NA"]
    on_time = sum(delay < 15 for delay in delays)
    return {
        "flights": len(rows),
        "cancelled": len(rows) - len(late),
        "diverted": len(late) - len(delays),
        "arrived": len(delays),
        "on_time": on_time,
        "on_time_share": quotient(on_time, len(rows), 4),
        "departure_delay_minutes": sum(late),
        "arrival_delay_minutes": sum(delays),
        "mean_departure_delay": quotient(sum(late), len(late), 2),
        "mean_arrival_delay": quotient(sum(delays), len(delays), 2),
        "departed": len(late),
        "departed_late": sum(delay >= 15 for delay in late),
        "late_share": quotient(sum(delay >= 15 for delay in late), len(late), 4),
    }


def assert_recomputed(
    found: pl.DataFrame, keys: list[str], expected: dict[Any, list[dict[str, str]]]
) -> None:
    rows = found.rows_by_key(keys, named=True, unique=True)
    assert set(rows) == set(expected)
    for key, flights in expected.items():
        values = counted(flights)
        same = {name: values[name] for name in rows[key] if name in values}
        assert len(same) >= 6
        assert {name: rows[key][name] for name in same} == same, key


def test_carriers_equal_a_recomputation(finished: Finished, year: Path) -> None:
    expected: dict[Any, list[dict[str, str]]] = defaultdict(list)
    for day, row in raw(year, "flights"):
        expected[day, row["carrier"]].append(row)

    found = finished.rows("gold/carrier_punctuality")

    assert_recomputed(found, ["_period", "carrier"], expected)
    names = {row["carrier"]: row["name"] for row in read_csv(year / "airlines.csv")}
    assert all(names[row["carrier"]] == row["airline"] for row in found.to_dicts())
    assert (found["day"].cast(pl.String) == found["_period"]).all()


def test_routes_equal_a_recomputation(finished: Finished, year: Path) -> None:
    daily: dict[Any, list[dict[str, str]]] = defaultdict(list)
    expected: dict[Any, list[dict[str, str]]] = defaultdict(list)
    for day, row in raw(year, "flights"):
        daily[day, row["origin"], row["dest"]].append(row)
        expected[row["origin"], row["dest"]].append(row)

    assert_recomputed(finished.rows("gold/route_days"), ["_period", "origin", "dest"], daily)
    found = finished.rows("gold/route_punctuality")
    assert_recomputed(found, ["origin", "dest"], expected)
    assert found.filter(pl.col("destination").is_null())["dest"].is_in(list(CARIBBEAN)).all()


def kind_of_weather(report: dict[str, str] | None) -> str:
    if report is None:
        return "unknown"

    def value(name: str) -> Decimal | None:
        return None if report[name] == "NA" else Decimal(report[name])

    if (value("precip") or 0) > 0:
        return "snow" if (value("temp") or 99) <= 34 else "rain"
    if Decimal(report["visib"]) < 3:
        return "fog"
    return "wind" if (value("wind_speed") or 0) >= 25 or (value("wind_gust") or 0) >= 35 else "fair"


def test_weather_equals_a_recomputation(finished: Finished, year: Path) -> None:
    reports = {
        (row["origin"], row["time_hour"]): row
        for _, row in raw(year, "weather")
        if not row["wind_speed"].startswith("1048")
    }
    expected: dict[Any, list[dict[str, str]]] = defaultdict(list)
    for day, row in raw(year, "flights"):
        weather = kind_of_weather(reports.get((row["origin"], row["time_hour"])))
        expected[day, row["origin"], weather].append(row)

    found = finished.rows("gold/delay_by_weather")

    assert_recomputed(found, ["_period", "origin", "weather"], expected)
    assert found["flights"].sum() == finished.rows("silver/flights").height
    assert {"snow", "wind", "fair"} <= set(found["weather"])


def test_a_range_equals_its_days(finished: Finished, year: Path, tmp_path: Path) -> None:
    alone = run(DATASET, staged(year, tmp_path / "staging"), tmp_path, alone=True)

    for table in finished.pipeline.tables:
        assert same_rows(alone.rows(str(table)), finished.rows(str(table))), table
        assert same_rows(alone.quarantine(str(table)), finished.quarantine(str(table))), table


def test_pandera_accepts_what_was_accepted(finished: Finished) -> None:
    for id, table in finished.pipeline.tables.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # rules of severity warn do warn
            table.contract.validate(finished.rows(str(id)), lazy=True)


FLIGHTS = {
    0: ({"carrier": "ZZ"}, {"carrier.in_airlines"}),
    1: ({"origin": "BOS"}, {"origin.isin"}),
    2: ({"origin": "LGA", "dest": "LGA"}, {"goes_elsewhere"}),
    3: ({"day": "10", "hour": "6"}, {"in_period", "hour_agrees"}),
    4: ({"month": "13"}, {"scheduled_departure.not_null"}),
    5: ({"sched_dep_time": "575"}, {"sched_dep_time.is_clock"}),
    6: ({"dep_time": "late"}, {"dep_time.castable"}),
    7: ({"dep_delay": "99999"}, {"dep_delay.in_range"}),
    8: ({"dep_time": "NA"}, {"departure_has_clock_and_delay", "arrived_after_departing"}),
    9: ({"time_hour": "2013-02-12T03:00:00Z"}, {"hour_agrees"}),
    10: ({"time_hour": "5 am"}, {"time_hour.castable"}),
    11: ({"flight": "0"}, {"flight.in_range"}),
}
HARMLESS = {
    20: ({"dest": "XXX"}, "dest.in_airports"),
    21: ({"tailnum": "D942DN"}, "tailnum.str_matches"),
    22: ({"tailnum": "NA"}, "airplane_of_departed_is_known"),
    23: ({"arr_delay": "7"}, "arrival_clock_agrees"),
    24: ({"air_time": "2000"}, "air_time.in_range"),
}


def test_damaged_flights_are_caught_and_others_kept(year: Path, tmp_path: Path) -> None:
    day = "2013-02-12"
    staging = staged(year, tmp_path / "staging", [day])
    file = staging / "flights" / f"{day}.csv"
    before = run(DATASET, staging, tmp_path / "before")
    harmless = {number: cells for number, (cells, _) in HARMLESS.items()}
    damage(file, {number: cells for number, (cells, _) in FLIGHTS.items()} | harmless)
    with file.open("a") as text:
        text.write(file.read_text().splitlines(keepends=True)[41])
    age([file])

    after = run(DATASET, staging, tmp_path / "after")

    reasons = after.quarantine("silver/flights").select("_line", "_reasons").iter_rows()
    found = {line: set(text.split(";")) for line, text in reasons}
    for number, (_, expected) in FLIGHTS.items():
        assert expected <= found.pop(number + 2), number
    assert found == {}
    assert after.count("silver/flights", "duplicates") == 1
    for _, rule in HARMLESS.values():
        assert after.failed("silver/flights", rule) == before.failed("silver/flights", rule) + 1, rule
    unknown = after.rows("silver/flights").filter(dest="XXX").row(0, named=True)
    assert unknown["scheduled_arrival"] is None
    assert unknown["arr_delay"] is not None


def test_damaged_weather_is_caught_and_a_second_report_is_a_duplicate(year: Path, tmp_path: Path) -> None:
    day = "2013-03-10"
    staging = staged(year, tmp_path / "staging", [day])
    file = staging / "weather" / f"{day}.csv"
    damage(
        file,
        {
            0: {"wind_speed": "1048.36"},
            1: {"temp": "451"},
            2: {"hour": "2", "time_hour": "2013-03-10T07:00:00Z"},  # there was no such hour
            3: {"precip": "-1"},
            4: {"pressure": "10"},
        },
    )
    with file.open("a") as text:
        second = file.read_text().splitlines()[10].split(",")
        text.write(",".join([*second[:5], "33.3", *second[6:]]) + "\n")
    age([file])

    finished = run(DATASET, staging, tmp_path, tolerance=0.2)

    found = dict(finished.quarantine("silver/weather").select("_line", "_reasons").iter_rows())
    assert found == {
        2: "wind_speed.in_range",
        3: "temp.in_range",
        4: "observed_at.not_null",
        5: "precip.in_range",
    }
    assert finished.failed("silver/weather", "pressure.in_range") == 1
    assert finished.count("silver/weather", "duplicates") == 1
    assert 33.3 not in finished.rows("silver/weather")["temp"].to_list()


def test_registers_keep_what_flights_refer_to(finished: Finished) -> None:
    assert finished.rows("silver/airlines").height == 16
    assert finished.rows("silver/airports").height == 1_458
    assert finished.rows("silver/planes").height == 3_322
    assert finished.failed("silver/airports", "lies_in_america") == 3
    assert finished.failed("silver/airports", "tzone.isin") == 2
    assert finished.failed("silver/planes", "year.not_null") == 70
