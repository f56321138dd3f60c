"""A text as lines, each with its number: those that are text go on, the others are kept as unreadable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from etl_assets.staging.formats.line_cuts import LineCut, line_matcher
from etl_assets.staging.formats.options import LinesFormat, TextFormat
from etl_assets.staging.shape import BOM
from etl_assets.staging.unreadable import Rejects

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class Lines:
    """Some lines without their ends, and the number of each."""

    numbers: list[int] | range
    texts: list[str]


class LineReader:
    """Splits a text at its line feeds.

    Args:
        format: Encoding, the longest line, and which lines are no rows.
        rejects: Gets the lines that are no text, too long, or hold a NUL.

    """

    def __init__(self, format: TextFormat, rejects: Rejects) -> None:
        self._format = format
        self._limit = format.max_record_bytes
        self._rejects = rejects
        self._cut = LineCut(format) if isinstance(format, LinesFormat) else None
        self._matches = line_matcher(format) if isinstance(format, LinesFormat) else None
        self._line = 1
        self._matched = 0

    @property
    def head(self) -> int:
        """Lines left out at the beginning."""
        return self._cut.head if self._cut else 0

    @property
    def skipped(self) -> int:
        """All lines left out because the settings say so."""
        return (self._cut.head + self._cut.tail if self._cut else 0) + self._matched

    @property
    def cut(self) -> LineCut | None:
        """What has taken lines from the two ends; None if the format knows nothing of the kind."""
        return self._cut

    def read(self, chunks: Iterator[bytes]) -> Iterator[Lines]:
        """Yield the lines in blocks, until the text ends or too many are unreadable."""
        held = b""
        begun = discarding = False
        for chunk in self._cut.cut(chunks) if self._cut else chunks:
            held += chunk
            if not begun and len(held) < len(BOM):
                continue
            if not begun:
                held, begun = held.removeprefix(BOM), True
                self._line += self.head
            if discarding:
                held = held.partition(b"\n")[2] if b"\n" in held else b""
                discarding = not held and b"\n" not in chunk
            end = held.rfind(b"\n") + 1
            if end < len(held) - self._limit - 1:
                # What follows the last line end is too long for a line: it is given up until it ends.
                yield self._lines(held[:end])
                self._reject(held[end:], f"too_long: a record of more than {self._limit} bytes")
                self._line += 1
                held, discarding = b"", True
            elif end >= _BLOCK_BYTES:
                yield self._lines(held[:end])
                held = held[end:]
            if self._rejects.overflow:
                return
        if not begun:
            held = held.removeprefix(BOM)
            self._line += self.head
        if held and not discarding:
            yield self._lines(held)

    def _lines(self, block: bytes) -> Lines:
        """Return the good lines of a stretch of whole lines."""
        if not block:
            return Lines([], [])
        first = self._line
        lines = block.removesuffix(b"\n").split(b"\n")
        self._line += len(lines)
        try:
            texts = block.removesuffix(b"\n").decode().replace("\r\n", "\n").removesuffix("\r").split("\n")
        except UnicodeDecodeError:
            texts = []
        plain = len(texts) == len(lines) and b"\0" not in block and self._matches is None
        if plain and (len(block) <= self._limit or max(map(len, lines)) <= self._limit):
            return Lines(range(first, first + len(lines)), texts)
        return self._one_by_one(lines, first)

    def _one_by_one(self, lines: list[bytes], first: int) -> Lines:
        numbers: list[int] = []
        texts: list[str] = []
        for number, line in enumerate(lines, first):
            if self._matches is not None and len(line) <= self._limit and self._matches(line):
                self._matched += 1
                continue
            try:
                text = line.removesuffix(b"\r").decode()
                reason = self._reason(line)
            except UnicodeDecodeError:
                text, reason = "", f"encoding: bytes that are not {self._format.encoding}"
            if reason:
                self._rejects.add(number, line, reason)
                if self._rejects.overflow:
                    break
            else:
                numbers.append(number)
                texts.append(text)
        return Lines(numbers, texts)

    def _reason(self, line: bytes) -> str:
        if len(line) > self._limit:
            return f"too_long: a record of more than {self._limit} bytes"
        return "nul: a NUL byte" if b"\0" in line else ""

    def _reject(self, line: bytes, reason: str) -> None:
        self._rejects.add(self._line, line, reason)
