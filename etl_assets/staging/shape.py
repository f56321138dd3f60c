"""The proof that a delimited text has the shape that its header promises, in one pass over its bytes.

The proof needs no parser. Of each chunk only separators, line ends and quotes are kept; what lies
between quotes is dropped by parity; what remains must be the header's pattern (k separators, a line
end) again and again. Quotes may stand only where a cell begins or ends. A file that passes is read
by Polars with the same result as by any other reader; one that doesn't is read record by record.
"""

from __future__ import annotations

import codecs
import csv
import io

import numpy as np
import numpy.typing as npt

from etl_assets.staging.bytestream import CHUNK_BYTES
from etl_assets.staging.content import Content, Encoding, Newlines, Oddity
from etl_assets.staging.formats.header import fit_names
from etl_assets.staging.formats.line_cuts import LineCut
from etl_assets.staging.formats.options import DelimitedFormat

BOM = codecs.BOM_UTF8
LF, CR = 10, 13

Bytes = npt.NDArray[np.uint8]


class MarkScan:
    """Keeps of a text, chunk by chunk, the separators and line ends that stand outside of quotes.

    Attributes:
        inside: True when the text so far ends within quotes.
        misplaced: True once a quote stood where no cell begins or ends.
        embedded: Line ends within quotes so far.
        quotes: True once there was a quote.
        quoted_empties: True once there was, or may have been, an empty cell within quotes.
    """

    def __init__(self, separator: str, quote: str | None) -> None:
        self._quote = quote.encode() if quote else b""
        self._dropped = bytes(set(range(256)) - {ord(separator), LF} - set(self._quote))
        # A bitmap per byte value: may it stand before an opening, after a closing quote?
        self._before, self._after = np.zeros(256, np.bool_), np.zeros(256, np.bool_)
        self._before[[LF, ord(separator), *self._quote]] = True
        self._after[[LF, CR, ord(separator), *self._quote]] = True
        self._previous = LF
        self._closed_last = False
        self.inside = self.misplaced = self.quotes = self.quoted_empties = False
        self.embedded = 0

    def feed(self, chunk: bytes) -> bytes:
        """Return the separators and line ends of a chunk that stand outside of quotes."""
        marks = chunk.translate(None, self._dropped)
        if self._closed_last:
            self.misplaced |= not self._after[chunk[0]]
            self._closed_last = False
        if self._quote and self._quote in marks:
            marks = self._outside(chunk, np.frombuffer(marks, np.uint8))
        elif self.inside:
            self.embedded += marks.count(b"\n")
            marks = b""
        self._previous = chunk[-1]
        return marks

    def positions(self, chunk: bytes, inside: bool) -> npt.NDArray[np.int64]:
        """Return where the marks of a chunk stand that begins inside of quotes or not."""
        data = np.frombuffer(chunk, np.uint8)
        wanted = np.ones(256, np.bool_)
        wanted[list(self._dropped)] = False
        where = np.flatnonzero(wanted[data])
        return where[self._kept(data[where], inside)]

    def _kept(self, kinds: Bytes, inside: bool) -> npt.NDArray[np.bool_]:
        if not self._quote:
            return np.ones(len(kinds), np.bool_)
        is_quote = kinds == self._quote[0]
        # Only the lowest bit of the running count matters: it may wrap.
        within = (np.cumsum(is_quote, dtype=np.uint8) & 1).view(np.bool_) ^ inside
        kept: npt.NDArray[np.bool_] = ~(is_quote | within)
        return kept

    def _outside(self, chunk: bytes, kinds: Bytes) -> bytes:
        self.quotes = True
        data = np.frombuffer(chunk, np.uint8)
        where = np.flatnonzero(data == self._quote[0])
        first = int(self.inside)
        self._check_places(data, where[first::2], where[1 - first :: 2])
        if 8 * len(where) < len(kinds):
            # With few quotes, pieces between them cost less than a verdict per mark.
            kept = b"".join(kinds.tobytes().split(self._quote)[first::2])
        else:
            kept = kinds[self._kept(kinds, self.inside)].tobytes()
        self.embedded += int(np.count_nonzero(kinds == LF)) - kept.count(b"\n")
        self.inside ^= bool(len(where) % 2)
        return kept

    def _check_places(
        self, data: Bytes, opening: npt.NDArray[np.int64], closing: npt.NDArray[np.int64]
    ) -> None:
        before = data[opening - 1]
        if len(opening) and opening[0] == 0:
            before[0] = self._previous
        if len(closing) and closing[0] == 0 and self._previous == self._quote[0]:
            self.quoted_empties = True
        if len(closing) and closing[-1] == len(data) - 1:
            self._closed_last = True
            closing = closing[:-1]
            # What follows is seen in the next chunk. Saying yes too often costs only time.
            self.quoted_empties |= bool(len(opening) and opening[-1] == len(data) - 2)
        after = data[closing + 1]
        self.misplaced |= not (self._before[before].all() and self._after[after].all())
        if not self.quoted_empties:
            starts = opening[before != self._quote[0]]
            ends = closing[after != self._quote[0]]
            self.quoted_empties = bool(np.isin(starts + 1, ends, assume_unique=True).any())


class ShapeScan:
    """Checks chunk after chunk that the text goes on as its header began."""

    def __init__(self, format: DelimitedFormat) -> None:
        self._format = format
        self._marks = MarkScan(format.separator, format.quote)
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._undecoded = self._undecided = False
        self._oddities: dict[str, Oddity] = {}
        self._start = b""
        self._head = b""
        self._head_marks = b""
        self._separators: int | None = None
        self._pattern = b""
        self._phase = 0
        self._records = 0
        self._run = 0
        self._lines = self._cr = self._crlf = self._nul = 0
        self._ascii = True
        self._last = b""

    def feed(self, chunk: bytes) -> None:
        """Take in the next piece of the text, as UTF-8."""
        if not chunk:
            return
        if len(self._start) < 1024:
            self._start += chunk[: 1024 - len(self._start)]
        inside, embedded = self._marks.inside, self._marks.embedded
        marks = self._marks.feed(chunk)
        ends = marks.count(b"\n")
        if self._marks.misplaced:
            self._odd("a quote stands within a cell", chunk, 0)
        self._check_bytes(chunk)
        self._check_length(chunk, marks, inside)
        self._check_marks(chunk, marks, inside)
        self._records += ends
        self._lines += ends + self._marks.embedded - embedded
        self._last = chunk[-1:]

    def finish(self, cut: LineCut) -> Content:
        """Return what was found, without what the file as delivered says; lines are those before the cut."""
        final_newline = self._last in (b"\n", b"")
        if self._separators is None and self._last:
            self._begin(self._head_marks + b"\n")
        if not self._undecoded:
            self._decode(b"", final=True)
        if self._marks.inside:
            self._odd("a quote is opened and never closed", b"", 0)
        elif not final_newline and self._phase != self._separators:
            self._odd("the last line has too few cells", b"", 0)
        if self._cr != self._crlf:
            self._odd("a carriage return stands without a line feed", b"", 0)
        header = self._header()
        return Content(
            encoding=self._encoding(),
            bom=self._start.startswith(BOM),
            newlines=self._newlines(),
            records=max(self._records + (not final_newline) - self._format.header, 0),
            quotes=self._marks.quotes,
            nul=self._nul,
            proven=bool(header) and not self._oddities,
            oddities=tuple(
                Oddity(oddity.line + cut.head, oddity.reason)
                for oddity in sorted(self._oddities.values(), key=lambda oddity: oddity.line)
            ),
            header=header,
            header_line=cut.head + 1,
            final_newline=final_newline,
            embedded_newlines=self._marks.embedded > 0,
            quoted_empties=self._marks.quoted_empties,
        )

    def _odd(self, reason: str, chunk: bytes, position: int) -> None:
        """Remember the first place of each kind of oddity."""
        if reason not in self._oddities:
            self._oddities[reason] = Oddity(self._lines + chunk.count(b"\n", 0, position) + 1, reason)

    def _check_bytes(self, chunk: bytes) -> None:
        if b"\r" in chunk or self._last == b"\r":
            self._cr += chunk.count(b"\r")
            self._crlf += chunk.count(b"\r\n") + (self._last == b"\r" and chunk[:1] == b"\n")
        if (position := chunk.find(b"\0")) >= 0:
            self._nul += chunk.count(b"\0")
            self._odd("a NUL byte", chunk, position)
        if not self._undecoded and (self._undecided or not chunk.isascii()):
            self._decode(chunk)

    def _decode(self, chunk: bytes, final: bool = False) -> None:
        self._ascii &= not chunk
        held_back = len(self._decoder.getstate()[0])
        try:
            self._decoder.decode(chunk, final)
            self._undecided = bool(self._decoder.getstate()[0])
        except UnicodeDecodeError as error:
            self._undecoded = True
            self._odd(f"bytes that are not {self._format.encoding}", chunk, max(error.start - held_back, 0))

    def _check_length(self, chunk: bytes, marks: bytes, inside: bool) -> None:
        """Find records longer than allowed; exactly, but only when there may be one."""
        limit = self._format.max_record_bytes
        if b"\n" not in marks:
            self._run += len(chunk)
            if self._run > limit:
                self._odd(f"a record of more than {limit} bytes", chunk, 0)
            return
        if self._run + len(chunk) > limit:
            where = self._marks.positions(chunk, inside)
            ends = where[np.frombuffer(chunk, np.uint8)[where] == LF]
            lengths = np.diff(ends, prepend=-1 - self._run) - 1
            if (too_long := np.flatnonzero(lengths > limit)).size:
                self._odd(f"a record of more than {limit} bytes", chunk, int(ends[too_long[0]]))
            self._run = len(chunk) - 1 - int(ends[-1])
        elif self._marks.quotes:
            # Not more than this: the last line end may stand within quotes.
            self._run = len(chunk)
        else:
            self._run = len(chunk) - 1 - chunk.rfind(b"\n")

    def _check_marks(self, chunk: bytes, marks: bytes, inside: bool) -> None:
        before = b""
        if self._separators is None:
            if len(self._head) > self._format.max_record_bytes:
                return
            self._head += chunk
            before, self._head_marks = self._head_marks, self._head_marks + marks
            if b"\n" not in marks:
                return
            marks = self._head_marks
            self._begin(marks)
        unit = (self._separators or 0) + 1
        if len(self._pattern) < len(marks) + unit:
            self._pattern = self._unit * ((len(marks) + unit) // unit + 1)
        expected = self._pattern[self._phase : self._phase + len(marks)]
        if marks != expected and not before:
            wrong = next(n for n, (a, b) in enumerate(zip(marks, expected, strict=True)) if a != b)
            self._odd(
                "not as many cells as in the header", chunk, int(self._marks.positions(chunk, inside)[wrong])
            )
        elif marks != expected:
            self._odd("not as many cells as in the header", chunk, 0)
        self._phase = (self._phase + len(marks)) % unit

    def _begin(self, marks: bytes) -> None:
        self._separators = marks.index(b"\n")
        self._unit = marks[: self._separators + 1]

    def _header(self) -> tuple[str, ...] | None:
        """Return the names of the columns: those of the first record, or those declared if its width fits."""
        text = self._head.removeprefix(BOM).decode("utf-8", "replace")
        declared = self._format.columns
        if not text or len(self._head) > self._format.max_record_bytes + CHUNK_BYTES:
            return None
        first = parse_header(text, self._format)
        if declared is not None:
            return declared if len(first) == len(declared) else first
        return fit_names(first, trim=self._format.trim_header, unique=self._format.unique_header)

    def _encoding(self) -> Encoding:
        if (other := no_utf8(self._start)) is not None:
            return other
        if self._undecoded:
            return Encoding.INVALID
        return Encoding.ASCII if self._ascii else Encoding.UTF8

    def _newlines(self) -> Newlines:
        if self._lines == 0:
            return Newlines.CR if self._cr else Newlines.NONE
        if self._crlf == 0:
            return Newlines.LF
        return Newlines.CRLF if self._crlf == self._lines else Newlines.MIXED


def no_utf8(start: bytes) -> Encoding | None:
    """Return what a text is by its beginning, if that is neither UTF-8 nor another encoding's text."""
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return Encoding.UTF16
    nuls = [start[n::2].count(0) for n in (0, 1)]
    if start and 5 * sum(nuls) > len(start):
        # Text of the Latin alphabet in UTF-16 has its NULs at every other place.
        return Encoding.UTF16 if max(nuls) > 8 * min(nuls) else Encoding.BINARY
    return None


def parse_header(text: str, format: DelimitedFormat) -> tuple[str, ...]:
    """Return the names in the first record of a text."""
    lines = io.StringIO(text, newline="")
    if format.quote is None:
        reader = csv.reader(lines, delimiter=format.separator, quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(lines, delimiter=format.separator, quotechar=format.quote)
    try:
        return tuple(next(reader, []))
    except csv.Error:
        return tuple(text.partition("\n")[0].rstrip("\r").split(format.separator))
