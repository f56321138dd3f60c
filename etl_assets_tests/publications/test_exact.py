"""Whatever a table holds arrives as it is: hostile texts and extreme numbers, by Hypothesis."""

from __future__ import annotations

import datetime as dt
import struct
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etl_assets.connections import Connection
from etl_assets.publications.files.destination import FileDestination
from etl_assets.publications.files.formats import Csv
from etl_assets_tests.publications.material import TARGET, ask, content, destination

NASTY = st.sampled_from(
    ["\\", "\\N", "\\.", "\t", "\n", "\r", "\r\n", '"', '""', ",", ";", "'", "", " ", "é💶"]
)
TEXT = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6),
    st.lists(NASTY, max_size=4).map("".join),
)
SCHEMA: dict[str, Any] = {
    "id": pl.Int64,
    "text": pl.String,
    "whole": pl.Int64,
    "float": pl.Float64,
    "money": pl.Decimal(38, 6),
    "at": pl.Datetime("us", "UTC"),
    "day": pl.Date,
    "list": pl.List(pl.String),
}
MOST = Decimal(10) ** 31
ROWS = st.lists(
    st.tuples(
        st.none() | TEXT,
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.floats(allow_nan=False),
        st.none() | st.decimals(-MOST, MOST, places=6),
        st.none() | st.datetimes(timezones=st.just(dt.UTC)),
        st.none() | st.dates(),
        st.none() | st.lists(st.none() | TEXT, max_size=3),
    ),
    max_size=8,
)


def frame_of(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    return pl.DataFrame([(n, *row) for n, row in enumerate(rows)], schema=SCHEMA, orient="row")


def bits(value: object) -> object:
    """A float by its bits: -0.0 is not 0.0."""
    return struct.pack("d", value) if isinstance(value, float) else value


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_postgresql_gives_back_what_was_written(warehouse: Connection, rows: list[tuple[Any, ...]]) -> None:
    ask(warehouse, "DROP SCHEMA reporting CASCADE; CREATE SCHEMA reporting")
    frame = frame_of(rows)

    written = destination(warehouse).write(content({"": frame}, partitioned=False))

    found = ask(warehouse, f"SELECT * FROM {TARGET} ORDER BY id")
    assert written.rows == len(rows)
    assert [tuple(map(bits, row)) for row in found] == [tuple(map(bits, row)) for row in frame.rows()]


@settings(max_examples=40)
@given(texts=st.lists(st.none() | TEXT, max_size=8), separator=st.sampled_from([",", ";", "\t", "|"]))
def test_csv_gives_back_the_texts_that_were_written(texts: list[str | None], separator: str) -> None:
    frame = pl.DataFrame({"id": range(len(texts)), "text": texts}, schema={"id": pl.Int64, "text": pl.String})
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.csv"
        to = FileDestination(str(file), Csv(separator=separator), single_file=True)
        assert to.write(content({"": frame}, partitioned=False)).rows == len(texts)
        assert pl.read_csv(file, separator=separator, schema=frame.schema).equals(frame)
