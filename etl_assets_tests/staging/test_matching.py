from __future__ import annotations

from datetime import datetime

import pytest
from pydantic import ValidationError

from etl_assets.staging.matching import Ambiguous, Match, Unmatched, match
from etl_assets.staging.source import Mode, Source


@pytest.mark.parametrize(
    ("pattern", "key", "period", "part"),
    [
        ("flights/{period:%Y-%m-%d}.csv", "flights/2013-01-31.csv", "2013-01-31", None),
        ("airlines.csv", "airlines.csv", None, None),
        ("**/{period:%Y%m%d}-{part}.csv.gz", "20130131-north.csv.gz", "2013-01-31", "north"),
        ("**/{period:%Y%m%d}-{part}.csv.gz", "a/b/20130131-x-y.csv.gz", "2013-01-31", "x-y"),
        ("{period:%Y}/{period:%m}/{period:%d}/sales_*.csv", "2013/01/31/sales_7.csv", "2013-01-31", None),
        ("{period:%Y}/{period:%Y-%m-%d}.csv", "2013/2013-01-31.csv", "2013-01-31", None),
        ("sales ({period:%y%j}).csv", "sales (13031).csv", "2013-01-31", None),
        ("sales_{period:%G-W%V}.csv", "sales_2013-W05.csv", "2013-01-28", None),
        ("sales_{period:%G}KW{period:%V}.csv", "sales_2015KW01.csv", "2014-12-29", None),
        ("sales {period:%d-%b-%Y}.csv", "sales 31-Jan-2013.csv", "2013-01-31", None),
        ("sales {period:%d-%b-%Y}.csv", "sales 31-JAN-2013.csv", "2013-01-31", None),
        ("{period:%B %d, %Y}.csv", "September 09, 2013.csv", "2013-09-09", None),
    ],
)
def test_a_pattern_finds_period_and_part(
    pattern: str, key: str, period: str | None, part: str | None
) -> None:
    assert match(key, {"t": Source(pattern=pattern)}) == Match("t", period, part)


@pytest.mark.parametrize(
    ("pattern", "key"),
    [
        ("{period:%Y-%m-%d}.csv", "2013-1-31.csv"),
        ("{period:%Y-%m-%d}.csv", "x2013-01-31.csv"),
        ("{period:%Y-%m-%d}.csv", "2013-01-31.csv\n"),
        ("{period:%Y-%m-%d}.csv", "2013-01-31xcsv"),
        ("{period:%Y-%m-%d}.csv", "\u0662\u0660\u0661\u0663-01-31.csv"),
        ("{period:%Y}/{period:%Y-%m-%d}.csv", "2012/2013-01-31.csv"),
        ("*.csv", "folder/a.csv"),
        ("*.csv", ".hidden.csv"),
        ("**/a.csv", ".git/a.csv"),
        ("{part}.csv", ".a.csv.swp"),
        ("a+.csv", "aa.csv"),
    ],
)
def test_what_only_looks_similar_is_unmatched(pattern: str, key: str) -> None:
    assert isinstance(match(key, {"t": Source(pattern=pattern)}), Unmatched)


def test_a_date_that_does_not_exist_says_so() -> None:
    found = match("2013-02-30.csv", {"t": Source(pattern="{period:%Y-%m-%d}.csv")})
    assert isinstance(found, Unmatched)
    assert "no valid date" in found.reason


def test_a_week_that_the_year_does_not_have_says_so() -> None:
    found = match("2013-W53.csv", {"t": Source(pattern="{period:%G-W%V}.csv")})
    assert isinstance(found, Unmatched)
    assert "no valid date" in found.reason


@pytest.mark.parametrize("period", ["%Y-W%V", "%V", "%G", "%G-W%V-%d", "%Y-%G-W%V"])
def test_a_week_needs_its_own_year_and_nothing_else(period: str) -> None:
    with pytest.raises(ValidationError, match="ISO week"):
        Source(pattern=f"{{period:{period}}}.csv")


def test_a_part_that_was_not_named_says_so() -> None:
    source = Source(pattern="{period:%Y-%m-%d}-{part}.csv", files_per_period=("north", "south"))
    assert match("2013-01-31-north.csv", {"t": source}) == Match("t", "2013-01-31", "north")
    found = match("2013-01-31-west.csv", {"t": source})
    assert isinstance(found, Unmatched)
    assert "'west'" in found.reason


def test_two_tables_for_one_file_are_ambiguous() -> None:
    sources = {"b": Source(pattern="*.csv"), "a": Source(pattern="a*.csv")}
    assert match("ab.csv", sources) == Ambiguous(("a", "b"))
    assert match("b.csv", sources) == Match("b", None, None)


def test_a_period_from_elsewhere_is_not_taken_from_the_name() -> None:
    source = Source(pattern="{period:%Y-%m-%d}.csv", period_from="arrival")
    assert match("2013-01-31.csv", {"t": source}) == Match("t", None, None)


@pytest.mark.parametrize(
    "settings",
    [
        {"pattern": ""},
        {"pattern": "/a.csv"},
        {"pattern": "{period}.csv"},
        {"pattern": "{period:%d}.csv"},
        {"pattern": "{period:%A %Y}.csv"},
        {"pattern": "{part}{part}.csv"},
        {"pattern": "{other}.csv"},
        {"pattern": "a}.csv"},
        {"pattern": "a**/b.csv"},
        {"pattern": "a.csv", "files_per_period": ["n"]},
        {"pattern": "{part}.csv", "files_per_period": []},
        {"pattern": "{part}.csv", "files_per_period": ["n", "n"]},
        {"pattern": "a.csv", "period_from": "column"},
        {"pattern": "a.csv", "period_column": "day"},
        {"pattern": "a.csv", "format": {"type": "csv", "separator": ";;"}},
        {"pattern": "a.csv", "format": {"type": "csv", "separator": '"'}},
        {"pattern": "a.csv", "format": {"type": "csv", "encoding": "utf-9"}},
        {"pattern": "a.csv", "format": {"type": "csv", "encoding": "base64"}},
        {"pattern": "a.csv", "format": {"type": "parquet", "separator": ","}},
        {"pattern": "a.csv", "settle_seconds": -1},
        {"pattern": "a.csv", "colour": "red"},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Source.model_validate(settings)


@pytest.mark.parametrize(
    ("pattern", "key", "version"),
    [
        ("staff_{version:%Y%m}.csv", "staff_202402.csv", datetime(2024, 2, 1)),
        ("staff {version:%d-%b-%Y}*.csv", "staff 29-Feb-2024 final.csv", datetime(2024, 2, 29)),
        ("staff_{version:%G-W%V}.csv", "staff_2024-W09.csv", datetime(2024, 2, 26)),
        ("staff_*.csv", "staff_202402.csv", datetime.min),
    ],
)
def test_a_snapshot_s_name_tells_its_version(pattern: str, key: str, version: datetime) -> None:
    source = Source(pattern=pattern, mode=Mode.SNAPSHOT)
    assert not source.partitioned
    assert source.version(key) == version
    assert match(key, {"staff": source}) == Match("staff", None, None)


def test_a_version_that_is_no_date_says_so() -> None:
    found = match(
        "staff_202413.csv", {"staff": Source(pattern="staff_{version:%Y%m}.csv", mode=Mode.SNAPSHOT)}
    )
    assert isinstance(found, Unmatched)
    assert "no valid date" in found.reason


def test_a_version_goes_with_a_snapshot() -> None:
    with pytest.raises(ValueError, match="mode: snapshot"):
        Source(pattern="staff_{version:%Y%m}.csv")
