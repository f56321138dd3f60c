"""Lines that are declared to be no rows: a preamble, a footer, whatever matches an expression."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator

from etl_assets.staging.formats.options import LinesFormat

_MAX_HELD_BYTES = 64_000_000
"""A footer can't be longer, so that a file without line ends is not held in memory."""


def line_matcher(format: LinesFormat) -> Callable[[bytes], bool] | None:
    """Return what tells whether a line is no row by `skip_pattern`; None if nothing is declared."""
    if format.skip_pattern is None:
        return None
    search = re.compile(format.skip_pattern).search

    def matches(line: bytes) -> bool:
        text = line.removeprefix(codecs.BOM_UTF8).decode("utf-8", "replace")
        return search(text.rstrip("\r\n")) is not None

    return matches


class LineCut:
    """Takes declared lines from the two ends of a text.

    Attributes:
        head: Lines left out so far at the beginning, those that match `skip_pattern` included.
        tail: Lines left out at the end; known once the text was read.
    """

    def __init__(self, format: LinesFormat) -> None:
        self._first, self._last = format.skip_lines, format.skip_footer_lines
        self._matches = line_matcher(format)
        self._limit = format.max_record_bytes
        self.head = self.tail = 0

    def cut(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the text without these lines."""
        self.head = self.tail = 0
        if self._first:
            chunks = self._without_first(chunks)
        if self._last:
            chunks = self._without_last(chunks)
        # Last, so that what goes as a footer is not looked at.
        return self._without_matches(chunks, self._matches) if self._matches else chunks

    def _without_first(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            start = 0
            while self.head < self._first and (end := chunk.find(b"\n", start)) >= 0:
                start = end + 1
                self.head += 1
            if self.head == self._first:
                if rest := chunk[start:]:
                    yield rest
                yield from chunks

    def _without_matches(self, chunks: Iterator[bytes], matches: Callable[[bytes], bool]) -> Iterator[bytes]:
        """Leave out the lines before the first that does not match."""
        held = b""
        for chunk in chunks:
            held += chunk
            while (end := held.find(b"\n")) >= 0 and matches(held[: end + 1]):
                held = held[end + 1 :]
                self.head += 1
            if end >= 0 or len(held) > self._limit:
                yield held
                held = b""
                yield from chunks
        if held and matches(held):
            self.head += 1
        elif held:
            yield held

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
        if rest := b"".join(lines[: len(lines) - self.tail]):
            yield rest


def _lines(text: bytes) -> list[bytes]:
    """Split at line feeds alone."""
    lines = [line + b"\n" for line in text.split(b"\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]
