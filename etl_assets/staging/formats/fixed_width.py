"""Fixed width: each cell is a stretch of its line, counted in characters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from etl_assets.staging.breaches import Breach
from etl_assets.staging.bytestream import HashedReader
from etl_assets.staging.content import Content
from etl_assets.staging.formats.converted import ConvertedPart, TableWriter, scan_converted
from etl_assets.staging.formats.handler import Handler, Task, read_text
from etl_assets.staging.formats.lines import LineReader, Lines
from etl_assets.staging.formats.options import FixedWidthFormat
from etl_assets.staging.formats.text_scan import scan_text
from etl_assets.staging.unreadable import Rejects

_TEXT, _LINE, _REASON = "\0text", "\0line", "\0reason"


def _examine(path: Path, reader: HashedReader, format: FixedWidthFormat) -> Content:
    names = tuple(name for name, _, _ in format.stretches() if name is not None)
    return replace(scan_text(reader, format), header=names)


def _prepare(task: Task) -> ConvertedPart | Breach:
    format = task.format
    assert isinstance(format, FixedWidthFormat)
    rejects = Rejects()
    writer = TableWriter(task)
    cells, reason = _cells(format), _reason(format)

    def convert(chunks: Iterator[bytes]) -> ConvertedPart:
        for lines in LineReader(format, rejects).read(chunks):
            _convert(lines)
        return writer.part(rejects.records)

    def _convert(lines: Lines) -> None:
        frame = pl.DataFrame({_LINE: lines.numbers, _TEXT: lines.texts}, schema_overrides=_SCHEMA)
        frame = frame.with_columns(reason.alias(_REASON))
        bad = frame.filter(pl.col(_REASON).is_not_null())
        for line, text, why in bad.select(_LINE, _TEXT, _REASON).iter_rows():
            rejects.add(line, text, why)
            if rejects.overflow:
                return
        good = frame.filter(pl.col(_REASON).is_null()) if bad.height else frame
        writer.write(good[_LINE], good.select(cells).select(task.columns))

    return read_text(task, rejects, convert)


_SCHEMA = {_LINE: pl.Int64(), _TEXT: pl.String()}


def _cells(format: FixedWidthFormat) -> list[pl.Expr]:
    found = []
    for name, start, width in format.stretches():
        if name is not None:
            cell = pl.col(_TEXT).str.slice(start, width)
            cell = cell.str.strip_chars(" ") if format.trim else cell
            found.append(pl.when(cell != "").then(cell).alias(name))
    return found


def _reason(format: FixedWidthFormat) -> pl.Expr:
    """Return why a line is no row, null if it is one: nothing of a line may get lost unseen."""
    text = pl.col(_TEXT)
    stretches = sorted((start, start + width) for _, start, width in format.stretches())
    length = max(end for _, end in stretches)
    characters = text.str.len_chars()
    reasons = [(_blank(text), pl.lit("blank: an empty line"))]
    if not format.short_lines:
        short = pl.format("short: {} characters, the columns need {}", characters, pl.lit(length))
        reasons.append((characters < length, short))
    end = 0
    for start, stop in stretches:
        if start > end:
            where = f"between: text between the columns, in characters {end + 1} to {start}"
            reasons.append((~_blank(text.str.slice(end, start - end)), pl.lit(where)))
        end = max(end, stop)
    beyond = f"long: text beyond the last column, from character {length + 1}"
    reasons.append((~_blank(text.str.slice(length)), pl.lit(beyond)))
    return pl.coalesce(pl.when(bad).then(why) for bad, why in reasons)


def _blank(text: pl.Expr) -> pl.Expr:
    return text.str.strip_chars(" ") == ""


def _scan(parts: Sequence[ConvertedPart], format: FixedWidthFormat, columns: Sequence[str]) -> pl.LazyFrame:
    return scan_converted(parts, columns)


FIXED_WIDTH = Handler(_examine, _prepare, _scan)
