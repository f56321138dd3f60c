"""What may be declared of a format, and what stays the same when options are added."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from etl_assets.staging.content import Content, format_fingerprint
from etl_assets.staging.formats.options import CsvFormat, Format, JsonLinesFormat, ParquetFormat

FORMAT: TypeAdapter[Format] = TypeAdapter(Format)
WIDTHS = [{"name": "a", "width": 2}]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"type": "csv", "header": False}, "needs columns"),
        ({"type": "csv", "columns": ["a"]}, "go with header: false"),
        ({"type": "csv", "header": False, "columns": ["a", "a"]}, "repeated: a"),
        ({"type": "csv", "header": False, "columns": ["a"], "trim_header": True}, "go with a header"),
        (
            {"type": "csv", "header": False, "columns": ["a"], "skip_repeated_header": True},
            "go with a header",
        ),
        ({"type": "csv", "skip_pattern": "("}, "expected a regular expression"),
        ({"type": "csv", "skip_pattern": ".*"}, "does not match every line"),
        ({"type": "csv", "skip_lines": -1}, "greater than or equal to 0"),
        ({"type": "tsv", "quote": "\t"}, "different characters"),
        ({"type": "tsv", "path": "x"}, "Extra inputs"),
        ({"type": "fixed_width", "columns": []}, "at least 1 item"),
        ({"type": "fixed_width", "columns": WIDTHS * 2}, "repeated: a"),
        ({"type": "fixed_width", "columns": [{"name": None, "width": 2}]}, "at least one name"),
        ({"type": "fixed_width", "columns": [{"name": "a", "width": 0}]}, "greater than or equal to 1"),
        ({"type": "fixed_width", "columns": WIDTHS, "encoding": "rot13"}, "no text encoding"),
        ({"type": "jsonl", "columns": {"a": "b["}}, "is no path"),
        ({"type": "jsonl", "ignore": [".a"]}, "is no path"),
        ({"type": "json", "path": "a[0]"}, "names only, such as data.items"),
        ({"type": "excel", "sheet": 0}, "numbered from 1"),
        ({"type": "excel", "header": False}, "needs columns"),
        ({"type": "excel", "skip_pattern": "x*"}, "does not match every line"),
        ({"type": "arrow", "compression": "gzip"}, "Extra inputs"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        FORMAT.validate_python(options)


def test_a_sheet_may_be_a_number_or_a_name_of_digits() -> None:
    assert FORMAT.validate_python({"type": "excel", "sheet": 2}) != FORMAT.validate_python(
        {"type": "excel", "sheet": "2"}
    )


def test_new_options_make_no_file_look_new() -> None:
    # As of the first release. Another fingerprint has every delivery read again.
    assert format_fingerprint(CsvFormat()) == "ede7e3a868f151f2"
    assert format_fingerprint(ParquetFormat()) == "2c9d5ae1cb864d43"
    latin = CsvFormat(separator=";", quote=None, encoding="latin-1")
    assert format_fingerprint(latin) == "f61708596e71a3fa"


def test_each_option_that_is_set_counts() -> None:
    formats = [
        JsonLinesFormat(),
        JsonLinesFormat(columns={"a": "b.c"}),
        JsonLinesFormat(ignore=("b.d",)),
        JsonLinesFormat(optional=("a",)),
        CsvFormat(),
        CsvFormat(skip_lines=1),
        CsvFormat(skip_footer_lines=1),
        CsvFormat(skip_pattern="^x"),
        CsvFormat(header=False, columns=("a",)),
        CsvFormat(trim_header=True),
    ]
    assert len({format_fingerprint(one) for one in formats}) == len(formats)


def test_what_an_earlier_version_found_out_is_understood() -> None:
    found = Content(sha256="a", size=1, format="f", header=("a",), notes=("b",), skipped=3).to_json()
    earlier = {
        name: value for name, value in found.items() if name not in ("notes", "skipped", "header_line")
    }
    assert Content.from_json(earlier).skipped == 0
    assert Content.from_json(found).notes == ("b",)
