"""Reads a CSV text that is not what it should be: the good records go on, the others are kept as they are.

Blocks that pass the proof of `shape` are copied as they stand; only around an oddity is the text
taken record by record. The result is a plain UTF-8 file of the good records, the unreadable ones,
and a map from record to line. Each physical line belongs to exactly one record.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import BinaryIO

import numpy as np

from etl_assets.staging.bytestream import CHUNK_BYTES
from etl_assets.staging.formats.line_cuts import LineCut, line_matcher
from etl_assets.staging.formats.options import DelimitedFormat
from etl_assets.staging.mended import Mended, Numbers
from etl_assets.staging.record_text import RepeatedHeader, TooShortError, is_utf8, written
from etl_assets.staging.shape import BOM, CR, LF, MarkScan
from etl_assets.staging.unreadable import Rejects


class _BadError(Exception):
    """The text at hand is no record; the message says why."""


class Mender:
    """Mends one text.

    Args:
        format: Separator, quote and the longest record.
        cells: Cells that a record has; None for as many as the header.
        out: Gets the good records as UTF-8, with line feeds as they were; the caller has written
            the header. None if only the map from record to line is wanted.
        cut: Takes lines from the two ends of the text.
        rejects: Gets the unreadable records.
    """

    def __init__(
        self,
        format: DelimitedFormat,
        cells: int | None,
        out: BinaryIO | None,
        cut: LineCut | None = None,
        rejects: Rejects | None = None,
    ) -> None:
        self._separator = format.separator.encode()
        self._quote = (format.quote or "").encode()
        self._format = format
        self._cells = cells or len(format.columns or ())
        self._skipped = line_matcher(format)
        self._header = RepeatedHeader()
        self._cut = cut or LineCut(format)
        self._rejects = rejects or Rejects()
        self._out = out
        self._limit = format.max_record_bytes
        self._buffer = b""
        self._ended = self._discarding = False
        self._line = 1
        self._next_line = -1
        self.result = Mended(unreadable=self._rejects.records)

    def from_header(self, text: Iterator[bytes]) -> Iterator[bytes]:
        """Return a text from its header, or first row, without the lines that are cut from its end."""
        self._chunks = self._cut.cut(text)
        self._fill(4)
        if self._skipped is not None:
            self._buffer = self._buffer.removeprefix(BOM)
            self._skip_leading()
        rest, self._buffer, self._ended = self._buffer, b"", False
        return chain([rest], self._chunks)

    def run(self, chunks: Iterator[bytes]) -> Mended:
        """Mend what `from_header` gave; the first record is left out if it is the header."""
        self._chunks = chunks
        self._fill(4)
        self._buffer = self._buffer.removeprefix(BOM)
        self._line += self._cut.head
        if self._format.header:
            self._skip_header()
        self._unit = self._separator * (self._cells - 1) + b"\n"
        while self._fill(CHUNK_BYTES) and not self._rejects.overflow:
            size = self._proven_prefix()
            if size:
                self._buffer = self._buffer[size:]
            else:
                self._record_by_record()
        return self.result

    # -- the buffer ---------------------------------------------------------------------------

    def _fill(self, size: int) -> bool:
        """Have at least so many bytes in the buffer unless the text ends; False when nothing is left."""
        if len(self._buffer) < size and not self._ended:
            parts, have = [self._buffer], len(self._buffer)
            while have < size:
                chunk = next(self._chunks, None)
                if chunk is None:
                    self._ended = True
                    break
                parts.append(chunk)
                have += len(chunk)
            self._buffer = b"".join(parts)
        return bool(self._buffer)

    def _skip_leading(self) -> None:
        """Leave out the records before the first that does not match `skip_pattern`."""
        position = 0
        while True:
            try:
                end = self._matching(position)
            except TooShortError:
                self._buffer, position = self._buffer[position:], 0
                self._fill(len(self._buffer) + CHUNK_BYTES)
                continue
            if end == position:
                break
            self._cut.head += self._count_lines(position, end)
            position = end
        self._buffer = self._buffer[position:]

    def _skip_header(self) -> None:
        while True:
            try:
                names, end = self._parse(0)
            except TooShortError:
                self._fill(2 * len(self._buffer) + CHUNK_BYTES)
                continue
            except _BadError:
                end = self._line_end(0)
                names = self._buffer[:end].split(self._separator)
            self._cells = self._cells or len(names)
            break
        if self._format.skip_repeated_header:
            self._header = RepeatedHeader(self._buffer[:end])
        self._line += self._buffer.count(b"\n", 0, end)
        self._buffer = self._buffer[end:]

    def _line_end(self, start: int) -> int:
        found = self._buffer.find(b"\n", start)
        return found + 1 if found >= 0 else len(self._buffer)

    # -- blocks -------------------------------------------------------------------------------

    def _proven_prefix(self) -> int:
        """Take a stretch of whole records from the buffer if they prove good; return its size."""
        cut = self._buffer.rfind(b"\n") + 1
        for _ in range(2):
            block = self._buffer[:cut]
            if not block or self._holds(block):
                break
            # It may end within a quoted cell: then end it before the line that the last quote is on.
            cut = self._buffer.rfind(b"\n", 0, max(self._buffer.rfind(self._quote, 0, cut), 0)) + 1
        else:
            return 0
        if block:
            self._take_block(block)
        return len(block)

    def _holds(self, block: bytes) -> bool:
        scan = MarkScan(self._format.separator, self._format.quote)
        marks = scan.feed(block)
        count = len(marks) // len(self._unit)
        return (
            not (scan.misplaced or scan.inside)
            and marks == self._unit * count
            and b"\0" not in block
            and block.count(b"\r") == block.count(b"\r\n")
            and is_utf8(block)
            and not self._header.may_be_in(block)
            and not (self._skipped and any(map(self._skipped, block.removesuffix(b"\n").split(b"\n"))))
            and (len(block) <= self._limit or int(self._ends(scan, block)[1].max()) <= self._limit)
        )

    def _ends(self, scan: MarkScan, block: bytes) -> tuple[Numbers, Numbers]:
        """Return where the records of a block end, and how long each is."""
        where = scan.positions(block, inside=False)
        ends = where[np.frombuffer(block, np.uint8)[where] == LF]
        return ends, np.diff(ends, prepend=-1) - 1

    def _take_block(self, block: bytes) -> None:
        scan = MarkScan(self._format.separator, self._format.quote)
        count = scan.feed(block).count(b"\n")
        self._note_line(self._line)
        if scan.embedded:
            ends, _ = self._ends(scan, block)
            feeds = np.flatnonzero(np.frombuffer(block, np.uint8) == LF)
            # The line of a record is the number of line feeds before it.
            lines = self._line + np.searchsorted(feeds, ends, side="right")
            jumps = np.flatnonzero(np.diff(lines, prepend=self._line) > 1)
            # After a record of several lines the next one begins further down.
            self.result.gaps.append((self.result.rows + jumps + 1, lines[jumps]))
            self._line = int(lines[-1])
        else:
            self._line += count
        self.result.rows += count
        self._next_line = self._line
        if self._out is not None:
            self._out.write(block)

    def _note_line(self, line: int) -> None:
        if line != self._next_line:
            self.result.gaps.append((np.array([self.result.rows]), np.array([line])))

    # -- records ------------------------------------------------------------------------------

    def _record_by_record(self) -> None:
        position = 0
        # A stretch, so that one oddity does not make the whole text slow.
        stop = min(len(self._buffer), CHUNK_BYTES)
        while position < stop and not self._rejects.overflow:
            try:
                end = self._take_record(position)
            except TooShortError:
                if position == 0:
                    self._fill(len(self._buffer) + CHUNK_BYTES)
                    continue
                break
            self._line += self._buffer.count(b"\n", position, end)
            position = end
            if end == len(self._buffer) and self._discarding:
                position = self._discard()
                break
        self._buffer = self._buffer[position:]

    def _discard(self) -> int:
        """Drop what is left of an overlong line; return where the next one begins in the buffer."""
        self._discarding = False
        while not self._ended:
            chunk = next(self._chunks, None)
            if chunk is None:
                self._ended = True
            elif (found := chunk.find(b"\n")) >= 0:
                self._buffer = chunk
                self._line += 1
                return found + 1
        return len(self._buffer)

    def _take_record(self, start: int) -> int:
        """Take the record at `start`, good or not, and return where the next one begins."""
        if self._skipped is not None and (end := self._matching(start)) > start:
            self.result.skipped += self._count_lines(start, end)
            return end
        if (end := self._header.end(self._buffer, start, ended=self._ended)) > start:
            self.result.skipped += self._count_lines(start, end)
            return end
        if self._is_plain(line := self._buffer[start : self._line_end(start)]):
            self._accept(line)
            return start + len(line)
        try:
            cells, end = self._parse(start)
            self._check(cells, self._buffer[start:end])
        except _BadError as bad:
            # Only its first line is given up: an unbalanced quote must not swallow what follows.
            end = self._line_end(start)
            if not (self._ended or self._buffer.endswith(b"\n", start, end)):
                if end - start <= self._limit:
                    raise TooShortError from None
                self._discarding = True
            self._give_up(self._buffer[start:end], str(bad))
            return end
        raw = self._buffer[start:end]
        self._accept(
            raw if raw.endswith(b"\n") and self._holds(raw) else written(cells, self._separator, self._quote)
        )
        return end

    def _matching(self, start: int) -> int:
        """Return where the record at `start` ends if its first line matches `skip_pattern`, else `start`."""
        assert self._skipped is not None
        end = self._line_end(start)
        longest = self._limit + 2
        if not (self._ended or self._buffer.endswith(b"\n", start, end)) and end - start <= longest:
            raise TooShortError
        if start == end or end - start > longest or not self._skipped(self._buffer[start:end]):
            return start
        try:
            _, whole = self._parse(start)
        except _BadError:
            # Where it ends is not known if a quote is open: it is better unreadable than skipped in part.
            is_open = self._quote and self._buffer.count(self._quote, start, end) % 2
            return start if is_open else end
        return whole if whole - start <= longest else start

    def _count_lines(self, start: int, end: int) -> int:
        return self._buffer.count(b"\n", start, end) + (not self._buffer.endswith(b"\n", start, end))

    def _is_plain(self, line: bytes) -> bool:
        """True for a line that is a good record at first sight: most lines beside a bad one are."""
        return (
            line.endswith(b"\n")
            and line.count(self._separator) == self._cells - 1
            and not (self._quote and self._quote in line)
            and (b"\r" not in line or line.find(b"\r") == len(line) - 2)
            and b"\0" not in line
            and len(line) <= self._limit
            and is_utf8(line)
        )

    def _accept(self, text: bytes) -> None:
        """Take a good record; the next one is expected on the next line."""
        self._note_line(self._line)
        self._next_line = self._line + 1
        self.result.rows += 1
        if self._out is not None:
            self._out.write(text)

    def _parse(self, start: int) -> tuple[list[bytes], int]:
        """Return the cells of the record at `start`, and where the next one begins."""
        line = self._buffer[start : self._line_end(start)]
        if line.endswith(b"\n") and len(line) <= self._limit and not (self._quote and self._quote in line):
            return line[:-1].removesuffix(b"\r").split(self._separator), start + len(line)
        cells: list[bytes] = []
        position = start
        # Beyond this, a record is too long; no need to look further for a closing quote.
        horizon = start + self._limit + 2
        while True:
            if self._quote and self._buffer.startswith(self._quote, position):
                cell, position = self._quoted(position, horizon)
            else:
                cell, position = self._unquoted(position, horizon)
            cells.append(cell)
            if position >= len(self._buffer):
                if not self._ended:
                    raise TooShortError
                return cells, position
            if self._buffer[position] == LF:
                return cells, position + 1
            position += 1

    def _unquoted(self, start: int, horizon: int) -> tuple[bytes, int]:
        end = self._buffer.find(b"\n", start, horizon)
        if end < 0:
            if len(self._buffer) >= horizon:
                raise _BadError(f"too_long: a record of more than {self._limit} bytes")
            if not self._ended:
                raise TooShortError
            end = len(self._buffer)
        cell_end = self._buffer.find(self._separator, start, end)
        if cell_end >= 0:
            return self._buffer[start:cell_end], cell_end
        return self._buffer[start:end].removesuffix(b"\r"), end

    def _quoted(self, start: int, horizon: int) -> tuple[bytes, int]:
        position = start + 1
        while True:
            position = self._buffer.find(self._quote, position, horizon)
            if position < 0:
                if not self._ended and len(self._buffer) < horizon:
                    raise TooShortError
                raise _BadError("open_quote: a quote is opened and not closed")
            after = self._buffer[position + 1 : position + 3]
            if len(after) < 2 and not self._ended:
                raise TooShortError
            if after[:1] != self._quote:
                break
            position += 2
        cell = self._buffer[start + 1 : position].replace(self._quote * 2, self._quote)
        if after[:1] in (self._separator, b"\n", b""):
            return cell, position + 1
        if after in (b"\r\n", b"\r"):
            return cell, position + 2
        raise _BadError("after_quote: text follows a closing quote")

    def _check(self, cells: list[bytes], raw: bytes) -> None:
        if len(raw) > self._limit + 2:
            raise _BadError(f"too_long: a record of more than {self._limit} bytes")
        if b"\0" in raw:
            raise _BadError("nul: a NUL byte")
        if not is_utf8(raw):
            raise _BadError(f"encoding: bytes that are not {self._format.encoding}")
        if self._cells > 1 and not raw.strip(b"\r\n"):
            raise _BadError("blank: an empty line")
        if len(cells) != self._cells:
            found = "1 cell" if len(cells) == 1 else f"{len(cells)} cells"
            wanted = f"the header has {self._cells}" if self._format.header else f"{self._cells} are declared"
            raise _BadError(f"ragged: {found}, {wanted}")
        if not self._quote and any(CR in cell for cell in cells):
            raise _BadError("carriage_return: a carriage return within the line")

    def _give_up(self, raw: bytes, reason: str) -> None:
        self._rejects.add(self._line, raw, reason)
