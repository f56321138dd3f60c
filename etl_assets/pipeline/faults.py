"""Errors that are not ours, told without what they may quote.

Polars and Python quote the value that they stumbled over. Such a text would carry a customer's cell into the
ledger, into Dagster's events and into the logs; so only what can't hold one is kept.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection
from importlib.metadata import entry_points
from pathlib import Path

import polars as pl

from etl_assets.contracts.dataset import ENTRY_POINTS
from etl_assets.error_kinds import circuit_of, frames, is_about_schema, kind_of, met_rows, module_of
from etl_assets.errors import Circuit, ErrorKind, EtlError
from etl_assets.lake.places import LakeUnreachableError

_INSTALLED = {"site-packages", "dist-packages"}


class HopError(EtlError):
    """A table could not be built; the text is free of cells."""


def told(error: BaseException, columns: Collection[str] = ()) -> str:
    """Say what an error is without quoting any cell.

    Args:
        error: Whatever was raised.
        columns: Column names that may be told if the error's text speaks of them.

    Returns:
        The error's own words if they can't hold a cell: ours, the operating system's, and what Polars says
        of a plan. Else its class, the columns, and for a Python error the place in the code.
    """
    kind, text = type(error).__name__, str(error)
    if _is_safe(error):
        return text or kind
    if is_about_schema(error) and not met_rows(error):
        # The first line only: below it Polars shows the plan, with the values that it compares with.
        return f"{kind}: {text.partition(chr(10))[0]}"
    named = [name for name in columns if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)]
    about = f" (columns {', '.join(named)})" if named else ""
    place = "" if isinstance(error, pl.exceptions.PolarsError) else _place(error)
    return f"{kind}{about}{place}; its own words are left out, for they may quote cells"


def without_cells(error: Exception, where: dict[str, object], columns: Collection[str] = ()) -> Exception:
    """Give an error that is safe to raise and to keep; it knows where the first one was raised."""
    if not isinstance(error, EtlError) and circuit_of(error) is Circuit.LAKE:
        return no_room(error, where)
    if _is_safe(error):
        return error
    safe = HopError(told(error, columns), where=where, kind=kind_of(error))
    return safe.with_traceback(error.__traceback__)


def no_room(error: BaseException, where: dict[str, object]) -> LakeUnreachableError:
    """Say that nothing can be written any more: the disk is full, or read only."""
    kind = kind_of(error)
    what = "The disk is full" if kind is ErrorKind.RESOURCE else "The disk can only be read"
    hint = "Make room where the lake and ETL_HOME lie; work goes on by itself then"
    return LakeUnreachableError(what, where=where, hint=hint, kind=kind)


def _is_safe(error: BaseException) -> bool:
    if isinstance(error, OSError | MemoryError):
        return not met_rows(error)
    return isinstance(error, EtlError)


def _place(error: BaseException) -> str:
    """The last line of this project's code, or of a dataset's, that the error came through."""
    found = ""
    own = {"etl_assets"} | {entry.module.partition(".")[0] for entry in entry_points(group=ENTRY_POINTS)}
    for frame, line in frames(error):
        module, path = module_of(frame), Path(frame.f_code.co_filename)
        package = module.partition(".")[0]
        foreign = package in sys.stdlib_module_names or not _INSTALLED.isdisjoint(path.parts)
        if package in own or not foreign:
            # The path within the package: where that is installed concerns nobody.
            found = f" at {'/'.join(path.parts[-module.count('.') - 1 :])} line {line}"
    return found
