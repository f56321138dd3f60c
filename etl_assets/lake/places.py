"""Where the lake's files lie: a folder, or a prefix of a bucket. What is done to files, for both."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from etl_assets.error_kinds import kind_of_fault
from etl_assets.errors import Circuit, ErrorKind, LakeError
from etl_assets.object_storage import (
    Fault,
    NoCredentialsError,
    ObjectStorage,
    Place,
    explained,
    is_s3,
    parse_place,
)

if TYPE_CHECKING:
    from obstore.store import S3Store


class LakeUnreachableError(LakeError):
    """The storage refuses, does not answer, or is full: all tables are concerned."""

    circuit = Circuit.LAKE


@dataclass(frozen=True)
class BucketPath:
    """A path in a bucket, with as much of `pathlib.Path` as the lake needs."""

    place: Place
    storage: ObjectStorage

    def __str__(self) -> str:
        return str(self.place)

    def __truediv__(self, part: str) -> BucketPath:
        return self._with("/".join(one for one in (self.place.prefix, str(part)) if one))

    @property
    def name(self) -> str:
        """The last part."""
        return PurePosixPath(self.place.prefix).name

    @property
    def stem(self) -> str:
        """The last part without its ending."""
        return PurePosixPath(self.place.prefix).stem

    @property
    def suffix(self) -> str:
        """The ending of the last part."""
        return PurePosixPath(self.place.prefix).suffix

    def with_name(self, name: str) -> BucketPath:
        """The same with another last part."""
        return self._with(PurePosixPath(self.place.prefix).with_name(name).as_posix())

    def _with(self, prefix: str) -> BucketPath:
        return BucketPath(Place(self.place.bucket, prefix), self.storage)


LakePath = Path | BucketPath


def lake_path(url: str, storage: ObjectStorage) -> LakePath:
    """Return the path of a folder or of `s3://bucket/prefix`.

    Raises:
        ValueError: The URL is wrong.
    """
    return BucketPath(parse_place(url), storage) if is_s3(url) else Path(url)


def relative(path: LakePath, to: LakePath) -> str:
    """Return what follows `to` in a path, with `/`."""
    if isinstance(path, Path) and isinstance(to, Path):
        return path.relative_to(to).as_posix()
    assert isinstance(path, BucketPath)
    assert isinstance(to, BucketPath)
    return PurePosixPath(path.place.prefix).relative_to(to.place.prefix).as_posix()


def delta_options(path: LakePath) -> dict[str, str] | None:
    """`storage_options` for Delta tables."""
    return path.storage.delta_options(path.place.bucket) if isinstance(path, BucketPath) else None


def polars_options(path: LakePath) -> dict[str, Any]:
    """Arguments of Polars' scans and sinks that say how a place is reached; none for a folder."""
    if isinstance(path, Path):
        return {}
    # Polars would look for credentials by itself where it is given any provider but None.
    return {
        "storage_options": path.storage.polars_options(path.place.bucket),
        "credential_provider": None,
    }


def scannable(path: LakePath) -> Path | str:
    """A path as Polars takes it."""
    return path if isinstance(path, Path) else str(path)


def make_folder(path: LakePath) -> None:
    """Make a folder; a bucket has none."""
    if isinstance(path, Path):
        path.mkdir(parents=True, exist_ok=True)


def delete(path: LakePath) -> None:
    """Delete a file if it is there."""
    if isinstance(path, Path):
        path.unlink(missing_ok=True)
        return
    import obstore

    with storage_errors_told(path, "delete"):
        obstore.delete(_store(path), path.place.prefix)


def delete_folder(path: LakePath) -> None:
    """Delete a folder with all that is in it, if it is there."""
    if isinstance(path, Path):
        shutil.rmtree(path, ignore_errors=True)
        return
    import obstore

    with storage_errors_told(path, "delete"):
        if names := _names(path):
            obstore.delete(_store(path), sorted(names))


def move(file: LakePath, folder: LakePath) -> None:
    """Move a file into a folder, which is made where it is missing."""
    if isinstance(file, Path) and isinstance(folder, Path):
        folder.mkdir(parents=True, exist_ok=True)
        file.replace(folder / file.name)
        return
    assert isinstance(file, BucketPath)
    assert isinstance(folder, BucketPath)
    import obstore

    with storage_errors_told(file, "write"):
        obstore.rename(_store(file), file.place.prefix, (folder / file.name).place.prefix)


def size(path: LakePath) -> int:
    """The bytes of a file.

    Raises:
        FileNotFoundError: There is no such file.
    """
    if isinstance(path, Path):
        return path.stat().st_size
    import obstore

    with storage_errors_told(path, "read"), _absence_told(path):
        return int(obstore.head(_store(path), path.place.prefix)["size"])


def read_bytes(path: LakePath, start: int, length: int) -> bytes:
    """A part of a file; less of it where the file ends before.

    Raises:
        FileNotFoundError: There is no such file.
    """
    if isinstance(path, Path):
        with path.open("rb") as file:
            return os.pread(file.fileno(), length, start)
    import obstore

    if not length:
        return b""
    with storage_errors_told(path, "read"), _absence_told(path):
        return bytes(obstore.get_range(_store(path), path.place.prefix, start=start, length=length))


def write_bytes(path: LakePath, data: bytes) -> None:
    """Write a file, which is there as a whole or not at all."""
    if isinstance(path, Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.part")
        unfinished.write_bytes(data)
        unfinished.replace(path)
        return
    import obstore

    with storage_errors_told(path, "write"):
        obstore.put(_store(path), path.place.prefix, data)


def parquet_files(folder: LakePath) -> list[LakePath]:
    """The Parquet files of a folder, by name."""
    return files_of(folder, ".parquet")


def files_of(folder: LakePath, suffix: str) -> list[LakePath]:
    """The files of a folder whose names end so, by name."""
    if isinstance(folder, Path):
        return [*sorted(folder.glob(f"[!.]*{suffix}"))]
    depth = folder.place.prefix.count("/") + 1
    with storage_errors_told(folder, "list"):
        names = sorted(_names(folder))
    found = [one for one in names if one.endswith(suffix) and one.count("/") == depth]
    return [BucketPath(Place(folder.place.bucket, one), folder.storage) for one in found]


def lost(folder: LakePath, files: Collection[LakePath]) -> set[LakePath]:
    """Those of a folder's files that are not there: in a bucket one listing tells of all."""
    if isinstance(folder, Path):
        return {one for one in files if isinstance(one, Path) and not one.exists()}
    if not files:
        return set()
    with storage_errors_told(folder, "list"):
        there = _names(folder)
    return {one for one in files if isinstance(one, BucketPath) and one.place.prefix not in there}


@contextmanager
def storage_errors_told(path: LakePath, doing: str) -> Iterator[None]:
    """Say of which bucket an error is, and what to do; errors of a folder pass as they are.

    Raises:
        LakeUnreachableError: The object storage refuses, or does not answer.
        LakeError: A file is not there.
    """
    try:
        yield
    except NoCredentialsError as error:
        raise LakeUnreachableError(
            error.what, where={"place": str(path)}, hint=error.hint, kind=ErrorKind.CONFIGURATION
        ) from None
    except Exception as error:
        if isinstance(path, BucketPath) and is_of_storage(error):
            raise storage_error(error, path, doing) from None
        raise


@contextmanager
def _absence_told(path: BucketPath) -> Iterator[None]:
    """Say of an object that is not there what is said of a file."""
    from obstore.exceptions import NotFoundError

    try:
        yield
    except NotFoundError:
        raise FileNotFoundError(str(path)) from None


def is_of_storage(error: BaseException) -> bool:
    """Whether an error is the object storage's, as obstore, Delta and Polars raise them."""
    if type(error).__module__.startswith("obstore"):
        return True
    said = ("object-store error", "Generic S3 error", "necessary privileges", "performing", "Kernel error")
    return isinstance(error, OSError) and any(one in str(error) for one in said)


def storage_error(error: BaseException, path: BucketPath, doing: str) -> LakeError:
    """Give such an error to people; one file that is not there makes no lake unreachable."""
    fault, what, hint = explained(error, path.place, doing)
    kind = LakeError if fault in (Fault.NO_OBJECT, Fault.CHANGED) else LakeUnreachableError
    return kind(what, where={"place": str(path)}, hint=hint, kind=kind_of_fault(fault))


@lru_cache(maxsize=16)
def _opened(bucket: str, storage: ObjectStorage) -> S3Store:
    return storage.store(Place(bucket))


def _store(path: BucketPath) -> S3Store:
    return _opened(path.place.bucket, path.storage)


def _names(folder: BucketPath) -> set[str]:
    import obstore

    pages = obstore.list(_store(folder), folder.place.prefix, chunk_size=1000)
    return {one["path"] for page in pages for one in page}
