"""Records of a delimited text as bytes: are they text, are they the header again, how are they written."""

from __future__ import annotations

from collections.abc import Sequence

from etl_assets.staging.shape import BOM


class TooShortError(Exception):
    """The buffer ends before the record does."""


class RepeatedHeader:
    """The header as it is written, to be found again where files were put together.

    Args:
        written: The header with its line end; of nothing nothing is found.
    """

    def __init__(self, written: bytes = b"") -> None:
        self._written = written.removesuffix(b"\n").removesuffix(b"\r")

    def may_be_in(self, block: bytes) -> bool:
        """Whether some record of a block may be the header; where not, none is."""
        return bool(self._written) and self._written in block

    def end(self, buffer: bytes, start: int, *, ended: bool) -> int:
        """Return where the record at `start` ends if it is the header once more, else `start`.

        Raises:
            TooShortError: The buffer ends before that can be said, and the text goes on.
        """
        if not self._written or start >= len(buffer):
            return start
        # Files that were put together may each have begun with a byte order mark.
        first = start + len(BOM) if buffer.startswith(BOM, start) else start
        end = first + len(self._written)
        if not ended and len(buffer) < end + 2:
            raise TooShortError
        if not buffer.startswith(self._written, first):
            return start
        for line_end in (b"\r\n", b"\n"):
            if buffer.startswith(line_end, end):
                return end + len(line_end)
        return end if end == len(buffer) else start


def is_utf8(raw: bytes) -> bool:
    """Whether a text is in UTF-8."""
    if raw.isascii():
        return True
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def written(cells: Sequence[bytes], separator: bytes, quote: bytes) -> bytes:
    """Write a record plainly, with quotes where they are needed."""
    special = (separator, quote, b"\r", b"\n")
    return (
        separator.join(
            quote + cell.replace(quote, quote * 2) + quote
            if quote and any(mark in cell for mark in special)
            else cell
            for cell in cells
        )
        + b"\n"
    )
