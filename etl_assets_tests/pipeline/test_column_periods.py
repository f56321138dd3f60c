"""Periods that typed columns name: dates and moments of a Parquet delivery."""

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import pandera.polars as pa
import polars as pl
import pytest

from etl_assets.contracts.contract import RowContract
from etl_assets.contracts.dataset import Dataset, Layer, Table, TableId
from etl_assets.pipeline.dataset_pipeline import Policy
from etl_assets.pipeline.intake import take_in
from etl_assets.staging.calendar import Calendar
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
