"""Splits the UCI file "Online Retail" into one CSV a trading day, as the dataset's staging folder expects.

The file is one table of 541,909 invoice lines, a workbook or a CSV made from it. A workbook has to
be saved as CSV first.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from etl_assets.datasets.placing import Placed, place, workshop
from etl_assets.errors import StagingError

HEADER = (
    "InvoiceNo",
    "StockCode",
    "Description",
    "Quantity",
    "InvoiceDate",
    "UnitPrice",
    "CustomerID",
    "Country",
)
_DATE = HEADER.index("InvoiceDate")

MONTH_FIRST = ("%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S")
DAY_FIRST = ("%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S")
_ISO = "%Y-%m-%d %H:%M:%S"

#: Lines that are held in memory before they are written.
_HELD = 50_000


def split_by_day(
    source: Path, staging: Path, *, day_first: bool = False, encoding: str | None = None
) -> Placed:
    """Write one CSV per day into a staging folder: `2010-12-01.csv` and so on.

    Cells keep their text; only the date is written as `2010-12-01 08:26:00` where the file has it
    as `12/1/2010 8:26`. Lines keep their order. Memory is bounded, whatever the file's size and
    order. Nothing is put into the staging folder unless the whole file could be split, and days that
    are there already with the same content are left alone.

    Args:
        source: The CSV, separated by commas, semicolons or tabs.
        staging: The dataset's staging folder; made if it is missing.
        day_first: Dates are written `1/12/2010`, as a British spreadsheet does, and not `12/1/2010`.
        encoding: How the file is encoded; UTF-8 if it is valid UTF-8, Windows-1252 otherwise.

    Returns:
        How many files are new, changed and unchanged.

    Raises:
        StagingError: The file is not the UCI file, or has a date that can't be read; names the line.
    """
    _check(source)
    chosen = encoding or _encoding(source)
    with workshop(staging) as folder, source.open(encoding=chosen, newline="") as text:
        try:
            _split(text, folder, source, day_first)
        except UnicodeDecodeError as error:
            raise StagingError(
                f"The file can't be read as {chosen}: {error.reason}", where={"file": source}
            ) from error
        return place(folder, staging)


def _check(source: Path) -> None:
    if not source.is_file():
        raise StagingError("There is no such file", where={"file": source})
    with source.open("rb") as file:
        if file.read(2) == b"PK":
            hint = "Save its sheet as CSV first; if it is a zip archive, unpack it"
            raise StagingError(
                "The file is a workbook or an archive, not a CSV", where={"file": source}, hint=hint
            )


def _split(text: io.TextIOWrapper, folder: Path, source: Path, day_first: bool) -> None:
    held: dict[str, list[Sequence[str]]] = {}
    count = 0
    for day, row in _dated_rows(text, source, DAY_FIRST if day_first else MONTH_FIRST):
        held.setdefault(day, []).append(row)
        count += 1
        if count % _HELD == 0:
            _append(folder, held)
            held.clear()
    _append(folder, held)
    if not count:
        raise StagingError("The file has no invoice lines", where={"file": source})


def _dated_rows(
    text: io.TextIOWrapper, source: Path, formats: Sequence[str]
) -> Iterator[tuple[str, Sequence[str]]]:
    rows = csv.reader(text, delimiter=_separator(text, source))
    next(rows)
    known: dict[str, str] = {}  # many lines share a minute, and reading a date takes long
    line = rows.line_num + 1
    try:
        for row in rows:
            if len(row) != len(HEADER):
                if row:  # else an empty line
                    raise _error(f"The line has {len(row)} cells instead of {len(HEADER)}", source, line)
                line = rows.line_num + 1
                continue
            cell = row[_DATE]
            if cell not in known:
                if len(known) >= _HELD:
                    known.clear()
                known[cell] = _moment(cell, formats, source, line)
            row[_DATE] = known[cell]
            yield known[cell][:10], row
            line = rows.line_num + 1
    except csv.Error as error:
        raise _error(f"The file is no CSV: {error}", source, line) from error


def _moment(cell: str, formats: Sequence[str], source: Path, line: int) -> str:
    """A date as the dataset wants it, whichever of the formats it is written in."""
    for form in (_ISO, *formats):
        try:
            return dt.datetime.strptime(cell.strip(), form).strftime(_ISO)
        except ValueError:
            continue
    order = "day before month" if formats is DAY_FIRST else "month before day"
    hint = "Should the order of day and month be the other one, say so (day first)"
    raise _error(f"{cell!r} can't be read as a date with the {order}", source, line, hint)


def _append(folder: Path, held: dict[str, list[Sequence[str]]]) -> None:
    for day, rows in held.items():
        file = folder / f"{day}.csv"
        is_new = not file.exists()
        with file.open("a", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            if is_new:
                writer.writerow(HEADER)
            writer.writerows(rows)


def _separator(text: io.TextIOWrapper, source: Path) -> str:
    """Find the separator with which the first line is the header that is expected."""
    first = text.readline(10_000)
    text.seek(0)
    found: list[str] = []
    for separator in ",;\t":
        cells = [cell.strip() for cell in next(csv.reader([first.lstrip("\ufeff")], delimiter=separator), [])]
        if tuple(cells) == HEADER:
            return separator
        found = max(found, cells, key=len)
    what = f"The first line is {', '.join(found)[:200]!r} instead of {', '.join(HEADER)}"
    raise _error(what, source, 1, "Take the file `Online Retail` of the UCI repository")


def _encoding(source: Path) -> str:
    try:
        with source.open(encoding="utf-8-sig", newline="") as text:
            while text.read(1_000_000):
                pass
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


def _error(what: str, source: Path, line: int, hint: str = "") -> StagingError:
    return StagingError(what, where={"file": source, "line": line}, hint=hint)
