"""One sheet of an .xlsx workbook: typed cells become text in one stated form, whatever the locale."""

from __future__ import annotations

import datetime
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from etl_assets.errors import LibraryPanicError, StagingError, panics_as_errors
from etl_assets.staging.area import ChangedError
from etl_assets.staging.breaches import Breach, BreachCode
from etl_assets.staging.bytestream import HashedReader
from etl_assets.staging.content import Content, Encoding
from etl_assets.staging.formats.converted import BLOCK_ROWS, ConvertedPart, TableWriter, scan_converted
from etl_assets.staging.formats.handler import Handler, Task, too_many
from etl_assets.staging.formats.header import fit_names
from etl_assets.staging.formats.options import ExcelFormat
from etl_assets.staging.formats.workbook import Place, Workbook, WorkbookError
from etl_assets.staging.unreadable import Rejects

Row = tuple[int, list[str | None]]
"""Number of the row in its sheet, from 1, and its cells as text; null for an empty one."""


_BEFORE_LEAP_DAY = 1900, 2, 28


@dataclass(frozen=True)
class _Table:
    """The table of a sheet.

    Attributes:
        header: The names of the columns, None if there is no row for them.
        header_row: Its row in the sheet.
        first: Position of the first column among the cells of a row.
        rows: The filled rows below.
        skipped: Rows that are no rows of the table because the settings say so.
        notes: What a person should know of the workbook.
    """

    header: tuple[str, ...] | None
    header_row: int
    first: int
    rows: list[Row]
    skipped: int
    notes: tuple[str, ...]


def _examine(path: Path, reader: HashedReader, format: ExcelFormat) -> Content:
    data = b"".join(reader.chunks())
    try:
        table = _table(data, format)
    except WorkbookError as error:
        return Content(encoding=Encoding.BINARY, damage=str(error))
    return Content(
        encoding=Encoding.BINARY,
        records=len(table.rows),
        header=table.header,
        header_line=table.header_row,
        skipped=table.skipped,
        notes=table.notes,
    )


def _prepare(task: Task) -> ConvertedPart | Breach:
    format = task.format
    assert isinstance(format, ExcelFormat)
    try:
        with HashedReader(task.file.area.open(task.file.key)) as reader:
            data = b"".join(reader.chunks())
            if reader.sha256() != task.file.content.sha256:
                raise ChangedError("The object is not the one that was registered", where=task.file.where)
        table = _table(data, format)
    except WorkbookError as error:
        return Breach(BreachCode.DAMAGED, str(error))
    except OSError as error:
        raise StagingError(f"The object can't be read: {error.strerror}", where=task.file.where) from error
    rejects = Rejects()
    part = _written(task, table, rejects)
    return too_many(rejects) or part


def _written(task: Task, table: _Table, rejects: Rejects) -> ConvertedPart:
    names = table.header or ()
    last = table.first + len(names)
    writer = TableWriter(task)
    schema = dict.fromkeys(names, pl.String())
    for start in range(0, len(table.rows), BLOCK_ROWS):
        good: list[Row] = []
        for number, cells in table.rows[start : start + BLOCK_ROWS]:
            if any(cells[: table.first]) or any(cells[last:]):
                raw = "\t".join(cell or "" for cell in cells)
                rejects.add(number, raw, "ragged: text beside the columns of the header")
                if rejects.overflow:
                    return writer.part(rejects.records)
            else:
                good.append((number, cells[table.first : last]))
        frame = pl.DataFrame([cells for _, cells in good], schema=schema, orient="row")
        writer.write([number for number, _ in good], frame.select(task.columns))
    return writer.part(rejects.records)


# -- the table of a sheet ---------------------------------------------------------------------


def _table(data: bytes, format: ExcelFormat) -> _Table:
    workbook = Workbook(data, format)
    facts = workbook.sheet()
    sheet = _loaded(data, facts.name)
    left = sheet.start[1] + 1 if sheet.start else 1
    doubtful: list[Place] = []
    rows = list(_rows(sheet, left, facts.errors, doubtful))
    if doubtful:
        written = workbook.numbers_at(facts, set(doubtful))
        by_number = dict(rows)
        for (number, column), text in written.items():
            # A negative number in a cell for dates is given as a time of day; 60, the 29th of February
            # of 1900, which was none, as the day before.
            if text.startswith("-") or text.partition(".")[0] == "60":
                by_number[number][column - left] = text
    return _cut(rows, format, tuple(facts.notes))


def _cut(rows: list[Row], format: ExcelFormat, notes: tuple[str, ...]) -> _Table:
    """Take away what is declared to be no row, and the header."""
    filled = len(rows)
    rows = [row for row in rows if row[0] > format.skip_rows]
    if format.skip_footer_rows:
        rows = rows[: -format.skip_footer_rows]
    if format.skip_pattern is not None:
        search = re.compile(format.skip_pattern).search
        rows = [row for row in rows if not search(next(cell for cell in row[1] if cell))]
    skipped = filled - len(rows)
    columns = format.columns
    if columns is not None:
        width = max((_last(cells) for _, cells in rows), default=0)
        header = columns if width <= len(columns) else ("",) * width
        return _Table(header, rows[0][0] if rows else 1, 0, rows, skipped, notes)
    if not rows:
        return _Table(None, format.skip_rows + 1, 0, [], skipped, notes)
    number, names = rows[0]
    first = next(place for place, name in enumerate(names) if name)
    found = [name or "" for name in names[first : _last(names)]]
    header = fit_names(found, trim=format.trim_header, unique=format.unique_header)
    below = rows[1:]
    if format.skip_repeated_header:
        below = [row for row in below if row[1] != names]
    return _Table(header, number, first, below, filled - len(below) - 1, notes)


def _last(cells: Sequence[str | None]) -> int:
    """Return the number of cells up to the last that is filled."""
    return next((place for place in range(len(cells), 0, -1) if cells[place - 1]), 0)


def _loaded(data: bytes, name: str) -> CalamineSheet:
    try:
        with panics_as_errors():
            return CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_name(name)
    except (CalamineError, LibraryPanicError, OSError, ValueError) as error:
        # The library's words may quote cells.
        told = f"the sheet {name!r} can't be loaded ({type(error).__name__})"
        raise WorkbookError(f"it is no intact workbook: {told}") from None


def _rows(
    sheet: CalamineSheet, left: int, errors: Mapping[Place, str], doubtful: list[Place]
) -> Iterator[Row]:
    """Yield the rows that are filled, and note where a date or time may not be the number as written."""
    with_errors = {row for row, _ in errors}
    for number, values in enumerate(sheet.iter_rows(), 1):
        cells = [_TEXTS[value.__class__](value) for value in values]
        if number in with_errors:
            for place in range(len(cells)):
                cells[place] = errors.get((number, left + place), cells[place])
        doubtful += [(number, left + at) for at, value in enumerate(values) if _is_doubtful(value)]
        if any(cells):
            yield number, cells


def _is_doubtful(value: object) -> bool:
    if isinstance(value, datetime.date):
        return (value.year, value.month, value.day) == _BEFORE_LEAP_DAY
    return isinstance(value, datetime.time)


def _duration(value: datetime.timedelta) -> str:
    seconds = abs(value) // datetime.timedelta(seconds=1)
    rest = abs(value) % datetime.timedelta(seconds=1)
    sign = "-" if value < datetime.timedelta() else ""
    fraction = f".{rest.microseconds:06}" if rest else ""
    return f"{sign}{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{fraction}"


_TEXTS: Mapping[type, Any] = {
    str: lambda value: value or None,
    # The shortest text that gives the same number: 5, 0.1, 1e+21.
    float: lambda value: repr(value).removesuffix(".0"),
    int: str,
    bool: lambda value: "true" if value else "false",
    datetime.datetime: datetime.datetime.isoformat,
    datetime.date: datetime.date.isoformat,
    datetime.time: datetime.time.isoformat,
    datetime.timedelta: _duration,
    type(None): lambda value: None,
}


def _scan(parts: Sequence[ConvertedPart], format: ExcelFormat, columns: Sequence[str]) -> pl.LazyFrame:
    return scan_converted(parts, columns)


EXCEL = Handler(_examine, _prepare, _scan)
