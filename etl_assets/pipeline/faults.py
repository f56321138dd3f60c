"""Errors that are not ours, told without what they may quote.

Polars and Python quote the value that they stumbled over. Such a text would carry a customer's cell into the
ledger, into Dagster's events and into the logs; so only what can't hold one is kept.
"""

from __future__ import annotations

import re
from collections.abc import Collection

import polars as pl

from etl_assets.errors import EtlError

CODE_FAULTS: tuple[type[Exception], ...] = (
    pl.exceptions.ColumnNotFoundError,
    pl.exceptions.SchemaFieldNotFoundError,
    pl.exceptions.StructFieldNotFoundError,
    pl.exceptions.SchemaError,
    pl.exceptions.DuplicateError,
    TypeError,
    NameError,
    AttributeError,
    ImportError,
    NotImplementedError,
)
"""Faults of code and schema: they are the same for every partition, and speak of names, not of cells."""

_SAFE = (EtlError, OSError, MemoryError)


class HopError(EtlError):
    """A table could not be built; the text is free of cells."""


def told(error: BaseException, columns: Collection[str] = ()) -> str:
    """Say what an error is without quoting any cell.

    Args:
        error: Whatever was raised.
        columns: Column names that may be told if the error's text speaks of them.
    """
    if isinstance(error, _SAFE):
        return str(error) or type(error).__name__
    kind = type(error).__name__
    text = str(error)
    if isinstance(error, CODE_FAULTS):
        # The first line only: below it Polars shows the plan, with the values that it compares with.
        return f"{kind}: {text.partition(chr(10))[0]}"
    named = [name for name in columns if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)]
    place = f" (columns {', '.join(named)})" if named else ""
    return f"{kind}{place}; its own words are left out, for they may quote cells"


def without_cells(error: Exception, where: dict[str, object], columns: Collection[str] = ()) -> Exception:
    """Give an error that is safe to raise and to keep; it knows where the first one was raised."""
    if isinstance(error, _SAFE):
        return error
    safe = HopError(told(error, columns), where=where)
    return safe.with_traceback(error.__traceback__)
