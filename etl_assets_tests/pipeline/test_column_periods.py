"""Periods that typed columns name: dates and moments of a Parquet delivery."""

import datetime as dt
import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import pandera.polars as pa
import polars as pl
import pytest

from etl_assets.contracts.contract import RowContract
from etl_assets.contracts.dataset import Dataset, Layer, Table, TableId
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline, Policy
from etl_assets.pipeline.intake import take_in
from etl_assets.pipeline.pending import Pending, Standing, Stretch
from etl_assets.staging.calendar import Calendar, Closed
from etl_assets.staging.source import Source
from etl_assets_tests.end_to_end import desk, tiny

VISITS = TableId(Layer.BRONZE, "visits")
BY_DAY = Source(
    pattern="visits*.parquet",
    format={"type": "parquet"},
    period_from="column",
    period_column="day",
    files_per_period="many",
    settle_seconds=0,
)


class Dates(RowContract):
    name: str = pa.Field(nullable=True)
    day: dt.date = pa.Field(nullable=True)


class Moments(RowContract):
    name: str = pa.Field(nullable=True)
    day: dt.datetime = pa.Field(nullable=True)


class Instants(RowContract):
    name: str = pa.Field(nullable=True)
    day: Annotated[pl.Datetime, "us", "UTC"] = pa.Field(nullable=True)


@pytest.mark.parametrize(
    ("contract", "dtype", "values"),
    [
        (Dates, pl.Date(), [dt.date(2024, 3, 1), dt.date(2024, 3, 2), dt.date(2024, 3, 3), None]),
        (
            Moments,
            pl.Datetime("us"),
            [
                dt.datetime(2024, 3, 1, 23, 59),
                dt.datetime(2024, 3, 2),
                dt.datetime(2024, 3, 3, 12),
                None,
            ],
        ),
        (
            Instants,
            pl.Datetime("us", "UTC"),
            # In New York it is still the day before.
            [
                dt.datetime(2024, 3, 2, 4, 59, tzinfo=dt.UTC),
                dt.datetime(2024, 3, 2, 5, tzinfo=dt.UTC),
                dt.datetime(2024, 3, 4, 4, tzinfo=dt.UTC),
                None,
            ],
        ),
    ],
    ids=["dates", "local moments", "instants"],
)
def test_rows_go_to_the_periods_that_a_typed_column_names(
    contract: type[RowContract], dtype: pl.DataType, values: list[dt.date | None], tmp_path: Path
) -> None:
    dataset = Dataset("tiny", "Visits.", (Table(VISITS, contract),))
    closed = {"weekdays": ["sunday"]}
    calendar = Calendar(start=dt.date(2024, 3, 1), timezone="America/New_York", closed=closed)
    pipeline = replace(
        tiny.open_pipeline(tmp_path),
        dataset=dataset,
        sources={"visits": BY_DAY},
        calendar=calendar,
        policies={VISITS: Policy(0.9)},
    )
    staged = tmp_path / "staging" / "tiny" / "visits.parquet"
    staged.parent.mkdir(parents=True)
    frame = pl.DataFrame({"name": ["ann", "bob", "cid", "dan"], "day": pl.Series(values, dtype=dtype)})
    frame.write_parquet(staged)

    take_in(pipeline)
    desk.work(pipeline)

    found = desk.accepted(pipeline, VISITS).sort("_line")
    assert found.select("name", "_period").rows() == [("ann", "2024-03-01"), ("bob", "2024-03-02")]
    assert found.schema["day"] == dtype
    refused = desk.quarantined(pipeline, VISITS).sort("_line")
    assert refused.select("_line", "_reasons").rows() == [(3, "period_unknown"), (4, "period_unknown")]
    desk.assert_settled(pipeline)


@pytest.mark.parametrize(("format", "factor"), [("epoch_seconds", 1), ("epoch_milliseconds", 1_000)])
def test_numbers_of_seconds_are_instants(format: str, factor: int, tmp_path: Path) -> None:
    class Numbers(RowContract):
        name: str = pa.Field(nullable=True)
        day: str = pa.Field(nullable=True)
        paid: str = pa.Field(nullable=True)

    source = by_column(format=format).model_copy(update={"pattern": "visits*.csv"})
    pipeline = replace(
        tiny.open_pipeline(tmp_path),
        dataset=Dataset("tiny", "Visits.", (Table(VISITS, Numbers),)),
        sources={"visits": source},
        calendar=Calendar(start=dt.date(2024, 3, 1), timezone="America/New_York"),
        policies={VISITS: Policy(0.9)},
    )
    # In New York the second of March begins at five in UTC.
    instant = int(dt.datetime(2024, 3, 2, 5, tzinfo=dt.UTC).timestamp())
    days = [(instant - 1) * factor, instant * factor, "soon", "1e300", "nan", "", -(2**62)]
    staged = tmp_path / "staging" / "tiny" / "visits.csv"
    staged.parent.mkdir(parents=True)
    lines = [f"n{n},{day}," for n, day in enumerate(days)]
    staged.write_text("\n".join(["name,day,paid", *lines]) + "\n", encoding="utf-8")

    take_in(pipeline)
    desk.work(pipeline)

    found = desk.accepted(pipeline, VISITS).sort("_line")
    assert found.select("name", "_period").rows() == [("n0", "2024-03-01"), ("n1", "2024-03-02")]
    refused = desk.quarantined(pipeline, VISITS)
    assert refused["_reasons"].to_list() == ["period_unknown"] * 5
    desk.assert_settled(pipeline)


def test_a_column_of_text_needs_a_format(tmp_path: Path) -> None:
    dataset = Dataset("tiny", "Visits.", (Table(VISITS, Dates),))
    pipeline = replace(tiny.open_pipeline(tmp_path), dataset=dataset, sources={"visits": BY_DAY})
    staged = tmp_path / "staging" / "tiny" / "visits.parquet"
    staged.parent.mkdir(parents=True)
    pl.DataFrame({"name": ["ann"], "day": ["2024-03-01"]}).write_parquet(staged)

    found = take_in(pipeline)

    assert not found.registered
    assert "the period column day holds String, no dates" in found.findings[0].message
    assert "period_format" in found.findings[0].message


# -- settings that change after publication ---------------------------------------------------


class Texts(RowContract):
    name: str = pa.Field(nullable=True)
    day: str = pa.Field(nullable=True)
    paid: str = pa.Field(nullable=True)


FILES = {
    "visits-2024-03-04.csv": [
        "ann,2024-03-01,2024-03-02",
        "bob,2024-03-04,2024-03-05",
        "cid,2024-03-03,2024-03-01",
        "dan,2024-01-03,2024-03-08",
    ],
    "visits-2024-03-05.csv": ["eve,2024-03-05,2024-03-05", "fay,2024-05-03,2024-04-03", "gus,?,?"],
}
MARCH = Calendar(start=dt.date(2024, 3, 1), end=dt.date(2024, 3, 14), closed={"weekdays": ["sunday"]})


def by_column(column: str = "day", format: str = "%Y-%m-%d") -> Source:
    return BY_DAY.model_copy(
        update={
            "pattern": "visits-{period:%Y-%m-%d}.csv",
            "format": tiny.ONE_A_DAY.format,
            "period_column": column,
            "period_format": format,
        }
    )


BY_NAME = Source(pattern="visits-{period:%Y-%m-%d}.csv", settle_seconds=0, files_per_period="many")
BY_ARRIVAL = Source(pattern="visits-*.csv", settle_seconds=0, files_per_period="many", period_from="arrival")


def visits(home: Path, source: Source, calendar: Calendar = MARCH) -> DatasetPipeline:
    for key, lines in FILES.items():
        path = home / "staging" / "tiny" / key
        if not path.exists():
            tiny.put(home, key, lines, header="name,day,paid")
            os.utime(path, (tiny.NOON.timestamp(), tiny.NOON.timestamp()))
    return replace(
        tiny.open_pipeline(home),
        dataset=Dataset("tiny", "Visits.", (Table(VISITS, Texts),)),
        sources={"visits": source},
        calendar=calendar,
        policies={VISITS: Policy(1.0)},
    )


def keys(stretches: list[Stretch]) -> list[str]:
    return [period for one in stretches for period in one.periods]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (by_column(), by_column(format="%Y-%d-%m")),
        (by_column(), by_column("paid")),
        (BY_NAME, by_column()),
        (by_column(), BY_NAME),
        (BY_NAME, BY_ARRIVAL),
        (BY_ARRIVAL, by_column()),
    ],
    ids=["format", "column", "name to column", "column to name", "name to arrival", "arrival to column"],
)
def test_other_settings_of_periods_rebuild_once_what_a_fresh_build_gives(
    before: Source, after: Source, tmp_path: Path
) -> None:
    desk.work(visits(tmp_path / "one", before))

    changed = visits(tmp_path / "one", after)
    done = desk.work(changed)

    fresh = visits(tmp_path / "fresh", after)
    desk.work(fresh)
    desk.assert_same(desk.tables(changed), desk.tables(fresh))
    assert len(set(keys(done))) == len(keys(done))
    assert desk.work(changed) == []
    desk.assert_settled(changed)


@pytest.mark.parametrize(
    ("calendar", "rebuilt"),
    [
        # The rows of Sunday were kept with the file's first period, and leave it.
        (MARCH.model_copy(update={"closed": Closed()}), ["2024-03-01", "2024-03-03"]),
        (Calendar(**{**MARCH.model_dump(), "start": dt.date(2024, 1, 1)}), ["2024-01-03", "2024-03-01"]),
        (Calendar(**{**MARCH.model_dump(), "due_after_hours": 1}), []),
        (Calendar(**{**MARCH.model_dump(), "end": dt.date(2024, 3, 20)}), []),
    ],
    ids=["opened day", "earlier start", "when due", "later end"],
)
def test_another_calendar_rebuilds_what_it_concerns(
    calendar: Calendar, rebuilt: list[str], tmp_path: Path
) -> None:
    desk.work(visits(tmp_path / "one", by_column()))

    changed = visits(tmp_path / "one", by_column(), calendar)
    assert sorted(keys(desk.work(changed))) == rebuilt

    fresh = visits(tmp_path / "fresh", by_column(), calendar)
    desk.work(fresh)
    desk.assert_same(desk.tables(changed), desk.tables(fresh))
    desk.assert_settled(changed)


def test_longer_periods_of_the_same_names_are_built_again(tmp_path: Path) -> None:
    weekly = Calendar(start=dt.date(2024, 2, 26), end=dt.date(2024, 3, 14), cron="0 0 * * 1")
    desk.work(visits(tmp_path / "one", by_column()))

    changed = visits(tmp_path / "one", by_column(), weekly)
    desk.work(changed)

    monday = desk.accepted(changed, VISITS).filter(pl.col("_period") == "2024-03-04")
    assert sorted(monday["name"]) == ["bob", "eve"]


def test_a_day_that_leaves_the_calendar_stays_as_it_is(tmp_path: Path) -> None:
    desk.work(visits(tmp_path / "one", by_column()))

    closed = Closed(weekdays=("sunday",), dates=(dt.date(2024, 3, 1),))
    changed = visits(tmp_path / "one", by_column(), MARCH.model_copy(update={"closed": closed}))
    desk.work(changed)

    names = dict(desk.accepted(changed, VISITS).select("name", "_period").iter_rows())
    assert names == {"ann": "2024-03-01", "bob": "2024-03-04", "eve": "2024-03-05"}
    standing = Pending.of(changed).standings[VISITS, "2024-03-01"]
    assert standing.standing is Standing.BLOCKED
    assert "not in the calendar" in standing.reason
