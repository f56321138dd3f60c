"""Files that are odd, come and go, or are not expected, through the whole pipeline."""

from __future__ import annotations

import os

import polars as pl
import pytest

from etl_assets.ledger.records import DeliveryState, Outcome
from etl_assets.pipeline.intake import take_in
from etl_assets.pipeline.pending import Standing
from etl_assets.staging.area import Listing, StagingFolder
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
from etl_assets_tests.end_to_end.powers import without_power_over_files
from etl_assets_tests.orchestration.fixtures import MakeHouse
from etl_assets_tests.orchestration.shop import BRONZE, SILVER, day_of_orders

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
