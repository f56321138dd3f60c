from __future__ import annotations

import csv
import gzip
import io
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_assets.staging import bytestream, mending, shape
from etl_assets.staging.examination import examine
from etl_assets.staging.formats.options import CsvFormat
from etl_assets_tests.staging.desk import Desk

CELLS = st.text(
    st.one_of(
        st.sampled_from('a,"\r\n ;é😀1\ufeff'),
        st.characters(exclude_categories=("Cs",), exclude_characters="\0"),
    ),
    max_size=6,
)
TABLES = st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), max_size=8))
QUOTING = st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC])
PIECES = [
    b",",
    b'"',
    b"\n",
    b"\r\n",
    b"\r",
    b"a",
    b"bc",
    b"\xc3\xa9",
    b"\xff",
    b"\x00",
    b'""',
    b'","',
    b'"\n"',
]
PIECES += [b",1\n", b'"x\ny",2\n', b"12,34\n" * 3]
DAMAGED = st.lists(st.sampled_from(PIECES), max_size=30).map(b"".join)


@pytest.fixture(params=[1, 7, bytestream.CHUNK_BYTES], ids=lambda size: f"chunks of {size}")
def chunk_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    # Small chunks put every border everywhere.
    for module in (bytestream, mending, shape):
        monkeypatch.setattr(module, "CHUNK_BYTES", request.param)
    return int(request.param)


@settings(max_examples=80, deadline=None)
@given(
    rows=TABLES,
    quoting=QUOTING,
    line_end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]),
    packed=st.sampled_from(["none", "gzip", "zstd"]),
    final=st.booleans(),
)
@pytest.mark.usefixtures("chunk_bytes")
def test_what_csv_writes_is_read_back_cell_by_cell_and_line_by_line(
    rows: list[list[str]], quoting: int, line_end: str, encoding: str, packed: str, final: bool
) -> None:
    names = [f"c{n}" for n in range(len(rows[0]) if rows else 2)]
    if any("\r" in cell for row in rows for cell in row):
        # Older Pythons write a carriage return unquoted, which no reader can tell from a line end.
        quoting = csv.QUOTE_ALL
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=quoting, lineterminator=line_end)
    writer.writerow(names)
    expected = []
    for row in rows:
        expected.append((*[cell or None for cell in row], out.getvalue().count("\n") + 1))
        writer.writerow(row)
    data = (out.getvalue() if final else out.getvalue().removesuffix(line_end)).encode(encoding)
    if packed == "gzip":
        data = gzip.compress(data[:5]) + gzip.compress(data[5:])
    if packed == "zstd":
        data = zstandard.compress(data[:5]) + zstandard.compress(data[5:])
    with tempfile.TemporaryDirectory() as folder:
        reading = Desk(Path(folder)).read(data, names, encoding=encoding)
        assert reading.breach is None
        found = reading.frame.collect()
    assert found.select(*names, "_line").rows() == expected
    assert reading.rows == reading.records == len(rows)
    assert reading.unreadable.is_empty()


def accepted_by_csv(raw: bytes) -> tuple[str | None, ...]:
    text = raw.decode().removesuffix("\n").removesuffix("\r")
    return tuple(cell or None for cell in next(csv.reader(io.StringIO(text, newline="")), [""]))


@settings(max_examples=150, deadline=None)
@given(body=DAMAGED, limit=st.sampled_from([20, 1000]), width=st.integers(1, 3))
@pytest.mark.usefixtures("chunk_bytes")
def test_damage_never_loses_a_line(body: bytes, limit: int, width: int) -> None:
    names = ["a", "b", "c"][:width]
    data = ",".join(names).encode() + b"\n" + body
    with tempfile.TemporaryDirectory() as folder:
        reading = Desk(Path(folder)).read(data, names, max_record_bytes=limit)
        if reading.breach is not None:
            assert reading.breach.code == "encoding"
            assert 6 * body.count(0) > len(body)
            return
        found = reading.frame.collect()
    good = {row["_line"]: row for row in found.rows(named=True)}
    bad = set(reading.unreadable["_line"])
    lines = list(io.BytesIO(data))
    starts = sorted([*good, *bad])
    assert len(starts) == reading.records == len(good) + len(bad)
    assert found.height == reading.rows
    assert starts[:1] == ([2] if len(lines) > 1 else [])
    for start, end in pairwise([*starts, len(lines) + 1]):
        raw = b"".join(lines[start - 1 : end - 1])
        if start in bad:
            assert end == start + 1
        elif b"\r" not in raw.removesuffix(b"\n").removesuffix(b"\r"):
            # Python's own reader takes a bare carriage return for a line end.
            assert accepted_by_csv(raw) == tuple(good[start][name] for name in names)


@settings(max_examples=150, deadline=None)
@given(body=DAMAGED, width=st.integers(1, 3))
@pytest.mark.usefixtures("chunk_bytes")
def test_what_is_proven_has_no_unreadable_record(body: bytes, width: int) -> None:
    names = ["a", "b", "c"][:width]
    data = ",".join(names).encode() + b"\n" + body
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        path.write_bytes(data)
        content = examine(path, CsvFormat())
        mended = mending.Mender(CsvFormat(), width, None).run(iter([data]))
    if content.proven:
        assert mended.unreadable == []
        assert mended.rows == content.records
    if mended.unreadable:
        assert not content.proven
        assert content.oddities


def test_a_quote_at_the_border_of_two_chunks_is_checked_against_what_stands_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bytestream, "CHUNK_BYTES", 4)
    path = tmp_path / "x.csv"
    for data, proven in [(b'a,b\n1,xx"y"\n', False), (b'a,b\n111,"y"\n', True)]:
        path.write_bytes(data)
        assert examine(path, CsvFormat()).proven is proven
