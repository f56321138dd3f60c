from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_assets.cleaning import boolean, date, moment, number, text, time
from etl_assets.quality.casting import cast_column

CELLS = st.lists(
    st.one_of(
        st.text(max_size=12),
        st.text(alphabet="0123456789.,-+' €eE?/: \u00a0", max_size=12),
        st.sampled_from(["", "-", "NA", "1.5", "1,5", "1.234", "2024-01-02", "1.2.24", "ja", "no"]),
    ),
    min_size=1,
    max_size=20,
)


def cleaned(expression: pl.Expr, *cells: str | None) -> list[str | None]:
    frame = pl.LazyFrame({"c": cells}, schema={"c": pl.String})
    out = frame.select(expression).collect(engine="streaming")
    assert out.columns == ["c"]
    return out["c"].to_list()


def cast(values: Sequence[str | None], dtype: pl.DataType) -> list[object]:
    """What the contract's rule `castable` makes of it; None where it refuses."""
    frame = pl.LazyFrame({"c": values}, schema={"c": pl.String})
    return frame.select(cast_column("c", pl.String(), dtype, None).alias("c")).collect()["c"].to_list()


class TestText:
    def test_trims_and_knows_null_words(self) -> None:
        assert cleaned(text("c", nulls=["NA"]), " a b ", "", "  ", "NA", "NAN", None) == [
            "a b", None, None, None, "NAN", None,
        ]  # fmt: skip


class TestNumber:
    @pytest.mark.parametrize(
        ("cell", "read"),
        [
            ("1.234,50", "1234.50"),
            ("1.234", "1234"),
            ("1234", "1234"),
            ("-1.234.567,8", "-1234567.8"),
            ("12,50-", "-12.50"),
            ("+5", "5"),
            (",5", "0.5"),
            ("1,5e3", "1.5e3"),
            ("1.234,50 €", "1234.50"),
            ("1.234,50€", "1234.50"),
            (" - 5 ", "-5"),
        ],
    )
    def test_reads_german(self, cell: str, read: str) -> None:
        assert cleaned(number("c", decimal=",", thousands=".", suffix=" €"), cell) == [read]

    @pytest.mark.parametrize(
        "cell", ["1.5", "1.2345", "12.34,5", "1.23.456", "-5-", "€", "5,", "1 234", "nan", "inf", "0x1f", "٣"]
    )
    def test_guesses_nothing(self, cell: str) -> None:
        (left,) = cleaned(number("c", decimal=",", thousands=".", suffix="€"), cell)
        assert left is not None
        assert left.removeprefix("?") == cell
        assert cast([left], pl.Float64()) == cast([left], pl.Int64()) == [None]

    def test_knows_kinds_of_spaces_and_apostrophes(self) -> None:
        spaced = cleaned(number("c", thousands=" "), "1 234.5", "1\u00a0234", "1\u202f234\u202f567", "1 23")
        assert spaced == ["1234.5", "1234", "1234567", "1 23"]
        assert cleaned(number("c", thousands="'"), "1'234", "1’234", "'234") == ["1234", "1234", "'234"]  # noqa: RUF001

    def test_takes_what_stands_around_it(self) -> None:
        assert cleaned(number("c", prefix="$"), "$5", "-$5", "$ -5", "5", "$") == ["5", "-5", "-5", "5", "$"]
        assert cleaned(number("c", suffix="oz"), "12.0 oz", "12oz", "12 OZ") == ["12.0", "12", "12 OZ"]

    @pytest.mark.parametrize(("decimal", "thousands"), [(",", ","), ("", None), ("..", None), (".", "  ")])
    def test_refuses_signs_that_can_not_be_told_apart(self, decimal: str, thousands: str | None) -> None:
        with pytest.raises(ValueError, match="two different characters"):
            number("c", decimal=decimal, thousands=thousands)

    @given(
        st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=3),
        st.sampled_from([(".", ","), (",", "."), (",", " "), (".", "'")]),
    )
    def test_reads_back_what_was_written(self, value: Decimal, signs: tuple[str, str]) -> None:
        point, comma = signs
        written = f"{value:,.3f}".translate(str.maketrans({".": point, ",": comma}))
        read = cleaned(number("c", decimal=point, thousands=comma), written, written.replace(comma, ""))
        assert [Decimal(cell or "") for cell in read] == [value, value]

    @given(CELLS)
    def test_what_casts_was_written_as_declared(self, cells: list[str]) -> None:
        out = cleaned(number("c", decimal=",", thousands=".", nulls=["-"]), *cells)
        declared = re.compile(
            r"[+-]?\s*([0-9]{1,3}(\.[0-9]{3})+|[0-9]+)?(,[0-9]+)?([eE][+-]?[0-9]+)?-?", re.ASCII
        )
        given = cleaned(text("c", nulls=["-"]), *cells)
        for cell, left, value in zip(given, out, cast(out, pl.Float64()), strict=True):
            assert (left is None) == (cell is None)
            assert value is None or declared.fullmatch(cell or ""), cell


class TestDatesAndTimes:
    def test_reads_mixed_formats(self) -> None:
        read = cleaned(date("c", "%d.%m.%Y", "%Y-%m-%d", "%d.%m.%y"), "29.2.2024", "2024-02-29", "29.02.24")
        assert read == ["2024-02-29"] * 3

    def test_two_formats_that_disagree_are_no_date(self) -> None:
        cells = ("01/02/2024", "13/02/2024", "02/13/2024", "02/02/2024")
        read = cleaned(date("c", "%d/%m/%Y", "%m/%d/%Y"), *cells)
        assert read == ["01/02/2024", "2024-02-13", "2024-02-13", "2024-02-02"]

    def test_what_is_not_declared_is_not_read(self) -> None:
        left = cleaned(date("c", "%d.%m.%Y"), "2024-01-02", "1.2.24", "30.02.2024", "31.12.2023 10:00")
        assert left == ["?2024-01-02", "1.2.24", "30.02.2024", "31.12.2023 10:00"]
        assert cast(left, pl.Date()) == [None] * 4

    def test_a_time_of_day_is_not_dropped(self) -> None:
        read = cleaned(date("c", "%d.%m.%Y %H:%M"), "01.02.2024 00:00", "01.02.2024 00:01")
        assert read == ["2024-02-01", "01.02.2024 00:01"]

    def test_moments(self) -> None:
        cells = ("2024-01-01 10:00:00.123456", "1.1.2024 9:05", "5 Jan 2024 10:00", "1/2/2024 3:04 PM")
        formats = ("%Y-%m-%d %H:%M:%S%.f", "%d.%m.%Y %H:%M", "%d %b %Y %H:%M", "%m/%d/%Y %I:%M %p")
        assert cast(cleaned(moment("c", *formats), *cells), pl.Datetime("us")) == [
            dt.datetime(2024, 1, 1, 10, 0, 0, 123456),
            dt.datetime(2024, 1, 1, 9, 5),
            dt.datetime(2024, 1, 5, 10),
            dt.datetime(2024, 1, 2, 15, 4),
        ]

    def test_offsets_become_utc(self) -> None:
        cells = ("2024-01-01T10:00:00+01:00", "2024-01-01T10:00:00Z", "2024-01-01T10:00:00")
        read = cleaned(moment("c", "%Y-%m-%dT%H:%M:%S%z"), *cells)
        assert read == ["2024-01-01 09:00:00", "2024-01-01 10:00:00", "?2024-01-01T10:00:00"]
        with pytest.raises(ValueError, match="offset"):
            moment("c", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S")

    def test_times(self) -> None:
        read = cleaned(time("c", "%H:%M", "%I:%M %p"), "9:05", "3:04 PM", "25:00", "10:00:00")
        assert read == ["09:05:00", "15:04:00", "25:00", "?10:00:00"]

    @given(
        st.datetimes(dt.datetime(1000, 1, 1), dt.datetime(9999, 12, 31)).map(
            lambda one: one.replace(microsecond=0)
        ),
        st.sampled_from(["%d.%m.%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%Y%m%d %H%M%S", "%Y-%m-%dT%H:%M:%S"]),
    )
    def test_reads_back_what_was_written(self, value: dt.datetime, form: str) -> None:
        assert cast(cleaned(moment("c", form), value.strftime(form)), pl.Datetime("us")) == [value]

    @given(CELLS)
    def test_only_not_known_is_null(self, cells: list[str]) -> None:
        for expression in (
            date("c", "%d.%m.%Y", nulls=["NA"]),
            time("c", nulls=["NA"]),
            moment("c", nulls=["NA"]),
        ):
            given = cleaned(text("c", nulls=["NA"]), *cells)
            for cell, left in zip(given, cleaned(expression, *cells), strict=True):
                assert (left is None) == (cell is None)

    @given(CELLS)
    def test_what_casts_was_written_as_declared(self, cells: list[str]) -> None:
        out = cleaned(date("c", "%d.%m.%Y"), *cells)
        for cell, value in zip(cells, cast(out, pl.Date()), strict=True):
            assert value is None or value == dt.datetime.strptime(cell.strip(), "%d.%m.%Y").date()


class TestBoolean:
    def test_reads_words(self) -> None:
        read = cleaned(
            boolean("c", true=["ja", "x"], false=["nein"], nulls=["-"]), "Ja", "NEIN", " x", "-", ""
        )
        assert read == ["true", "false", "true", None, None]

    def test_other_words_are_no_answer(self) -> None:
        left = cleaned(boolean("c", true=["ja"], false=["nein"]), "1", "true", "vielleicht")
        assert left == ["?1", "?true", "vielleicht"]
        assert cast(left, pl.Boolean()) == [None] * 3

    def test_no_word_means_both(self) -> None:
        with pytest.raises(ValueError, match="'x' can't mean yes and no"):
            boolean("c", true=["X"], false=["x"])
