from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_assets.inspection.file_names import Grain, naming_of
from etl_assets.inspection.inspect import inspect_file
from etl_assets.inspection.layout import Layout, propose_layout
from etl_assets.inspection.records import Certainty, Inspection
from etl_assets.inspection.rhythm import Step, common_rhythm
from etl_assets.staging.matching import Match, match
from etl_assets.staging.source import Mode, PeriodFrom, compile_pattern
from etl_assets_tests.inspection.sets import looked_at, orders, register

MONDAY = dt.date(2024, 1, 1)


def days(count: int, step: int = 1, first: dt.date = MONDAY) -> list[dt.date]:
    return [first + dt.timedelta(days=step * n) for n in range(count)]


def one_a_day(which: list[dt.date], name: str = "sales_{}.csv") -> dict[str, Inspection]:
    return {name.format(day): orders(str(day), start=100 * n) for n, day in enumerate(which)}


def proposal(layout: Layout, aspect: str) -> tuple[object, Certainty]:
    return next((one.value, one.certainty) for one in layout.proposals if one.aspect == aspect)


def assert_all_belong(layout: Layout, files: dict[str, Inspection]) -> None:
    calendar = layout.rhythm.calendar("UTC") if layout.rhythm else None
    for key in files:
        found = match(key, {"t": layout.source}, key_format=calendar.key_format if calendar else "%Y-%m-%d")
        assert isinstance(found, Match), f"{key} does not fit {layout.source.pattern}"
        if found.period is not None and calendar is not None:
            assert calendar.why_not(found.period) is None


# -- names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "pattern", "grain"),
    [
        (["sales_2024-01-05.csv"], "sales_{period:%Y-%m-%d}.csv", Grain.DAY),
        (["s_2024-W01.csv", "s_2024-W02.csv"], "s_{period:%G-W%V}.csv", Grain.WEEK),
        (["KW 07 2024.csv", "KW 08 2024.csv"], "{period:KW %V %G}.csv", Grain.WEEK),
        (["20240101093000.csv", "20240102093010.csv"], "{period:%Y%m%d}{part}.csv", Grain.DAY),
        (["2024/01/05.csv", "2024/02/06.csv"], "{period:%Y/%m/%d}.csv", Grain.DAY),
        (
            ["year=2024/month=01/day=05/a.csv", "year=2024/month=02/day=05/a.csv"],
            "{period:year=%Y/month=%m/day=%d}/a.csv",
            Grain.DAY,
        ),
        (["2024/01/s_2024-01-05.csv", "2024/02/s_2024-02-06.csv"], "**/s_{period:%Y-%m-%d}.csv", Grain.DAY),
        (["a_2024-01-01_to_2024-01-07.csv"], "a_{period:%Y-%m-%d}_to_*.csv", Grain.DAY),
        (["s 02-Jun-2025.csv", "s 03-JUN-2025.csv"], "s {period:%d-%b-%Y}.csv", Grain.DAY),
        (["s March 09, 2025.csv"], "s {period:%B %d, %Y}.csv", Grain.DAY),
        (["march2025.csv", "april2025.csv"], "{period:%B%Y}.csv", Grain.MONTH),
        (["umsatz_Apr25.csv", "umsatz_May25.csv"], "umsatz_{period:%b%y}.csv", Grain.MONTH),
        (["r.2025100100.csv", "r.2025100101.csv"], "r.{period:%Y%m%d}{part}.csv", Grain.DAY),
        (["m_202401.csv", "m_202402.csv"], "m_{period:%Y%m}.csv", Grain.MONTH),
        (["m_240115.csv", "m_240116.csv"], "m_{period:%y%m%d}.csv", Grain.DAY),
        (["m_13.02.2024.csv", "m_01.03.2024.csv"], "m_{period:%d.%m.%Y}.csv", Grain.DAY),
        (["m_02-13-2024.csv", "m_03-01-2024.csv"], "m_{period:%m-%d-%Y}.csv", Grain.DAY),
        (["Report-2023.csv", "Report-2024.csv"], "Report-{period:%Y}.csv", Grain.YEAR),
        (["berlin.csv", "bern.csv"], "{part}.csv", None),
        (["export.csv", "export (1).csv"], "export*.csv", None),
        (["2024-Q1.csv", "2024-Q2.csv"], "2024-{part}.csv", None),
        (["a{x}*_2024-01-01.csv"], "a*x*_{period:%Y-%m-%d}.csv", Grain.DAY),
        (["v2_invoice 99999999.csv"], "v2_invoice 99999999.csv", None),
    ],
)
def test_names_tell_pattern_and_time(keys: list[str], pattern: str, grain: Grain | None) -> None:
    naming = naming_of(keys)
    assert (naming.pattern, naming.grain) == (pattern, grain)


def test_day_and_month_that_can_not_be_told_apart_are_said() -> None:
    assert naming_of(["m_01.02.2024.csv", "m_02.02.2024.csv"]).also == "%m.%d.%Y"
    assert not naming_of(["m_13.02.2024.csv", "m_02.02.2024.csv"]).also


def test_a_file_that_is_named_otherwise_is_left_out() -> None:
    keys = [f"s_{day}.csv" for day in days(8)]
    assert naming_of([*keys, "s_fixed.csv"]).left_out == ("s_fixed.csv",)


@given(
    st.lists(st.dates(dt.date(1990, 1, 1), dt.date(2089, 12, 31)), min_size=1, max_size=8, unique=True),
    st.sampled_from(["%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%Y_%m_%d", "%G-W%V", "%Y-%m"]),
    st.text(alphabet="abcXYZ_- ().", max_size=8),
    st.sampled_from([".csv", ".csv.gz", " (final).xlsx", ""]),
)
def test_the_pattern_fits_every_name(found: list[dt.date], form: str, before: str, behind: str) -> None:
    keys = sorted({f"x{before}_{day.strftime(form)}{behind}" for day in found})
    files = {key: orders("2024-01-01") for key in keys}
    naming = naming_of(keys)
    assert not naming.left_out
    assert_all_belong(propose_layout(files), files)


@given(
    st.lists(
        st.text(alphabet="ab01234_-./ {}*KW", min_size=1, max_size=12), min_size=1, max_size=6, unique=True
    )
)
def test_any_names_have_a_pattern(names: list[str]) -> None:
    keys = [name for name in names if not name.startswith((".", "/")) and not name.endswith("/")]
    keys = [key for key in keys if "/." not in key and "//" not in key]
    if keys:
        naming = naming_of(keys)
        expression = compile_pattern(naming.pattern).expression
        assert all(expression.fullmatch(key) for key in keys if key not in naming.left_out)


# -- rhythms ----------------------------------------------------------------------------------------


def test_one_file_a_day_without_weekends() -> None:
    files = one_a_day([day for day in days(40) if day.weekday() < 5])
    layout = propose_layout(files)
    assert layout.source.pattern == "sales_{period:%Y-%m-%d}.csv"
    assert layout.source.files_per_period == "one"
    assert layout.rhythm is not None
    calendar = layout.rhythm.calendar("UTC")
    assert (calendar.cron, calendar.start) == ("0 0 * * *", MONDAY)
    assert list(calendar.closed.weekdays) == ["saturday", "sunday"]
    assert (layout.period_column, layout.all_inside) == ("day", True)
    assert_all_belong(layout, files)


def test_a_few_days_don_t_prove_that_a_weekday_is_closed() -> None:
    files = one_a_day([day for day in days(15) if day.weekday() < 6])
    layout = propose_layout(files)
    assert layout.rhythm is not None
    assert layout.rhythm.closed == ()
    assert proposal(layout, "calendar.closed.weekdays") == ((), Certainty.UNSURE)


def test_a_day_that_is_missing_is_said() -> None:
    layout = propose_layout(one_a_day([day for day in days(30) if day.day != 17]))
    told = next(one for one in layout.proposals if one.aspect == "calendar.closed.dates")
    assert told.alternatives == ("2024-01-17",)


def test_several_files_a_day() -> None:
    files = {
        f"till_{day:%Y%m%d}_{clock}.csv": orders(str(day), start=100 * n)
        for n, (day, clock) in enumerate((day, clock) for day in days(4) for clock in ("0930", "1745"))
    }
    layout = propose_layout(files)
    assert layout.source.pattern == "till_{period:%Y%m%d}_{part}.csv"
    assert layout.source.files_per_period == "many"
    assert_all_belong(layout, files)


def test_a_time_in_the_name_of_one_file_a_day_is_no_second_file() -> None:
    files = {
        f"till_{day:%Y%m%d}T0{n}1500.csv": orders(str(day), start=100 * n) for n, day in enumerate(days(6))
    }
    layout = propose_layout(files)
    assert layout.source.files_per_period == "one"
    assert proposal(layout, "files_per_period") == ("one", Certainty.LIKELY)
    assert_all_belong(layout, files)


def test_one_file_a_shop_and_day() -> None:
    files = {
        f"{shop}_{day}.csv": orders(str(day), start=1000 * n + 100 * m)
        for n, day in enumerate(days(4))
        for m, shop in enumerate(("berlin", "bern", "paris"))
    }
    layout = propose_layout(files)
    assert layout.source.pattern == "{part}_{period:%Y-%m-%d}.csv"
    assert layout.source.files_per_period == ("berlin", "bern", "paris")
    del files["bern_2024-01-02.csv"]
    assert propose_layout(files).source.files_per_period == "many"


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%G-W%V"])
def test_a_weekly_file(form: str) -> None:
    files = {
        f"sales_{day.strftime(form)}.csv": orders(*(str(one) for one in days(7, first=day)), start=100 * n)
        for n, day in enumerate(days(5, step=7))
    }
    layout = propose_layout(files)
    assert layout.rhythm is not None
    assert layout.rhythm.calendar("UTC").cron == "0 0 * * 1"
    assert layout.period_column == "day"
    assert_all_belong(layout, files)


def test_a_week_that_is_named_by_its_last_day_is_said() -> None:
    files = {
        f"sales_{day}.csv": orders(
            *(str(one) for one in days(7, first=day - dt.timedelta(days=7))), start=100 * n
        )
        for n, day in enumerate(days(5, step=7, first=dt.date(2024, 1, 5)))
    }
    layout = propose_layout(files)
    assert layout.rhythm is not None
    assert layout.rhythm.calendar("UTC").cron == "0 0 * * 5"
    assert layout.period_column is None
    assert proposal(layout, "period_column") == (None, Certainty.UNSURE)


def test_one_file_whose_rows_tell_its_week() -> None:
    files = {"sales_2024-01-03.csv": orders(*(str(day) for day in days(6, first=dt.date(2024, 1, 3))))}
    layout = propose_layout(files)
    assert layout.rhythm is not None
    assert layout.rhythm.calendar("UTC").cron == "0 0 * * 3"
    assert proposal(layout, "calendar.cron") == ("week", Certainty.UNSURE)


@pytest.mark.parametrize(
    ("names", "pattern"),
    [
        (("2024-01", "2024-02", "2024-03"), "m_{period:%Y-%m}.csv"),
        (("2024-01-01", "2024-02-01", "2024-03-01"), "m_{period:%Y-%m-%d}.csv"),
        (("2024-01-31", "2024-02-29", "2024-03-31"), "m_{period:%Y-%m}-*.csv"),
        (("31.01.2024", "29.02.2024", "31.03.2024"), "m_*.{period:%m.%Y}.csv"),
        (("20240131", "20240229", "20240331"), "m_{period:%Y%m}*.csv"),
    ],
)
def test_a_monthly_file(names: tuple[str, ...], pattern: str) -> None:
    files = {f"m_{name}.csv": orders(f"2024-0{n + 1}-15", start=100 * n) for n, name in enumerate(names)}
    layout = propose_layout(files)
    assert layout.source.pattern == pattern
    assert layout.rhythm is not None
    calendar = layout.rhythm.calendar("UTC")
    assert (calendar.cron, calendar.key_format, calendar.start) == ("0 0 1 * *", "%Y-%m", MONDAY)
    assert layout.period_column == "day"
    assert_all_belong(layout, files)


# -- whole lists ------------------------------------------------------------------------------------


def test_a_cumulative_export() -> None:
    rows = [(f"O{n}", str(MONDAY + dt.timedelta(days=n // 5)), str(n)) for n in range(40)]
    files = {f"export_2024-01-0{n}.csv": looked_at(rows[: 10 * n]) for n in range(1, 5)}
    layout = propose_layout(files)
    assert layout.source.pattern == "export_{version:%Y-%m-%d}.csv"
    assert layout.source.mode is Mode.SNAPSHOT
    assert not layout.source.partitioned
    assert proposal(layout, "mode") == ("snapshot", Certainty.SURE)
    assert layout.ordered[-1] == "export_2024-01-04.csv"


def test_a_list_that_is_sent_again_with_changes() -> None:
    codes = [f"C{n}" for n in range(20)]
    files = {
        "customers_2024-01-01.xlsx": register(codes),
        "customers_2024-02-01.xlsx": register([*codes, "C99"], place="there"),
    }
    layout = propose_layout(files)
    assert (layout.source.pattern, layout.source.mode) == (
        "customers_{version:%Y-%m-%d}.xlsx",
        Mode.SNAPSHOT,
    )


def test_one_list_is_a_snapshot() -> None:
    layout = propose_layout({"customers.xlsx": register(["a", "b", "c"])})
    assert (layout.source.pattern, layout.source.mode) == ("customers.xlsx", Mode.SNAPSHOT)
    assert proposal(layout, "mode")[1] is Certainty.LIKELY


def test_one_file_with_dates_may_be_more_than_a_list() -> None:
    layout = propose_layout({"sales.csv": orders("2024-01-01", "2024-01-02")})
    assert proposal(layout, "mode") == ("snapshot", Certainty.UNSURE)
    told = next(one for one in layout.proposals if one.aspect == "mode")
    assert told.alternatives == ("period_from: column, period_column: day",)


# -- no date in the name ------------------------------------------------------------------------------


def test_periods_from_a_column() -> None:
    files = {
        "berlin.csv": orders("2024-01-01", "2024-01-02"),
        "paris.csv": orders("2024-01-02", "2024-01-05", start=500),
    }
    layout = propose_layout(files)
    assert layout.source.period_from is PeriodFrom.COLUMN
    assert (layout.source.period_column, layout.source.period_format) == ("day", "%Y-%m-%d")
    assert layout.rhythm is not None
    assert layout.rhythm.calendar("UTC").start == MONDAY


def test_a_stray_date_does_not_begin_the_calendar() -> None:
    files = {"a.csv": orders("2024-01-01"), "b.csv": orders("2024-01-02", "1900-01-01", start=500)}
    layout = propose_layout(files)
    assert layout.source.period_from is PeriodFrom.FILENAME  # rows of 1900 would have no period


def bank(folder: Path, name: str, days: Sequence[str]) -> Inspection:
    path = folder / name
    rows = [f"{day};{n},50;{name[-5]}{n}" for n, day in enumerate(days)]
    path.write_text("\n".join(["booked;amount;purpose", *rows]) + "\n", encoding="utf-8")
    return inspect_file(path, proof=False)


def test_a_few_rows_without_a_date_are_named_and_the_others_have_their_periods(tmp_path: Path) -> None:
    days = [f"{n % 28 + 1:02}.04.2025" for n in range(40)]
    files = {
        "umsatz-a.csv": bank(tmp_path, "umsatz-a.csv", [*days, "offen"]),
        "umsatz-b.csv": bank(tmp_path, "umsatz-b.csv", days),
    }
    layout = propose_layout(files)
    assert (layout.source.period_column, layout.source.period_format) == ("booked", "%d.%m.%Y")
    told = next(one for one in layout.proposals if one.aspect == "period_from")
    assert told.certainty is Certainty.UNSURE
    assert "1 of 81 row has none there, such as 'offen', and will be in quarantine" in told.evidence
    assert not layout.all_inside


@pytest.mark.parametrize(("format", "factor"), [("epoch_seconds", 1), ("epoch_milliseconds", 1_000)])
def test_seconds_since_1970_are_periods(format: str, factor: int, tmp_path: Path) -> None:
    files = {}
    for name, first in (("probe-a.csv", 1_714_521_600), ("probe-b.csv", 1_714_694_400)):
        files[name] = bank(tmp_path, name, [str((first + 3_600 * n) * factor) for n in range(48)])
    layout = propose_layout(files)
    assert (layout.source.period_column, layout.source.period_format) == ("booked", format)
    assert layout.period_column is None  # to silver it is a number
    told = next(one for one in layout.proposals if one.aspect == "period_from")
    assert "from 2024-05-01 to 2024-05-04" in told.evidence


def test_dates_in_several_ways_are_told_as_the_reason(tmp_path: Path) -> None:
    days = [f"{n % 28 + 1:02}.04.2025" if n % 2 else f"2025-04-{n % 28 + 1:02}" for n in range(40)]
    files = {name: bank(tmp_path, name, days) for name in ("a.csv", "b.csv")}
    told = next(one for one in propose_layout(files).proposals if one.aspect == "period_from")
    assert "booked is written in several ways" in told.evidence


def test_files_of_many_meters_are_no_versions_of_one_list(tmp_path: Path) -> None:
    """Their moments are the same, and each is a key of its file."""
    files = {}
    for meter in ("m1", "m2"):
        path = tmp_path / f"meter {meter}.csv"
        rows = [f"{1_714_521_600 + 3_600 * n};{meter};{n * 7 % 10}.5" for n in range(72)]
        path.write_text("\n".join(["ts;meter;kwh", *rows]) + "\n", encoding="utf-8")
        files[path.name] = inspect_file(path, proof=False)
    layout = propose_layout(files)
    assert (layout.source.mode, layout.source.period_column) == (Mode.INCREMENT, "ts")
    assert layout.last_day == dt.date(2024, 5, 3)


@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        ("stock {0.day}-{0:%b-%Y}.csv", "stock {{period:%-d-%b-%Y}}.csv"),
        ("{0.day}.{0.month}.{0.year}.csv", "{{period:%-d.%-m.%Y}}.csv"),
        ("s_{0.year}-{0.month}-{0.day}.csv", "s_{{period:%Y-%-m-%-d}}.csv"),
    ],
)
def test_days_of_one_digit_are_days(form: str, pattern: str) -> None:
    which = days(45, first=dt.date(2025, 5, 25))
    files = {form.format(day): orders(str(day), start=100 * n) for n, day in enumerate(which)}
    layout = propose_layout(files)
    assert layout.source.pattern == pattern.replace("{{", "{").replace("}}", "}")
    assert dict(layout.dates) == {form.format(day): day for day in which}
    for day in which:
        found = match(form.format(day), {"stock": layout.source}, key_format="%Y-%m-%d")
        assert (isinstance(found, Match), getattr(found, "period", None)) == (True, str(day))


def test_files_without_any_date_make_one_table() -> None:
    files = {"berlin.csv": register(["a", "b", "c"]), "paris.csv": register(["x", "y", "z"])}
    layout = propose_layout(files)
    assert not layout.source.partitioned
    assert (layout.source.mode, layout.source.files_per_period) == (Mode.INCREMENT, "many")
    assert proposal(layout, "period_from") == ("none", Certainty.UNSURE)


# -- one calendar -------------------------------------------------------------------------------------


def test_tables_of_one_rhythm_share_it_and_others_meet_at_days() -> None:
    weekly = propose_layout(one_a_day(days(5, step=7))).rhythm
    later = propose_layout(one_a_day(days(5, step=7, first=dt.date(2024, 3, 4)))).rhythm
    daily = propose_layout(one_a_day(days(20))).rhythm
    assert weekly is not None
    assert later is not None
    assert daily is not None
    assert common_rhythm([later, weekly]).step is Step.WEEK
    assert common_rhythm([later, weekly]).start == MONDAY
    mixed = common_rhythm([weekly, daily])
    assert (mixed.step, mixed.start) == (Step.DAY, MONDAY)
    assert mixed.proposals[0].certainty is Certainty.UNSURE
