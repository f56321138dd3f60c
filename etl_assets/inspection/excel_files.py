"""Looks at Excel workbooks: which sheet holds the table, and where in it."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from typing import Any

from etl_assets.errors import LibraryPanicError, panics_as_errors
from etl_assets.inspection.dialects import Record
from etl_assets.inspection.header_line import kind_of
from etl_assets.inspection.lexicon import TOTALS
from etl_assets.inspection.proof import read_as_proposed
from etl_assets.inspection.records import Certainty, Proposal
from etl_assets.inspection.surroundings import Surroundings, find_surroundings
from etl_assets.inspection.table import NoTableError, Table, frame_of, named
from etl_assets.staging.formats.options import ExcelFormat
from etl_assets.staging.formats.workbook import Workbook, WorkbookError

MAX_BYTES = 200_000_000
_SHEETS = 20
_HEADER_WITHIN = 200
_HEADER_FILLED = 0.6


@dataclass(frozen=True)
class _Sheet:
    name: str
    rows: list[Record]
    filled: int


def is_workbook(head: bytes) -> bool:
    """True for the first bytes of an Excel workbook, old or new, and of any other zip or OLE file."""
    return head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0"))


def read_excel(path: Path) -> Table:
    """Return the rows of the sheet that holds most, and how to read it.

    Raises:
        NoTableError: It is no intact workbook, or has no filled sheet.
    """
    if path.stat().st_size > MAX_BYTES:
        raise NoTableError(f"It is a workbook of more than {MAX_BYTES // 1_000_000} MB", where={"file": path})
    sheets, others = _sheets(path)
    if not sheets:
        raise NoTableError("No sheet of the workbook holds anything", where={"file": path})
    sheet = max(sheets, key=lambda one: one.filled)
    width = _width(sheet.rows)
    rows = [_as_wide(row, width) for row in sheet.rows]
    around = find_surroundings(rows, width, at_end=True)
    kept = [rows[n].cells for n in range(around.first, around.last) if n not in around.skipped]
    whole = [list(cells) for cells in kept if any(cells)]
    names, problems, fit = named(around.header.cells if around.header else None, width, whole)
    several = len(sheets) + len(others) > 1
    settings: dict[str, Any] = {"sheet": sheet.name if several else None, **_skips(rows, around)}
    settings |= (
        {**fit, "skip_repeated_header": around.repeated_header}
        if around.header
        else {"header": False, "columns": names}
    )
    format = ExcelFormat.model_validate(settings)
    frame, trouble = read_as_proposed(path, format, names)
    proposals = (
        Proposal("format", "excel", Certainty.SURE, "its first bytes say so, and what they unpack to"),
        _sheet_proposal(sheet, sheets),
        *around.proposals,
    )
    return Table(
        format,
        frame_of(whole, names) if frame is None else frame,
        proposals,
        (*around.problems, *problems, *others, *([trouble] if trouble else [])),
        len(whole) if frame is None else frame.height,
    )


def _sheets(path: Path) -> tuple[list[_Sheet], list[str]]:
    """The visible sheets that hold something, and why others could not be looked at."""
    from python_calamine import CalamineError, CalamineWorkbook, SheetVisibleEnum

    try:
        # The guard of the pipeline's reader: what is too large, or no workbook, is not even loaded.
        data = path.read_bytes()
        if data.startswith(b"PK"):
            Workbook(data, ExcelFormat())
        with panics_as_errors():
            book = CalamineWorkbook.from_path(str(path))
    except (WorkbookError, CalamineError, LibraryPanicError, OSError) as error:
        raise NoTableError(
            f"It is no workbook that can be read: {_told(error)}", where={"file": path}
        ) from None
    found: list[_Sheet] = []
    problems: list[str] = []
    visible = [one.name for one in book.sheets_metadata if one.visible == SheetVisibleEnum.Visible]
    for name in visible[:_SHEETS]:
        try:
            if data.startswith(b"PK"):
                Workbook(data, ExcelFormat(sheet=name)).sheet()
            with panics_as_errors():
                sheet = book.get_sheet_by_name(name)
            first = sheet.start[0] + 1 if sheet.start else 1
            cells = sheet.to_python(skip_empty_area=True)
        except (WorkbookError, CalamineError, LibraryPanicError) as error:
            problems.append(f"The sheet {name!r} can't be read: {_told(error)}")
            continue
        rows = [Record(n, [_text(cell) for cell in row]) for n, row in enumerate(cells, first)]
        filled = sum(row.filled for row in rows)
        if filled:
            found.append(_Sheet(name, rows, filled))
    return found, problems


def _told(error: Exception) -> str:
    """Our own words or the system's; of a library's the class only, for they may quote cells."""
    return str(error) if isinstance(error, WorkbookError | OSError) else type(error).__name__


def _text(cell: object) -> str:
    if isinstance(cell, datetime.datetime | datetime.date | datetime.time):
        return cell.isoformat(sep=" ") if isinstance(cell, datetime.datetime) else cell.isoformat()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell)


def _width(rows: Sequence[Record]) -> int:
    """The columns that many rows reach or the header names, remarks beside the table left out."""
    ends: Counter[int] = Counter()
    for row in rows[:5_000]:
        ends[max((n for n, cell in enumerate(row.cells, 1) if cell), default=0)] += 1
    del ends[0]
    reached = max((end for end, count in ends.items() if count >= 0.1 * ends.total()), default=1)
    return max(reached, 1) + _named_beside(rows, max(reached, 1))


def _named_beside(rows: Sequence[Record], width: int) -> int:
    """How many more columns the header names, right behind those that many rows reach."""
    for row in rows[:_HEADER_WITHIN]:
        if sum(map(bool, row.cells[:width])) < _HEADER_FILLED * width:
            continue
        # The first line as filled as rows are: a header, if there is one.
        if not all(kind_of(cell) in ("text", "empty") for cell in row.cells[:width]):
            return 0
        beside = takewhile(lambda cell: kind_of(cell) == "text", row.cells[width:])
        return sum(1 for _ in beside) if row.cells[width - 1] else 0
    return 0


def _as_wide(row: Record, width: int) -> Record:
    if len(row.cells) == width:
        return row
    return replace(row, cells=[*row.cells[:width], *[""] * (width - len(row.cells))])


def _skips(rows: Sequence[Record], around: Surroundings) -> dict[str, Any]:
    first = around.header or (rows[around.first] if around.first < len(rows) else None)
    settings: dict[str, Any] = {"skip_rows": first.line - 1 if first and around.first > 1 else 0}
    patterns = [
        f"^{re.escape(next(cell for cell in cells if cell))}$" for cells in around.skip_cells if any(cells)
    ]
    below = [row for row in rows[around.last :] if row.filled]
    if len(below) == 1 and TOTALS.match(label := next(cell for cell in below[0].cells if cell)):
        patterns.append(f"^{re.escape(label)}$")
    elif below:
        settings["skip_footer_rows"] = len(below)
    if patterns:
        settings["skip_pattern"] = "|".join(patterns)
    return settings


def _sheet_proposal(sheet: _Sheet, sheets: Sequence[_Sheet]) -> Proposal:
    others = sorted((one for one in sheets if one is not sheet), key=lambda one: -one.filled)
    if not others:
        return Proposal(
            "sheet", sheet.name, Certainty.SURE, f"it is the only one: {sheet.filled:,} filled cells"
        )
    told = ", ".join(f"{one.name} {one.filled:,}" for one in others[:3])
    clear = sheet.filled >= 5 * others[0].filled
    return Proposal(
        "sheet",
        sheet.name,
        Certainty.LIKELY if clear else Certainty.UNSURE,
        f"it holds most: {sheet.filled:,} filled cells; {told}",
        tuple(one.name for one in others[:5]),
    )
