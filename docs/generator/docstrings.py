"""Docstrings in Google's form as Markdown."""

from __future__ import annotations

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from docstring_parser import Docstring, DocstringStyle, parse

from docs.generator.markdown import code, escaped, fence, prose, table


def function(name: str, one: Any) -> Iterator[str]:
    """Return a function's signature, what it does, its arguments and its example."""
    doc = _parsed(one)
    yield f"### `{name}`"
    yield fence(f"{name}{_signature(one)}", "python")
    yield from _text(doc)
    arguments = [(code(param.arg_name), prose(param.description or "")) for param in doc.params]
    if arguments:
        yield table(("argument", "meaning"), arguments)
    yield from _example(one)


def record(one: type) -> Iterator[str]:
    """Return a dataclass: what it is, and its attributes with their defaults."""
    doc = _parsed(one)
    yield f"### `{one.__name__}`"
    yield from _text(doc)
    defaults = {field.name: _default(field) for field in dataclasses.fields(one)}
    rows = [
        (code(param.arg_name), defaults[param.arg_name], prose(param.description or ""))
        for param in doc.params
        if param.arg_name in defaults
    ]
    assert len(rows) in (0, len(defaults)), f"{one.__name__} does not describe each of its attributes"
    if rows:
        yield table(("attribute", "default", "meaning"), rows)
    yield from _example(one)


def base_class(one: type) -> Iterator[str]:
    """Return what a class is for, and its example."""
    doc = _parsed(one)
    yield f"### `{one.__name__}`"
    yield from _text(doc)
    yield from _example(one)


def words(one: type[Enum], meanings: Mapping[str, str] | None = None) -> Iterator[str]:
    """Return an enumeration: each word and what it means, as the docstring says in lines `word: meaning`."""
    doc = inspect.cleandoc(one.__doc__ or "")
    said = re.findall(r"(\w+): ([^:]+\.)(?=\s+\w+:|\s*$)", doc)
    told = {**dict(said), **(meanings or {})}
    yield f"### `{one.__name__}`"
    if not doc.startswith(f"{next(iter(told))}:"):
        yield escaped(" ".join(doc.split("\n\n")[0].split()))
    yield table(("word", "meaning"), ((code(member.value), prose(told[member.value])) for member in one))


def _parsed(one: Any) -> Docstring:
    return parse(inspect.cleandoc(one.__doc__ or ""), style=DocstringStyle.GOOGLE)


def _text(doc: Docstring) -> Iterator[str]:
    if doc.short_description:
        yield escaped(" ".join(doc.short_description.split()))
    for paragraph in (doc.long_description or "").split("\n\n"):
        yield prose(paragraph)


def _example(one: Any) -> Iterator[str]:
    # The parser keeps no indentation.
    found = re.search(r"^Example:\n((?: {4}.*\n?|\n)+)", inspect.cleandoc(one.__doc__ or ""), re.MULTILINE)
    if found:
        yield fence(textwrap.dedent(found[1]).replace("'''", '"""'), "python")


def _default(field: dataclasses.Field[Any]) -> str:
    value = field.default
    if value is dataclasses.MISSING and field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    if value is dataclasses.MISSING:
        return "required"
    if dataclasses.is_dataclass(value):
        return code(f"{type(value).__name__}()")
    return "none" if value is None else code(repr(value))


def _signature(one: Any) -> str:
    """Without annotations, which stand below in words."""
    signature = inspect.signature(one)
    bare = [param.replace(annotation=inspect.Parameter.empty) for param in signature.parameters.values()]
    shown = signature.replace(parameters=bare, return_annotation=inspect.Signature.empty)
    return str(shown).replace("'", '"')
