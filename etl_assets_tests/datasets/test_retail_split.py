from __future__ import annotations

import csv
import datetime as dt
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from etl_assets.datasets.retail import split
from etl_assets.datasets.retail.split import HEADER, split_by_day
from etl_assets.errors import StagingError
from etl_assets_tests.datasets.desk import RETAIL_DAYS, needs_retail

LINES = [
    [
        "536365",
        "85123A",
        "WHITE HANGING HEART T-LIGHT HOLDER",
        "6",
        "12/1/2010 8:26",
        "2.55",
        "17850",
        "United Kingdom",
    ],
    ["536366", "22633", 'SET OF 3 "HAND" WARMERS, RED', "6", "12/1/2010 8:28", "1.85", "", "United Kingdom"],
    ["C536379", "D", "Discount", "-1", "12/13/2010 9:41", "27.5", "14527", "EIRE"],
]


def write(
    file: Path, rows: Sequence[Sequence[str]], *, separator: str = ",", encoding: str = "utf-8"
) -> Path:
    with file.open("w", newline="", encoding=encoding) as text:
        csv.writer(text, delimiter=separator).writerows([HEADER, *rows])
    return file


def test_one_file_a_day_with_dates_as_the_dataset_wants_them(tmp_path: Path) -> None:
    placed = split_by_day(write(tmp_path / "uci.csv", LINES), tmp_path / "retail")

    assert placed.new == 2
    assert (tmp_path / "retail" / "2010-12-01.csv").read_bytes() == (
        b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
        b"536365,85123A,WHITE HANGING HEART T-LIGHT HOLDER,6,2010-12-01 08:26:00,2.55,17850,United Kingdom\n"
        b'536366,22633,"SET OF 3 ""HAND"" WARMERS, RED",6,2010-12-01 08:28:00,1.85,,United Kingdom\n'
    )
    assert (tmp_path / "retail" / "2010-12-13.csv").read_text().splitlines()[1:] == [
        "C536379,D,Discount,-1,2010-12-13 09:41:00,27.5,14527,EIRE"
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_spreadsheets_ways_of_writing_csv_give_the_same_days(
    tmp_path: Path, separator: str, encoding: str
) -> None:
    rows = [*LINES, ["536367", "21730", "£ SIGN & CAFÉ", "1", "12/1/2010 8:34", "4.25", "13047", "France"]]
    source = write(tmp_path / "uci.csv", rows, separator=separator, encoding=encoding)

    split_by_day(source, tmp_path / "retail")

    written = (tmp_path / "retail" / "2010-12-01.csv").read_text(encoding="utf-8")
    assert "536367,21730,£ SIGN & CAFÉ,1,2010-12-01 08:34:00" in written
    assert written.startswith("InvoiceNo,")


def test_dates_that_begin_with_the_day_are_an_error_unless_said(tmp_path: Path) -> None:
    rows = [[*line[:4], line[4].replace("12/13/", "13/12/"), *line[5:]] for line in LINES]
    source = write(tmp_path / "uci.csv", rows)

    with pytest.raises(StagingError, match=r"13/12/2010 9:41.*line 4.*day first"):
        split_by_day(source, tmp_path / "retail")
    assert not list((tmp_path / "retail").iterdir())

    split_by_day(source, tmp_path / "retail", day_first=True)
    assert {file.name for file in (tmp_path / "retail").iterdir()} == {"2010-01-12.csv", "2010-12-13.csv"}


def test_iso_dates_stay_as_they_are(tmp_path: Path) -> None:
    rows = [[*line[:4], "2010-12-01 08:26:00", *line[5:]] for line in LINES]

    split_by_day(write(tmp_path / "uci.csv", rows), tmp_path / "retail")

    assert (tmp_path / "retail" / "2010-12-01.csv").read_text().count("2010-12-01 08:26:00") == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The first line is"),
        ("a,b,c\n1,2,3\n", "The first line is 'a, b, c'"),
        (",".join(HEADER) + "\n", "no invoice lines"),
        (",".join(HEADER) + "\n536365,85123A,HOLDER,6,12/1/2010 8:26,2.55,17850\n", "has 7 cells.*line 2"),
        (",".join(HEADER) + "\n536365,85123A,HOLDER,6,yesterday,2.55,17850,EIRE\n", "'yesterday'.*line 2"),
        ("PK\x03\x04...", "a workbook"),
    ],
)
def test_another_file_is_refused_and_nothing_is_written(tmp_path: Path, text: str, message: str) -> None:
    source = tmp_path / "uci.csv"
    source.write_text(text)

    with pytest.raises(StagingError, match=message):
        split_by_day(source, tmp_path / "retail")

    assert not [path for path in tmp_path.rglob("*") if path not in (source, tmp_path / "retail")]


def test_lines_in_any_order_and_more_than_are_held_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(split, "_HELD", 7)
    start = dt.datetime(2011, 1, 1)
    rows = []
    for number in range(100):
        at = start + dt.timedelta(minutes=random.Random(number).randrange(5 * 1440))
        cell = f"{at.month}/{at.day}/{at.year} {at.hour}:{at.minute:02}"
        rows.append([str(500_000 + number), "85123A", f"line\n{number}", "1", cell, "1.0", "", "EIRE"])

    split_by_day(write(tmp_path / "uci.csv", rows), tmp_path / "retail")

    found = []
    for file in (tmp_path / "retail").iterdir():
        with file.open(newline="") as text:
            header, *own = csv.reader(text)
        assert tuple(header) == HEADER
        numbers = [int(row[0]) for row in own]
        assert numbers == sorted(numbers)
        assert {row[4][:10] for row in own} == {file.stem}
        found += own
    assert sorted(row[2] for row in found) == sorted(row[2] for row in rows)


def test_splitting_again_leaves_the_days_alone_and_mends_a_changed_one(tmp_path: Path) -> None:
    source = write(tmp_path / "uci.csv", LINES)
    split_by_day(source, tmp_path / "retail")
    kept = (tmp_path / "retail" / "2010-12-01.csv").stat().st_ctime_ns
    (tmp_path / "retail" / "2010-12-13.csv").write_text("half")

    placed = split_by_day(source, tmp_path / "retail")

    assert (placed.new, placed.changed, placed.unchanged) == (0, 1, 1)
    assert (tmp_path / "retail" / "2010-12-01.csv").stat().st_ctime_ns == kept


@needs_retail
def test_real_days_written_as_uci_writes_them_come_back_byte_for_byte(tmp_path: Path) -> None:
    days = ["2010-12-01", "2011-08-12"]
    rows = []
    for day in days:
        with (RETAIL_DAYS / f"{day}.csv").open(newline="", encoding="utf-8") as text:
            for row in list(csv.reader(text))[1:]:
                at = dt.datetime.fromisoformat(row[4])
                rows.append([*row[:4], f"{at.month}/{at.day}/{at.year} {at.hour}:{at.minute:02}", *row[5:]])

    split_by_day(write(tmp_path / "uci.csv", rows), tmp_path / "retail")

    for day in days:
        assert (tmp_path / "retail" / f"{day}.csv").read_bytes() == (RETAIL_DAYS / f"{day}.csv").read_bytes()
