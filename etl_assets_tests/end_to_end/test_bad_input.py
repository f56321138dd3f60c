from __future__ import annotations

import datetime
import io
import os
from collections.abc import Callable
from dataclasses import dataclass

import polars as pl
import pytest

from etl_assets.ledger.records import DeliveryState, Outcome
from etl_assets.pipeline.intake import take_in
from etl_assets.pipeline.pending import Standing
from etl_assets.quality.thresholds import Verdict
from etl_assets.staging import unreadable
from etl_assets.staging.area import Listing, StagingFolder
from etl_assets_tests.end_to_end.powers import without_power_over_files
from etl_assets_tests.orchestration.fixtures import MakeHouse
from etl_assets_tests.orchestration.house import House
from etl_assets_tests.orchestration.shop import BRONZE, DAILY, SHOP, SILVER, day_of_orders

pytestmark = pytest.mark.slow

GOOD_DAYS = ["2024-01-01", "2024-01-02"]
DAY = "2024-01-03"
GOOD = day_of_orders(DAY)
"""A day of orders A...001 to A...020 on lines 2 to 21, over 1 to 20 EUR: 210 in all."""


def file_of(day: str) -> str:
    return f"{day}.csv"


def with_line(line: int, raw: bytes) -> bytes:
    lines = GOOD.split(b"\n")
    lines[line - 1] = raw
    return b"\n".join(lines)


def shop_with(make_house: MakeHouse, key: str, data: bytes, **changes: object) -> House:
    """A shop whose good days have come, and one more file."""
    house = make_house(SHOP, **changes)
    for day in GOOD_DAYS:
        house.drop(file_of(day), day_of_orders(day))
    house.drop(key, data)
    return house


def run(house: House) -> str:
    """Run it, see that staging is as before, and return what failing runs say."""
    before = house.snapshot()
    done = house.run()
    assert house.snapshot() == before
    return "\n".join(one.error for one in done.runs if one.error)


def totals(house: House) -> dict[str, int]:
    gold = house.rows(DAILY)
    return {str(day): total for day, total in gold.select("day", "total").iter_rows()}


def assert_others_went_through(house: House) -> None:
    assert {day: total for day, total in totals(house).items() if day in GOOD_DAYS} == dict.fromkeys(
        GOOD_DAYS, 210
    )
    for table in (BRONZE, SILVER, DAILY):
        assert set(GOOD_DAYS) <= house.materialized(table)


def assert_correction_goes_through(house: House, key: str = file_of(DAY)) -> None:
    assert run(house) == ""  # nothing is left to do but what waits for the file
    house.drop(key, GOOD)
    assert run(house) == ""
    assert totals(house) == dict.fromkeys([*GOOD_DAYS, DAY], 210)
    assert house.delivery(key).state is DeliveryState.INGESTED
    assert house.check(BRONZE, "gate").passed
    assert house.rows(BRONZE).filter(pl.col("_period") == DAY).height == 20
    assert house.quarantine(BRONZE).height == 0
    assert not house.status().troubled


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


# -- odd, and read all the same ------------------------------------------------------------------------


def test_a_header_only_is_a_day_without_orders_whose_quality_is_unknown(make_house: MakeHouse) -> None:
    house = shop_with(make_house, file_of(DAY), GOOD.split(b"\n")[0] + b"\n")
    assert run(house) == ""
    assert house.delivery(file_of(DAY)).state is DeliveryState.INGESTED
    found = house.latest(BRONZE, DAY)
    assert (found.outcome, found.rows_in, found.score) == (Outcome.PUBLISHED, 0, None)
    assert DAY not in totals(house)
    completeness = house.check(SILVER, "completeness")
    assert not completeness.passed
    assert "unknown" in (completeness.description or "")
    assert DAY in (completeness.description or "")
    assert_others_went_through(house)
    assert_correction_goes_through(house)


def test_a_quoted_line_end_is_part_of_its_cell(make_house: MakeHouse) -> None:
    house = shop_with(make_house, file_of(DAY), with_line(5, b'A20240103004,2024-01-03,"Zoe\nSmith",4'))
    assert run(house) == ""
    assert totals(house)[DAY] == 210
    rows = house.rows(SILVER).filter(pl.col("_period") == DAY).sort("_line")
    assert rows["_line"].to_list() == [2, 3, 4, 5, *range(7, 23)]
    assert rows["customer"][3] == "Zoe\nSmith"
    assert house.quarantine(BRONZE).height == 0
    assert_others_went_through(house)
    assert_correction_goes_through(house)


def test_a_last_line_cut_within_its_last_cell_can_only_be_noted(make_house: MakeHouse) -> None:
    house = shop_with(make_house, file_of(DAY), GOOD[:-2])
    assert run(house) == ""
    assert totals(house)[DAY] == 192  # 20 has become 2
    assert house.delivery(file_of(DAY)).content["final_newline"] is False
    assert_others_went_through(house)
    assert_correction_goes_through(house)


# -- the file comes and goes -----------------------------------------------------------------------------


def test_a_file_that_vanishes_between_listing_and_reading_is_looked_for_again(
    make_house: MakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = shop_with(make_house, file_of(DAY), GOOD)
    list_area = StagingFolder.list

    def list_and_vanish(area: StagingFolder) -> Listing:
        listing = list_area(area)
        (house.staging / file_of(DAY)).unlink(missing_ok=True)
        return listing

    with monkeypatch.context() as patch:
        patch.setattr(StagingFolder, "list", list_and_vanish)
        assert [one.error for one in house.run().runs] == [""]
    assert [one.key for one in house.ledger.deliveries("shop")] == [file_of(day) for day in GOOD_DAYS]
    assert house.quarantine(BRONZE).height == 0
    assert_others_went_through(house)
    assert_correction_goes_through(house)


def test_a_file_that_vanishes_between_registering_and_reading_is_tried_again(make_house: MakeHouse) -> None:
    house = shop_with(make_house, file_of(DAY), GOOD, retry={"first_delay_seconds": 3600})
    take_in(house.pipeline)
    (house.staging / file_of(DAY)).unlink()
    told = run(house)

    assert f"{DAY}: The object was listed and is no longer there. key {file_of(DAY)}" in told
    waiting = house.status().tables[0].waiting
    assert [(one.period, one.standing) for one in waiting] == [(DAY, Standing.WAITING)]
    assert "tried again at" in waiting[0].reason
    assert "no longer there" in waiting[0].reason
    assert house.delivery(file_of(DAY)).state is DeliveryState.PENDING
    assert house.quarantine(BRONZE).height == 0
    assert_others_went_through(house)

    house.set(retry={"first_delay_seconds": 0.001})
    house.drop(file_of(DAY), GOOD)
    assert run(house) == ""
    assert totals(house) == dict.fromkeys([*GOOD_DAYS, DAY], 210)


def test_a_file_without_read_permission_is_a_finding_until_it_is_mended(make_house: MakeHouse) -> None:
    house = shop_with(make_house, file_of(DAY), GOOD)
    path = house.staging / file_of(DAY)
    path.chmod(0o000)
    with pytest.raises(PermissionError):
        without_power_over_files(path.read_bytes)
    done = without_power_over_files(house.run)
    assert [one.error for one in done.runs] == [""]
    assert path.stat().st_mode & 0o777 == 0
    (finding,) = house.findings("not_listed")
    assert finding.message == f"{file_of(DAY)}: there is no permission to read it"
    assert finding in house.status().findings
    assert [one.key for one in house.ledger.deliveries("shop")] == [file_of(day) for day in GOOD_DAYS]
    assert house.quarantine(BRONZE).height == 0
    assert_others_went_through(house)

    path.chmod(0o644)
    os.utime(path, (0, 0))
    assert without_power_over_files(lambda: run(house)) == ""
    assert totals(house) == dict.fromkeys([*GOOD_DAYS, DAY], 210)
    assert house.findings("not_listed") == []


# -- the file is not expected ----------------------------------------------------------------------------


def test_two_deliveries_for_one_day_wait_until_one_is_taken_away(make_house: MakeHouse) -> None:
    house = shop_with(make_house, f"till/{file_of(DAY)}", GOOD)
    house.drop(f"web/{file_of(DAY)}", day_of_orders(DAY, 3, letter="W"))
    assert run(house) == ""

    on_hold = house.status().on_hold
    assert {one.key for one in on_hold} == {f"till/{file_of(DAY)}", f"web/{file_of(DAY)}"}
    for one in on_hold:
        assert one.reason == (
            f"more than one delivery for the period {DAY}: till/{DAY}.csv, web/{DAY}.csv; "
            "remove one, or set files_per_period: many"
        )
    assert house.status().troubled
    assert DAY not in totals(house)
    assert house.quarantine(BRONZE).height == 0
    assert_others_went_through(house)

    (house.staging / f"web/{file_of(DAY)}").unlink()
    assert run(house) == ""
    assert totals(house) == dict.fromkeys([*GOOD_DAYS, DAY], 210)
    assert not house.status().troubled


def test_two_deliveries_for_one_day_are_one_day_where_the_settings_say_so(make_house: MakeHouse) -> None:
    house = shop_with(make_house, f"till/{file_of(DAY)}", GOOD)
    house.drop(f"web/{file_of(DAY)}", day_of_orders(DAY, 3, letter="W"))
    run(house)
    house.set(
        sources={"orders": {"pattern": "**/{period:%Y-%m-%d}.csv", "files_per_period": "many"}},
    )
    assert run(house) == ""
    assert totals(house) == {**dict.fromkeys(GOOD_DAYS, 210), DAY: 216}


CLOSED = {
    "2024-01-06": "a closed day",
    "2023-12-31": "before the calendar's start",
    "2024-02-01": "after the calendar's end",
}


@pytest.mark.parametrize("day", CLOSED)
def test_a_date_in_no_calendar_is_on_hold_and_says_why(make_house: MakeHouse, day: str) -> None:
    house = shop_with(make_house, file_of(day), day_of_orders(day))
    assert run(house) == ""

    delivery = house.delivery(file_of(day))
    assert delivery.state is DeliveryState.ON_HOLD
    assert delivery.reason == f"not in the calendar: {day} is {CLOSED[day]}"
    assert delivery in house.status().on_hold
    assert day not in house.rows(BRONZE)["_period"].to_list()
    assert house.quarantine(BRONZE).height == 0
    assert_others_went_through(house)

    # The operator opens the calendar: the shop did trade that day.
    house.set(calendar={"start": "2023-12-31", "end": "2024-02-01"})
    assert run(house) == ""
    assert totals(house) == dict.fromkeys([*GOOD_DAYS, day], 210)
    assert house.delivery(file_of(day)).state is DeliveryState.INGESTED


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("2024-13-45.csv", ("belongs to no table", "holds no valid date")),
        ("orders.xlsx", ("belongs to no table", "fits no table's pattern")),
    ],
)
def test_a_name_that_fits_no_table_is_a_finding(
    make_house: MakeHouse, name: str, words: tuple[str, ...]
) -> None:
    house = shop_with(make_house, name, GOOD)
    assert run(house) == ""
    (finding,) = house.findings("unmatched_file")
    assert finding.message.startswith(name)
    for word in words:
        assert word in finding.message
    assert_others_went_through(house)
    (house.staging / name).rename(house.staging / file_of(DAY))
    assert run(house) == ""
    assert totals(house) == dict.fromkeys([*GOOD_DAYS, DAY], 210)
    assert house.findings("unmatched_file") == []


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
