"""The folder or the bucket that files are published to: a few operations, each whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from etl_assets.error_kinds import kind_of, kind_of_fault
from etl_assets.errors import ErrorKind
from etl_assets.object_storage import NoCredentialsError, ObjectStorage, Place, explained, is_s3, parse_place
from etl_assets.publications.destination import PublicationError, StalePublisherError

if TYPE_CHECKING:
    from obstore.store import LocalStore, S3Store

_LOCK_SECONDS = 60


@dataclass(frozen=True)
class Folder:
    """A folder, or a prefix of a bucket; the keys of its files are relative to it."""

    url: str
    storage: ObjectStorage

    @cached_property
    def _bucket(self) -> Place | None:
        return parse_place(self.url) if is_s3(self.url) else None

    @cached_property
    def _store(self) -> LocalStore | S3Store:
        if self._bucket is not None:
            return self.storage.store(self._bucket)
        from obstore.store import LocalStore

        return LocalStore(self.url, mkdir=True)

    def read(self, key: str) -> tuple[bytes, str] | None:
        """A small file with its etag; None if it is not there."""
        import obstore

        with self._told("read"):
            try:
                found = obstore.get(self._store, key)
            except FileNotFoundError:
                return None
            return bytes(found.bytes()), str(found.meta["e_tag"])

    def chunks(self, key: str) -> Iterator[bytes] | None:
        """The content of a file, piece by piece; None if it is not there."""
        import obstore

        with self._told("read"):
            try:
                found = obstore.get(self._store, key)
            except FileNotFoundError:
                return None
            return (bytes(chunk) for chunk in found.stream())

    def upload(self, file: Path, key: str) -> None:
        """Put a file of this machine there; a file of that name is replaced at once."""
        import obstore

        with self._told("write"):
            obstore.put(self._store, key, file)

    def swap(self, key: str, data: bytes, etag: str | None) -> None:
        """Replace a small file, only if it is still the one that was read; None: only if there is none.

        Raises:
            StalePublisherError: It is another one by now.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        mode: Any = "create" if etag is None else "overwrite"
        if self._bucket is not None and etag is not None:
            mode = {"e_tag": etag}
        try:
            with self._told("write", passing=(AlreadyExistsError, PreconditionError)):
                obstore.put(self._store, key, data, mode=mode)
        except (AlreadyExistsError, PreconditionError):
            raise StalePublisherError(
                "Another run has written the publication meanwhile",
                where={"destination": self.url},
                hint="What it wrote stays; the next run does what is left",
            ) from None

    def copy(self, key: str, to: str) -> None:
        """Copy a file within the folder; readers of the second see the old one or the new one, whole."""
        import obstore

        with self._told("write"):
            if self._bucket is not None:
                obstore.copy(self._store, key, to)
            else:
                # A local copy would be written in place; a file that is put is renamed when it is whole.
                obstore.put(self._store, to, Path(self.url) / key)

    def sizes(self, prefix: str = "") -> dict[str, int]:
        """Key -> bytes of all files below a prefix."""
        import obstore

        with self._told("list"):
            pages = obstore.list(self._store, prefix or None)
            return {one["path"]: one["size"] for page in pages for one in page}

    def delete(self, keys: list[str]) -> None:
        """Delete files; one that is gone already is as good."""
        import obstore

        with self._told("delete"):
            for key in keys:
                try:
                    obstore.delete(self._store, key)
                except FileNotFoundError:
                    continue

    def locked(self, key: str) -> AbstractContextManager[object]:
        """Keep other writers away; a bucket does without, for its writes are conditional."""
        if self._bucket is not None:
            return nullcontext()
        with self._told("write"):
            Path(self.url).mkdir(parents=True, exist_ok=True)
        path = Path(self.url) / key
        return FileLock(path.with_name(f".{path.name}.lock"), timeout=_LOCK_SECONDS)

    @contextmanager
    def _told(self, doing: str, passing: tuple[type[Exception], ...] = ()) -> Iterator[None]:
        try:
            yield
        except PublicationError:
            raise
        except NoCredentialsError as error:
            raise self._error(error.what, error.hint, ErrorKind.CONFIGURATION) from None
        except Exception as error:
            if isinstance(error, passing):
                raise
            if self._bucket is not None:
                fault, what, hint = explained(error, self._bucket, doing)
                raise self._error(what, hint, kind_of_fault(fault)) from None
            told = str(error).partition("\n")[0]
            hint = "Is there room, and may this process write there?"
            raise self._error(
                f"The folder can't be used to {doing}: {told}", hint, _local_kind(error)
            ) from None

    def _error(self, what: str, hint: str, kind: ErrorKind) -> PublicationError:
        return PublicationError(what, where={"destination": self.url}, hint=hint, kind=kind)


def _local_kind(error: Exception) -> ErrorKind:
    if "os error 28" in str(error):
        return ErrorKind.RESOURCE
    if type(error).__name__ in ("PermissionDeniedError", "PermissionError") or "os error 13" in str(error):
        return ErrorKind.CONFIGURATION
    found = kind_of(error)
    return found if found is not ErrorKind.BUG else ErrorKind.TRANSIENT


def split_file(url: str) -> tuple[str, str]:
    """The folder of a file, and its name."""
    if is_s3(url):
        place = parse_place(url)
        path = PurePosixPath(place.prefix)
        parent = "" if str(path.parent) == "." else str(path.parent)
        return str(Place(place.bucket, parent)), path.name
    return str(Path(url).parent), Path(url).name
