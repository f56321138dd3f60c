"""Why a delivery as a whole can't be read as its dataset's YAML says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum

from etl_assets.contracts.provenance import PROVENANCE
from etl_assets.staging.content import Content, Encoding, Newlines
from etl_assets.staging.formats.options import (
    DelimitedFormat,
    ExcelFormat,
    ExtractFormat,
    FixedWidthFormat,
    JsonLinesFormat,
    JsonRecordsFormat,
    TextFormat,
)
from etl_assets.staging.source import Source

_SEPARATORS = {";": "';'", "\t": "a tab", "|": "'|'", ",": "','"}
_SEPARATOR, _NO_SEPARATOR, _HIDDEN = re.compile(r"[;\t|,]"), re.compile(r"[^;\t|,]+"), "…"

_NAME = re.compile(r"[\w .\[\]-]{0,64}")
"""What looks like the name of a column."""


class BreachCode(StrEnum):
    """Stable names for what can be wrong with a whole delivery."""

    EMPTY = "empty"
    DAMAGED = "damaged"
    ENCODING = "encoding"
    LINE_ENDS = "line_ends"
    SEPARATOR = "separator"
    HEADER = "header"
    TYPES = "types"
    FORMAT = "format"
    UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Breach:
    """The delivery is not what its YAML says: nothing of it is read.

    Attributes:
        code: Stable name of the kind.
        message: What is wrong, for a person.
        lines: Physical lines where it shows, if there are such.
    """

    code: BreachCode
    message: str
    lines: tuple[int, ...] = ()


def find_breach(
    content: Content, source: Source, columns: Sequence[str], types: Mapping[str, str] | None = None
) -> Breach | None:
    """Return why a delivery can't be read, from what its bytes say alone; None if it can.

    Args:
        content: What `examine` found.
        source: How the file should be.
        columns: The header that the bronze contract promises, in order.
        types: Column name -> name of its Polars type, to compare with those of a Parquet or Arrow file.
    """
    if content.size == 0:
        has_header = getattr(source.format, "header", False)
        return Breach(BreachCode.EMPTY, "the file is empty" + (", without even a header" * has_header))
    if content.damage:
        return Breach(BreachCode.DAMAGED, content.damage)
    if isinstance(source.format, TextFormat):
        breach = _text_breach(content, source.format) or _nothing_left(content, source.format)
        if breach is not None:
            return breach
    if isinstance(source.format, JsonRecordsFormat):
        return None  # which fields there are is only known when all records were read
    if isinstance(source.format, ExtractFormat):
        return None  # its columns were the contract's when it was read; a contract may have more since
    line = content.header_line
    if content.header is None:
        return Breach(BreachCode.HEADER, "there is no header line", (line,))
    breach = _declared_breach(content.header, source, line)
    in_file = not isinstance(source.format, FixedWidthFormat)
    breach = breach or header_breach(content.header, columns, source, line if in_file else None)
    return breach or _types_breach(content, types or {})


def _declared_breach(header: Sequence[str], source: Source, line: int) -> Breach | None:
    """The first record of a file without a header does not have the columns that are declared."""
    format = source.format
    if not isinstance(format, DelimitedFormat | ExcelFormat) or format.columns is None:
        return None
    if len(header) == len(format.columns):
        return None
    if isinstance(format, DelimitedFormat) and len(header) == 1:
        return _separator_breach(shown_header(header, format.columns)[0], format.columns, format, line)
    text = f"the first record has {len(header)} cells, {len(format.columns)} columns are declared"
    return Breach(BreachCode.HEADER, text, (line,))


def _text_breach(content: Content, format: TextFormat) -> Breach | None:
    if content.encoding is Encoding.UTF16:
        return Breach(
            BreachCode.ENCODING, f"it looks like UTF-16, not {format.encoding}: check `encoding`", (1,)
        )
    if content.encoding is Encoding.BINARY:
        return Breach(BreachCode.ENCODING, "it is no text: NUL bytes everywhere", (1,))
    if content.newlines is Newlines.CR:
        return Breach(
            BreachCode.LINE_ENDS, "lines end with a carriage return alone; expected line feeds", (1,)
        )
    return None


def _nothing_left(content: Content, format: TextFormat) -> Breach | None:
    """The text ends too early to be what was declared; without a header, nothing else would tell."""
    if content.shortage:
        return Breach(BreachCode.EMPTY, content.shortage)
    if isinstance(format, DelimitedFormat):
        without = not format.header and content.header is None and content.records == 0
    else:
        without = isinstance(format, FixedWidthFormat | JsonLinesFormat) and content.records == 0
    if not without:
        return None
    lines = "line that is" if content.skipped == 1 else "lines that are"
    skipped = f" beside {content.skipped} {lines} skipped" if content.skipped else ""
    return Breach(BreachCode.EMPTY, f"there is no record{skipped}, and no header")


def _types_breach(content: Content, types: Mapping[str, str]) -> Breach | None:
    found = dict(zip(content.header or (), content.types or (), strict=False))
    other = [
        f"{name!r} is {found[name]}, expected {wanted}"
        for name, wanted in types.items()
        if name in found and found[name] != wanted
    ]
    return Breach(BreachCode.TYPES, _cut("types differ; " + "; ".join(other))) if other else None


def shown_header(header: Sequence[str], columns: Sequence[str]) -> tuple[str, ...]:
    """Return a header as it may be kept and shown: cells that may be data are replaced by `…`.

    The first line of a file without a header is a row, and its cells may be personal. So a name that is
    not expected is shown only if it looks like one, and stands beside at least half of those expected.

    Args:
        header: The cells of the first line.
        columns: The columns expected; those of provenance, which no file has, are left out of account.
    """
    expected = {_alike(name) for name in columns if name not in PROVENANCE}
    if len(header) == 1 < len(expected):
        # With another separator than was declared, the names are pieces of one cell.
        pieces = [piece.strip("\"'") for piece in _SEPARATOR.split(header[0])]
        if all(_may_be_shown(piece, pieces, expected) for piece in pieces):
            return tuple(header)
        return (_NO_SEPARATOR.sub(_HIDDEN, header[0]),)
    return tuple(name if _may_be_shown(name, header, expected) else _HIDDEN for name in header)


def is_hidden(header: Sequence[str]) -> bool:
    """Whether `shown_header` has left something out."""
    return any(_HIDDEN in name for name in header)


def _alike(name: str) -> str:
    return name.strip().casefold()


def _may_be_shown(name: str, header: Sequence[str], expected: Set[str]) -> bool:
    if _alike(name) in expected:
        return True
    there = expected & {_alike(one) for one in header}
    return 2 * len(there) >= len(expected) and _NAME.fullmatch(name) is not None


def header_breach(
    header: Sequence[str], columns: Sequence[str], source: Source, line: int | None = 1
) -> Breach | None:
    """Return how a header differs from the columns expected, None if it doesn't.

    Args:
        header: The names in the file.
        columns: Those expected.
        source: How the file should be.
        line: Where the header stands; None where there is no such place.
    """
    # In delimited text a column is found by its place, elsewhere by its name.
    by_place = isinstance(source.format, DelimitedFormat)
    if list(header) == list(columns) or (not by_place and sorted(header) == sorted(columns)):
        return None
    header = shown_header(header, columns)
    if isinstance(source.format, DelimitedFormat) and len(header) == 1 < len(columns):
        return _separator_breach(header[0], columns, source.format, line or 1)
    lines = () if line is None else (line,)
    missing = [name for name in columns if name not in header]
    extra = [name for name in header if name not in columns and name != _HIDDEN]
    hidden = header.count(_HIDDEN)
    if hidden and hidden == len(header):
        text = f"is there a header? The first line ({hidden} cells, not shown) has none of the columns; "
        return Breach(BreachCode.HEADER, _cut(f"{text}missing: {', '.join(map(repr, columns))}"), lines)
    parts: list[str] = []
    if len(missing) == len(extra) and len(header) == len(columns) and missing:
        renamed = [(a, b) for a, b in zip(columns, header, strict=True) if a != b]
        if [a for a, _ in renamed] == missing and [b for _, b in renamed] == extra:
            parts.append("renamed? " + ", ".join(f"{a!r} is now {b!r}" for a, b in renamed))
            missing = extra = []
    if missing:
        parts.append("missing: " + ", ".join(map(repr, missing)))
    if extra:
        parts.append("extra: " + ", ".join(map(repr, extra)))
    if hidden:
        parts.append(f"{hidden} of {len(header)} cells are other ones, not shown, for they may be data")
    if repeated := sorted({name for name in header if name != _HIDDEN and header.count(name) > 1}):
        parts.append("repeated: " + ", ".join(map(repr, repeated)))
    if not parts:
        parts.append("other order: " + ", ".join(map(repr, header)))
    return Breach(BreachCode.HEADER, _cut("the header differs; " + "; ".join(parts)), lines)


def _separator_breach(only: str, columns: Sequence[str], format: DelimitedFormat, line: int) -> Breach:
    counts = {mark: only.count(mark) for mark in _SEPARATORS if mark != format.separator}
    likely = max(counts, key=lambda mark: counts[mark])
    if counts[likely] == 0:
        shown = "" if only == _HIDDEN else f", {_cut(only, 60)!r}"
        text = f"there is one column only{shown}; expected {len(columns)}"
        return Breach(BreachCode.HEADER, text, (line,))
    text = f"it looks like {_SEPARATORS[likely]} separates the cells, not {format.separator!r}"
    return Breach(BreachCode.SEPARATOR, text, (line,))


def _cut(text: str, length: int = 1000) -> str:
    return text if len(text) <= length else text[:length] + "…"
