"""Files over which a library ends its process: only they are given up."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import polars as pl
import pytest

from etl_assets.errors import LibraryPanicError, StagingError, panics_as_errors
from etl_assets.staging import examination
from etl_assets.staging.area import VanishedError
from etl_assets.staging.bytestream import HashedReader
from etl_assets.staging.content import Content
from etl_assets.staging.examination import examine
from etl_assets.staging.examiner import Examiner
from etl_assets.staging.formats.excel import EXCEL
from etl_assets.staging.formats.handler import Handler
from etl_assets.staging.formats.options import ArrowFormat, CsvFormat, Format, ParquetFormat

FRAME = pl.DataFrame({"a": ["x", "y", None, "z"], "b": ["1", "22", "3", "4"]})


def greedy() -> bytes:
    """An Arrow file of which a compressed buffer says that it unpacks to a million terabytes."""
    out = io.BytesIO()
    FRAME.write_ipc(out, compression="zstd")
    data = bytearray(out.getvalue())
    at = data.index(b"\x28\xb5\x2f\xfd")
    data[at - 8 : at] = (10**18).to_bytes(8, "little")
    return bytes(data)


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_a_file_that_ends_the_process_is_damaged_and_those_after_it_are_read(tmp_path: Path) -> None:
    bad = put(tmp_path / "bad.arrow", greedy())
    good = tmp_path / "good.parquet"
    FRAME.write_parquet(good)
    with Examiner() as examiner:
        assert examiner.examine(good, ParquetFormat()) == examine(good, ParquetFormat())
        found = examiner.examine(bad, ArrowFormat())
        assert found.damage == ("it is no intact arrow file: the program that reads it breaks down (SIGABRT)")
        assert (found.sha256, found.size) == (hashlib.sha256(bad.read_bytes()).hexdigest(), len(greedy()))
        assert found.format == examine(good, ArrowFormat()).format
        assert examiner.examine(good, ParquetFormat()).records == 4


def test_what_is_no_fault_of_the_file_is_tried_again(tmp_path: Path) -> None:
    good = tmp_path / "good.parquet"
    FRAME.write_parquet(good)
    with Examiner() as examiner:
        with pytest.raises(VanishedError):
            examiner.examine(tmp_path / "gone.parquet", ParquetFormat())
        assert examiner._process is not None
        examiner._process.kill()
        with pytest.raises(StagingError, match="ended with status -9"):
            examiner.examine(good, ParquetFormat())
        assert examiner.examine(good, ParquetFormat()).damage == ""


def test_text_needs_no_process(tmp_path: Path) -> None:
    with Examiner() as examiner:
        assert examiner.examine(put(tmp_path / "x", b"a,b\n1,2\n"), CsvFormat()).records == 1
        assert examiner._process is None


@pytest.mark.parametrize("error", [ZeroDivisionError, type("PanicException", (BaseException,), {})])
def test_what_nobody_foresaw_is_the_file_s_and_does_not_quote_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def fail(path: Path, reader: HashedReader, format: Format) -> Content:
        raise error("ada@example.com")

    broken = Handler(fail, EXCEL.prepare, EXCEL.scan)
    monkeypatch.setattr(examination, "handler", lambda format: broken)
    found = examine(put(tmp_path / "x", b"a\n"), CsvFormat())
    shown = "ZeroDivisionError" if error is ZeroDivisionError else "LibraryPanicError"
    assert found.damage == f"it can't be read: {shown}"
    assert found.size == 2


def test_a_panic_becomes_an_error_and_what_ends_a_program_stays() -> None:
    with pytest.raises(LibraryPanicError), panics_as_errors():
        raise pl.exceptions.PanicException("ada@example.com")
    with pytest.raises(KeyboardInterrupt), panics_as_errors():
        raise KeyboardInterrupt
