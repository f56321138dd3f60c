"""Errors for people: what happened, where, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import ClassVar


class ErrorKind(StrEnum):
    """The class of an error, which decides what becomes of the work that it stopped.

    transient: it may pass by itself; tried again. resource: memory, disk or descriptors are short; tried
    again. configuration: somebody has to change something around the work, such as credentials; tried again,
    seldom, for as long as it takes. data: what was delivered; held until something else is. bug: the code;
    stopped until that changes.
    """

    TRANSIENT = "transient"
    RESOURCE = "resource"
    CONFIGURATION = "configuration"
    DATA = "data"
    BUG = "bug"

    @property
    def retried(self) -> bool:
        """Whether trying again soon may help."""
        return self in (ErrorKind.TRANSIENT, ErrorKind.RESOURCE)


class Circuit(StrEnum):
    """What a dataset depends on and may be sick, for all of its deliveries at once."""

    STAGING = "staging"
    LAKE = "lake"


class EtlError(Exception):
    """Tell a person what happened, where, and what to do.

    Args:
        what: What happened, as one sentence without a full stop.
        where: Where it happened, from the wide to the narrow: dataset, table, partition,
            delivery, line, rule. Only what is known.
        hint: What to do about it.
        kind: Its kind, where that is not its class's.

    Attributes:
        circuit: What is sick as a whole, where the error is that.
    """

    kind: ErrorKind = ErrorKind.BUG
    circuit: ClassVar[Circuit | None] = None

    def __init__(
        self,
        what: str,
        *,
        where: dict[str, object] | None = None,
        hint: str = "",
        kind: ErrorKind | None = None,
    ) -> None:
        if kind is not None:
            self.kind = kind
        self.what = what
        self.where = dict(where or {})
        self.hint = hint
        place = ", ".join(f"{key} {value}" for key, value in self.where.items())
        super().__init__(". ".join(part for part in (what, place, hint) if part))


class SettingsError(EtlError):
    """A setting is wrong, unknown or missing."""

    kind = ErrorKind.CONFIGURATION


class ContractError(EtlError):
    """A contract or a dataset's code can't be compiled; raised when the code loads."""

    kind = ErrorKind.BUG


class StagingError(EtlError):
    """A staging area or an object in it can't be read; transient unless it says otherwise."""

    kind = ErrorKind.TRANSIENT


class StagingUnreachableError(StagingError):
    """A staging area refuses, or does not answer: all that is delivered there is concerned."""

    circuit = Circuit.STAGING


class LakeError(EtlError):
    """A table can't be read or committed; transient unless it says otherwise."""

    kind = ErrorKind.TRANSIENT


class LedgerError(EtlError):
    """The ledger can't be read or written; transient unless it says otherwise."""

    kind = ErrorKind.TRANSIENT


class DecisionError(EtlError):
    """What a person decides makes no sense, or contradicts what another decided; nothing was written."""

    kind = ErrorKind.DATA


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
