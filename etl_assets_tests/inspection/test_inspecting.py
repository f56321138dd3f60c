from __future__ import annotations

import datetime as dt
import gzip
import json
from pathlib import Path

import pytest

from etl_assets.errors import EtlError
from etl_assets.inspection.inspect import inspect_file
from etl_assets.inspection.records import Certainty, Inspection, Kind
from etl_assets.inspection.table import NoTableError
from etl_assets.inspection.told import inspection_json
from etl_assets.staging.formats.options import CsvFormat, JsonLinesFormat
from etl_assets_tests.inspection.hard_cases import CASES


def inspected(folder: Path, content: bytes | str, name: str = "delivery.csv", **more: int) -> Inspection:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return inspect_file(path, **more)


def proposal(found: Inspection, aspect: str) -> object:
    return next(one.value for one in found.proposals if one.aspect == aspect)


# -- personal data -------------------------------------------------------------------------------


def test_cells_that_look_personal_are_nowhere_in_clear(tmp_path: Path) -> None:
    found = inspected(tmp_path, CASES["people"].content)

    told = json.dumps(inspection_json(found), ensure_ascii=False) + repr(found.columns)
    for secret in ("example.org", "Müller", "Silva", "DE89", "4111111111111111", "+49 221", "Grazer"):
        assert secret not in told
    assert "xxxx9@xxxxxxx.xxx" in told


@pytest.mark.parametrize(
    ("header", "cells", "kind"),
    [
        ("Nachname", ["Ozil", "Kroos", "Neuer"], "name"),
        ("prénom", ["Kylian", "Antoine", "Hugo"], "name"),
        ("contact", ["Anna Schmidt", "Hans Weber", "Julia Wolf"], "name"),
        ("e", ["a@b.de", "c@d.org", "x.y@z.com"], "email"),
        ("handy", ["0171 1234567", "0160 7654321", "0151 1112223"], "phone"),
        ("ssn", ["123-45-6789", "987-65-4321", "111-22-3333"], "national id"),
        ("dob", ["1980-01-02", "1990-03-04", "1970-05-06"], "birth date"),
        ("product name", ["Lamp", "Table", "Chair"], None),
        ("article", ["Anna Table", "Lamp Blue", "Chair Red", "Vase"], None),
        ("city", ["Berlin", "Paris", "San Jose"], None),
        ("amount", ["4111", "5500", "3400"], None),
    ],
)
def test_personal_by_name_or_by_cells(
    header: str, cells: list[str], kind: str | None, tmp_path: Path
) -> None:
    found = inspected(tmp_path, "\n".join([f"nr;{header}", *(f"{n};{c}" for n, c in enumerate(cells))]))

    assert found.column(header).personal == kind


def test_names_of_persons_in_the_first_line_are_no_header(tmp_path: Path) -> None:
    found = inspected(tmp_path, "17;anna@x.org;2.5\n18;hans@y.org;3.5\n19;lena@z.org;4.5\n")

    assert proposal(found, "header_line") == 0
    assert "anna" not in json.dumps(inspection_json(found))


# -- samples -------------------------------------------------------------------------------------


def test_of_a_large_file_only_pieces_are_read_and_it_says_so(tmp_path: Path) -> None:
    rows = "".join(f'{n};"a note\nof {n}";{n % 7},5\n' for n in range(60_000))

    found = inspected(tmp_path, f"id;note;price\n{rows}", sample_bytes=100_000)

    assert not found.complete
    assert proposal(found, "looked at") == "a sample"
    assert 1_000 < found.sample.height < 10_000
    ids = found.sample["id"].cast(int)
    assert ids.min() == 0
    assert ids.max() == 59_999
    assert len({n // 10_000 for n in ids}) == 6
    assert found.column("price").decimal == ","
    assert found.rows == 60_000, "counted by the pipeline's reader"


def test_what_only_a_later_piece_holds_is_seen(tmp_path: Path) -> None:
    rows = "".join(f"{n};{n if n < 50_000 else f'C{n}'}\n" for n in range(60_000))

    found = inspected(tmp_path, f"id;invoice\n{rows}", sample_bytes=60_000)

    assert found.column("invoice").kind is Kind.TEXT


def test_a_bomb_is_unpacked_no_further_than_it_is_looked_at(tmp_path: Path) -> None:
    found = inspected(tmp_path, gzip.compress(b"a,b\n" + b"1,2\n" * 3_000_000), sample_bytes=50_000)

    assert not found.complete
    assert found.sample.height < 20_000
    assert proposal(found, "packed") == "gzip"


def test_a_packed_file_that_is_cut_off(tmp_path: Path) -> None:
    packed = gzip.compress("".join(f"{n},{n * 7}\n" for n in range(9_000)).encode())

    found = inspected(tmp_path, packed[: len(packed) // 2])

    assert any("could not be unpacked" in one for one in found.problems)


# -- bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "The file is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 10, "It is no text"),
        (b"PAR1" + b"\0" * 100 + b"PAR1", "It is no intact Parquet file"),
        (b"PK\x03\x04 no workbook", "It is no workbook"),
        (b'{\n"a": {"b": 1},\n"c": [1, 2]\n}', "It is JSON without a list of objects"),
        (b"[]", "It is JSON without a single object"),
    ],
)
def test_no_table(content: bytes, what: str, tmp_path: Path) -> None:
    with pytest.raises(NoTableError, match=what):
        inspected(tmp_path, content)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(EtlError, match="no such file"):
        inspect_file(tmp_path / "nothing.csv")
    with pytest.raises(EtlError, match="a folder"):
        inspect_file(tmp_path)


def test_keywords_empty_and_repeated_names(tmp_path: Path) -> None:
    found = inspected(tmp_path, "class,,def,class\n1,2,3,4\n5,6,7,8\n")

    assert [column.name for column in found.columns] == ["class", "column_2", "def", "class_2"]
    assert isinstance(found.format, CsvFormat)
    assert found.format.unique_header
    assert proposal(found, "proof") == "passed"


def test_an_ending_that_lies(tmp_path: Path) -> None:
    found = inspected(tmp_path, '{"a": 1}\n{"a": 2}\n', name="rows.csv")

    assert found.format.type == "jsonl"
    assert found.problems == ("The name's ending .csv is not that of jsonl",)


# -- JSON ----------------------------------------------------------------------------------------


def test_nested_objects_become_columns_by_declared_paths(tmp_path: Path) -> None:
    lines = [{"id": n, "at": {"city": "Köln", "geo": {"lat": 50.9}}, "tags": ["a"]} for n in range(30)]

    found = inspected(tmp_path, "".join(json.dumps(one) + "\n" for one in lines), name="rows.jsonl")

    assert isinstance(found.format, JsonLinesFormat)
    assert found.format.columns == {"at_city": "at.city", "at_geo_lat": "at.geo.lat"}
    assert found.column("at_geo_lat").kind is Kind.DECIMAL
    assert "lists" in found.column("tags").hints[0]
    assert proposal(found, "proof") == "passed"


def test_a_list_within_one_object(tmp_path: Path) -> None:
    content = json.dumps({"meta": {"count": 2}, "data": {"items": [{"a": 1}, {"a": 2, "b": "x"}]}})

    found = inspected(tmp_path, content, name="rows.json")

    assert found.format.model_dump()["path"] == "data.items"
    assert found.rows == 2
    assert any("missing from some" in one for one in found.problems)


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "below.json"])
def test_nested_values_are_the_texts_that_the_pipeline_reads(tmp_path: Path, name: str) -> None:
    """A rule drafted from `["a","b"]` would refuse each `["a", "b"]` of the file."""
    records = ['{"id": %d, "tags": ["a",  "b"], "at": {"geo": [1.10,2]}, "none": { }}' % n for n in range(30)]  # noqa: UP031
    listed = "[" + ",\n".join(records) + "]"
    content = {"rows.jsonl": "\n".join(records), "rows.json": listed, "below.json": f'{{"x": {listed}}}'}[
        name
    ]

    found = inspected(tmp_path, content, name=name)

    assert proposal(found, "proof") == "passed"
    assert found.sample["tags"].unique().to_list() == ['["a",  "b"]']
    assert found.sample["at_geo"].unique().to_list() == ["[1.10,2]"]
    assert found.sample["none"].unique().to_list() == ["{ }"]


def test_elements_that_are_no_records_are_told(tmp_path: Path) -> None:
    elements = [*(f'{{"id": {n}}}' for n in range(30)), '{"id": 1, "id": 2}', "7"]

    found = inspected(tmp_path, "[" + ", ".join(elements) + "]", name="rows.json")

    assert found.rows == 30
    assert any("2 elements are no JSON objects" in one for one in found.problems)


def test_a_list_that_was_cut_off_is_told(tmp_path: Path) -> None:
    found = inspected(tmp_path, '{"x": [' + ", ".join(f'{{"id": {n}}}' for n in range(30)), name="rows.json")

    assert found.format.model_dump()["path"] == "x"
    assert any("cut off" in one for one in found.problems)


# -- keys ----------------------------------------------------------------------------------------


def test_a_key_of_two_columns(tmp_path: Path) -> None:
    found = inspected(tmp_path, CASES["a_key_of_two_columns"].content)

    assert found.keys[0].columns == ("order_id", "line")
    assert found.keys[0].certainty is Certainty.LIKELY
    assert all(key.certainty is not Certainty.SURE for key in found.keys), "a sample can't prove a key"


def test_a_repeated_row_leaves_no_key(tmp_path: Path) -> None:
    found = inspected(tmp_path, "id,line\n" + "".join(f"{n},{n % 3}\n" for n in [*range(30), 29]))

    assert found.keys == ()


# -- dates that are none ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "nothing"),
    [
        ("%d.%m.%y", "00.00.00"),
        ("%d.%m.%Y", "00.00.0000"),
        ("%Y-%m-%d", "0000-00-00"),
        ("%Y%m%d", "00000000"),
    ],
)
def test_dates_of_noughts_are_not_known(form: str, nothing: str, tmp_path: Path) -> None:
    days = [f"{dt.date(2025, 4, n % 28 + 1):{form}}" for n in range(40)]
    lines = [f"{n};{nothing if n % 5 == 0 else day}" for n, day in enumerate(days)]
    found = inspected(tmp_path, "\n".join(["no;returned", *lines]) + "\n").column("returned")
    assert (found.kind, found.null_words, found.misfits) == (Kind.DATE, (nothing,), ())


def test_eight_noughts_among_codes_are_a_code(tmp_path: Path) -> None:
    lines = [f"{n};{n * 7_919 % 10**8:08}" for n in range(60)]
    found = inspected(tmp_path, "\n".join(["no;code", *lines]) + "\n").column("code")
    assert (found.kind, found.null_words) == (Kind.TEXT, ())
