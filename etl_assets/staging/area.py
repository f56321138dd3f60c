"""A staging area: where others put data for us. It is listed and read, never written."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from etl_assets.error_kinds import kind_of
from etl_assets.errors import ErrorKind, StagingError

_LOOP = "it is a link that leads back to itself"


class VanishedError(StagingError):
    """The object was listed and is no longer there; look again later."""


class ChangedError(StagingError):
    """The object is another one than was listed; look again later."""


class ProblemKind(StrEnum):
    """What kept something in a staging area from being listed."""

    NO_AREA = "no_area"
    NO_PERMISSION = "no_permission"
    NAME_NOT_UTF8 = "name_not_utf8"
    ODD_NAME = "odd_name"
    NOT_A_FILE = "not_a_file"
    LINK = "link"
    VANISHED = "vanished"
    FAILED = "failed"


@dataclass(frozen=True)
class StagedObject:
    """One object as a listing sees it.

    Attributes:
        key: Path below the area, with `/`.
        size: Bytes as delivered.
        modified_ns: Time of the last change of the content, nanoseconds since 1970.
        fingerprint: Changes whenever the object may have changed. Equal content can have two
            fingerprints, so it says whether to look, not whether the content is new.
    """

    key: str
    size: int
    modified_ns: int
    fingerprint: str


@dataclass(frozen=True)
class ListingProblem:
    """Something in the area that could not be listed; `key` is shown with � for what is no text.

    Without a key it is the area as a whole, and `error_kind` says whether it may pass by itself.
    """

    key: str
    kind: ProblemKind
    message: str
    error_kind: ErrorKind = ErrorKind.TRANSIENT


@dataclass(frozen=True)
class KeyRange:
    """Some keys of an area: those that begin with `prefix` and sort after `after`."""

    prefix: str = ""
    after: str = ""


@dataclass(frozen=True)
class Listing:
    """What is in an area just now, both sorted by key.

    Attributes:
        covers: What was listed as a whole, as (after, up to and including): what lies there and is not
            among the objects is gone. None for the whole area; up to None is to the end.
        time: The area's own clock, where it is another one than this machine's.
    """

    objects: tuple[StagedObject, ...]
    problems: tuple[ListingProblem, ...]
    covers: tuple[str, str | None] | None = None
    time: datetime | None = None

    @property
    def whole(self) -> bool:
        """Whether all of the area was listed, though some of it may have been a problem."""
        return self.covers is None or self.covers == ("", None)


class StagingArea(Protocol):
    """Where others put deliveries for us."""

    @property
    def url(self) -> str:
        """Where it is, as people are told."""

    @property
    def in_slices(self) -> bool:
        """Whether a listing costs so much that a look takes a slice of it, and what is probably new."""

    def list(self, *, after: str = "", limit: int | None = None, also: Sequence[KeyRange] = ()) -> Listing:
        """Return what is there; what can't be listed is a problem, not an error.

        Args:
            after: Where a slice begins.
            limit: About how many objects a slice has; None for all.
            also: Ranges that are listed beside the slice.
        """

    def fetch(self, key: str, fingerprint: str, folder: Path, *, sha256: str = "") -> StagingFolder:
        """Give a folder of this machine in which the object can be read under its key.

        Args:
            key: The object's key.
            fingerprint: The version that is wanted.
            folder: Where a copy goes, if one is needed.
            sha256: Of the content that a copy must have.

        Raises:
            VanishedError: The object is gone.
            ChangedError: It is another version by now.
            StagingError: It can't be read just now.
        """


class StagingFolder:
    """A folder that others put deliveries into.

    Args:
        url: A path, or a `file://` URL.

    Raises:
        StagingError: The URL is of a kind that is not supported.
    """

    def __init__(self, url: str | os.PathLike[str]) -> None:
        self.root = Path(_folder_of(url)).absolute()

    def __repr__(self) -> str:
        return f"StagingFolder({str(self.root)!r})"

    @property
    def url(self) -> str:
        """The folder's path."""
        return str(self.root)

    @property
    def in_slices(self) -> bool:
        """A folder is always listed as a whole: 100,000 files take half a second."""
        return False

    def list(self, *, after: str = "", limit: int | None = None, also: Sequence[KeyRange] = ()) -> Listing:
        """Return all objects below the folder; what can't be listed is a problem, not an error.

        Links to files are followed when they stay within the area, links to folders never.
        """
        objects: list[StagedObject] = []
        problems: list[ListingProblem] = []
        for found in self._walk():
            if isinstance(found, StagedObject):
                objects.append(found)
            else:
                problems.append(found)
        return Listing(
            tuple(sorted(objects, key=lambda item: item.key)),
            tuple(sorted(problems, key=lambda item: item.key)),
        )

    def fetch(self, key: str, fingerprint: str, folder: Path, *, sha256: str = "") -> StagingFolder:
        """Read where it lies: see `StagingArea.fetch`."""
        return self

    def local_path(self, key: str) -> Path:
        """Return where an object's bytes can be read on this machine.

        Raises:
            StagingError: The key does not lie within the area.
        """
        path = self.root / key
        # A key may come from a ledger or a command line: it must not lead out of the area.
        try:
            within = bool(key) and "\0" not in key and _is_within(path, self.root)
        except RuntimeError:
            raise StagingError(
                f"The object can't be looked at: {_LOOP}", where={"key": _shown(key)}
            ) from None
        if not within:
            raise StagingError("The key does not lie within the staging area", where={"key": _shown(key)})
        return path

    def stat(self, key: str) -> StagedObject:
        """Return an object as it is now.

        Raises:
            VanishedError: It is not there.
            StagingError: It can't be looked at.
        """
        try:
            return _staged(key, self.local_path(key).stat())
        except (FileNotFoundError, NotADirectoryError):
            raise _vanished(key) from None
        except OSError as error:
            raise StagingError(
                f"The object can't be looked at: {error.strerror}", where={"key": key}, kind=kind_of(error)
            ) from error

    def open(self, key: str) -> BinaryIO:
        """Open an object's bytes as delivered.

        Raises:
            VanishedError: It is not there.
            StagingError: It can't be opened, for instance for lack of permission.
        """
        try:
            return self.local_path(key).open("rb")
        except (FileNotFoundError, NotADirectoryError):
            raise _vanished(key) from None
        except OSError as error:
            raise StagingError(
                f"The object can't be read: {error.strerror}",
                where={"key": key},
                hint="Check the file's permissions",
                kind=kind_of(error),
            ) from error

    def _walk(self) -> Iterator[StagedObject | ListingProblem]:
        folders = [""]
        while folders:
            prefix = folders.pop()
            try:
                with os.scandir(self.root / prefix) as entries:
                    # A list first: a folder that fails half way must not hide what follows it.
                    found = list(entries)
            except OSError as error:
                yield _folder_problem(prefix, error)
                continue
            for entry in found:
                key = prefix + entry.name
                if _shown(key) != key:
                    yield ListingProblem(_shown(key), ProblemKind.NAME_NOT_UTF8, "its name is no UTF-8 text")
                elif _is_folder(entry):
                    folders.append(key + "/")
                else:
                    yield self._look(entry, key)

    def _look(self, entry: os.DirEntry[str], key: str) -> StagedObject | ListingProblem:
        try:
            if entry.is_symlink() and not _is_within(Path(entry.path), self.root):
                return ListingProblem(
                    key, ProblemKind.LINK, "it is a link that leads out of the staging area"
                )
            status = entry.stat()
            if stat.S_ISDIR(status.st_mode):
                return ListingProblem(
                    key, ProblemKind.LINK, "it is a link to a folder; these are not followed"
                )
            if not stat.S_ISREG(status.st_mode):
                return ListingProblem(key, ProblemKind.NOT_A_FILE, "it is no regular file")
            if not os.access(entry.path, os.R_OK):
                return ListingProblem(key, ProblemKind.NO_PERMISSION, "there is no permission to read it")
            return _staged(key, status)
        except FileNotFoundError:
            if entry.is_symlink():
                return ListingProblem(key, ProblemKind.LINK, "it is a link that leads nowhere")
            return ListingProblem(key, ProblemKind.VANISHED, "it vanished while the area was listed")
        except (OSError, RuntimeError) as error:
            # A circle of links is a RuntimeError in Python up to 3.12, and an OSError after.
            if isinstance(error, RuntimeError) or error.errno == errno.ELOOP:
                return ListingProblem(key, ProblemKind.LINK, _LOOP)
            return ListingProblem(key, ProblemKind.FAILED, error.strerror or str(error))


def _folder_of(url: str | os.PathLike[str]) -> str:
    text = os.fspath(url)
    scheme, separator, _ = text.partition("://")
    if not separator:
        return text
    if scheme != "file":
        raise StagingError(
            f"A staging area of the kind {scheme}:// is not supported",
            hint="Give a folder, file:///folder or s3://bucket/prefix",
        )
    parts = urlsplit(text)
    if parts.netloc not in ("", "localhost"):
        raise StagingError(f"{text} names another machine", hint="Write file:///folder, with three slashes")
    return unquote(parts.path)


def _staged(key: str, status: os.stat_result) -> StagedObject:
    # The change time sees what the modification time does not: a rename over the file, a copy
    # that keeps the time, a permission that was mended.
    fingerprint = f"{status.st_size:x}-{status.st_mtime_ns:x}-{status.st_ctime_ns:x}"
    return StagedObject(key, status.st_size, status.st_mtime_ns, fingerprint)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _is_within(path: Path, root: Path) -> bool:
    return root.resolve() in path.resolve().parents


def _folder_problem(prefix: str, error: OSError) -> ListingProblem:
    if not prefix and isinstance(error, (FileNotFoundError, NotADirectoryError)):
        message = "the staging folder does not exist"
        return ListingProblem("", ProblemKind.NO_AREA, message, ErrorKind.CONFIGURATION)
    if isinstance(error, PermissionError):
        message = "there is no permission to list the folder"
        return ListingProblem(prefix, ProblemKind.NO_PERMISSION, message, ErrorKind.CONFIGURATION)
    if isinstance(error, FileNotFoundError):
        return ListingProblem(prefix, ProblemKind.VANISHED, "the folder vanished while the area was listed")
    return ListingProblem(prefix, ProblemKind.FAILED, error.strerror or str(error), kind_of(error))


def _shown(key: str) -> str:
    return key.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _vanished(key: str) -> VanishedError:
    return VanishedError("The object was listed and is no longer there", where={"key": key})
