"""One JSON array of objects, the whole text or found under a path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from etl_assets.staging.breaches import Breach, BreachCode
from etl_assets.staging.bytestream import HashedReader
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


def _examine(path: Path, reader: HashedReader, format: JsonFormat) -> Content:
    found = scan_text(reader, format)
    # Lines say nothing of elements, and to count these would be to read them.
    return replace(found, records=reader.size // _TYPICAL_BYTES)


def _prepare(task: Task) -> ConvertedPart | Breach:
    format = task.format
    assert isinstance(format, JsonFormat)
    rejects = Rejects()
    writer = RecordWriter(task, rejects)
    path = parse_path(format.path) if format.path else ()

    def convert(chunks: Iterator[bytes]) -> ConvertedPart | Breach:
        array = ArrayReader(chunks, path, format.max_record_bytes, format.encoding)
        try:
            for element in array.elements():
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
