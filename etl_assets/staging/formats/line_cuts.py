"""Lines that are declared to be no rows: a preamble, a footer, what matches an expression."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator

from etl_assets.staging.formats.options import LinesFormat

_LINES_IN_ONE = re.compile(rb"\r[^\r\n]")

_MAX_HELD_BYTES = 64_000_000
"""A footer can't be longer, so that a file without line ends is not held in memory."""


def line_matcher(format: LinesFormat) -> Callable[[bytes], bool] | None:
    """Return what tells whether a line is no row by `skip_pattern`; None if nothing is declared."""
    if format.skip_pattern is None:
        return None
    search = re.compile(format.skip_pattern).search

    def matches(line: bytes) -> bool:
        # With a carriage return in it, it may be many lines, of which one matches.
        if _LINES_IN_ONE.search(line):
            return False
        text = line.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")
        return search(text.rstrip("\r\n")) is not None

    return matches


class LineCut:
    """Takes declared lines from the two ends of a text.

    Attributes:
        head: Lines left out so far at the beginning, records that match `skip_pattern` included.
        tail: Lines left out at the end; known once the text was read.
        carriage_returns: True once a line that was left out turned out to be several, for those who end
            lines with a carriage return alone.
    """

    def __init__(self, format: LinesFormat) -> None:
        self._first, self._last = format.skip_lines, format.skip_footer_lines
        self._cut_first = self.head = self.tail = 0
        self.carriage_returns = False

    @property
    def shortage(self) -> str:
        """Why the text has fewer lines than are to be cut, once it was read; "" if it has enough."""
        if self._cut_first < self._first:
            return f"it ends within the {self._first} lines of skip_lines, after {self._cut_first}"
        if self.tail < self._last:
            return f"{self.tail} lines are left for the {self._last} of skip_footer_lines"
        return ""

    def cut(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the text without these lines."""
        self._cut_first = self.head = self.tail = 0
        if self._first:
            chunks = self._without_first(chunks)
        return self._without_last(chunks) if self._last else chunks

    def _without_first(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        before = b""
        for chunk in chunks:
            start = 0
            while self._cut_first < self._first and (end := chunk.find(b"\n", start)) >= 0:
                start = end + 1
                self._cut_first += 1
            self.head = self._cut_first
            enough = self._cut_first == self._first
            self._look_at(before + (chunk[:start] if enough else chunk))
            before = chunk[-1:]
            if enough:
                if rest := chunk[start:]:
                    yield rest
                yield from chunks

    def _look_at(self, left_out: bytes) -> None:
        self.carriage_returns |= _LINES_IN_ONE.search(left_out) is not None

    def _without_last(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        held = b""
        for chunk in chunks:
            held += chunk
            # One more line end than lines: what follows the last one may be a line without an end.
            keep = len(held)
            for _ in range(self._last + 1):
                keep = held.rfind(b"\n", 0, keep)
                if keep < 0:
                    break
            if keep < 0 and len(held) > _MAX_HELD_BYTES:
                keep = len(held) - 1
            if keep >= 0:
                yield held[: keep + 1]
                held = held[keep + 1 :]
        lines = _lines(held)
        self.tail = min(self._last, len(lines))
        self._look_at(b"".join(lines[len(lines) - self.tail :]))
        if rest := b"".join(lines[: len(lines) - self.tail]):
            yield rest


def _lines(text: bytes) -> list[bytes]:
    """Split at line feeds alone."""
    lines = [line + b"\n" for line in text.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]
