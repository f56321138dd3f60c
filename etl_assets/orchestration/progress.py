"""Who is told how a run in this process goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from etl_assets.contracts.dataset import TableId

Progress = Callable[[str, TableId | None, int, int], None]
"""(what is going on, table, partitions done, partitions in all)"""

# Dagster runs the steps of an in-process run in the thread that asked for it.
_LISTENER: ContextVar[Progress | None] = ContextVar("progress", default=None)


@contextmanager
def told_to(listener: Progress) -> Iterator[None]:
    """Tell `listener` of the progress of whatever is built within the block."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def tell(table: TableId, done: int, total: int) -> None:
    """Say how many partitions of a table are done; nobody may be listening."""
    listener = _LISTENER.get()
    if listener is not None:
        listener("building", table, done, total)
