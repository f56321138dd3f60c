"""One JSON array of objects, the whole text or found under a path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import polars as pl

from etl_assets.staging.breaches import Breach, BreachCode
from etl_assets.staging.bytestream import CHUNK_BYTES, HashedReader, UnpackingError, text_chunks
from etl_assets.staging.content import Content
from etl_assets.staging.formats.converted import ConvertedPart, scan_converted
from etl_assets.staging.formats.handler import Handler, Task, read_text
from etl_assets.staging.formats.json_blocks import RecordWriter
from etl_assets.staging.formats.json_paths import parse_path
from etl_assets.staging.formats.json_stream import ArrayError, ArrayReader, NoArrayError
from etl_assets.staging.formats.options import JsonFormat
from etl_assets.staging.formats.text_scan import scan_text
from etl_assets.staging.unreadable import Rejects

_TYPICAL_BYTES = 200
_COUNTED_BYTES = 1 << 20


def _examine(path: Path, reader: HashedReader, format: JsonFormat) -> Content:
    found = scan_text(reader, format)
    return replace(found, records=_records(path, reader.size, format))


def _records(path: Path, size: int, format: JsonFormat) -> int:
    """Return the number of elements of a small file; an estimate otherwise, since to count is to read."""
    if size > _COUNTED_BYTES:
        return size // _TYPICAL_BYTES
    try:
        with HashedReader(path.open("rb", buffering=0)) as reader:
            # A small file may unpack to a large one.
            chunks = islice(text_chunks(reader.chunks(), format), 4 * _COUNTED_BYTES // CHUNK_BYTES)
            return sum(1 for _ in _array(chunks, format).elements())
    except (ArrayError, UnpackingError):
        return size // _TYPICAL_BYTES


def _array(chunks: Iterator[bytes], format: JsonFormat) -> ArrayReader:
    path = parse_path(format.path) if format.path else ()
    return ArrayReader(chunks, path, format.max_record_bytes, format.encoding)


def _prepare(task: Task) -> ConvertedPart | Breach:
    format = task.format
    assert isinstance(format, JsonFormat)
    rejects = Rejects()
    writer = RecordWriter(task, rejects)

    def convert(chunks: Iterator[bytes]) -> ConvertedPart | Breach:
        try:
            for element in _array(chunks, format).elements():
                if element.reason:
                    rejects.add(element.position, element.text, element.reason)
                else:
                    writer.add(element.position, element.fields, element.text)
                if writer.full:
                    break
        except NoArrayError as error:
            return Breach(BreachCode.FORMAT, str(error))
        except ArrayError as error:
            return Breach(BreachCode.DAMAGED, str(error))
        return writer.finish()

    return read_text(task, rejects, convert)


def _scan(parts: Sequence[ConvertedPart], format: JsonFormat, columns: Sequence[str]) -> pl.LazyFrame:
    return scan_converted(parts, columns)


JSON = Handler(_examine, _prepare, _scan)
