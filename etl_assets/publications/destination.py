"""Where publications go, and what can be wrong there."""

from __future__ import annotations

from typing import Protocol

from etl_assets.errors import ErrorKind, EtlError
from etl_assets.publications.content import Content, Shape, Written


class PublicationError(EtlError):
    """A publication could not be written; what the destination held before, it holds still."""

    kind = ErrorKind.DATA


class DestinationChangedError(PublicationError):
    """Somebody else has changed the destination, or it is not ours: a person has to decide."""

    kind = ErrorKind.CONFIGURATION


class RowsMiscountedError(PublicationError):
    """Other rows have arrived at the destination than were sent there; nothing was published."""

    kind = ErrorKind.CONFIGURATION


class StalePublisherError(PublicationError):
    """A newer writer has written the publication already; nothing was changed."""

    kind = ErrorKind.TRANSIENT


class Destination(Protocol):
    """A place that a table is written to as a whole."""

    @property
    def kind(self) -> str:
        """Such as `postgresql` or `csv`."""

    @property
    def place(self) -> str:
        """Where it is, without secrets."""

    @property
    def identity(self) -> object:
        """All that the destination's content depends on beside the rows, as JSON can hold it."""

    def check(self, shape: Shape) -> None:
        """Raise a `PublicationError` if it can't hold such columns; nothing is asked of the destination."""

    def write(self, content: Content) -> Written:
        """Make the destination hold the content, in one step for its readers; nothing if it already does."""
