"""CSV and TSV: scanned by Polars as they stand where every record is proven, else from a mended copy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import polars as pl

from etl_assets.staging.breaches import Breach
from etl_assets.staging.bytestream import HashedReader, UnpackingError, is_plain, text_chunks
from etl_assets.staging.content import Content, Encoding, Newlines
from etl_assets.staging.formats.handler import (
    INDEX,
    LARGE_BYTES,
    PATH,
    Handler,
    Part,
    Task,
    delivery_of,
    read_text,
)
from etl_assets.staging.formats.line_cuts import LineCut
from etl_assets.staging.formats.options import DelimitedFormat
from etl_assets.staging.formats.text_scan import TextScan, with_cut
from etl_assets.staging.mended import Mended
from etl_assets.staging.mending import Mender
from etl_assets.staging.shape import ShapeScan
from etl_assets.staging.unreadable import Rejects


@dataclass(frozen=True)
class DelimitedPart(Part):
    """A text that is plain, and how to get from its rows to lines.

    Attributes:
        mended: Tells the line of each record.
        quoted_empties: Whether an empty cell may be written with quotes.
    """

    mended: Mended
    quoted_empties: bool = False


def _examine(path: Path, reader: HashedReader, format: DelimitedFormat) -> Content:
    scan, cut = ShapeScan(format), LineCut(format)
    mender = Mender(format, None, None, cut)
    whole = TextScan(format) if format.skips else None
    skips_among_rows = bool(format.skip_pattern) or format.skip_repeated_header
    damage = ""

    def scanned(chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            scan.feed(chunk)
            yield chunk

    try:
        text = text_chunks(reader.chunks(), format)
        chunks = scanned(mender.from_header(whole.watch(text)) if whole else text)
        if skips_among_rows:
            mender.run(chunks)
        for _ in chunks:
            pass
    except UnpackingError as error:
        damage = error.what
    found = scan.finish(cut)
    if whole is not None:
        found = _with_whole(found, whole.finish(), cut)
    if skips_among_rows:
        found = replace(found, records=mender.result.rows + len(mender.result.unreadable))
    if mender.result.skipped and found.records == 0:
        by = "skip_pattern" if format.skip_pattern else "skip_repeated_header"
        found = replace(found, notes=(f"{by} matches all records below the header",))
    return replace(
        found,
        proven=found.proven and not damage,
        damage=damage,
        skipped=cut.head + cut.tail + mender.result.skipped,
    )


def _with_whole(found: Content, whole: Content, cut: LineCut) -> Content:
    """Return what was found of the records, with what the whole text says: skipped lines hide nothing."""
    if whole.encoding in (Encoding.UTF16, Encoding.BINARY):
        found = replace(found, encoding=whole.encoding)
    if whole.newlines is Newlines.CR:
        found = replace(found, newlines=whole.newlines)
    return with_cut(replace(found, bom=whole.bom, nul=whole.nul), cut)


def _prepare(task: Task) -> DelimitedPart | Breach:
    format, content = task.format, task.content
    assert isinstance(format, DelimitedFormat)
    first_line = 2 if format.header else 1
    # Polars finds the columns by the header's own names: a copy has the names that were made of them.
    as_delivered = not (format.skips or format.trim_header or format.unique_header)
    with task.file.area.open(task.file.key) as stream:
        plain = content.proven and as_delivered and is_plain(format, stream.read(4))
    id, paths, large = task.file.delivery_id, (task.path,), content.size >= LARGE_BYTES
    if plain and not content.embedded_newlines:
        mended = _consecutive(content.records, first_line)
        return DelimitedPart(id, content.records, (), large, paths, mended, content.quoted_empties)
    if plain:
        # The file can be read as it stands; only the lines of its records are to be found out.
        found = _mend(task, format, None)
        if isinstance(found, Mended) and found.rows == content.records and not found.unreadable:
            return DelimitedPart(id, found.rows, (), large, paths, found, content.quoted_empties)
    copy = task.scratch / f"{id}.csv"
    found = _mend(task, format, copy)
    if isinstance(found, Breach):
        return found
    large = copy.stat().st_size >= LARGE_BYTES
    return DelimitedPart(id, found.rows, found.unreadable, large, (copy,), found, True)


def _consecutive(rows: int, first_line: int) -> Mended:
    return Mended(rows, gaps=[(np.zeros(1, np.int64), np.full(1, first_line, np.int64))])


def _mend(task: Task, format: DelimitedFormat, copy: Path | None) -> Mended | Breach:
    """Write a plain copy of the good records, or without one find out the lines of the records."""
    rejects = Rejects()

    def mend(out: BinaryIO | None) -> Mended | Breach:
        mender = Mender(format, len(task.columns), out, rejects=rejects)
        return read_text(task, rejects, lambda text: mender.run(mender.from_header(text)))

    if copy is None:
        return mend(None)
    copy.parent.mkdir(parents=True, exist_ok=True)
    with copy.open("wb") as out:
        out.write(_header_line(task.columns, format) if format.header else b"")
        return mend(out)


def _header_line(columns: Sequence[str], format: DelimitedFormat) -> bytes:
    quote = format.quote or ""
    names = (f"{quote}{name.replace(quote, quote * 2)}{quote}" if quote else name for name in columns)
    return (format.separator.join(names) + "\n").encode()


def _scan(parts: Sequence[DelimitedPart], format: DelimitedFormat, columns: Sequence[str]) -> pl.LazyFrame:
    frame = pl.scan_csv(
        [path for part in parts for path in part.paths],
        schema=dict.fromkeys(columns, pl.String()),
        has_header=format.header,
        separator=format.separator,
        quote_char=format.quote,
        infer_schema=False,
        glob=False,
        row_index_name=INDEX,
        include_file_paths=PATH if len(parts) > 1 else None,
    )
    cells: list[pl.Expr] = [pl.col(name) for name in columns]
    if any(part.quoted_empties for part in parts):
        # Polars reads "" as an empty text and nothing as null; both are empty cells.
        cells = [
            pl.when(cell != "").then(cell).alias(name) for cell, name in zip(cells, columns, strict=True)
        ]
    return frame.select(*cells, delivery_of(parts), _line(parts).alias("_line"))


def _line(parts: Sequence[DelimitedPart]) -> pl.Expr:
    """Return the expression from a row's index in the whole scan to its line in its own file."""
    starts: list[npt.NDArray[np.int64]] = []
    offsets: list[npt.NDArray[np.int64]] = []
    first = 0
    for part in parts:
        records, lines = part.mended.line_map()
        starts.append(records + first)
        offsets.append(lines - (records + first))
        first += part.rows
    index = pl.col(INDEX).cast(pl.Int64())
    all_starts, all_offsets = np.concatenate(starts), np.concatenate(offsets)
    if len(all_starts) <= 1:
        return index + int(all_offsets.sum())
    if all(len(start) <= 1 for start in starts):
        by_path = {str(part.paths[0]): int(offset.sum()) for part, offset in zip(parts, offsets, strict=True)}
        return index + pl.col(PATH).replace_strict(by_path, return_dtype=pl.Int64())

    def lines_of(rows: pl.Series) -> pl.Series:
        numbers = rows.to_numpy()
        offset = all_offsets[np.searchsorted(all_starts, numbers, side="right") - 1]
        return pl.Series(rows.name, numbers + offset)

    return index.map_batches(lines_of, return_dtype=pl.Int64(), is_elementwise=True)


DELIMITED = Handler(_examine, _prepare, _scan)
