"""What real CSV and TSV files have beside rows, and files without a header."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from etl_assets.staging.formats.header import unique_names
from etl_assets_tests.staging.desk import Desk
from etl_assets_tests.staging.formats.tables import broken, read

COLUMNS = ["id", "name"]


def test_a_preamble_and_a_footer_are_no_rows_and_lines_stay_true(desk: Desk) -> None:
    data = b"Sales report\n\nmade on 3 May, 12:00\nid,name\n1,Ada\n2,Bob\nSum,3\nEnd of file\n"
    found = read(desk, data, COLUMNS, type="csv", skip_lines=3, skip_footer_lines=2)
    assert found.rows == [(5, "1", "Ada"), (6, "2", "Bob")]
    assert found.reasons == {}
    assert (found.content.skipped, found.content.header_line) == (5, 4)


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_footer_ends_with_or_without_a_line_end(desk: Desk, end: bytes) -> None:
    found = read(desk, b"id,name\n1,Ada\nSum,1" + end, COLUMNS, type="csv", skip_footer_lines=1)
    assert found.rows == [(2, "1", "Ada")]


def test_lines_that_match_are_no_rows_wherever_they_stand(desk: Desk) -> None:
    data = b'# made by hand\n# twice\nid,name\n1,Ada\n# page 2\n2,Bob\n#\n3,"a\n# not a comment\nb"\n'
    found = read(desk, data, COLUMNS, type="csv", skip_pattern="^#")
    assert found.rows == [(4, "1", "Ada"), (6, "2", "Bob"), (8, "3", "a\n# not a comment\nb")]
    assert (found.content.skipped, found.content.records, found.content.header_line) == (4, 3, 3)


def test_a_byte_order_mark_does_not_hide_the_first_line(desk: Desk) -> None:
    data = "\ufeff# made by hand\nid,name\n1,Ada\n".encode()
    assert read(desk, data, COLUMNS, type="csv", skip_pattern="^#").rows == [(3, "1", "Ada")]
    assert read(desk, data, COLUMNS, type="csv", skip_lines=1).rows == [(3, "1", "Ada")]


def test_totals_with_windows_line_ends_are_found(desk: Desk) -> None:
    data = b"id,name\r\n1,Ada\r\nSubtotal\r\n2,Bob\r\nTotal,2\r\n"
    found = read(desk, data, COLUMNS, type="csv", skip_pattern="(?i)total(,\\d+)?$")
    assert found.rows == [(2, "1", "Ada"), (4, "2", "Bob")]


def test_what_does_not_match_is_not_dropped(desk: Desk) -> None:
    data = b"id,name\n1,Ada\nTotal: 1\n2,Bob\n"
    found = read(desk, data, COLUMNS, type="csv", skip_pattern="^Sum")
    assert found.reasons == {3: "ragged: 1 cell, the header has 2"}
    assert found.raw == {3: "Total: 1"}


def test_a_text_with_fewer_lines_than_are_skipped_is_a_breach(desk: Desk) -> None:
    told = broken(desk, b"id,name\n1,Ada\n", COLUMNS, type="csv", skip_lines=5)
    assert told == "empty: it ends within the 5 lines of skip_lines, after 2"
    told = broken(desk, b"id,name\n", COLUMNS, type="csv", skip_footer_lines=5)
    assert told == "empty: 1 lines are left for the 5 of skip_footer_lines"
    told = broken(desk, b"id,name\n1,Ada\n", COLUMNS, type="csv", skip_lines=2)
    assert told == "header: there is no header line"


BARE = {"type": "csv", "header": False, "columns": COLUMNS}


@pytest.mark.parametrize(
    ("data", "skips", "told"),
    [
        (b"Report\r1,Ada\r2,Bob\r", {"skip_lines": 1}, "line_ends: "),
        (b"1,Ada\r2,Bob\rend\r", {"skip_footer_lines": 1}, "line_ends: "),
        (b"1,Ada\r2,Bob\rTotal\r", {"skip_pattern": "Total"}, "line_ends: "),
        (b"Report\n1,Ada\r2,Bob\r", {"skip_lines": 1}, "line_ends: "),
        (b"Report\n1,Ada\r2,Bob\rend", {"skip_lines": 1, "skip_footer_lines": 1}, "line_ends: "),
        (b"Report\nx\n", {"skip_lines": 3}, "empty: it ends within the 3 lines of skip_lines, after 2"),
        (b"Report\nx\ny", {"skip_lines": 3}, "empty: it ends within the 3 lines of skip_lines, after 2"),
        (b"1,Ada\n2,Bob\n", {"skip_lines": 2}, "empty: there is no record beside 2 lines that are skipped"),
        (b"Report\nend\n", {"skip_lines": 1, "skip_footer_lines": 1}, "empty: there is no record"),
        (b"1,Ada\n", {"skip_footer_lines": 2}, "empty: 1 lines are left for the 2 of skip_footer_lines"),
        (b"Total,1\nTotal,2\n", {"skip_pattern": "^Total"}, "empty: there is no record beside 2 lines"),
        ("1,Ada\n2,Bob\n".encode("utf-16-le"), {"skip_footer_lines": 4}, "encoding: it looks like UTF-16"),
        ("Report\n1,Ada\n".encode("utf-16-be"), {"skip_lines": 2}, "encoding: it looks like UTF-16"),
        (b"\0" * 99 + b"\n", {"skip_lines": 1}, "encoding: it is no text"),
        (gzip.compress(b"", mtime=0), {}, "empty: there is no record, and no header"),
    ],
)  # fmt: skip
def test_nothing_vanishes_behind_what_is_skipped(
    desk: Desk, data: bytes, skips: dict[str, Any], told: str
) -> None:
    assert broken(desk, data, COLUMNS, **BARE, **skips).startswith(told)


def test_a_footer_that_is_many_lines_does_not_take_them_along(desk: Desk) -> None:
    data = b"id,name\n1,Ada\r2,Bob\rend"
    assert "carriage return alone" in broken(desk, data, COLUMNS, type="csv", skip_footer_lines=1)
    found = read(desk, b"id,name\n1,Ada\r2,Bob\rTotal", COLUMNS, type="csv", skip_pattern="Total")
    assert list(found.reasons) == [2]


def test_a_header_above_nothing_but_totals_is_noted(desk: Desk) -> None:
    found = read(desk, b"id,name\nTotal,0\n", COLUMNS, type="csv", skip_pattern="^Total")
    assert (found.breach, found.rows, found.content.records, found.content.skipped) == (None, [], 0, 1)
    assert found.content.notes == ("skip_pattern matches all records below the header",)


def test_a_record_that_matches_is_skipped_to_its_end(desk: Desk) -> None:
    data = b'id,name\n1,Ada\n2,"Total\n3,Bob\n4,Eve\n"\n5,Cid\n"Note: figures\n6,Dan"\n7,Fay\n'
    found = read(desk, data, COLUMNS, type="csv", skip_pattern='Total|^"Note')
    assert found.rows == [(2, "1", "Ada"), (7, "5", "Cid"), (10, "7", "Fay")]
    assert found.reasons == {}
    assert (found.content.skipped, found.content.records) == (6, 3)


def test_a_record_above_the_header_is_skipped_to_its_end(desk: Desk) -> None:
    data = '\ufeff"# made\nid,nom"\n# by "hand\nid,name\n1,Ada\n'.encode()
    found = read(desk, data, COLUMNS, type="csv", skip_pattern='^"?#')
    assert found.rows == [(5, "1", "Ada")]
    assert (found.content.skipped, found.content.header_line) == (3, 4)
    bare = read(desk, b'"# a\nx,y"\n1,Ada\n', COLUMNS, **BARE, skip_pattern='^"?#')
    assert bare.rows == [(3, "1", "Ada")]


def test_a_record_that_matches_and_has_no_end_is_unreadable_and_takes_nothing_along(desk: Desk) -> None:
    found = read(desk, b'id,name\n"Total\n1,Ada\n2,Bob\n', COLUMNS, type="csv", skip_pattern="Total")
    assert found.rows == [(3, "1", "Ada"), (4, "2", "Bob")]
    assert found.reasons == {2: "open_quote: a quote is opened and not closed"}
    data = b'id,name\n1,"Total\n2,Ada\n"x\n"Total" of May\n3,Bob\n'
    found = read(desk, data, COLUMNS, type="csv", skip_pattern="Total")
    assert found.rows == [(3, "2", "Ada"), (6, "3", "Bob")]
    assert list(found.reasons) == [2, 4]
    long = b'id,name\n1,"Total\n2,Ada\n"\n3,Bob\n'
    options = {"type": "csv", "skip_pattern": "Total", "max_record_bytes": 12}
    assert read(desk, long, COLUMNS, **options).cells == [("2", "Ada"), ("3", "Bob")]


def test_a_line_that_is_too_long_matches_nothing(desk: Desk) -> None:
    data = b"id,name\nTotal" + b"x" * 1_000_000 + b",y\n1,Ada\n"
    found = read(desk, data, COLUMNS, type="csv", skip_pattern="^Total")
    assert found.rows == [(3, "1", "Ada")]
    assert found.reasons == {2: "too_long: a record of more than 1000000 bytes"}


def test_a_preamble_of_another_encoding_and_packed(desk: Desk) -> None:
    data = gzip.compress("Bericht für Mai\nid;name\n1;Zoé\nSumme;1\n".encode("latin-1"))
    options = {"type": "csv", "separator": ";", "encoding": "latin-1", "skip_lines": 1}
    found = read(desk, data, COLUMNS, **options, skip_footer_lines=1)
    assert found.rows == [(3, "1", "Zoé")]


def test_a_wrong_header_below_a_preamble_is_found_on_its_line(desk: Desk) -> None:
    found = read(desk, b"report\nid,nom\n1,Ada\n", COLUMNS, type="csv", skip_lines=1)
    assert found.breach is not None
    assert found.breach.lines == (2,)
    assert "'name' is now 'nom'" in found.breach.message


def test_a_file_without_a_header_has_its_columns_declared(desk: Desk) -> None:
    options = {"type": "csv", "header": False, "columns": COLUMNS}
    plain = read(desk, b"1,Ada\n2,Bob\n", COLUMNS, **options)
    assert plain.rows == [(1, "1", "Ada"), (2, "2", "Bob")]
    assert plain.content.proven
    assert plain.content.records == 2
    quoted = read(desk, b'1,"A\nda"\n2,Bob\n3\n', COLUMNS, **options)
    assert quoted.rows == [(1, "1", "A\nda"), (3, "2", "Bob")]
    assert quoted.reasons == {4: "ragged: 1 cell, 2 are declared"}


def test_a_file_without_a_header_that_has_other_columns_is_a_breach(desk: Desk) -> None:
    options = {"type": "csv", "header": False, "columns": COLUMNS}
    told = broken(desk, b"1,Ada,x\n", COLUMNS, **options)
    assert told == "header: the first record has 3 cells, 2 columns are declared"
    told = broken(desk, b"1;Ada\n", COLUMNS, **options)
    assert told == "separator: it looks like ';' separates the cells, not ','"


def test_an_own_header_can_be_replaced_by_declared_names(desk: Desk) -> None:
    options = {"type": "csv", "skip_lines": 1, "header": False, "columns": COLUMNS}
    assert read(desk, b"name,name\n1,Ada\n", COLUMNS, **options).rows == [(2, "1", "Ada")]


def test_a_header_is_made_fit_only_if_that_is_declared(desk: Desk) -> None:
    data = b" id , name,name,\n1,a,b,c\n"
    columns = ["id", "name", "name_2", "column_4"]
    assert "header differs" in broken(desk, data, columns, type="csv")
    found = read(desk, data, columns, type="csv", trim_header=True, unique_header=True)
    assert found.rows == [(2, "1", "a", "b", "c")]
    assert found.content.header == tuple(columns)


def test_names_become_unique_without_taking_one_that_is_there() -> None:
    assert unique_names(["a", "a", "a_2", "", "a"]) == ("a", "a_3", "a_2", "column_4", "a_4")
    assert unique_names(["", "column_1", ""]) == ("column_1_2", "column_1", "column_3")


def test_in_tsv_a_quote_is_a_character_like_any_other(desk: Desk) -> None:
    found = read(desk, b'id\tname\n1\t"Ada\n2\t5" pipe\n', COLUMNS, type="tsv")
    assert found.rows == [(2, "1", '"Ada'), (3, "2", '5" pipe')]
    quoted = read(desk, b'id\tname\n1\t"A\tda"\n', COLUMNS, type="tsv", quote='"')
    assert quoted.rows == [(2, "1", "A\tda")]
    assert broken(desk, b"id,name\n1,Ada\n", COLUMNS, type="tsv").endswith(
        "',' separates the cells, not '\\t'"
    )


TOGETHER = {"type": "csv", "skip_repeated_header": True}


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_the_headers_of_files_that_were_put_together_are_no_rows(desk: Desk, line_end: bytes) -> None:
    lines = [
        b"id,name",
        b"1,Ada",
        b"2,Bob",
        b"id,name",
        b"3,Eve",
        b"\xef\xbb\xbfid,name",
        b"id,named",
        b"id,name",
    ]
    for last in (b"", line_end):
        found = read(desk, line_end.join(lines) + last, COLUMNS, **TOGETHER)
        assert found.rows == [(2, "1", "Ada"), (3, "2", "Bob"), (5, "3", "Eve"), (7, "id", "named")]
        assert found.reasons == {}
        assert (found.content.skipped, found.content.records) == (3, 4)


def test_a_repeated_header_is_a_row_unless_it_is_declared(desk: Desk) -> None:
    data = b"id,name\n1,Ada\nid,name\n"
    assert read(desk, data, COLUMNS, type="csv").rows == [(2, "1", "Ada"), (3, "id", "name")]


def test_a_header_of_several_lines_is_found_again_and_never_within_a_cell(desk: Desk) -> None:
    data = b'id,"na\nme"\n1,"x\nid,""na\nme"""\nid,"na\nme"\n2,Bob\n'
    found = read(desk, data, ["id", "na\nme"], **TOGETHER)
    assert found.rows == [(3, "1", 'x\nid,"na\nme"'), (8, "2", "Bob")]
    assert found.content.skipped == 2


def test_nothing_but_headers_is_told(desk: Desk) -> None:
    found = read(desk, b"id,name\nid,name\n", COLUMNS, **TOGETHER)
    assert found.rows == []
    assert found.content.notes == ("skip_repeated_header matches all records below the header",)


def test_cells_that_are_missing_are_told_by_what_is_declared(desk: Desk) -> None:
    found = read(desk, b"1,Ada\n2\n3,Eve,x\n", COLUMNS, type="csv", header=False, columns=COLUMNS)
    assert found.reasons == {2: "ragged: 1 cell, 2 are declared", 3: "ragged: 3 cells, 2 are declared"}
