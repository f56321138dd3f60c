from __future__ import annotations

import datetime
import io
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
import pytest

from etl_assets.ledger.records import DeliveryState, Outcome
from etl_assets.quality.thresholds import Verdict
from etl_assets.staging import unreadable
from etl_assets_tests.end_to_end.bad_input import (
    DAY,
    GOOD,
    GOOD_DAYS,
    assert_correction_goes_through,
    assert_others_went_through,
    file_of,
    run,
    shop_with,
    totals,
    with_line,
)
from etl_assets_tests.orchestration.fixtures import MakeHouse
from etl_assets_tests.orchestration.shop import BRONZE, DAILY, SHOP, day_of_orders

# -- the file as a whole can't be read: its day is held -----------------------------------------------


@dataclass(frozen=True)
class Broken:
    """A file that is not what its YAML says, and the words that a person reads of it."""

    data: bytes
    words: tuple[str, ...]


BROKEN = {
    "a missing column": Broken(
        b"\n".join(line.rsplit(b",", 1)[0] for line in GOOD.split(b"\n")),
        ("header differs", "missing: 'amount'", "line 1"),
    ),
    "an extra column": Broken(
        b"\n".join(line + b",x" if line else b"" for line in GOOD.split(b"\n")).replace(b"unt,x", b"unt,tax"),
        ("header differs", "extra: 'tax'", "line 1"),
    ),
    "a renamed column": Broken(
        GOOD.replace(b"amount", b"price"), ("header differs", "'amount' is now 'price'", "line 1")
    ),
    "an empty file": Broken(b"", ("the file is empty", "without even a header")),
    "a wrong separator": Broken(
        GOOD.replace(b",", b";"), ("it looks like ';' separates the cells", "not ','", "line 1")
    ),
    "UTF-16": Broken(
        GOOD.decode().encode("utf-16"), ("it looks like UTF-16", "not utf-8", "check `encoding`", "line 1")
    ),
    "nothing but one line of 10 MB": Broken(b"x" * 10_000_000, ("there is one column only", "expected 4")),
    "NUL bytes everywhere": Broken(GOOD[:44] + b"\0" * 5_000, ("it is no text", "NUL bytes")),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_file_that_is_not_what_its_yaml_says_holds_its_day(make_house: MakeHouse, name: str) -> None:
    broken = BROKEN[name]
    house = shop_with(make_house, file_of(DAY), broken.data)
    told = run(house)

    delivery = house.delivery(file_of(DAY))
    assert delivery.state is DeliveryState.ON_HOLD
    gate = house.latest(BRONZE, DAY)
    assert gate.outcome is Outcome.HELD
    check = house.check(BRONZE, "gate")
    assert not check.passed
    held = house.status().tables[0].held
    assert [one.period for one in held] == [DAY]
    for seen in (delivery.reason, gate.gate_reason, check.description or "", told, held[0].reason):
        for word in broken.words:
            assert word in seen
        assert len(seen) < 1_500
    # Whoever reads of the gate or the run, rather than of the delivery, reads whose fault it is.
    for seen in (gate.gate_reason, check.description or "", told):
        assert file_of(DAY) in seen
    assert "bronze/orders: 1 of 3 partitions were stopped, 2 published" in told

    # Nothing of the file was read, so that there are no rows to put in quarantine.
    assert house.quarantine(BRONZE).height == 0
    assert (gate.rows_in, gate.quarantined, gate.held_path) == (0, 0, None)
    assert DAY not in house.materialized(BRONZE) | house.materialized(DAILY)
    assert_others_went_through(house)
    assert_correction_goes_through(house)


def parquet(data: bytes) -> bytes:
    out = io.BytesIO()
    pl.read_csv(data, infer_schema=False).write_parquet(out)
    return out.getvalue()


def test_a_parquet_file_cut_in_half_holds_its_day(make_house: MakeHouse) -> None:
    source = {"pattern": "{period:%Y-%m-%d}.parquet", "format": {"type": "parquet"}}
    house = make_house(SHOP, sources={"orders": source})
    for day in GOOD_DAYS:
        house.drop(f"{day}.parquet", parquet(day_of_orders(day)))
    whole = parquet(GOOD)
    house.drop(f"{DAY}.parquet", whole[: len(whole) // 2])
    told = run(house)

    delivery = house.delivery(f"{DAY}.parquet")
    assert delivery.state is DeliveryState.ON_HOLD
    for seen in (delivery.reason, house.latest(BRONZE, DAY).gate_reason, told):
        assert "no intact Parquet file" in seen
    assert f"{DAY}.parquet" in told
    assert house.quarantine(BRONZE).height == 0
    assert_others_went_through(house)

    house.drop(f"{DAY}.parquet", whole)
    assert run(house) == ""
    assert totals(house) == dict.fromkeys([*GOOD_DAYS, DAY], 210)
    assert house.rows(BRONZE).filter(pl.col("_period") == DAY)["_line"].to_list() == list(range(1, 21))


# -- some lines can't be read: they are in quarantine, the rest of the day goes on ---------------------


@dataclass(frozen=True)
class Torn:
    """A file with one line that can't be read: which, why, as delivered, and what the day is left with."""

    data: bytes
    line: int
    reason: str
    raw: str
    total: int


TORN = {
    "latin-1 bytes": Torn(
        with_line(5, "A20240103004,2024-01-03,Zoé,4".encode("latin-1")),
        5,
        "encoding: bytes that are not utf-8",
        "A20240103004,2024-01-03,Zo\ufffd,4",
        206,
    ),
    "a NUL": Torn(
        with_line(5, b"A20240103004,2024-01-03,Z\0oe,4"),
        5,
        "nul: a NUL byte",
        "A20240103004,2024-01-03,Z\0oe,4",
        206,
    ),
    "a truncated last line": Torn(
        GOOD[:-20], 21, "ragged: 2 cells, the header has 4", "A20240103020,2024-", 190
    ),
    "a ragged line": Torn(
        with_line(5, b"A20240103004,2024-01-03,4"),
        5,
        "ragged: 3 cells, the header has 4",
        "A20240103004,2024-01-03,4",
        206,
    ),
    "a single line of 10 MB": Torn(
        with_line(5, b"A20240103004,2024-01-03," + b"x" * 10_000_000 + b",4"),
        5,
        "too_long: a record of more than 1000000 bytes",
        "A20240103004,2024-01-03," + "x" * (unreadable.MAX_RAW_BYTES - 24),
        206,
    ),
}


@pytest.mark.parametrize("name", TORN)
def test_a_line_that_cant_be_read_is_in_quarantine_and_its_day_goes_on(
    make_house: MakeHouse, name: str
) -> None:
    torn = TORN[name]
    house = shop_with(make_house, file_of(DAY), torn.data)
    assert run(house) == ""

    delivery = house.delivery(file_of(DAY))
    assert delivery.state is DeliveryState.INGESTED
    quarantined = house.quarantine(BRONZE).select("_delivery", "_line", "_reasons", "_raw", "_period")
    assert quarantined.rows() == [(delivery.id, torn.line, torn.reason, torn.raw, DAY)]
    found = house.latest(BRONZE, DAY)
    assert (found.rows_in, found.accepted, found.quarantined, found.unreadable) == (20, 19, 1, 1)
    assert found.row_score == pytest.approx(0.95)
    # The other lines keep their own numbers.
    lines = house.rows(BRONZE).filter(pl.col("_period") == DAY)["_line"].sort().to_list()
    assert lines == [line for line in range(2, 22) if line != torn.line]
    assert house.status().tables[0].rows.unreadable == 1
    assert house.check(BRONZE, "row_reconciliation").passed
    assert totals(house)[DAY] == torn.total
    assert_others_went_through(house)
    assert_correction_goes_through(house)


def test_too_many_lines_that_cant_be_read_hold_the_day_and_are_put_aside(make_house: MakeHouse) -> None:
    # Two of twenty are more than the tolerated 5 %.
    torn = with_line(5, b"A20240103004,2024-01-03,4").replace(b"A20240103009,2024-01-03,", b"A20240103009,")
    house = shop_with(make_house, file_of(DAY), torn)
    told = run(house)

    for seen in (house.latest(BRONZE, DAY).gate_reason, house.check(BRONZE, "gate").description or "", told):
        assert "2 of 20 rows (10.0%) are quarantined, 5.0% are tolerated" in seen
    held = house.held(BRONZE, DAY).sort("_line")
    assert held["_line"].to_list() == [5, 10]
    assert held["_reasons"].unique().to_list() == ["ragged: 3 cells, the header has 4"]
    assert house.quarantine(BRONZE).height == 0
    assert DAY not in totals(house)
    assert_others_went_through(house)
    assert_correction_goes_through(house)


# -- all at once -------------------------------------------------------------------------------------------


def test_many_bad_files_stop_only_themselves(make_house: MakeHouse) -> None:
    house = make_house(SHOP)
    bad: dict[str, Callable[[bytes], bytes]] = {
        "2024-01-03": lambda good: good.replace(b",", b";"),
        "2024-01-05": lambda good: b"",
        "2024-01-08": lambda good: good.decode().encode("utf-16"),
        "2024-01-10": lambda good: good.replace(b"amount", b"price"),
    }
    days = [f"2024-01-{day:02}" for day in range(1, 13) if day != 6]
    for day in days:
        house.drop(file_of(day), bad.get(day, lambda good: good)(day_of_orders(day)))
    told = run(house)
    assert "4 of 11 partitions were stopped, 7 published" in told
    assert totals(house) == {day: 210 for day in days if day not in bad}
    for day in bad:
        house.drop(file_of(day), day_of_orders(day))
    assert run(house) == ""
    assert totals(house) == dict.fromkeys(days, 210)
    assert house.rows(DAILY)["day"].max() == datetime.date(2024, 1, 12)
    assert Verdict.FAIL not in {one.verdict for one in house.status().tables}
