"""What is written in a format is what is read of it, and no record gets lost, whatever the file holds."""

from __future__ import annotations

import csv
import datetime
import io
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import polars as pl
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from polars.testing.parametric import dataframes

from etl_assets_tests.staging.desk import Desk
from etl_assets_tests.staging.formats.tables import Read, read, workbook

COLUMNS = ["a", "b"]


@contextmanager
def new_desk() -> Iterator[Desk]:
    with tempfile.TemporaryDirectory() as folder:
        yield Desk(Path(folder))


def read_back(data: bytes, columns: Sequence[str] = COLUMNS, /, **format: Any) -> Read:
    with new_desk() as desk:
        return read(desk, data, columns, **format)


def rows_of(cell: st.SearchStrategy[Any], width: int = 2) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    return st.lists(st.tuples(*[cell] * width), max_size=8)


def text(without: str = "") -> st.SearchStrategy[str]:
    """Text that a file can hold: no half pairs, no NUL."""
    return st.text(
        st.characters(exclude_categories=["Cs"], exclude_characters="\0" + without), min_size=0, max_size=12
    ) | st.text("a,;\"'\n\r\t #\\{}[]:-Total", max_size=8).filter(lambda found: not set(found) & set(without))


def emptied(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple(cell or None for cell in row) for row in rows]


@given(
    rows_of(text("\r")), st.lists(text("\r\n"), max_size=3), st.lists(text("\r\n"), max_size=3), st.booleans()
)
@settings(max_examples=60, deadline=None)
def test_csv_between_preamble_and_footer(
    rows: list[tuple[str, str]], preamble: list[str], footer: list[str], header: bool
) -> None:
    out = io.StringIO(newline="")
    out.writelines(f"{line}\n" for line in preamble)
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    if header:
        writer.writerow(COLUMNS)
    writer.writerows(rows)
    out.writelines(f"{line}\n" for line in footer)
    assume(out.getvalue())
    names = {} if header else {"header": False, "columns": COLUMNS}
    skips = {"skip_lines": len(preamble), "skip_footer_lines": len(footer)}
    found = read_back(out.getvalue().encode(), COLUMNS, type="csv", **names, **skips)
    if not (header or rows):
        assert found.breach is not None
        return
    assert found.breach is None
    assert found.cells == emptied(rows)
    assert found.reasons == {}
    first = len(preamble) + header + 1
    lines = [first + sum(cell.count("\n") for row in rows[:n] for cell in row) + n for n in range(len(rows))]
    assert [row[0] for row in found.rows] == lines


@given(rows_of(text("\r")), st.lists(st.sampled_from(["# x", "#"]), max_size=4))
@settings(max_examples=60, deadline=None)
def test_csv_with_lines_that_match(rows: list[tuple[str, str]], notes: list[str]) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in [tuple(COLUMNS), *rows]:
        out.writelines(f"{note}\n" for note in notes)
        writer.writerow(row)
    found = read_back(out.getvalue().encode(), COLUMNS, type="csv", skip_pattern="^#")
    assert found.cells == emptied(rows)
    assert found.content.skipped == len(notes) * (len(rows) + 1)


@given(
    rows_of(
        text("\r") | st.sampled_from(["Total", "x\nTotal\ny", "Total\n1,2\n", "Total\r\n", "x\rTotal\n"])
    ),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_csv_without_the_records_that_match(
    rows: list[tuple[str, str]], header: bool, quote_all: bool
) -> None:
    def written(row: tuple[str, ...]) -> str:
        out = io.StringIO(newline="")
        csv.writer(
            out, lineterminator="\n", quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
        ).writerow(row)
        return out.getvalue()

    def matches(row: tuple[str, ...]) -> bool:
        first = written(row).partition("\n")[0].rstrip("\r")
        return "Total" in first and "\r" not in first

    names = {} if header else {"header": False, "columns": COLUMNS}
    data = "".join(map(written, [tuple(COLUMNS), *rows] if header else rows)).encode()
    assume(data)
    every = read_back(data, COLUMNS, type="csv", **names)
    some = read_back(data, COLUMNS, type="csv", **names, skip_pattern="Total")
    assert every.breach is None
    assert every.cells == emptied(rows)
    kept = [read for read, row in zip(every.rows, rows, strict=True) if not matches(row)]
    assert some.rows == kept
    assert some.reasons == {}
    assert (some.breach is None) == bool(header or kept)
    assert some.content.records == len(kept)


@given(
    st.lists(
        rows_of(text("\r") | st.sampled_from(["a", "b", "a,b", "x\na,b\ny", "a,b\n", "a\n"])),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
@settings(max_examples=120, deadline=None)
def test_csv_files_put_together(
    files: list[list[tuple[str, str]]], quoting: Literal[0, 1], line_end: str, marked: bool
) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator=line_end, quoting=quoting)
    for rows in files:
        out.write("\ufeff" if marked else "")
        writer.writerows([tuple(COLUMNS), *rows])
    found = read_back(out.getvalue().encode(), COLUMNS, type="csv", skip_repeated_header=True)
    kept = [row for rows in files for row in rows if row != tuple(COLUMNS)]
    assert found.cells == emptied(kept)
    assert found.reasons == {}
    assert found.content.records == len(kept)
    assert found.content.skipped == len(files) - 1 + sum(map(len, files)) - len(kept)


@given(rows_of(text("\t\n\r")))
@settings(max_examples=40, deadline=None)
def test_tsv(rows: list[tuple[str, str]]) -> None:
    data = "".join("\t".join(row) + "\n" for row in [tuple(COLUMNS), *rows]).encode()
    assert read_back(data, COLUMNS, type="tsv").cells == emptied(rows)


@given(rows_of(text("\n\r ")), st.booleans())
@settings(max_examples=40, deadline=None)
def test_fixed_width(rows: list[tuple[str, str]], to_the_right: bool) -> None:
    rows = [row for row in rows if any(row)]
    justify = str.rjust if to_the_right else str.ljust
    data = "".join("".join(justify(cell, 12) for cell in row) + "\n" for row in rows).encode()
    layout = [{"name": name, "width": 12} for name in COLUMNS]
    if data:
        # Unlike a text with a header, the first cell may begin with what looks like a byte order mark.
        found = read_back(b"\xef\xbb\xbf" + data, COLUMNS, type="fixed_width", columns=layout)
        assert found.cells == emptied(rows)
        assert found.reasons == {}


numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
nested = st.recursive(
    st.none() | st.booleans() | st.integers() | text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(text(), inside, max_size=3),
    max_leaves=6,
)


@st.composite
def json_cells(draw: st.DrawFn) -> tuple[str, str | None]:
    """A value as it is written, and the cell that it becomes."""
    kind = draw(st.sampled_from(["text", "number", "word", "nested"]))
    if kind == "number":
        number = draw(numbers)
        return number, number
    if kind == "word":
        return draw(st.sampled_from([("true", "true"), ("false", "false"), ("null", None)]))
    if kind == "text":
        value = draw(text() | st.just("\0"))
        return json.dumps(value, ensure_ascii=draw(st.booleans())), value
    written = json.dumps(draw(nested.filter(lambda value: isinstance(value, list | dict))))
    return written, written


@given(rows_of(json_cells()), st.sampled_from(["", " ", "\t"]), st.booleans())
@settings(max_examples=100, deadline=None)
def test_json(rows: list[tuple[Any, ...]], space: str, flattened: bool) -> None:
    if flattened:
        records = [f'{{{space}"x":{space}{{"a":{a},{space}"b"{space}:{b}}}}}' for (a, _), (b, _) in rows]
    else:
        records = [f'{{{space}"a":{space}{a},{space}"b"{space}:{b}{space}}}' for (a, _), (b, _) in rows]
    options = {"columns": {"a": "x.a", "b": "x.b"}} if flattened else {}
    cells = [(a, b) for (_, a), (_, b) in rows]
    lines = "".join(f"{space}{record}\n" for record in records).encode()
    if lines:
        assert read_back(lines, COLUMNS, type="jsonl", **options).cells == cells
    array = f"{space}[{space}{f',{space}'.join(records)}{space}]\n".encode()
    assert read_back(array, COLUMNS, type="json", **options).cells == cells


@given(
    st.lists(st.binary(max_size=12) | st.sampled_from([b'{"a":1}', b'{"a":{}}', b'{"b":"x"}']), max_size=8)
)
@settings(max_examples=100, deadline=None)
def test_each_line_of_json_lines_is_a_row_or_unreadable(lines: list[bytes]) -> None:
    data = b"".join(line.replace(b"\n", b"") + b"\n" for line in lines)
    with new_desk() as desk:
        found = read(desk, data, ["a"], type="jsonl", optional=["a"])
    if found.breach is None:
        assert sorted([row[0] for row in found.rows] + list(found.reasons)) == list(range(1, len(lines) + 1))


@given(st.integers(0, 60), st.binary(max_size=4), st.booleans())
@settings(max_examples=150, deadline=None)
def test_a_json_array_that_was_tampered_with_is_read_or_refused(at: int, bad: bytes, insert: bool) -> None:
    good = b'[{"a": 1, "b": "x"}, {"a": [2, {"c": "}"}], "b": null}, {"a": 3, "b": "\\""}]'
    data = good[:at] + bad + good[at if insert else at + len(bad) :]
    found = read_back(data, COLUMNS, type="json")
    if found.breach is None:
        positions = sorted([row[0] for row in found.rows] + list(found.reasons))
        assert positions == list(range(1, len(positions) + 1))


# Spreadsheet programs write 15 digits of a number, and the library that writes here 16.
finite = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e300, max_value=1e300).map(
    lambda number: float(f"{number:.15g}")
)
moments = st.datetimes(datetime.datetime(1900, 3, 1), datetime.datetime(9999, 12, 30)).map(
    lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)
)
printable = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"], exclude_characters="_"), max_size=12)


def excel_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.datetime):
        return (value.date() if value.time() == datetime.time() else value).isoformat()
    return repr(value).removesuffix(".0") if isinstance(value, float) else value or None


@given(rows_of(st.none() | printable | finite | st.booleans() | moments))
@settings(max_examples=60, deadline=None)
def test_excel(rows: list[tuple[Any, ...]]) -> None:
    found = read_back(workbook([COLUMNS, *rows]), COLUMNS, type="excel")
    expected = [tuple(excel_text(cell) for cell in row) for row in rows]
    assert found.cells == [row for row in expected if any(row)]
    assert [row[0] for row in found.rows] == [n for n, row in enumerate(expected, 2) if any(row)]


@given(st.integers(0, 6_000), st.binary(min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_a_workbook_that_was_tampered_with_is_read_or_refused(at: int, bad: bytes) -> None:
    data = workbook([COLUMNS, [1, "x"]])
    found = read_back(data[:at] + bad + data[at + len(bad) :], COLUMNS, type="excel")
    assert found.breach is not None or found.cells == [("1", "x")]


@given(dataframes(min_cols=1, max_cols=3, max_size=5, excluded_dtypes=[pl.Object, pl.Null]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_arrow(frame: pl.DataFrame, stream: bool) -> None:
    out = io.BytesIO()
    if stream:
        frame.write_ipc_stream(out)
    else:
        frame.write_ipc(out)
    expected = pl.read_ipc_stream(io.BytesIO(out.getvalue())) if stream else pl.read_ipc(out.getvalue())
    with new_desk() as desk:
        found = read(desk, out.getvalue(), frame.columns, type="arrow")
    assert found.breach is None
    cells = pl.DataFrame(found.cells, schema=expected.schema, orient="row")
    assert_frame_equal(cells, expected)
