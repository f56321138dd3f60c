"""What one pass over a delivery's bytes found out: identity, shape, oddities."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Self

import polars as pl

from etl_assets.staging.formats.options import Format


class Encoding(StrEnum):
    """What the text turned out to be, after unpacking and by the declared encoding."""

    ASCII = "ascii"
    UTF8 = "utf-8"
    INVALID = "invalid"
    UTF16 = "utf-16"
    BINARY = "binary"


class Newlines(StrEnum):
    """How lines end."""

    NONE = "none"
    LF = "lf"
    CRLF = "crlf"
    MIXED = "mixed"
    CR = "cr"


@dataclass(frozen=True)
class Oddity:
    """Something that keeps a file from being plain, on a 1-based physical line."""

    line: int
    reason: str


@dataclass(frozen=True)
class Content:
    """What a delivery holds, as far as its bytes say. Goes to the ledger as JSON.

    Attributes:
        sha256: Of the file as delivered, in hex.
        size: Bytes as delivered.
        format: Fingerprint of the format settings that it was examined with.
        encoding: What the text turned out to be.
        bom: True when the text begins with a byte order mark.
        newlines: How lines end.
        records: Records without the header; exact when `proven`, an estimate otherwise.
        quotes: True when there are quotes.
        nul: Number of NUL bytes.
        proven: True when every record has as many cells as the header, quotes are where they
            belong and the text is valid: any CSV reader reads the same.
        oddities: The first place of each kind that is not so, by line.
        header: Names in the first record; None when there is none, or for a damaged file.
        final_newline: False when the last line has no end. It may have been cut off.
        embedded_newlines: True when a quoted cell holds a line end.
        quoted_empties: True when an empty cell is written with quotes.
        types: Polars' names of the columns' types, for Parquet and Arrow.
        damage: What makes the file as a whole unreadable, empty if nothing does.
        header_line: The line of the header, after what is declared to be skipped.
        skipped: Lines, or rows of a sheet, that are no records because the settings say so.
        notes: What a person should know beside, such as sheets that are not read.
        shortage: Why there are not even the lines that are declared to be skipped, empty if there are.
        periods_by: Which settings told the periods of its rows, empty if its name did.
    """

    sha256: str = ""
    size: int = 0
    format: str = ""
    encoding: Encoding = Encoding.ASCII
    bom: bool = False
    newlines: Newlines = Newlines.NONE
    records: int = 0
    quotes: bool = False
    nul: int = 0
    proven: bool = False
    oddities: tuple[Oddity, ...] = field(default=())
    header: tuple[str, ...] | None = None
    final_newline: bool = True
    embedded_newlines: bool = False
    quoted_empties: bool = False
    types: tuple[str, ...] | None = None
    damage: str = ""
    header_line: int = 1
    skipped: int = 0
    notes: tuple[str, ...] = ()
    shortage: str = ""
    periods_by: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as a dictionary that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return what `to_json` gave, also after a trip through JSON."""
        header, types = data["header"], data.get("types")
        return replace(
            cls(**data),
            encoding=Encoding(data["encoding"]),
            newlines=Newlines(data["newlines"]),
            oddities=tuple(Oddity(**oddity) for oddity in data["oddities"]),
            header=None if header is None else tuple(header),
            # Earlier versions kept the categories too.
            types=None if types is None else tuple(_CATEGORIES.sub("Enum", name) for name in types),
            notes=tuple(data.get("notes", ())),
        )


_CATEGORIES = re.compile(r"Enum\(categories=\[.*\]\)", re.DOTALL)


def type_name(dtype: pl.DataType) -> str:
    """Return Polars' name of a type, without the categories of an Enum: they are cells of the column."""
    name = str(dtype)
    match dtype:
        case _ if "Enum(" not in name:
            return name
        case pl.Enum():
            return "Enum"
        case pl.List():
            return f"List({type_name(_inner(dtype.inner))})"
        case pl.Array():
            return f"Array({type_name(_inner(dtype.inner))}, shape={dtype.shape})"
        case pl.Struct():
            fields = ", ".join(f"{one.name!r}: {type_name(_inner(one.dtype))}" for one in dtype.fields)
            return f"Struct({{{fields}}})"
        case _:
            return name


def _inner(dtype: Any) -> pl.DataType:
    found: pl.DataType = dtype() if isinstance(dtype, type) else dtype  # a type may be given as its class
    return found


_ALWAYS = (
    "type", "separator", "quote", "encoding", "compression", "max_record_bytes", "max_decompressed_bytes"
)  # fmt: skip
"""Options that always count; others only when set, so that a new one changes no fingerprint."""


def format_fingerprint(format: Format) -> str:
    """Return what changes when a file would have to be examined again, 16 hex digits."""
    return hashlib.sha256(declared(format).encode()).hexdigest()[:16]


def declared(format: Format) -> str:
    """Return what is declared of a format, as JSON; the same text for settings that mean the same."""
    options = format.model_dump(mode="json")
    said = {name: options[name] for name in _ALWAYS if name in options}
    said |= format.model_dump(mode="json", exclude_defaults=True)
    return json.dumps(said, separators=(",", ":"), ensure_ascii=False)
