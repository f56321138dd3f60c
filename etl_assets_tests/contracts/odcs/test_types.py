from __future__ import annotations

import datetime as dt

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_assets.contracts.odcs.findings import Findings, Loss
from etl_assets.contracts.odcs.types import dtype_of, java_of, strftime_of, type_keys

JAVA = st.lists(
    st.sampled_from(["yyyy", "MM", "dd", "d", "HH", "mm", "ss", "yy", "MMM", "-", ".", "/", " ", "'T'", "%"]),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize(
    ("java", "strftime"),
    [
        ("yyyy-MM-dd", "%Y-%m-%d"),
        ("dd.MM.yyyy HH:mm", "%d.%m.%Y %H:%M"),
        ("yyyy-MM-dd'T'HH:mm:ss", "%Y-%m-%dT%H:%M:%S"),
        ("yyyy-MM-ddTHH:mm:ss", "%Y-%m-%dT%H:%M:%S"),
        ("d/M/yy", "%-d/%-m/%y"),
        ("hh:mm a", "%I:%M %p"),
        ("dd 'o''clock'", "%d o'clock"),
    ],
)
def test_formats_of_dates(java: str, strftime: str) -> None:
    assert strftime_of(java) == strftime


@pytest.mark.parametrize("java", ["QQQ yyyy", "yyyy-ww", "dd'", "ddMMMMM"])
def test_a_format_without_a_counterpart_is_none(java: str) -> None:
    assert strftime_of(java) is None


@given(JAVA)
def test_a_format_that_comes_back_reads_the_same_dates(parts: list[str]) -> None:
    strftime = strftime_of("".join(parts))
    if strftime is None:
        return
    java = java_of(strftime)
    assert java is not None
    moment = dt.datetime(2024, 2, 29, 13, 5, 9)
    assert moment.strftime(strftime_of(java) or "") == moment.strftime(strftime)


@pytest.mark.parametrize(
    "dtype",
    [
        pl.String(),
        pl.Boolean(),
        pl.Int8(),
        pl.UInt64(),
        pl.Int64(),
        pl.Float32(),
        pl.Float64(),
        pl.Decimal(38, 0),
        pl.Decimal(12, 3),
        pl.Date(),
        pl.Time(),
        pl.Datetime("ms"),
        pl.Datetime("ns", "Europe/Berlin"),
    ],
    ids=str,
)
def test_a_type_that_goes_out_comes_in_again(dtype: pl.DataType) -> None:
    findings = Findings()
    assert dtype_of(type_keys(dtype, "a", findings), ("a",), findings) == dtype
    assert findings.found == []


@pytest.mark.parametrize("dtype", [pl.Duration(), pl.List(pl.Int64()), pl.Binary()], ids=str)
def test_a_type_that_the_standard_does_not_have_is_named(dtype: pl.DataType) -> None:
    findings = Findings()
    type_keys(dtype, "silver/x: a", findings)
    assert [one.loss for one in findings.found] == [Loss.TABLE]


@pytest.mark.parametrize(
    ("physical", "dtype"),
    [
        ("VARCHAR(20)", pl.String()),
        ("NUMERIC(10,2)", pl.Decimal(10, 2)),
        ("double precision", pl.Float64()),
        ("TIMESTAMP(3)", pl.Datetime("ms")),
        ("int", pl.Int32()),
    ],
)
def test_without_a_logical_type_the_physical_one_counts(physical: str, dtype: pl.DataType) -> None:
    assert dtype_of({"physicalType": physical}, ("a",), Findings()) == dtype
