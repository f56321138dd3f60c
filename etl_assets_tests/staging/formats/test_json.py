"""JSON Lines and JSON arrays: what becomes of each record, and of each field."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from etl_assets.staging.formats import json_fields
from etl_assets.staging.formats.json_paths import parse_path, written_path
from etl_assets_tests.staging.desk import Desk
from etl_assets_tests.staging.formats.tables import Read, broken, read

Reads = Callable[..., Read]

FLAT = ["id", "city", "sku"]
PATHS = {"city": "address.city", "sku": "items[0].sku"}


def lines(*records: str) -> bytes:
    return "".join(record + "\n" for record in records).encode()


def array(*records: str) -> bytes:
    return ("[" + ", ".join(records) + "]").encode()


@pytest.fixture(params=["jsonl", "json"])
def reads(request: pytest.FixtureRequest, desk: Desk) -> Reads:
    """Read records, in either of the two forms."""
    form = lines if request.param == "jsonl" else array

    def reads(records: Sequence[str], columns: Sequence[str], /, **format: Any) -> Read:
        return read(desk, form(*records), columns, **{"type": request.param, **format})

    return reads


# -- cells --------------------------------------------------------------------------------------------


def test_values_are_text_as_they_are_written(reads: Reads) -> None:
    found = reads(
        ['{"a": 1.10, "b": 123456789012345678901234567890}', '{"a": -0, "b": 1E5}', '{"a": NaN, "b": 1e400}'],
        ["a", "b"],
    )
    assert found.cells == [("1.10", "123456789012345678901234567890"), ("-0", "1E5"), ("NaN", "1e400")]


def test_text_booleans_null_and_what_is_missing(reads: Reads) -> None:
    found = reads(['{"a": "x\\ny \\u00e9", "b": true}', '{"b": false, "a": ""}', '{"a": null}'], ["a", "b"])
    assert found.cells == [("x\ny é", "true"), ("", "false"), (None, None)]


def test_lists_and_objects_are_kept_as_they_are_written(reads: Reads) -> None:
    found = reads(['{"a": [1.50,  {"b": "]"}]}', '{"a": {}}', '{"a": "[]"}'], ["a"])
    assert found.cells == [('[1.50,  {"b": "]"}]',), ("{}",), ("[]",)]


def test_nested_fields_are_flattened_by_declaration(reads: Reads) -> None:
    records = [
        '{"id": 1, "address": {"city": "Rom"}, "items": [{"sku": 7.0}]}',
        '{"id": 2, "address": null, "items": []}',
        '{"id": 3, "address": {}, "items": [{"sku": {"no": 8}}]}',
    ]
    found = reads(records, FLAT, columns=PATHS)
    assert found.cells == [("1", "Rom", "7.0"), ("2", None, None), ("3", None, '{"no": 8}')]


def test_a_field_can_get_another_name_and_be_kept_as_a_whole_beside(reads: Reads) -> None:
    record = '{"a": {"b": 1, "c": 2}, "d.e": 3}'
    options = {"columns": {"whole": "a", "b": "a.b", "de": '["d.e"]'}}
    assert reads([record], ["whole", "b", "de"], **options).cells == [('{"b": 1, "c": 2}', "1", "3")]


# -- fields that nobody spoke of ----------------------------------------------------------------------


def test_an_unknown_field_is_a_breach_that_names_its_record(reads: Reads) -> None:
    found = reads(['{"a": 1}', '{"a": 2, "tax": 3}'], ["a"])
    assert found.breach is not None
    assert found.breach.message == "the header differs; extra: 'tax'"
    assert found.breach.lines == (2,)


def test_what_is_left_beside_a_path_is_unknown_unless_it_is_ignored(reads: Reads) -> None:
    record = '{"id": 1, "address": {"city": "Rom", "zip": "00184"}, "items": [{"sku": 7}, {"sku": 8}]}'
    found = reads([record], FLAT, columns=PATHS)
    assert found.breach is not None
    assert found.breach.message == (
        "the header differs; extra: 'items[1]'; "
        "unknown fields, not shown, for their names may be data: 1 below 'address'"
    )
    assert reads([record], FLAT, columns=PATHS, ignore=["address.zip", "items"]).cells == [("1", "Rom", "7")]


def test_keys_that_may_be_data_are_counted_and_not_shown(reads: Reads) -> None:
    first = {"id": 1, "address": {"city": "Rom", "Ann Lee": 1, "Bob": 2}, "items": [], "tax": 1, "Eve Moe": 1}
    others = [{"id": 2, "address": None, "items": [], f"person{n}": 1, "tax": 2} for n in range(3)]
    found = reads(list(map(json.dumps, [first, *others])), FLAT, columns=PATHS, optional=FLAT)
    assert found.breach is not None
    assert found.breach.message == (
        "the header differs; extra: 'tax'; unknown fields, not shown, for their names may be data: "
        "2 below 'address', 4 at the top level"
    )
    assert found.breach.lines == (1, 2, 3, 4)


def test_hidden_keys_alone_are_a_breach(reads: Reads) -> None:
    found = reads(['{"a": 1}', '{"a": 1}', '{"a": 1, "4930123": 2}'], ["a"])
    assert found.breach is not None
    assert found.breach.lines == (3,)
    assert "4930123" not in found.breach.message


def test_packed_json_lines_without_a_line_are_as_empty_as_a_file_without_a_byte(desk: Desk) -> None:
    for data in (gzip.compress(b""), b"\xef\xbb\xbf"):
        assert broken(desk, data, ["a"], type="jsonl") == "empty: there is no record, and no header"


def test_a_plain_value_where_a_path_leads_through_is_not_lost(reads: Reads) -> None:
    found = reads(
        ['{"id": 1, "address": {"city": "Rom"}}', '{"id": 2, "address": "Via Appia 1"}'], FLAT, columns=PATHS
    )
    assert found.breach is not None
    assert "'address'" in found.breach.message
    assert "Appia" not in found.breach.message


def test_a_column_that_no_record_has_is_missing_unless_it_may_be(reads: Reads) -> None:
    found = reads(['{"a": 1}'], ["a", "b"])
    assert found.breach is not None
    assert "missing: 'b'" in found.breach.message
    assert "`optional`" in found.breach.message
    assert reads(['{"a": 1}'], ["a", "b"], optional=["b"]).cells == [("1", None)]
    assert reads(['{"a": 1, "b": null}'], ["a", "b"]).cells == [("1", None)]


def test_the_order_of_fields_is_of_no_account(reads: Reads) -> None:
    assert reads(['{"a": 1, "b": 2}', '{"b": 3, "a": 4}'], ["a", "b"]).cells == [("1", "2"), ("4", "3")]


def test_field_names_that_may_be_data_are_not_shown(reads: Reads) -> None:
    found = reads(['{"ann@example.com": 1}'], ["a", "b"])
    assert found.breach is not None
    assert "ann@" not in found.breach.message


def test_a_map_with_thousands_of_keys_is_given_up_early(
    reads: Reads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_fields, "MAX_UNKNOWN", 10)
    found = reads([json.dumps({f"k{n}": n for n in range(100)})], ["a"])
    assert found.breach is not None
    assert len(found.breach.message) < 1_200


# -- records that can't be read -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ('{"a": 2,}', "json: Expecting property name enclosed in double quotes at character 9"),
        ('{"a": tru}', "json: no JSON value"),
        ("{'a': 2}", "json: Expecting property name enclosed in double quotes at character 2"),
        ('{"a": 2, "a": 3}', "duplicate_key: an object has one key twice"),
        ('{"a": {"b": 1, "b": 2}}', "duplicate_key: an object has one key twice"),
        ("[1]", "not_an_object: a list where an object is expected"),
        ("null", "not_an_object: null where an object is expected"),
        ("12", "not_an_object: a text or a number where an object is expected"),
        ('{"a": "\\ud800"}', "encoding: one half of a surrogate pair"),
        ('{"a": ' + "[" * 200 + "]" * 200 + "}", "deep: values within values more than 100 deep"),
        ('{"a": ' + "[" * 20_000 + "]" * 20_000 + "}", "deep: values within values more than 100 deep"),
        ('{"a": "' + "x" * 1_000_000 + '"}', "too_long: a record of more than 1000000 bytes"),
    ],
)
def test_a_broken_record_leaves_the_others_alone(reads: Reads, record: str, reason: str) -> None:
    found = reads(['{"a": 1}', record, '{"a": 3}'], ["a"])
    assert found.rows == [(1, "1"), (3, "3")]
    assert found.reasons == {2: reason}
    assert found.raw[2] == record[:64_000]


def test_bytes_of_another_encoding_spoil_their_own_record(desk: Desk) -> None:
    for kind, data in {
        "jsonl": b'{"a": 1}\n{"a": "Zo\xe9"}\n{"a": "\xc3\xa9"}\n',
        "json": b'[{"a": 1},{"a": "Zo\xe9"},{"a": "\xc3\xa9"}]',
    }.items():
        found = read(desk, data, ["a"], type=kind)
        assert found.rows == [(1, "1"), (3, "é")]
        assert found.reasons == {2: "encoding: bytes that are not utf-8"}
        assert found.raw == {2: '{"a": "Zo\ufffd"}'}
        assert read(desk, data, ["a"], type=kind, encoding="latin-1").cells[1] == ("Zoé",)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_encodings_and_packing_are_those_of_csv(reads: Reads, desk: Desk, encoding: str) -> None:
    text = '[{"a": "Zoé"}]'
    found = read(desk, gzip.compress(text.encode(encoding)), ["a"], type="json", encoding=encoding)
    assert found.cells == [("Zoé",)]
    found = read(desk, gzip.compress(text[1:-1].encode(encoding)), ["a"], type="jsonl", encoding=encoding)
    assert found.cells == [("Zoé",)]


# -- files that are something else --------------------------------------------------------------------


def test_json_lines_with_an_empty_line_and_without_a_last_line_end(desk: Desk) -> None:
    found = read(desk, b'{"a": 1}\r\n\r\n {"a": 2} ', ["a"], type="jsonl")
    assert found.rows == [(1, "1"), (3, "2")]
    assert found.reasons == {2: "blank: an empty line"}
    assert not found.content.final_newline


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "empty: the file is empty"),
        (b"a,b\n1,2\n", "format: none of 2 records is a JSON object; the first: json: no JSON value"),
        (b'[{"a": 1}]', "format: none of 1 records is a JSON object; the first: not_an_object: a list where"),
        (b"\xff\xfe{\0}\0", "encoding: it looks like UTF-16, not utf-8"),
        (b"{}\0\0\0\0\0\0\0\0\0\0\n", "encoding: it is no text"),
        (gzip.compress(b"{}\n")[:-3], "damaged: Its gzip compression is cut off"),
    ],
    ids=["empty", "csv", "array", "utf-16", "binary", "cut off"],
)
def test_a_file_that_is_no_json_lines_is_a_breach(desk: Desk, data: bytes, told: str) -> None:
    assert broken(desk, data, ["a"], type="jsonl").startswith(told)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "empty: the file is empty"),
        (b"a,b\n1,2\n", "format: there is no JSON array at the beginning"),
        (b'{"a": 1}\n{"a": 2}\n', "format: there is no JSON array at the beginning; is it JSON Lines"),
        (b'[{"a": 1}, {"a": 2}', "damaged: the text ends before the array does"),
        (b'[{"a": 1}, {"a": "2', "damaged: the text ends before the array does"),
        (b'[{"a": 1}', "damaged: the text ends before the array does"),
        (b"[", "damaged: the text ends before the array does"),
        (b"[" * 300_000, "damaged: the text ends before the array does"),
        (b'[{"a": 1}] [', "damaged: there is more text behind the end"),
        (b'[{"a": "1}, {"a": 2}]', "damaged: the text ends before the array does"),
    ],
)
def test_a_file_that_is_no_json_array_is_a_breach(desk: Desk, data: bytes, told: str) -> None:
    assert broken(desk, data, ["a"], type="json").startswith(told)


def test_an_array_without_elements_is_a_file_without_rows(desk: Desk) -> None:
    found = read(desk, b" [ ]\n", ["a"], type="json")
    assert (found.rows, found.reasons, found.content.records) == ([], {}, 0)


def test_what_stands_between_commas_is_a_record(desk: Desk) -> None:
    found = read(desk, b'[{"a":1},,{"a":3}{"a":4},{"a":5},]', ["a"], type="json")
    assert found.rows == [(1, "1"), (4, "5")]
    assert found.reasons == {
        2: "json: there is nothing between two commas",
        3: "json: a comma is missing",
        5: "json: there is nothing between two commas",
    }


def test_an_element_of_10_mb_is_unreadable_and_the_next_is_read(desk: Desk) -> None:
    giant = b'{"a":"' + b'x, \\"]' * 1_700_000 + b'"}'
    found = read(desk, b'[{"a":1},' + giant + b',{"a":3}]', ["a"], type="json")
    assert found.rows == [(1, "1"), (3, "3")]
    assert found.reasons == {2: "too_long: a record of more than 1000000 bytes"}
    assert len(found.raw[2]) == 64_000


@pytest.mark.parametrize("giant", [b"[" * 400_000 + b"]" * 400_000, b'{"a": ["' + b"\\\\" * 400_001 + b'"]}'])
def test_a_long_element_ends_where_its_brackets_and_quotes_say(desk: Desk, giant: bytes) -> None:
    data = b'[{"a":1},' + giant + b',{"a":3}]'
    found = read(desk, data, ["a"], type="json", max_record_bytes=10_000)
    assert found.rows == [(1, "1"), (3, "3")]
    assert found.reasons == {2: "too_long: a record of more than 10000 bytes"}


# -- an array within a document -----------------------------------------------------------------------

DOCUMENT = (
    b'{"meta": {"items": [{"a": 0}], "no": "]}"}, "data": {"n": 2, "items": [{"a": 1}, {"a": 2}], "x": {}}}'
)


def test_the_array_is_found_under_its_path(desk: Desk) -> None:
    assert read(desk, DOCUMENT, ["a"], type="json", path="data.items").rows == [(1, "1"), (2, "2")]
    # Wherever the text is cut into chunks.
    padded = DOCUMENT.replace(b'"no"', b'"pad": "' + b'\\" ' * 200_000 + b'", "no"')
    assert read(desk, padded, ["a"], type="json", path="data.items").rows == [(1, "1"), (2, "2")]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("data.rows", "format: there is no data.rows"),
        ("data.n", "format: there is no JSON array at data.n"),
        ("data.n.x", "format: there is no object at data.n"),
        ("items", "format: there is no items"),
    ],
)
def test_a_path_that_leads_nowhere_is_a_breach(desk: Desk, path: str, told: str) -> None:
    assert broken(desk, DOCUMENT, ["a"], type="json", path=path) == told


def test_a_document_that_goes_on_badly_behind_the_array_is_a_breach(desk: Desk) -> None:
    for data, told in {
        DOCUMENT[:-1]: "damaged: the text ends before the array does",
        DOCUMENT + b"{}": "damaged: there is more text behind the end",
        b'{"i": [{"a": 1}], "i": [{"a": 2}]}': "damaged: the key i stands twice in one object",
    }.items():
        path = "i" if b'"i"' in data else "data.items"
        assert broken(desk, data, ["a"], type="json", path=path).startswith(told)


# -- paths --------------------------------------------------------------------------------------------


def test_a_path_is_written_as_it_is_read() -> None:
    for path in ("a", "a.b", "items[0].sku", 'a["b.c"][12]', '["x y"].z'.replace('["x y"]', "x y")):
        assert written_path(parse_path(path)) == path


@pytest.mark.parametrize("path", [".a", "a.", "a..b", "a[", "a[-1]", "a[x]", 'a["b]', "[0]a"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="expected one such as"):
        parse_path(path)
