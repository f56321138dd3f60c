from __future__ import annotations

import zstandard

from etl_assets_tests.staging.desk import Desk
from etl_assets_tests.staging.formats.tables import broken, read

COLUMNS = ["id", "name"]
LAYOUT = {
    "type": "fixed_width",
    "columns": [{"name": "id", "width": 4}, {"name": "name", "start": 6, "width": 5}],
}


def test_cells_are_cut_by_characters_and_trimmed(desk: Desk) -> None:
    data = "ID   NAME \n   1 Zoé  \n  22      \n\n".encode()
    found = read(desk, data, COLUMNS, **LAYOUT, skip_lines=1)
    assert found.rows == [(2, "1", "Zoé"), (3, "22", None)]
    assert found.reasons == {4: "blank: an empty line"}
    assert (found.content.header, found.content.skipped) == (("id", "name"), 1)


def test_without_trimming_cells_stay_as_they_are(desk: Desk) -> None:
    assert read(desk, b"   1 Ada  \n", COLUMNS, **LAYOUT, trim=False).cells == [("   1", "Ada  ")]


def test_what_stands_outside_of_the_columns_makes_a_line_unreadable(desk: Desk) -> None:
    data = b"   1 Ada  \n   2xBob  \n   3 Bob  9\n   4 Bo\n   5 Eve     \n"
    found = read(desk, data, COLUMNS, **LAYOUT)
    assert found.cells == [("1", "Ada"), ("5", "Eve")]
    assert found.reasons == {
        2: "between: text between the columns, in characters 5 to 5",
        3: "long: text beyond the last column, from character 11",
        4: "short: 7 characters, the columns need 10",
    }
    assert found.raw[2] == "   2xBob  "


def test_lines_may_be_short_and_stretches_left_out_if_declared(desk: Desk) -> None:
    layout = {
        "type": "fixed_width",
        "columns": [{"name": "id", "width": 4}, {"name": None, "width": 1}, {"name": "name", "width": 5}],
        "short_lines": True,
    }
    assert read(desk, b"   1xAda\n   2\n", COLUMNS, **layout).rows == [(1, "1", "Ada"), (2, "2", None)]


def test_bytes_that_are_no_text_spoil_their_own_line(desk: Desk) -> None:
    data = b"   1 Ada  \n   2 Zo\xe9  \n   3 B\0b  \n   4 Eve  \r\n"
    found = read(desk, data, COLUMNS, **LAYOUT)
    assert found.rows == [(1, "1", "Ada"), (4, "4", "Eve")]
    assert found.reasons == {2: "encoding: bytes that are not utf-8", 3: "nul: a NUL byte"}
    latin = read(desk, data[:22], COLUMNS, **LAYOUT, encoding="latin-1")
    assert latin.cells == [("1", "Ada"), ("2", "Zoé")]


def test_a_byte_order_mark_footer_and_packing(desk: Desk) -> None:
    data = zstandard.compress(b"\xef\xbb\xbf   1 Ada  \n--------\n   2 Bob  \n2 rows\n")
    found = read(desk, data, COLUMNS, **LAYOUT, skip_footer_lines=1, skip_pattern="^-+$")
    assert found.rows == [(1, "1", "Ada"), (3, "2", "Bob")]
    assert found.content.skipped == 2


def test_nothing_vanishes_behind_what_is_skipped(desk: Desk) -> None:
    line = b"   1 Ada  \n"
    told = broken(desk, line * 2, COLUMNS, **LAYOUT, skip_lines=3)
    assert told == "empty: it ends within the 3 lines of skip_lines, after 2"
    told = broken(desk, line * 2, COLUMNS, **LAYOUT, skip_lines=2)
    assert told == "empty: there is no record beside 2 lines that are skipped, and no header"
    assert broken(desk, line * 2, COLUMNS, **LAYOUT, skip_footer_lines=3).startswith(
        "empty: 2 lines are left"
    )
    assert broken(desk, line * 2, COLUMNS, **LAYOUT, skip_pattern="Ada").startswith(
        "empty: there is no record"
    )
    assert broken(desk, zstandard.compress(b""), COLUMNS, **LAYOUT).startswith("empty: there is no record")
    sent = line.replace(b"\n", b"\r") * 2
    assert broken(desk, sent, COLUMNS, **LAYOUT, skip_footer_lines=1).startswith("line_ends: ")
    assert broken(
        desk, b"ID\n" + sent + b"end\n", COLUMNS, **LAYOUT, skip_lines=1, skip_footer_lines=1
    ).startswith("line_ends: ")


def test_a_short_line_below_a_preamble_keeps_its_number(desk: Desk) -> None:
    layout = {**LAYOUT, "short_lines": True}
    assert read(desk, b"Report\n 1", COLUMNS, **layout, skip_lines=1).rows == [(2, "1", None)]


def test_a_line_of_10_mb_is_unreadable_and_cut(desk: Desk) -> None:
    data = b"   1 Ada  \n" + b"x" * 10_000_000 + b"\n   2 Bob  \n" + b"y" * 1_000_001
    found = read(desk, data, COLUMNS, **LAYOUT)
    assert found.rows == [(1, "1", "Ada"), (3, "2", "Bob")]
    assert found.reasons == dict.fromkeys((2, 4), "too_long: a record of more than 1000000 bytes")
    assert len(found.raw[2]) == 64_000


def test_other_columns_than_the_contract_has_are_a_breach(desk: Desk) -> None:
    told = broken(desk, b"   1 Ada  \n", ["id", "nom"], **LAYOUT)
    assert told == "header: the header differs; renamed? 'nom' is now 'name'"
    assert broken(desk, b"", COLUMNS, **LAYOUT) == "empty: the file is empty"
    assert "UTF-16" in broken(desk, "   1 Ada  \n".encode("utf-16"), COLUMNS, **LAYOUT)
