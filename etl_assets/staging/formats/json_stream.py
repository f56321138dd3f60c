"""One JSON array, element by element, in bounded memory; a broken element leaves the others alone."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from etl_assets.staging.formats.json_fields import STRING, check_record, reason_of, scan_once
from etl_assets.staging.formats.json_paths import Step
from etl_assets.staging.unreadable import MAX_RAW_BYTES

_TOKEN = re.compile(STRING + r'|[\[\]{},:]|[^\s\[\]{},:"]+', re.DOTALL)
_SPACE = re.compile(r"[ \t\r\n]*")
_STOP = re.compile(STRING + r'|[\[\]{},"]', re.DOTALL)
_SIGN = re.compile(r'[\[\]{},"]')
_WITHIN_STRING = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)


class ArrayError(Exception):
    """The text as a whole is not what is expected; the message says why."""


class NoArrayError(ArrayError):
    """The text holds no such array."""


@dataclass(frozen=True)
class Element:
    """One element of the array.

    Attributes:
        position: From 1.
        text: As it stands in the file; the beginning of a very long one.
        fields: What it holds, if it is an object.
        reason: Why it can't be read, else "".
    """

    position: int
    text: str
    fields: dict[str, Any]
    reason: str = ""


class ArrayReader:
    """Reads the array at a path.

    Args:
        chunks: The text as UTF-8.
        path: The keys that lead to the array; none for the whole text.
        limit: Bytes of the longest element.
        encoding: As declared, for messages.
    """

    def __init__(self, chunks: Iterator[bytes], path: tuple[Step, ...], limit: int, encoding: str) -> None:
        self._chunks = chunks
        self._path = path
        self._limit = limit
        self._encoding = encoding
        # A byte that can't be decoded becomes a lone surrogate, and spoils its own element only.
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text = ""
        self._at = 0
        self._ended = False
        self._clean = True

    def elements(self) -> Iterator[Element]:
        """Yield all elements.

        Raises:
            ArrayError: There is no such array, or the text ends before it does.
        """
        self._enter()
        position = 1
        if self._peek() == "]":
            self._at += 1
        else:
            while True:
                yield self._element(position)
                sign = self._peek()
                self._at += 1
                if sign == "]":
                    break
                position += 1
        self._leave()

    # -- the buffer ---------------------------------------------------------------------------

    def _fill(self) -> bool:
        """Have more text than before; False when there is no more."""
        while not self._ended:
            chunk = next(self._chunks, None)
            self._ended = chunk is None
            more = self._decoder.decode(chunk or b"", self._ended)
            if more:
                if not self._text and not self._at:
                    more = more.removeprefix("\ufeff")
                self._clean = self._clean and (chunk is None or _is_utf8(more))
                self._text = self._text[self._at :] + more
                self._at = 0
                return True
        return False

    def _peek(self) -> str:
        """Return the next character that is no space, and stand before it.

        Raises:
            ArrayError: The text ends.
        """
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._fill():
                raise ArrayError("the text ends before the array does: it may have been cut off")

    def _token(self) -> str:
        """Return the next string, sign or word, and stand behind it."""
        self._peek()
        while True:
            found = _TOKEN.match(self._text, self._at)
            if found is not None and (found.end() < len(self._text) or found[0] in "[]{},:"):
                break
            if len(self._text) - self._at > self._limit:
                raise ArrayError("outside of the array stands a text that is too long, or never closed")
            if not self._fill():
                if found is None:
                    raise ArrayError("the text ends within a string: it may have been cut off")
                break
        self._at = found.end()
        return found[0]

    # -- the way to the array -----------------------------------------------------------------

    def _enter(self) -> None:
        walked: list[str] = []
        for step in self._path:
            if self._token() != "{":
                raise NoArrayError(f"there is no object at {'.'.join(walked) or 'the beginning'}")
            self._find(str(step), walked)
            walked.append(str(step))
        sign = self._peek()
        if sign != "[":
            hint = "; is it JSON Lines, or is the array at a `path`?" if sign == "{" and not walked else ""
            where = f"at {'.'.join(walked)}" if walked else "at the beginning"
            raise NoArrayError(f"there is no JSON array {where}{hint}")
        self._at += 1

    def _find(self, key: str, walked: list[str]) -> None:
        """Stand before the value of a key of the object that was entered."""
        while True:
            token = self._token()
            if token == "}":
                raise NoArrayError(f"there is no {'.'.join([*walked, key])}")
            if token == ",":
                continue
            if not token.startswith('"') or self._token() != ":":
                raise ArrayError("it is no JSON: a key is expected")
            if scan_once(token, 0)[0] == key:
                return
            self._skip_value()

    def _skip_value(self) -> None:
        depth = 0
        while True:
            token = self._token()
            depth += (token in "[{") - (token in "]}")
            if depth < 0:
                raise ArrayError("it is no JSON: brackets do not match")
            if depth == 0:
                return

    def _leave(self) -> None:
        """See that what follows the array closes what was opened, and does not hold the path's key again."""
        for number, step in enumerate(reversed(self._path)):
            above = self._path[: len(self._path) - 1 - number]
            try:
                self._find(str(step), [str(one) for one in above])
            except NoArrayError:
                pass
            else:
                raise ArrayError(f"the key {step} stands twice in one object")
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._text):
                raise ArrayError("there is more text behind the end of the JSON value")
            if not self._fill():
                return

    # -- elements -----------------------------------------------------------------------------

    def _element(self, position: int) -> Element:
        """Return the next element, and stand before the comma or bracket behind it."""
        sign = self._peek()
        if sign in ",]":
            return Element(position, "", {}, "json: there is nothing between two commas")
        problem = ""
        while True:
            start = self._at
            try:
                found, end = scan_once(self._text, start)
                after = _SPACE.match(self._text, end).end()  # type: ignore[union-attr]
                if after < len(self._text):
                    if self._text[after] in ",]":
                        return self._checked(position, found, start, end)
                    problem = "json: a comma is missing"
                    break
            except (ValueError, StopIteration, RecursionError) as error:
                problem = reason_of(error, start)
                if self._end_of_element() is not None:
                    break
            if len(self._text) - self._at > self._limit or not self._fill():
                break
        return self._broken(position, problem)

    def _checked(self, position: int, found: Any, start: int, end: int) -> Element:
        self._at = end
        text = self._text[start:end]
        if len(text) * 3 > self._limit and len(text.encode("utf-8", "surrogatepass")) > self._limit:
            return Element(position, text, {}, f"too_long: a record of more than {self._limit} bytes")
        if not self._clean and not _is_utf8(text):
            return Element(position, text, {}, f"encoding: bytes that are not {self._encoding}")
        try:
            check_record(found, text)
        except ValueError as error:
            return Element(position, text, {}, str(error))
        return Element(position, text, found)

    def _end_of_element(self) -> int | None:
        """Return where the element at hand ends by its brackets and quotes; None if not in this buffer."""
        depth = 0
        for found in _STOP.finditer(self._text, self._at):
            sign = found[0]
            if sign == '"':
                return None  # a string that is not closed here
            if depth == 0 and sign in ",]":
                return found.start()
            depth = max(depth + (sign in "[{") - (sign in "]}"), 0)
        return None

    def _broken(self, position: int, problem: str) -> Element:
        """Give up an element: go on behind it."""
        end = self._end_of_element()
        if end is not None:
            text = self._text[self._at : end].rstrip()
            self._at = end
            return Element(position, text, {}, problem or "json: no JSON value")
        if len(self._text) - self._at <= self._limit:
            raise ArrayError("the text ends before the array does: it may have been cut off")
        return self._discard(position)

    def _discard(self, position: int) -> Element:
        """Leave out an element that is too long for the buffer, however long it is."""
        text = self._text[self._at : self._at + MAX_RAW_BYTES]
        depth, within_string = 0, False
        while True:
            if within_string:
                self._at = _WITHIN_STRING.match(self._text, self._at).end()  # type: ignore[union-attr]
                within_string = not self._text.startswith('"', self._at)
                self._at += not within_string
            else:
                found = _SIGN.search(self._text, self._at)
                self._at = len(self._text) if found is None else found.start()
                sign = "" if found is None else found[0]
                if depth == 0 and sign and sign in ",]":
                    return Element(position, text, {}, f"too_long: a record of more than {self._limit} bytes")
                depth = max(depth + (sign in ("[", "{")) - (sign in ("]", "}")), 0)
                within_string = sign == '"'
                self._at += len(sign)
            # Behind a backslash at the end of the buffer, more has to come.
            at_end = self._at >= len(self._text) or (within_string and self._text[self._at] == "\\")
            if at_end and not self._fill():
                raise ArrayError("the text ends before the array does: it may have been cut off")


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
