"""What the bytes of a text say, whatever its format: encoding, line ends, number of lines."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import replace

from etl_assets.staging.bytestream import HashedReader, UnpackingError, text_chunks
from etl_assets.staging.content import Content, Encoding, Newlines, Oddity
from etl_assets.staging.formats.line_cuts import LineCut
from etl_assets.staging.formats.lines import LineReader
from etl_assets.staging.formats.options import LinesFormat, TextFormat
from etl_assets.staging.shape import BOM, no_utf8
from etl_assets.staging.unreadable import Rejects


def scan_text(reader: HashedReader, format: TextFormat) -> Content:
    """Return what the bytes say; `records` is the number of lines, `proven` is left to the reading."""
    scan, rejects = TextScan(format), Rejects()
    lines = LineReader(format, rejects)
    damage = ""
    try:
        chunks = scan.watch(text_chunks(reader.chunks(), format))
        if isinstance(format, LinesFormat) and format.skips:
            for _ in lines.read(chunks):
                pass
        for _ in chunks:
            pass
    except UnpackingError as error:
        damage = error.what
    found = scan.finish()
    # With too many unreadable lines, the end was not seen.
    found = found if rejects.overflow else with_cut(found, lines.cut)
    return replace(
        found,
        damage=damage,
        header_line=lines.head + 1,
        skipped=lines.skipped,
        records=max(found.records - lines.skipped, 0),
    )


def with_cut(found: Content, cut: LineCut | None) -> Content:
    """Return what was found, with what the lines say that were left out at the two ends."""
    if cut is None:
        return found
    newlines = Newlines.CR if cut.carriage_returns else found.newlines
    return replace(found, newlines=newlines, shortage=cut.shortage)


class TextScan:
    """Looks at a text chunk by chunk, whatever its records are."""

    def __init__(self, format: TextFormat) -> None:
        self._format = format
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._start = self._last = b""
        self._lines = self._cr = self._crlf = self._nul = 0
        self._ascii = True
        self._undecoded: Oddity | None = None

    def watch(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the chunks, and look at each."""
        for chunk in chunks:
            self._feed(chunk)
            yield chunk

    def _feed(self, chunk: bytes) -> None:
        if len(self._start) < 1024:
            self._start += chunk[: 1024 - len(self._start)]
        if b"\r" in chunk or self._last == b"\r":
            self._cr += chunk.count(b"\r")
            self._crlf += chunk.count(b"\r\n") + (self._last == b"\r" and chunk[:1] == b"\n")
        self._nul += chunk.count(b"\0") if b"\0" in chunk else 0
        if self._undecoded is None and (not self._ascii or not chunk.isascii()):
            self._decode(chunk)
        self._lines += chunk.count(b"\n")
        self._last = chunk[-1:]

    def _decode(self, chunk: bytes, final: bool = False) -> None:
        self._ascii = False
        try:
            self._decoder.decode(chunk, final)
        except UnicodeDecodeError as error:
            line = self._lines + chunk.count(b"\n", 0, error.start) + 1
            self._undecoded = Oddity(line, f"bytes that are not {self._format.encoding}")

    def finish(self) -> Content:
        """Return what was found; `records` is the number of lines."""
        if self._undecoded is None and not self._ascii:
            self._decode(b"", final=True)
        oddities = (self._undecoded,) if self._undecoded else ()
        encoding = Encoding.ASCII if self._ascii else Encoding.UTF8
        return Content(
            encoding=no_utf8(self._start) or (Encoding.INVALID if oddities else encoding),
            bom=self._start.startswith(BOM),
            newlines=self._newlines(),
            records=0 if self._start == BOM else self._lines + (self._last not in (b"\n", b"")),
            nul=self._nul,
            oddities=oddities,
            final_newline=self._last in (b"\n", b""),
        )

    def _newlines(self) -> Newlines:
        if self._lines == 0:
            return Newlines.CR if self._cr else Newlines.NONE
        if self._crlf == 0:
            return Newlines.LF
        return Newlines.CRLF if self._crlf == self._lines else Newlines.MIXED
