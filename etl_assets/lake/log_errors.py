"""Errors of a table's log, for people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from etl_assets.errors import ErrorKind, LakeError

_SHOWN = 200


@contextmanager
def log_errors_told(table: str) -> Iterator[None]:
    """Say of which table the log could not be read or written, and what to do.

    That there is no table, and that a commit was overtaken, are no faults of a log: both pass.

    Args:
        table: Where it lies.

    Raises:
        LakeError: Anything else that Delta Lake says, in its first line: below it come addresses of code.
    """
    try:
        yield
    except (TableNotFoundError, CommitFailedError):
        raise
    except DeltaError as error:
        said = str(error).strip().partition("\n")[0][:_SHOWN]
        raise LakeError(
            f"the table's log can't be read or written: {said or type(error).__name__}",
            where={"table": table},
            hint="restore its folder _delta_log, or move the table's folder away: the next run builds it "
            "anew from what was delivered",
            kind=ErrorKind.CONFIGURATION,
        ) from error
