"""Excel sheets: what each kind of cell becomes, and workbooks that are something else."""

from __future__ import annotations

import datetime
import io
import subprocess
import sys
import textwrap
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from etl_assets_tests.staging.desk import Desk
from etl_assets_tests.staging.formats.tables import broken, read, workbook

COLUMNS = ["id", "name"]
GOOD = workbook([COLUMNS, [1, "Ada"], [2, "Bob"]])


def edited(data: bytes, part: str, change: Callable[[bytes], bytes]) -> bytes:
    """A workbook of which one part is another."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            found = old.read(name)
            new.writestr(name, change(found) if name == part else found)
    return out.getvalue()


def in_sheet(old: str, new: str) -> bytes:
    def change(xml: bytes) -> bytes:
        assert old.encode() in xml
        return xml.replace(old.encode(), new.encode())

    return edited(GOOD, "xl/worksheets/sheet1.xml", change)


def test_rows_have_the_numbers_of_their_sheet(desk: Desk) -> None:
    found = read(desk, GOOD, COLUMNS, type="excel")
    assert found.rows == [(2, "1", "Ada"), (3, "2", "Bob")]
    assert (found.content.records, found.content.header) == (2, ("id", "name"))


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (5, "5"),
        (-0.1, "-0.1"),
        (1.1, "1.1"),
        (1e21, "1e+21"),
        (1e-7, "1e-07"),
        (123456789012345, "123456789012345"),
        ("00501", "00501"),
        (" x\ny ", " x\ny "),
        (True, "true"),
        (datetime.date(2024, 1, 31), "2024-01-31"),
        (datetime.datetime(2024, 1, 31), "2024-01-31"),
        (datetime.datetime(2024, 1, 31, 6, 5, 4), "2024-01-31T06:05:04"),
        (datetime.datetime(2024, 1, 31, 6, 5, 4, 250_000), "2024-01-31T06:05:04.250000"),
        (datetime.time(6, 30), "06:30:00"),
        (datetime.time(0, 0), "00:00:00"),
        (datetime.timedelta(hours=36, minutes=5), "36:05:00"),
        (None, None),
    ],
)
def test_cells_become_text_in_one_form_whatever_the_locale(desk: Desk, cell: Any, text: str | None) -> None:
    assert read(desk, workbook([COLUMNS, [1, cell]]), COLUMNS, type="excel").cells == [("1", text)]


def test_a_negative_number_in_a_cell_for_dates_is_that_number(desk: Desk) -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, COLUMNS)
        sheet.write_number(1, 1, -5.5, book.add_format({"num_format": "dd.mm.yyyy"}))
        sheet.write_datetime(2, 1, datetime.time(0, 0), book.add_format({"num_format": "hh:mm"}))
    assert read(desk, out.getvalue(), COLUMNS, type="excel").cells == [(None, "-5.5"), (None, "00:00:00")]


def test_the_leap_day_that_never_was_is_the_number_as_written(desk: Desk) -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, COLUMNS)
        for row, serial in enumerate([59, 60, 60.5, 61], 1):
            sheet.write_number(row, 1, serial, book.add_format({"num_format": "dd.mm.yyyy"}))
    found = read(desk, out.getvalue(), COLUMNS, type="excel")
    assert [name for _, name in found.cells] == ["1900-02-28", "60", "60.5", "1900-03-01"]


def test_an_error_is_one_whichever_way_its_type_is_quoted(desk: Desk) -> None:
    data = edited(
        formulas(("=NA()", "#N/A")),
        "xl/worksheets/sheet1.xml",
        lambda xml: xml.replace(b't="e"', b"t='e'"),
    )
    assert read(desk, data, COLUMNS, type="excel").cells == [("x", "#N/A")]


def formulas(*cells: tuple[str, Any]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, COLUMNS)
        for row, (formula, value) in enumerate(cells, 1):
            sheet.write_string(row, 0, "x")
            sheet.write_formula(row, 1, formula, None, value)
    return out.getvalue()


def test_formulas_give_their_stored_values_and_errors_their_names(desk: Desk) -> None:
    data = formulas(("=1+1", 2), ("=NA()", "#N/A"), ("=1/0", "#DIV/0!"), ("=A1", "id"), ("=1>0", True))
    found = read(desk, data, COLUMNS, type="excel")
    assert [name for _, name in found.cells] == ["2", "#N/A", "#DIV/0!", "id", "true"]


def test_formulas_that_were_never_calculated_are_a_breach(desk: Desk) -> None:
    # As libraries write them that don't calculate.
    told = broken(desk, formulas(("=1+1", 2), ("=1+1", "")), COLUMNS, type="excel")
    assert told == (
        "damaged: 1 formulas have no stored value, the first in B3: "
        "open the workbook in a spreadsheet program, and save it"
    )


def test_rows_beside_the_table_are_skipped_if_declared_and_empty_ones_always(desk: Desk) -> None:
    rows = [
        ["Report of May"],
        [],
        COLUMNS,
        [1, "Ada"],
        [],
        ["Total", 1],
        [2, "Bob"],
        [],
        ["made by hand"],
        [],
    ]
    options = {"type": "excel", "skip_rows": 1, "skip_footer_rows": 1, "skip_pattern": "^Total"}
    found = read(desk, workbook(rows), COLUMNS, **options)
    assert found.rows == [(4, "1", "Ada"), (7, "2", "Bob")]
    assert (found.content.skipped, found.content.header_line) == (3, 3)


def test_headers_of_sheets_that_were_put_together_are_no_rows(desk: Desk) -> None:
    rows = [COLUMNS, [1, "Ada"], COLUMNS, [2, "Bob"], ["id", "Eve"], COLUMNS]
    found = read(desk, workbook(rows), COLUMNS, type="excel", skip_repeated_header=True)
    assert found.rows == [(2, "1", "Ada"), (4, "2", "Bob"), (5, "id", "Eve")]
    assert (found.content.skipped, found.content.records) == (2, 3)


def test_a_table_may_begin_anywhere_and_what_stands_beside_it_is_not_lost(desk: Desk) -> None:
    rows = [
        [],
        [None, None, *COLUMNS],
        [None, None, 1, "Ada"],
        ["note", None, 2, "Bob"],
        [None, None, 3, "Eve", "!"],
    ]
    found = read(desk, workbook(rows), COLUMNS, type="excel")
    assert found.rows == [(3, "1", "Ada")]
    assert found.reasons == dict.fromkeys((4, 5), "ragged: text beside the columns of the header")
    assert found.raw == {4: "note\t\t2\tBob\t", 5: "\t\t3\tEve\t!"}


def test_a_sheet_without_a_header_has_its_columns_declared(desk: Desk) -> None:
    options = {"type": "excel", "header": False, "columns": COLUMNS}
    assert read(desk, workbook([[1, "Ada"], [2]]), COLUMNS, **options).rows == [
        (1, "1", "Ada"),
        (2, "2", None),
    ]
    told = broken(desk, workbook([[1, "Ada", "x"]]), COLUMNS, **options)
    assert told == "header: the first record has 3 cells, 2 columns are declared"


def test_columns_are_found_by_their_names_and_differences_are_a_breach(desk: Desk) -> None:
    assert read(desk, GOOD, ["name", "id"], type="excel").cells == [("Ada", "1"), ("Bob", "2")]
    assert "missing: 'city'" in broken(desk, GOOD, ["id", "name", "city"], type="excel")
    assert "header differs" in broken(
        desk, workbook([["id", "name", "name"], [1, 2, 3]]), COLUMNS, type="excel"
    )
    fitted = read(
        desk,
        workbook([[" id ", None, "name"], [1, 2, 3]]),
        ["id", "column_2", "name"],
        type="excel",
        trim_header=True,
        unique_header=True,
    )
    assert fitted.cells == [("1", "2", "3")]


# -- sheets -------------------------------------------------------------------------------------------


def test_the_sheet_is_chosen_by_name_or_number_and_the_others_are_noted(desk: Desk) -> None:
    data = workbook([["x"]], Orders=[COLUMNS, [1, "Ada"]])
    for sheet in ("Orders", 2):
        found = read(desk, data, COLUMNS, type="excel", sheet=sheet)
        assert found.rows == [(2, "1", "Ada")]
        assert found.content.notes == ("sheets that are not read: 'Sheet1'",)


def test_an_unclear_choice_of_sheet_is_a_breach(desk: Desk) -> None:
    data = workbook([["x"]], Orders=[COLUMNS])
    both = "there are 'Sheet1', 'Orders'"
    for sheet, told in {
        None: f"2 sheets are visible: say which by `sheet`; {both}",
        "orders": f"there is no sheet 'orders'; {both}",
        3: f"there is no sheet 3; {both}",
    }.items():
        assert broken(desk, data, COLUMNS, type="excel", sheet=sheet) == f"damaged: {told}"


def test_a_hidden_sheet_is_read_only_if_it_is_declared(desk: Desk) -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        book.add_worksheet("Shown").write_row(0, 0, COLUMNS)
        hidden = book.add_worksheet("Lists")
        hidden.write_row(0, 0, ["country"])
        hidden.hide()
    found = read(desk, out.getvalue(), COLUMNS, type="excel")
    assert found.content.notes == ("sheets that are not read: 'Lists' (hidden)",)
    found = read(desk, out.getvalue(), ["country"], type="excel", sheet="Lists")
    assert "the sheet 'Lists' is hidden, and read as declared" in found.content.notes


def test_merged_cells_have_their_text_in_the_first_and_that_is_noted(desk: Desk) -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, COLUMNS)
        sheet.merge_range(1, 0, 2, 0, "both")
        sheet.write_column(1, 1, ["Ada", "Bob"])
    found = read(desk, out.getvalue(), COLUMNS, type="excel")
    assert found.cells == [("both", "Ada"), (None, "Bob")]
    assert found.content.notes == ("1 ranges of merged cells: the first cell has the text",)


# -- hostile and damaged workbooks --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "empty: the file is empty, without even a header"),
        (b"id,name\n1,Ada\n", "damaged: it is no Excel workbook: it looks like text, such as CSV"),
        (b"<html><table>", "damaged: it is no Excel workbook: it looks like HTML or XML"),
        (b"\x00\x01\x02", "damaged: it is no Excel workbook"),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 600, "damaged: it is an old .xls workbook, or protected"),
        (GOOD[: len(GOOD) // 2], "damaged: it is no intact workbook"),
        (GOOD[:400] + b"\xff" * 20 + GOOD[420:], "damaged: it is no intact workbook"),
        (edited(GOOD, "xl/workbook.xml", lambda xml: xml[:-20]), "damaged: it is no intact workbook"),
        (in_sheet('r="B2"', ""), "damaged: its cells do not say where they stand"),
        (in_sheet('r="B3"', 'r="XFD1048576"'), "damaged: the sheet 'Sheet1' stretches over 17179869184"),
        (in_sheet("</row>", "</rows>"), "damaged: it is no intact workbook"),
        (edited(GOOD, "xl/worksheets/sheet1.xml", lambda xml: b""), "damaged: it is no intact workbook"),
        (GOOD + GOOD, "damaged: it is no intact workbook: it is not the first in its file"),
        (GOOD + b"garbage", "damaged: it is no intact workbook: something follows its end"),
        (in_sheet('r="B3"', 'r="B2"'), "damaged: its cells are not in order, or one stands there twice"),
        (in_sheet("</sheetData>", "</sheetData><sheetData/>"), "damaged: the sheet 'Sheet1' holds 2 tables"),
        (in_sheet("<v>1</v>", "<v><![CDATA[1]]></v>"), "damaged: a part of it holds its text in CDATA"),
        (
            edited(GOOD, "xl/sharedStrings.xml", lambda xml: xml.replace(b'Count="4"', b'Count="999999999"')),
            "damaged: it is no intact workbook: it claims more texts than it has bytes",
        ),
    ],
    ids=[
        "empty", "csv", "html", "binary", "xls", "cut off", "bytes changed", "list of sheets cut off",
        "cells without places", "all cells", "broken XML", "no sheet",
        "two workbooks", "garbage", "a cell twice", "two tables", "CDATA", "texts claimed",
    ],
)  # fmt: skip
def test_what_is_no_workbook_is_a_breach(desk: Desk, data: bytes, told: str) -> None:
    assert broken(desk, data, COLUMNS, type="excel").startswith(told)


def test_a_bomb_is_refused_before_it_goes_off(desk: Desk) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("xl/workbook.xml", b" " * 30_000_000)
    told = broken(desk, out.getvalue(), COLUMNS, type="excel", max_unpacked_bytes=20_000_000)
    assert told == "damaged: it unpacks to more than 20000000 bytes"
    # It says that it is small.
    size = (30_000_000).to_bytes(4, "little")
    lying = out.getvalue().replace(size, (1000).to_bytes(4, "little"))
    assert lying != out.getvalue()
    assert "no intact workbook" in broken(desk, lying, COLUMNS, type="excel", max_unpacked_bytes=20_000_000)
    laughs = [b"<!ENTITY e0 '%s'>" % (b"ha" * 500)]
    laughs += [b"<!ENTITY e%d '%s'>" % (n, b"&e%d;" % (n - 1) * 30) for n in range(1, 9)]
    doctype = b"<!DOCTYPE workbook [" + b"".join(laughs) + b"]><workbook"

    def laughing(xml: bytes) -> bytes:
        return xml.replace(b"<workbook", doctype, 1).replace(b"</workbook>", b"&e8;</workbook>")

    entities = edited(GOOD, "xl/workbook.xml", laughing)
    assert "no intact workbook" in broken(desk, entities, COLUMNS, type="excel")


@pytest.mark.slow
def test_a_sheet_that_spans_all_cells_does_not_take_the_memory_for_them(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    path.write_bytes(in_sheet('r="B3"', 'r="XFD1048576"'))
    code = """
        import resource, sys
        from pathlib import Path
        from etl_assets.staging.examination import examine
        from etl_assets.staging.formats.options import ExcelFormat
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        print(examine(Path(sys.argv[1]), ExcelFormat()).damage)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), str(path)], capture_output=True, text=True, check=True
    )
    assert "stretches over 17179869184 cells" in done.stdout
