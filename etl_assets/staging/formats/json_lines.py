"""JSON Lines: one object a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from etl_assets.staging.breaches import Breach
from etl_assets.staging.bytestream import HashedReader
from etl_assets.staging.content import Content
from etl_assets.staging.formats.converted import ConvertedPart, scan_converted
from etl_assets.staging.formats.handler import Handler, Task, read_text
from etl_assets.staging.formats.json_blocks import RecordWriter
from etl_assets.staging.formats.json_fields import RecordError, parse_record
from etl_assets.staging.formats.lines import LineReader
from etl_assets.staging.formats.options import JsonLinesFormat
from etl_assets.staging.formats.text_scan import scan_text
from etl_assets.staging.unreadable import Rejects


def _examine(path: Path, reader: HashedReader, format: JsonLinesFormat) -> Content:
    return scan_text(reader, format)


def _prepare(task: Task) -> ConvertedPart | Breach:
    format = task.format
    assert isinstance(format, JsonLinesFormat)
    rejects = Rejects()
    writer = RecordWriter(task, rejects)

    def convert(chunks: Iterator[bytes]) -> ConvertedPart | Breach:
        for lines in LineReader(format, rejects).read(chunks):
            for number, text in zip(lines.numbers, lines.texts, strict=True):
                try:
                    writer.add(number, parse_record(text), text)
                except RecordError as bad:
                    rejects.add(number, text, str(bad))
            if writer.full:
                break
        return writer.finish()

    return read_text(task, rejects, convert)


def _scan(parts: Sequence[ConvertedPart], format: JsonLinesFormat, columns: Sequence[str]) -> pl.LazyFrame:
    return scan_converted(parts, columns)


JSON_LINES = Handler(_examine, _prepare, _scan)
