"""An .xlsx workbook before it is loaded: is it one, is it small enough, and what loading would lose.

The library that loads sheets takes memory for the whole rectangle that a sheet's cells span, ends the
process when there is none, and gives nothing for a cell that holds an error. So the sheet's XML is looked
at first, in pieces.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from xml.etree import ElementTree
from xml.parsers import expat

from etl_assets.staging.formats.options import ExcelFormat

Place = tuple[int, int]
"""Row and column of a cell, from 1."""

_PIECE = 1 << 20
_MAX_LIST_BYTES = 20_000_000
_RELATIONSHIP = re.compile(r"\{[^}]*/relationships\}id$")

_CELL = re.compile(rb"<(?:\w+:)?c\b")
_REFERENCE = re.compile(rb"""<(?:\w+:)?c\b[^>]*?\sr\s*=\s*["']([A-Z]{1,3})([0-9]{1,7})["']""")
_ERROR = re.compile(rb"""<(?:\w+:)?c\b[^>]*?\st\s*=\s*["']e["'][^>]*>""")
_TABLE = re.compile(rb"<(?:\w+:)?sheetData\b")
_TEXT_COUNT = re.compile(rb"""\suniqueCount\s*=\s*["'](\d+)["']""")
_TEXTS = "sharedStrings.xml"
_HEAD_BYTES = 10_000
_VALUE = re.compile(rb"<(?:\w+:)?v>([^<]*)<")
_MERGED = re.compile(rb"<(?:\w+:)?mergeCell\b")
_EMPTY_FORMULA = re.compile(
    rb"(?:</(?:\w+:)?f>|<(?:\w+:)?f\b[^>]*/>)\s*(?:<(?:\w+:)?v>\s*</(?:\w+:)?v>|<(?:\w+:)?v\s*/>)?\s*</(?:\w+:)?c>"
)


_SAVE = "open it in a spreadsheet program, and save it"

_DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, NotImplementedError, RuntimeError, ValueError,
    OverflowError, LookupError, ElementTree.ParseError, StopIteration,
)  # fmt: skip
"""What the libraries raise over a damaged archive or its XML; their words may quote what is in it."""


class WorkbookError(Exception):
    """The workbook can't be read as it is declared; the message says why."""


@dataclass
class SheetFacts:
    """What the XML of a sheet says.

    Attributes:
        name: The sheet's name.
        notes: What a person should know of the workbook.
        errors: Cells that hold an error such as #N/A.
        merged: Ranges of merged cells.
        uncalculated: Formulas without a stored value.
        first_uncalculated: The first of them, such as C5.
        rows: The first and the last row.
        columns: The first and the last column.
        last: The cell that was looked at last.
        tables: Elements that hold rows, of which there is one.
    """

    name: str
    notes: list[str] = field(default_factory=list)
    errors: dict[Place, str] = field(default_factory=dict)
    merged: int = 0
    uncalculated: int = 0
    first_uncalculated: str = ""
    rows: tuple[int, int] = (1 << 30, 0)
    columns: tuple[int, int] = (1 << 30, 0)
    last: Place = (0, 0)
    tables: int = 0

    @property
    def cells(self) -> int:
        """Cells of the rectangle that the sheet spans."""
        height, width = self.rows[1] - self.rows[0] + 1, self.columns[1] - self.columns[0] + 1
        return max(height, 0) * max(width, 0)


class Workbook:
    """The parts of a workbook.

    Args:
        data: The file.
        format: Which sheet, and how large it may be.

    Raises:
        WorkbookError: It is no workbook, damaged, or too large.
    """

    def __init__(self, data: bytes, format: ExcelFormat) -> None:
        self._format = format
        _check_magic(data)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            parts = self._zip.infolist()
            _check_ends(data, parts)
            if len({part.filename for part in parts}) < len(parts):
                raise WorkbookError("it holds two parts of one name")
            if sum(part.file_size for part in parts) > format.max_unpacked_bytes:
                raise WorkbookError(f"it unpacks to more than {format.max_unpacked_bytes} bytes")
            for part in parts:
                self._check(part.filename)
                self._check_texts(part)
            self._sheets = self._list_sheets()
        except expat.ExpatError as error:
            raise WorkbookError(f"it is no intact workbook: its XML is broken, {error}") from None
        except _DAMAGE as error:
            raise WorkbookError(f"it is no intact workbook: {type(error).__name__}") from None

    def _check(self, part: str) -> None:
        """Unpack a part: what has another size than it says fails its checksum, and bad XML its parser."""
        parser = expat.ParserCreate() if part.endswith((".xml", ".rels")) else None
        if parser is not None and (part.startswith("xl/worksheets/") or part.endswith(_TEXTS)):
            parser.StartCdataSectionHandler = _refuse_cdata
        for piece in self._pieces(part):
            if parser is not None:
                parser.Parse(piece)
        if parser is not None:
            parser.Parse(b"", True)

    def _check_texts(self, part: zipfile.ZipInfo) -> None:
        """See that the list of texts does not claim more of them than it has bytes; all would get memory."""
        if part.filename.endswith(_TEXTS):
            with self._zip.open(part) as file:
                head = file.read(_HEAD_BYTES)
            if any(int(count) > part.file_size for count in _TEXT_COUNT.findall(head)):
                raise WorkbookError("it is no intact workbook: it claims more texts than it has bytes")

    def _pieces(self, part: str) -> Iterator[bytes]:
        with self._zip.open(part) as file:
            while piece := file.read(_PIECE):
                yield piece

    # -- sheets -------------------------------------------------------------------------------

    def _list_sheets(self) -> list[tuple[str, bool, str]]:
        """Return name, visibility and part of each sheet, in order."""
        book, targets = self._xml("xl/workbook.xml"), self._xml("xl/_rels/workbook.xml.rels")
        parts = {one.attrib["Id"]: one.attrib["Target"] for one in targets.iter() if "Target" in one.attrib}
        found = []
        for element in book.iter():
            if element.tag.rpartition("}")[2] == "sheet":
                id = next(value for key, value in element.attrib.items() if _RELATIONSHIP.search(key))
                target = parts[id]
                part = target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
                found.append((element.attrib["name"], element.attrib.get("state") in (None, "visible"), part))
        return found

    def _xml(self, part: str) -> ElementTree.Element:
        if self._zip.getinfo(part).file_size > _MAX_LIST_BYTES:
            raise WorkbookError("its list of sheets is too long")
        return ElementTree.fromstring(self._zip.read(part))

    def sheet(self) -> SheetFacts:
        """Look at the sheet that is declared.

        Raises:
            WorkbookError: There is no such sheet, or it can't be loaded.
        """
        number = self._chosen()
        name, visible, part = self._sheets[number]
        facts = SheetFacts(name)
        others = [repr(one) + ("" if shown else " (hidden)") for one, shown, _ in self._sheets if one != name]
        if others:
            facts.notes.append(f"sheets that are not read: {', '.join(others[:20])}")
        if not visible:
            facts.notes.append(f"the sheet {name!r} is hidden, and read as declared")
        try:
            for cells in self._stretches(part):
                _look(cells, facts)
        except KeyError:
            raise WorkbookError(f"the sheet {name!r} is listed and not there") from None
        except _DAMAGE as error:
            raise WorkbookError(f"it is no intact workbook: {type(error).__name__}") from None
        if facts.tables > 1:
            raise WorkbookError(f"the sheet {name!r} holds {facts.tables} tables of cells: {_SAVE}")
        if facts.cells > self._format.max_cells:
            raise WorkbookError(
                f"the sheet {name!r} stretches over {facts.cells} cells, more than {self._format.max_cells}"
            )
        if facts.uncalculated:
            raise WorkbookError(
                f"{facts.uncalculated} formulas have no stored value, the first in "
                f"{facts.first_uncalculated}: open the workbook in a spreadsheet program, and save it"
            )
        if facts.merged:
            facts.notes.append(f"{facts.merged} ranges of merged cells: the first cell has the text")
        return facts

    def _chosen(self) -> int:
        wanted = self._format.sheet
        names = ", ".join(repr(name) for name, _, _ in self._sheets[:20])
        if isinstance(wanted, int):
            if wanted > len(self._sheets):
                raise WorkbookError(f"there is no sheet {wanted}; there are {names}")
            return wanted - 1
        shown = [
            number
            for number, (name, visible, _) in enumerate(self._sheets)
            if (visible if wanted is None else name == wanted)
        ]
        if wanted is not None and not shown:
            raise WorkbookError(f"there is no sheet {wanted!r}; there are {names}")
        if len(shown) != 1:
            raise WorkbookError(f"{len(shown)} sheets are visible: say which by `sheet`; there are {names}")
        return shown[0]

    def _stretches(self, part: str) -> Iterator[bytes]:
        """Yield the XML of a sheet in stretches of whole cells."""
        held = b""
        for piece in self._pieces(part):
            held += piece
            if held.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise WorkbookError("its sheet is written in UTF-16")
            cut = 0
            for found in _CELL.finditer(held, max(len(held) - 2 * _PIECE, 0)):
                cut = found.start()
            yield held[:cut]
            held = held[cut:]
        yield held

    def numbers_at(self, facts: SheetFacts, places: set[Place]) -> Mapping[Place, str]:
        """Return what some cells hold as it is written in the XML."""
        part = next(part for name, _, part in self._sheets if name == facts.name)
        found: dict[Place, str] = {}
        for cells in self._stretches(part):
            for cell in _REFERENCE.finditer(cells):
                place = int(cell[2]), _column(cell[1])
                if place in places and (value := _VALUE.search(cells, cell.end())):
                    found[place] = value[1].decode()
        return found


def _check_magic(data: bytes) -> None:
    if data.startswith(b"PK\x03\x04"):
        return
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise WorkbookError(
            "it is an old .xls workbook, or protected by a password: save it as .xlsx, without a password"
        )
    start = data[:2000]
    if b"\0" not in start:
        kind = "HTML or XML" if start.lstrip().startswith(b"<") else "text, such as CSV"
        raise WorkbookError(f"it is no Excel workbook: it looks like {kind}")
    raise WorkbookError("it is no Excel workbook")


def _check_ends(data: bytes, parts: list[zipfile.ZipInfo]) -> None:
    """See that nothing stands before or behind the archive: a reader of its list would never see it."""
    if min((part.header_offset for part in parts), default=0) > 0:
        raise WorkbookError("it is no intact workbook: it is not the first in its file")
    at = data.rfind(b"PK\5\6")
    (comment,) = struct.unpack_from("<H", data, at + 20)
    if data[at + 22 + comment :].strip(b"\0"):
        raise WorkbookError("it is no intact workbook: something follows its end")


def _refuse_cdata() -> None:
    # The library that loads sheets takes such a text for nothing.
    raise WorkbookError(f"a part of it holds its text in CDATA sections: {_SAVE}")


def _look(cells: bytes, facts: SheetFacts) -> None:
    facts.merged += len(_MERGED.findall(cells))
    facts.tables += len(_TABLE.findall(cells))
    references = _REFERENCE.findall(cells)
    if len(references) < len(_CELL.findall(cells)):
        raise WorkbookError(f"its cells do not say where they stand: {_SAVE}")
    if not references:
        return
    columns = {letters: _column(letters) for letters in {letters for letters, _ in references}}
    places = [(int(row), columns[letters]) for letters, row in references]
    if facts.last >= places[0] or any(one >= other for one, other in pairwise(places)):
        # Of a cell that stands twice, the last would be read, and nobody would know of the other.
        raise WorkbookError(f"its cells are not in order, or one stands there twice: {_SAVE}")
    facts.last = places[-1]
    facts.rows = min(facts.rows[0], places[0][0]), max(facts.rows[1], places[-1][0])
    facts.columns = (
        min(facts.columns[0], *columns.values()),
        max(facts.columns[1], *columns.values()),
    )
    for found in _ERROR.finditer(cells):
        value = _VALUE.search(cells, found.end())
        place = _REFERENCE.match(found[0])
        if value is not None and place is not None:
            facts.errors[int(place[2]), _column(place[1])] = value[1].decode("utf-8", "replace")
    for empty in _EMPTY_FORMULA.finditer(cells):
        start = max(cells.rfind(b"<c ", 0, empty.start()), cells.rfind(b":c ", 0, empty.start()) - 2, 0)
        head = cells[start : cells.find(b">", start)]
        # A formula whose value is a text without any character is calculated.
        if b't="str"' not in head and b"t='str'" not in head:
            facts.uncalculated += 1
            place = _REFERENCE.search(cells, start)
            if place is not None:
                facts.first_uncalculated = facts.first_uncalculated or (place[1] + place[2]).decode()


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number
