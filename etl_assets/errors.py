"""Errors for people: what happened, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class EtlError(Exception):
    """Tell a person what happened, where, and what to do.

    Args:
        what: What happened, as one sentence without a full stop.
        where: Where it happened, from the wide to the narrow: dataset, table, partition,
            delivery, line, rule. Only what is known.
        hint: What to do about it.
    """

    def __init__(self, what: str, *, where: dict[str, object] | None = None, hint: str = "") -> None:
        self.what = what
        self.where = dict(where or {})
        self.hint = hint
        place = ", ".join(f"{key} {value}" for key, value in self.where.items())
        super().__init__(". ".join(part for part in (what, place, hint) if part))


class SettingsError(EtlError):
    """A setting is wrong, unknown or missing."""


class ContractError(EtlError):
    """A contract or a dataset's code can't be compiled; raised when the code loads."""


class StagingError(EtlError):
    """A staging area or an object in it can't be read; transient unless a subclass says otherwise."""


class LakeError(EtlError):
    """A table can't be read or committed."""


class LedgerError(EtlError):
    """The ledger can't be read or written."""


class StaleWriterError(LakeError):
    """Another writer holds a newer lease; nothing was committed."""


class LeaseHeldError(LedgerError):
    """Another process works on the same dataset just now; try again later."""


class LibraryPanicError(Exception):
    """A library gave up on what it was given; its words are left out, for they may quote cells."""


@contextmanager
def panics_as_errors() -> Iterator[None]:
    """Turn the panic of a library written in Rust into an ordinary error.

    Raises:
        LibraryPanicError: In place of a panic, which is no `Exception` and would get past every handler.
    """
    try:
        yield
    except BaseException as error:
        # Each library brings a class of its own, of which the name is all they have in common.
        if type(error).__name__ != "PanicException":
            raise
        raise LibraryPanicError("a library gave up").with_traceback(error.__traceback__) from None
