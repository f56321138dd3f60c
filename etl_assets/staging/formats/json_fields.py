"""From JSON objects to columns: by name, or flattened by declared paths; nothing is left out unseen."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from etl_assets.staging.formats.json_paths import Step, parse_path
from etl_assets.staging.formats.options import JsonRecordsFormat
from etl_assets.staging.formats.unknown_fields import UnknownFields

MAX_DEPTH = 100
MAX_UNKNOWN = 1000

_SPACE = re.compile(r"[ \t\r\n]*")
STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
"""A whole string; possessive, so that one that is not closed is given up at once."""

# Members of what is known to be valid: the next key or item, with its value if that is no list or object.
_PLAIN = rf'(?P<plain>{STRING}|[^\s,\[\]{{}}"]++)?'
_FIELD = re.compile(rf"[ \t\r\n,]*+(?P<key>{STRING})[ \t\r\n]*+:[ \t\r\n]*+{_PLAIN}", re.DOTALL)
_ITEM = re.compile(rf"[ \t\r\n,]*+(?!\]){_PLAIN}", re.DOTALL)
_BRACKET = re.compile(STRING + r"|[\[\]{}]", re.DOTALL)


class RecordError(ValueError):
    """A text is no record; the message is the reason."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise RecordError("duplicate_key: an object has one key twice")
    return found


# Numbers stay as they are written: neither 1.10 nor 30 digits survive a float.
_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=str, parse_int=str, parse_constant=str, strict=True
)
scan_once = _DECODER.scan_once  # type: ignore[attr-defined]


def parse_record(text: str) -> dict[str, Any]:
    """Return the fields of one record: text for strings and numbers.

    Raises:
        RecordError: It is no JSON object.
    """
    text = text.strip(" \t\r\n")
    if not text:
        raise RecordError("blank: an empty line")
    try:
        found, end = scan_once(text, 0)
    except RecordError:
        raise
    except (ValueError, StopIteration, RecursionError) as error:
        raise RecordError(reason_of(error)) from None
    if end < len(text):
        raise RecordError("json: more text behind the end of the object")
    check_record(found, text)
    return found  # type: ignore[no-any-return]


def check_record(found: object, text: str) -> None:
    """Raise RecordError unless a value is an object that may become a row."""
    if found.__class__ is not dict:
        raise RecordError(f"not_an_object: {_kind(found)} where an object is expected")
    if text.count("{") + text.count("[") > MAX_DEPTH and _depth(text) > MAX_DEPTH:
        raise RecordError(f"deep: values within values more than {MAX_DEPTH} deep")


def reason_of(error: Exception, start: int = 0) -> str:
    """Return why what begins at `start` of a text is no JSON, without quoting from it."""
    if isinstance(error, RecordError):
        return str(error)
    if isinstance(error, json.JSONDecodeError):
        return f"json: {error.msg.removesuffix(' at')} at character {error.pos - start + 1}"
    if isinstance(error, RecursionError):
        return f"deep: values within values more than {MAX_DEPTH} deep"
    return "json: no JSON value"


def _kind(value: object) -> str:
    if value is None:
        return "null"
    return {list: "a list", bool: "true or false"}.get(type(value), "a text or a number")


def _depth(text: str) -> int:
    depth = deepest = 0
    for found in _BRACKET.finditer(text):
        if found[0] in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif found[0] in "]}":
            depth -= 1
    return deepest


class FieldPlan:
    """Which columns are taken from where.

    Args:
        format: The paths that are declared.
        columns: The columns of the bronze contract.
    """

    def __init__(self, format: JsonRecordsFormat, columns: Sequence[str]) -> None:
        declared = {name: parse_path(path) for name, path in format.columns.items()}
        self.columns = list(columns)
        self._optional = set(format.optional)
        self._paths = {name: declared.get(name, (name,)) for name in columns}
        self._undeclared = [name for name in declared if name not in self._paths]
        self._covered: dict[Step, Any] = {}
        for steps in (*self._paths.values(), *declared.values(), *map(parse_path, format.ignore)):
            self._cover(steps)
        self._whole = {key for key, below in self._covered.items() if below is None}
        self._partly = {key: below for key, below in self._covered.items() if below is not None}
        self._seen: set[str] = set()
        self._unknown = UnknownFields()

    def _cover(self, steps: tuple[Step, ...]) -> None:
        """Note a path in the tree of what is accounted for; None stands for all below."""
        here = self._covered
        for step in steps[:-1]:
            below = here.setdefault(step, {})
            if below is None:
                return
            here = below
        here[steps[-1]] = None

    # -- what there is ------------------------------------------------------------------------

    def header(self) -> tuple[str, ...]:
        """The columns that some record had or that may be missing, and the unknown fields that are shown."""
        found = [name for name in self.columns if name in self._seen or name in self._optional]
        return (*found, *self._undeclared, *self._unknown.shown())

    def hidden_fields(self) -> str:
        """How many more unknown fields there are, and where; "" if there are none."""
        return self._unknown.hidden()

    def unknown_lines(self) -> tuple[int, ...]:
        """The line of the first record that has each unknown field."""
        return self._unknown.lines()

    @property
    def overflow(self) -> bool:
        """Whether there are too many unknown fields to go on."""
        return len(self._unknown) > MAX_UNKNOWN

    def note(self, record: Mapping[str, Any], line: int) -> None:
        """Notice fields of a record that nobody spoke of."""
        self._unknown.records += 1
        if record.keys() <= self._whole:
            return
        for key, value in record.items():
            if key in self._partly:
                self._note_below(value, self._partly[key], (key,), line)
            elif key not in self._whole:
                self._unknown.add((), key, line)

    def _note_below(
        self, value: Any, covered: Mapping[Step, Any], above: tuple[Step, ...], line: int
    ) -> None:
        if value is None:
            return
        for step, below in _items(value):
            if step not in covered:
                self._unknown.add(above, step, line)
            elif covered[step] is not None:
                self._note_below(below, covered[step], (*above, step), line)
        if value.__class__ is str or value.__class__ is bool:
            self._unknown.add_plain(above, line)

    # -- cells --------------------------------------------------------------------------------

    def cells(self, records: Sequence[Mapping[str, Any]], texts: Sequence[str]) -> pl.DataFrame:
        """Return the cells of some records; lists and objects as the text that stands in the file.

        Raises:
            UnicodeEncodeError: A cell is no text.
        """
        return pl.DataFrame([self._column(name, records, texts) for name in self.columns])

    def _column(self, name: str, records: Sequence[Mapping[str, Any]], texts: Sequence[str]) -> pl.Series:
        steps = self._paths[name]
        key = steps[0]
        if len(steps) == 1 and isinstance(key, str):
            values = [record.get(key) for record in records]
        else:
            values = [_value_at(record, steps) for record in records]
        try:
            column = pl.Series(name, values, dtype=pl.String(), strict=True)
        except TypeError:
            found = zip(values, texts, strict=True)
            column = pl.Series(
                name, [cell_text(value, text, steps) for value, text in found], dtype=pl.String()
            )
        if name not in self._seen and (
            column.null_count() < len(column) or any(_has(record, steps) for record in records)
        ):
            self._seen.add(name)
        return column


def _items(value: Any) -> Iterator[tuple[Step, Any]]:
    if value.__class__ is dict:
        return iter(value.items())
    return enumerate(value) if value.__class__ is list else iter(())


def _value_at(record: Any, steps: tuple[Step, ...]) -> Any:
    here = record
    for step in steps:
        if isinstance(step, int):
            here = here[step] if here.__class__ is list and step < len(here) else None
        else:
            here = here.get(step) if here.__class__ is dict else None
    return here


def _has(record: Any, steps: tuple[Step, ...]) -> bool:
    here = _value_at(record, steps[:-1])
    last = steps[-1]
    if isinstance(last, int):
        return here.__class__ is list and last < len(here)
    return here.__class__ is dict and last in here


def cell_text(value: Any, text: str, steps: tuple[Step, ...]) -> str | None:
    """Return a cell: lists, objects and numbers as they stand in the text of their record.

    Args:
        value: What stands under the path, as it was parsed.
        text: The text of the record.
        steps: The path.
    """
    if value is None or value.__class__ is str:
        return value
    if value.__class__ is bool:
        return "true" if value else "false"
    return text_at(text, steps)


def text_at(text: str, steps: tuple[Step, ...]) -> str:
    """Return the text of the value under a path, as it stands in the text of a record."""
    start = _SPACE.match(text).end()  # type: ignore[union-attr]
    end = len(text.rstrip(" \t\r\n"))
    for step in steps:
        start, end = next((a, b) for key, a, b in _members(text, start) if key == step)
    return text[start:end]


def _members(text: str, start: int) -> Iterator[tuple[Step, int, int]]:
    """Yield key or position of each member of an object or list, and where its value begins and ends."""
    member = _FIELD if text[start] == "{" else _ITEM
    at, number = start + 1, 0
    while (found := member.match(text, at)) is not None:
        key: Step = number
        if member is _FIELD:
            written = found["key"]
            key = scan_once(written, 0)[0] if "\\" in written else written[1:-1]
        begin, at = found.span("plain")
        if at < 0:
            begin = found.end()
            _, at = scan_once(text, begin)
        yield key, begin, at
        number += 1
