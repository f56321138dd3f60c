"""Writes Python code in the layout of `ruff format`; whatever comes from data passes through `literal`."""

from __future__ import annotations

import datetime as dt
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH = 88
"""The line length of ruff and Black unless a project says otherwise."""


@dataclass(frozen=True)
class Group:
    """Something in brackets: a call, a list, a dict.

    Attributes:
        start: What stands before and with the opening bracket, such as `pa.Field(`.
        items: What is in it; each with what comes before it, such as `nullable=`.
        end: The closing bracket.
    """

    start: str
    items: tuple[tuple[str, Code], ...]
    end: str

    @property
    def is_call(self) -> bool:
        """Whether it is a call: these may have all their arguments on one line of their own."""
        return self.end == ")" and self.start != "("


@dataclass(frozen=True)
class Text:
    """A piece of prose, as a string that may go over several lines."""

    value: str


Code = str | Group | Text


def call(function: str, *args: Code, **kwargs: Code | None) -> Group:
    """A call; keyword arguments that are None are left out."""
    named = tuple((f"{name}=", value) for name, value in kwargs.items() if value is not None)
    return Group(f"{function}(", (*(("", arg) for arg in args), *named), ")")


def listing(values: Sequence[Any]) -> Group:
    """A list of literals."""
    return Group("[", tuple(("", code(value)) for value in values), "]")


def mapping(values: Mapping[str, Any]) -> Group:
    """A dict with text as keys."""
    return Group("{", tuple((f"{literal(key)}: ", code(value)) for key, value in values.items()), "}")


def code(value: Any) -> Code:
    """A value as code: what is code already stays."""
    if isinstance(value, Group | Text):
        return value
    if isinstance(value, list | tuple):
        return listing(value)
    return literal(value)


def literal(value: Any) -> str:
    """A literal as ruff would quote it; nothing in a text can end it, and no sign in it is invisible."""
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, dt.datetime):
        given = [
            value.year,
            value.month,
            value.day,
            value.hour,
            value.minute,
            value.second,
            value.microsecond,
        ]
        while len(given) > 3 and not given[-1]:
            given.pop()
        return f"datetime.datetime({', '.join(map(str, given))})"
    if isinstance(value, dt.date):
        return f"datetime.date({value.year}, {value.month}, {value.day})"
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    raise TypeError(f"there is no literal for {type(value).__name__}")


def pattern(value: str) -> str:
    """A regular expression as a raw string where that can be."""
    if '"' in value or not value.isprintable() or value.endswith("\\") or "\\" not in value:
        return literal(value)
    return f'r"{value}"'


def _quoted(value: str) -> str:
    inner = repr(value)[1:-1]
    if "'" in value and '"' not in value:
        return f'"{inner}"'  # Python took double quotes itself
    if '"' in value and "'" not in value:
        return f"'{inner}'"
    if '"' in value:
        # Python took single quotes and escaped them.
        plain = inner.replace("\\'", "'")
        if value.count('"') > value.count("'"):
            return f"'{inner}'"
        return '"' + _escaped(plain) + '"'
    return f'"{inner}"'


def _escaped(inner: str) -> str:
    out, escaped = "", False
    for sign in inner:
        out += "\\" + sign if sign == '"' and not escaped else sign
        escaped = sign == "\\" and not escaped
    return out


# -- layout -------------------------------------------------------------------------------------------


def statement(
    prefix: str, value: Code, *, indent: int = 0, suffix: str = "", width: int = WIDTH
) -> list[str]:
    """The lines of a statement such as `x = f(...)`."""
    return _lines(" " * indent + prefix, value, suffix, indent, width)


def _lines(prefix: str, value: Code, suffix: str, indent: int, width: int) -> list[str]:
    flat = prefix + _flat(value) + suffix
    if len(flat) <= width or isinstance(value, str):
        return [flat]
    if isinstance(value, Text):
        return _over_lines(prefix, value.value, suffix, indent, width)
    if not value.items:
        return [flat]
    inside = indent + 4
    body = " " * inside + ", ".join(name + _flat(item) for name, item in value.items)
    if value.is_call and len(body) <= width:
        return [prefix + value.start, body, " " * indent + value.end + suffix]
    comma = "" if value.is_call and len(value.items) == 1 else ","
    lines = [prefix + value.start]
    for name, item in value.items:
        lines += _lines(" " * inside + name, item, comma, inside, width)
    return [*lines, " " * indent + value.end + suffix]


def _flat(value: Code) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Text):
        return literal(value.value)
    return value.start + ", ".join(name + _flat(item) for name, item in value.items) + value.end


def _over_lines(prefix: str, text: str, suffix: str, indent: int, width: int) -> list[str]:
    # The first line has less room; a few signs are spared for escapes.
    room = max(20, width - max(len(prefix), indent) - 3 - len(suffix))
    pieces = textwrap.wrap(text, room, drop_whitespace=False, break_on_hyphens=False, break_long_words=False)
    lines = [prefix + literal(pieces[0])]
    lines += [" " * indent + literal(piece) for piece in pieces[1:]]
    return [*lines[:-1], lines[-1] + suffix]


# -- prose ----------------------------------------------------------------------------------------------


def harmless(text: str) -> str:
    """Text for comments and docstrings: on one line, nothing invisible, nothing that ends it."""
    shown = "".join(
        sign if sign.isprintable() else " " if sign.isspace() else sign.encode("unicode_escape").decode()
        for sign in text
    )
    return " ".join(shown.replace("\\", "/").replace('"""', "'''").split())


def comment(text: str, *, indent: int = 0, width: int = WIDTH) -> list[str]:
    """The lines of a comment; what goes on is indented, so that the next comment is one of its own."""
    start = " " * indent + "# "
    return textwrap.wrap(
        harmless(text),
        width,
        initial_indent=start,
        subsequent_indent=start + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def docstring(text: str, *, indent: int = 0, width: int = WIDTH) -> list[str]:
    """The lines of a docstring: what fits in one line, else the first sentence and the rest."""
    pad = " " * indent
    text = harmless(text)
    if text.endswith('"'):
        text += " "
    if len(text) + indent + 6 <= width:
        return [f'{pad}"""{text}"""']
    first, _, rest = text.partition(". ")
    if not rest:
        return [*textwrap.wrap(f'"""{text}', width, initial_indent=pad, subsequent_indent=pad), f'{pad}"""']
    body = textwrap.wrap(rest, width, initial_indent=pad, subsequent_indent=pad, break_on_hyphens=False)
    return [f'{pad}"""{first}.', "", *body, f'{pad}"""']
