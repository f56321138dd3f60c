"""Markdown that says what it says, whatever stands in a cell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

NOTE = "<!-- Written by `make reference` from the code; changes here are lost. -->"


def document(*parts: str) -> str:
    """Put a page together, one empty line between its parts."""
    return "\n\n".join(part.strip("\n") for part in (NOTE, *parts) if part.strip()) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(_cell(text) for text in line) + " |" for line in lines)


def code(text: object) -> str:
    """Return text as code, also when it holds backticks."""
    shown = str(text)
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def one_of(words: Iterable[object]) -> str:
    """Return a list of words in code."""
    return ", ".join(code(word) for word in words)


def prose(text: str) -> str:
    """Return a docstring's sentences in one line; names such as `<table>` are no HTML."""
    return escaped(" ".join(text.split()))


def escaped(text: str) -> str:
    """Keep what stands outside of backticks from being taken for HTML or emphasis."""
    parts = re.split(r"(`+[^`]*`+)", text)
    return "".join(
        part if part.startswith("`") else re.sub(r"([<*]|(?<!\w)_)", r"\\\1", part) for part in parts
    )


def fence(text: str, language: str = "") -> str:
    """Return a block of code."""
    return f"```{language}\n{text.strip(chr(10))}\n```"


def sentence(text: str) -> str:
    """Begin with a capital and end with a stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if not text or text[-1] in ".:!?" else ".")


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split("\n")) or " "
