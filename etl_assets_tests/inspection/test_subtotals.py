from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import xlsxwriter

from etl_assets.inspection.common_format import common_format
from etl_assets.inspection.inspect import inspect_file
from etl_assets.inspection.records import Inspection

ROWS = [f"T{n:04};2024-05-0{n % 9 + 1};{'AB'[n > 30]};{n}.50;x{n}" for n in range(60)]
HEADER = "ticket;sold;block;price;buyer"


def inspected(folder: Path, lines: list[str]) -> Inspection:
    path = folder / "tickets_2024-05-01.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return inspect_file(path)


def test_lines_of_totals_among_the_rows_are_no_rows(tmp_path: Path) -> None:
    lines = [
        *ROWS[:31],
        "Total block A;;;480.50;",
        *ROWS[31:],
        "Total block B;;;1319.50;",
        "Grand total;;;1800;",
    ]
    found = inspected(tmp_path, lines)
    pattern = found.format.skip_pattern
    assert pattern is not None
    assert [line for line in lines if re.search(pattern, line)] == [
        "Total block A;;;480.50;",
        "Total block B;;;1319.50;",
        "Grand total;;;1800;",
    ]
    assert found.sample.height == len(ROWS)
    assert next(one.value for one in found.proposals if one.aspect == "subtotals") == 3


def test_rows_that_are_merely_called_so_stay_rows(tmp_path: Path) -> None:
    lines = [*ROWS, "Total wipeout;2024-05-02;A;7.50;x7", "Totals;2024-05-02;A;7.50;x7", ROWS[3]]
    found = inspected(tmp_path, lines)
    assert not [one for one in found.proposals if one.aspect == "subtotals"]
    assert found.sample.height == len(lines)


def written(path: Path, lines: Sequence[str]) -> Inspection:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return inspect_file(path)


def proposal(found: Inspection, aspect: str) -> object:
    return next((one.value for one in found.proposals if one.aspect == aspect), None)


def test_headers_of_reports_that_were_put_together_are_skipped_and_proven(tmp_path: Path) -> None:
    found = inspected(tmp_path, [*ROWS[:20], HEADER, *ROWS[20:40], "\ufeff" + HEADER, *ROWS[40:]])
    assert found.format.skip_repeated_header is True
    assert (proposal(found, "repeated header"), proposal(found, "proof")) == (2, "passed")
    assert found.rows == found.sample.height == len(ROWS)
    assert found.column("price").share == 1
    assert found.problems == ()


def test_the_header_that_stands_there_only_once_is_nothing_to_skip(tmp_path: Path) -> None:
    assert inspected(tmp_path, ROWS).format.skip_repeated_header is False


def test_a_header_far_down_in_a_large_file_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "tickets.csv"
    many = [f"T{n:06};2024-05-0{n % 9 + 1};A;{n}.50;x{n}" for n in range(60_000)]
    many[-20:-20] = [HEADER]
    path.write_text("\n".join([HEADER, *many]) + "\n")
    found = inspect_file(path, sample_bytes=200_000)
    assert not found.complete
    assert found.format.skip_repeated_header is True
    assert not (found.sample["ticket"] == "ticket").any()
    assert found.column("price").share == 1


def test_of_fixed_width_the_header_is_a_line_as_any(tmp_path: Path) -> None:
    rows = [f"{n:<8}{'Ada' if n % 2 else 'Bob':<12}{n * 7.25:>10.2f}" for n in range(1, 41)]
    header = f"{'NO':<8}{'NAME':<12}{'AMOUNT':>10}"
    found = written(tmp_path / "people.txt", [header, *rows[:20], header, *rows[20:]])
    assert found.format.type == "fixed_width"
    assert (found.rows, proposal(found, "proof")) == (40, "passed")


def test_a_sheet_with_its_header_again(tmp_path: Path) -> None:
    rows = [(n, f"name {n}", n * 1.5) for n in range(1, 31)]
    names = ("no", "name", "amount")
    with xlsxwriter.Workbook(tmp_path / "sales.xlsx") as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([names, *rows[:9], names, *rows[9:]]):
            sheet.write_row(number, 0, row)
    found = inspect_file(tmp_path / "sales.xlsx")
    assert found.format.skip_repeated_header is True
    assert (found.rows, proposal(found, "proof")) == (30, "passed")


def test_what_is_no_row_in_one_file_is_skipped_in_all(tmp_path: Path) -> None:
    plain = written(tmp_path / "a.csv", [HEADER, *ROWS])
    totals = written(tmp_path / "b.csv", [HEADER, *ROWS, "Total;;;99;", *ROWS[:3], "Total;;;99;"])
    twice = written(tmp_path / "c.csv", [HEADER, *ROWS, HEADER, *ROWS])
    format, doubts = common_format([plain, totals, twice])
    assert doubts == []
    assert format.skip_repeated_header is True
    assert format.skip_pattern == totals.format.skip_pattern


def test_the_closing_balance_of_a_statement_is_no_row(tmp_path: Path) -> None:
    rows = [f"{n % 28 + 1:02}.04.25;Shop {n};{n},50;1.{n:03},00" for n in range(1, 40)]
    found = written(tmp_path / "bank.csv", ["day;payee;amount;balance", *rows, "Endsaldo;;;4.711,00"])
    assert found.format.skip_pattern == '^"?Endsaldo"?;'
    assert found.column("day").share == 1
    assert (found.rows, proposal(found, "proof")) == (39, "passed")


def test_units_per_unit_below_the_header_are_no_row(tmp_path: Path) -> None:
    rows = [f"Field {n};{2_000 + n};{n % 9}.5" for n in range(40)]
    found = written(tmp_path / "harvest.csv", ["field;yield;moisture", ";kg/ha;%", *rows])
    assert proposal(found, "second header") == "line 2"
    assert found.column("yield").share == 1
    assert found.rows == 40


def test_one_of_a_thing_is_told_as_one(tmp_path: Path) -> None:
    found = written(tmp_path / "a.csv", [HEADER, *ROWS[:9], "T;1", *ROWS[9:]])
    assert found.problems == ("1 record doesn't have 5 cells (line 11): it goes to quarantine",)
