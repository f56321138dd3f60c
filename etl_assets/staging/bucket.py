"""A staging area in a bucket. An object is fetched whole, once for each use, and read as a local file."""

from __future__ import annotations

import builtins
import errno
import hashlib
import os
import re
import shutil
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import obstore
from botocore.exceptions import BotoCoreError, ClientError
from obstore.exceptions import BaseError, InvalidPathError

from etl_assets.error_kinds import kind_of_fault
from etl_assets.errors import ErrorKind, StagingError, StagingUnreachableError
from etl_assets.object_storage import Fault, NoCredentialsError, ObjectStorage, Place, explained
from etl_assets.staging.area import (
    ChangedError,
    KeyRange,
    Listing,
    ListingProblem,
    ProblemKind,
    StagedObject,
    StagingFolder,
    VanishedError,
)

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import S3Store

PAGE_KEYS = 1000
"""What S3 gives in one answer."""

_CHUNK_BYTES = 1 << 20
_SPARE_BYTES = 64_000_000
"""Room that a fetched object leaves on the disk."""

_ERRORS = (BaseError, BotoCoreError, ClientError, OSError, ValueError, NoCredentialsError)
_ANSWERED = re.compile(r"status code:? 500\b")
"""The server is there and fails on this object: the others may be good."""

_KINDS = {
    Fault.NO_BUCKET: ProblemKind.NO_AREA,
    Fault.PERMISSION: ProblemKind.NO_PERMISSION,
    Fault.CREDENTIALS: ProblemKind.NO_PERMISSION,
}


class FetchedObject(StagingFolder):
    """One object of a bucket as it was fetched: it stays as it is, whatever becomes of the bucket."""

    def __init__(self, path: Path, staged: StagedObject) -> None:
        super().__init__(path.parent)
        self._path = path
        self._staged = staged

    def local_path(self, key: str) -> Path:
        """Return where the copy lies; its name is not the key, which may be no file name."""
        return self._path

    def stat(self, key: str) -> StagedObject:
        """Return the object as it was in the bucket."""
        return self._staged


class StagingBucket:
    """A prefix of a bucket that others put deliveries into.

    A listing costs a request for each 1,000 keys. So a look lists one slice of the area after the
    other, and beside it the ranges in which new objects are expected.

    Args:
        place: Bucket and prefix.
        storage: How to reach it.
    """

    def __init__(self, place: Place, storage: ObjectStorage) -> None:
        self.place = place
        self.storage = storage

    def __repr__(self) -> str:
        return f"StagingBucket({self.url!r})"

    @property
    def url(self) -> str:
        """Bucket and prefix."""
        return str(self.place)

    @property
    def in_slices(self) -> bool:
        """Always: what lies there may be millions."""
        return True

    @cached_property
    def _store(self) -> S3Store:
        return self.storage.store(self.place)

    # -- listing ------------------------------------------------------------------------------

    def list(self, *, after: str = "", limit: int | None = None, also: Sequence[KeyRange] = ()) -> Listing:
        """Return the objects of a slice and of some ranges; see `StagingArea.list`.

        Each page is taken at once, so that objects which come or go meanwhile are in this listing or in
        the next one, whatever their times say: keys decide, not times.
        """
        objects: dict[str, StagedObject] = {}
        problems: builtins.list[ListingProblem] = []
        end: str | None = None
        try:
            for one in self._walk(after):
                if isinstance(one, ListingProblem):
                    problems.append(one)
                    continue
                objects[one.key] = one
                if limit is not None and len(objects) >= limit:
                    end = one.key
                    break
            for range in also if end is not None or after else ():
                objects |= {one.key: one for one in self._in_range(range)}
        except _ERRORS as error:
            problems.append(self._problem(error))
        found = tuple(sorted(_without_folders(objects.values()), key=lambda one: one.key))
        time = self.storage.server_time() if found else None
        return Listing(found, tuple(problems), (after, end), time)

    def _walk(self, after: str, folder: str = "") -> Iterator[StagedObject | ListingProblem]:
        while True:
            pages = obstore.list(self._store, folder or None, offset=after or None, chunk_size=PAGE_KEYS)
            try:
                for page in pages:
                    for meta in page:
                        after = meta["path"]
                        yield _staged(meta)
                return
            except InvalidPathError:
                # One odd name, and obstore gives up the listing: the other objects must go on.
                end = yield from self._odd_page(after, folder)
                if end is None:
                    return
                after = end

    def _odd_page(
        self, after: str, folder: str
    ) -> Generator[StagedObject | ListingProblem, None, str | None]:
        """List a page with names that obstore can't hold; return its last key, if more follow."""
        root = f"{self.place.prefix}/" if self.place.prefix else ""
        page = self.storage.client().list_objects_v2(
            Bucket=self.place.bucket,
            Prefix=f"{root}{folder}/" if folder else root,
            StartAfter=f"{root}{after}" if after else "",
            MaxKeys=PAGE_KEYS,
        )
        key = after
        for found in page.get("Contents", ()):
            key = found["Key"].removeprefix(root)
            if any(part in ("", ".", "..") for part in key.rstrip("/").split("/")):
                message = "its name has an empty part, or a dot as a part: name it otherwise"
                yield ListingProblem(key, ProblemKind.ODD_NAME, message)
            elif not key.endswith("/"):
                yield _staged(
                    {
                        "path": key,
                        "size": found["Size"],
                        "last_modified": found["LastModified"],
                        "e_tag": found["ETag"],
                        "version": None,
                    }
                )
        return key if page.get("IsTruncated") else None

    def _in_range(self, range: KeyRange) -> Iterator[StagedObject]:
        """List a range; it ends at the first key beyond its prefix."""
        folder, _, begin = range.prefix.rpartition("/")
        before = ""
        if begin:
            # The greatest text below all that begin so: S3 takes "after", not "from".
            last = chr(max(ord(begin[-1]) - 1, 1))
            before = f"{folder}/" * bool(folder) + begin[:-1] + last + "\U0010ffff"
        for one in self._walk(max(before, range.after), folder):
            if isinstance(one, ListingProblem):
                continue  # its slice tells of it
            if not one.key.startswith(range.prefix):
                return
            yield one

    def _problem(self, error: BaseException) -> ListingProblem:
        if isinstance(error, NoCredentialsError):
            said = f"{error.what}. {error.hint}"
            return ListingProblem("", ProblemKind.NO_PERMISSION, said, ErrorKind.CONFIGURATION)
        fault, what, hint = explained(error, self.place, "list")
        said = f"{self.url}: {what}" + (f". {hint}" if hint else "")
        return ListingProblem("", _KINDS.get(fault, ProblemKind.FAILED), said, kind_of_fault(fault))

    # -- reading ------------------------------------------------------------------------------

    def fetch(self, key: str, fingerprint: str, folder: Path, *, sha256: str = "") -> StagingFolder:
        """Copy an object into a folder, in one request for exactly the version that is wanted.

        Raises:
            VanishedError: It is gone.
            ChangedError: It is another version by now.
            StagingUnreachableError: The whole bucket can't be read, or this machine has no room.
            StagingError: It can't be read just now.
        """
        where: dict[str, object] = {"bucket": self.place.bucket, "key": _joined(self.place.prefix, key)}
        path = folder / uuid4().hex
        try:
            result = obstore.get(self._store, key, options=_only(fingerprint))
            staged = replace(_staged(result.meta), key=key)
            if staged.fingerprint != fingerprint:
                raise ChangedError("The object was changed after it was listed", where=where)
            _check_room(folder, staged.size, where)
            size, digest = 0, hashlib.sha256()
            with path.open("wb") as copy:
                for chunk in result.stream(min_chunk_size=_CHUNK_BYTES):
                    size += copy.write(chunk)
                    digest.update(chunk)
        except _ERRORS as error:
            path.unlink(missing_ok=True)
            raise self._fetch_error(error, where) from None
        if size != staged.size:
            path.unlink(missing_ok=True)
            raise StagingError(f"The object was cut off: {size} of {staged.size} bytes came", where=where)
        if sha256 and digest.hexdigest() != sha256:
            path.unlink(missing_ok=True)
            raise ChangedError("The object is not the one that was registered", where=where)
        os.utime(path, ns=(staged.modified_ns, staged.modified_ns))
        return FetchedObject(path, staged)

    def _fetch_error(self, error: BaseException, where: dict[str, object]) -> StagingError:
        if isinstance(error, NoCredentialsError):
            return StagingUnreachableError(
                error.what, where=where, hint=error.hint, kind=ErrorKind.CONFIGURATION
            )
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            return _no_room("The disk is full", where)
        fault, what, hint = explained(error, self.place, "read")
        if fault is Fault.NO_OBJECT:
            return VanishedError("The object was listed and is no longer there", where=where)
        if fault is Fault.CHANGED:
            return ChangedError(what, where=where)
        alone = fault is Fault.PERMISSION or _ANSWERED.search(str(error))
        kind = StagingError if alone else StagingUnreachableError
        return kind(what, where=where, hint=hint, kind=kind_of_fault(fault))


def _staged(meta: ObjectMeta) -> StagedObject:
    """An object as S3 describes it. A weak etag may stay when bytes change: the time counts, too."""
    tag = meta["e_tag"] or ""
    modified = int(meta["last_modified"].timestamp() * 1_000_000) * 1000
    strong = tag and not tag.startswith("W/")
    fingerprint = (
        f"{meta['size']:x}-{tag.strip(chr(34))}" if strong else f"{meta['size']:x}-{tag}-{modified:x}"
    )
    return StagedObject(meta["path"], meta["size"], modified, fingerprint)


def _only(fingerprint: str) -> obstore.GetOptions:
    tag = fingerprint.partition("-")[2]
    # A weak etag never matches; what came is compared all the same.
    return {"if_match": f'"{tag}"'} if tag and not tag.startswith(("W/", "-")) else {}


def _without_folders(objects: Iterable[StagedObject]) -> Iterator[StagedObject]:
    """Leave out what consoles make for a folder: an empty object, of which obstore drops the last slash."""
    found = sorted(objects, key=lambda one: one.key + "/")
    for one, following in zip_longest(found, found[1:]):
        if one.size or following is None or not following.key.startswith(one.key + "/"):
            yield one


def _check_room(folder: Path, size: int, where: dict[str, object]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < size + _SPARE_BYTES:
        raise _no_room(f"The object has {size} bytes, the disk has {free} free", where)


def _no_room(what: str, where: dict[str, object]) -> StagingError:
    hint = "Make room where ETL_HOME lies"
    return StagingUnreachableError(what, where=where, hint=hint, kind=ErrorKind.RESOURCE)


def _joined(prefix: str, key: str) -> str:
    return f"{prefix}/{key}" if prefix else key
