"""Help that keeps its examples as they are written."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

# Typer's sign for a paragraph that is not to be filled.
_AS_WRITTEN = "\b"


def with_examples(function: F) -> F:
    """Let `--help` show paragraphs with indented or aligned lines, as examples are, line by line."""
    paragraphs = inspect.cleandoc(function.__doc__ or "").split("\n\n")
    function.__doc__ = "\n\n".join(
        _AS_WRITTEN + paragraph if "  " in paragraph else paragraph for paragraph in paragraphs
    )
    return function
