"""Parquet and Arrow: columns keep the types that the file gives them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from etl_assets.errors import LibraryPanicError, panics_as_errors
from etl_assets.staging.breaches import Breach, BreachCode
from etl_assets.staging.bytestream import HashedReader
from etl_assets.staging.content import Content, Encoding, type_name
from etl_assets.staging.formats.arrow_stream import StreamError, check_file, is_stream, stream_batches
from etl_assets.staging.formats.converted import ConvertedPart, TableWriter, scan_converted
from etl_assets.staging.formats.handler import INDEX, LARGE_BYTES, PATH, Handler, Part, Task, delivery_of
from etl_assets.staging.formats.options import ArrowFormat, ParquetFormat

_ERRORS = (StreamError, LibraryPanicError, pl.exceptions.PolarsError, OSError)

_PARQUET = b"PAR1"
_JOINT = re.compile(_PARQUET * 2)
_JOINT_BYTES = 1 << 16
_FOOTER_BEGIN = 0x15
"""A footer begins with the version, which is a number, and the first field."""


def _examine_parquet(path: Path, reader: HashedReader, format: ParquetFormat) -> Content:
    trouble = _parquet_trouble(reader)
    if reader.size == 0:
        return Content(encoding=Encoding.BINARY)
    if trouble:
        return Content(encoding=Encoding.BINARY, damage=f"it is no intact Parquet file: {trouble}")
    try:
        with panics_as_errors():
            return _described(pl.scan_parquet(path, glob=False, hive_partitioning=False))
    except _ERRORS as error:
        return _damaged("Parquet file", error)


def _parquet_trouble(reader: HashedReader) -> str:
    """Look at a file's first and last bytes, and for a second file behind the first; "" if all is well."""
    first = held = b""
    joined = False
    for chunk in reader.chunks():
        first = first or chunk[: len(_PARQUET)]
        held = held[-_JOINT_BYTES:] + chunk
        joined = joined or any(_is_joint(held, found.start()) for found in _JOINT.finditer(held))
    if first != _PARQUET:
        return "it does not begin as such a file does"
    if not held.endswith(_PARQUET):
        return "it does not end as such a file does: it may be cut off"
    return "another file follows its end" if joined else ""


def _is_joint(text: bytes, at: int) -> bool:
    """Whether a footer stands before what looks like the end of one file and the beginning of the next."""
    size = int.from_bytes(text[max(at - 4, 0) : at], "little")
    begin = at - 4 - size
    return size > 0 and (begin < 0 or text[begin] == _FOOTER_BEGIN)


def _examine_arrow(path: Path, reader: HashedReader, format: ArrowFormat) -> Content:
    reader.sha256()
    if reader.size == 0:
        return Content(encoding=Encoding.BINARY)
    try:
        with panics_as_errors():
            if not is_stream(path):
                check_file(path)
                return _described(pl.scan_ipc(path, glob=False, hive_partitioning=False))
            records, schema = 0, pl.Schema()
            for batch in stream_batches(path):
                records += batch.height
                schema = batch.schema
            return _content(records, schema)
    except _ERRORS as error:
        return _damaged("Arrow file", error)


def _described(frame: pl.LazyFrame) -> Content:
    schema = frame.collect_schema()
    # Decodes every page, so that a damaged one is found before it can stop a whole run.
    counts = frame.select(pl.len().alias("\0len"), pl.all().null_count()).collect(engine="streaming")
    return _content(int(counts.item(0, 0)), schema)


def _content(records: int, schema: pl.Schema) -> Content:
    return Content(
        encoding=Encoding.BINARY,
        records=records,
        header=tuple(schema.names()),
        types=tuple(map(type_name, schema.dtypes())),
        proven=True,
    )


def _damaged(what: str, error: Exception) -> Content:
    # The libraries' words may quote cells.
    told = str(error) if isinstance(error, StreamError) else type(error).__name__
    return Content(encoding=Encoding.BINARY, damage=f"it is no intact {what}: {told}")


def _prepare_parquet(task: Task) -> Part | Breach:
    content = task.content
    large = content.size >= LARGE_BYTES
    return Part(task.file.delivery_id, content.records, (), large, (task.path,))


def _prepare_arrow(task: Task) -> Part | Breach:
    if not is_stream(task.path):
        return _prepare_parquet(task)
    writer = TableWriter(task)
    line = 1
    try:
        with panics_as_errors():
            for batch in stream_batches(task.path):
                writer.write(range(line, line + batch.height), batch.select(task.columns))
                line += batch.height
    except (StreamError, LibraryPanicError, pl.exceptions.PolarsError) as error:
        return Breach(BreachCode.DAMAGED, _damaged("Arrow file", error).damage)
    return writer.part(())


def _scan_parquet(parts: Sequence[Part], format: ParquetFormat, columns: Sequence[str]) -> pl.LazyFrame:
    frame = pl.scan_parquet(
        [path for part in parts for path in part.paths],
        glob=False,
        hive_partitioning=False,
        row_index_name=INDEX,
        include_file_paths=PATH if len(parts) > 1 else None,
    )
    return _numbered(frame, parts, columns)


def _scan_arrow(parts: Sequence[Part], format: ArrowFormat, columns: Sequence[str]) -> pl.LazyFrame:
    frames = [
        scan_converted([part], columns)
        if isinstance(part, ConvertedPart)
        else _numbered(pl.scan_ipc(list(part.paths), glob=False, row_index_name=INDEX), [part], columns)
        for part in parts
    ]
    return pl.concat(frames) if len(frames) > 1 else frames[0]


def _numbered(frame: pl.LazyFrame, parts: Sequence[Part], columns: Sequence[str]) -> pl.LazyFrame:
    """Number the rows of each file from 1."""
    line = pl.col(INDEX).cast(pl.Int64()) + 1
    if len(parts) > 1:
        before, first = {}, 0
        for part in parts:
            before[str(part.paths[0])] = first
            first += part.rows
        line -= pl.col(PATH).replace_strict(before, return_dtype=pl.Int64())
    return frame.select(*columns, delivery_of(parts), line.alias("_line"))


PARQUET = Handler(_examine_parquet, _prepare_parquet, _scan_parquet, text=False)
ARROW = Handler(_examine_arrow, _prepare_arrow, _scan_arrow, text=False)
