"""What real CSV and TSV files have beside rows, and files without a header."""

from __future__ import annotations

import gzip

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
    assert found.reasons == {3: "ragged: 1 cells, the header has 2"}
    assert found.raw == {3: "Total: 1"}


def test_more_to_skip_than_there_is_leaves_no_header(desk: Desk) -> None:
    told = broken(desk, b"id,name\n1,Ada\n", COLUMNS, type="csv", skip_lines=5)
    assert told == "header: there is no header line"
    assert broken(desk, b"id,name\n", COLUMNS, type="csv", skip_footer_lines=5) == told


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
    assert quoted.reasons == {4: "ragged: 1 cells, the header has 2"}


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
