"""The log of what was read from a database: a folder or a bucket prefix of our own, and its entries.

What a look reads goes into a Parquet file, and then one entry is made, under the next number and only if
there is none of that number yet: of two processes that read at once, one wins, and the other's file counts
for nothing. An entry says up to where the database had been read, so the log alone is enough to go on
after a kill, or with a ledger that was lost or restored.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

from etl_assets.errors import StagingError
from etl_assets.object_storage import ObjectStorage, explained, is_s3, parse_place
from etl_assets.staging.area import StagedObject, StagingArea, StagingFolder, VanishedError
from etl_assets.staging.opening import open_area

_ENTRY = re.compile(r"(?P<table>[a-z][a-z0-9_]*)/(?P<reading>\d{4})-(?P<number>\d{8})\.json")
_EXTRACT = re.compile(r"(?P<table>[a-z][a-z0-9_]*)/(?P<reading>\d{4})-(?P<number>\d{8})-[0-9a-f]{8}\.parquet")


@dataclass(frozen=True, order=True)
class Place:
    """Where in the log of a table an entry or an extract stands: the reading, and its number there."""

    reading: int
    number: int

    def __str__(self) -> str:
        return f"{self.reading:04d}-{self.number:08d}"


@dataclass(frozen=True)
class Entry:
    """One extract, and how far the database had been read with it.

    Attributes:
        reading: The `reading` of the settings that it belongs to.
        number: 1 for the first of a reading.
        extract: Key of the Parquet file.
        rows: How many rows are in it.
        columns: Column -> PostgreSQL's name of its type.
        watermark: The watermark column's name and type.
        top: The highest value of the watermark that was read; all values are the database's own text.
        low: From here on rows are read again, since they may still change.
        window: Key of the file that knows the rows from `low` on, 16 bytes for each.
        behind: How many rows there were below `low`.
        content: Of a snapshot: its rows and the sum of their hashes, whatever their order.
        modified_ns: When it was made, later than any before, whatever the clocks of machines say.
    """

    reading: int
    number: int
    extract: str
    rows: int
    columns: Mapping[str, str] = field(default_factory=dict)
    watermark: str | None = None
    top: str | None = None
    low: str | None = None
    window: str | None = None
    behind: int = 0
    content: str | None = None
    modified_ns: int = 0

    @property
    def place(self) -> Place:
        """Where it stands in its table's log."""
        return Place(self.reading, self.number)

    def to_json(self) -> bytes:
        """The entry as a file holds it."""
        return (json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes, key: str) -> Self:
        """Read it back.

        Raises:
            StagingError: Somebody has changed it.
        """
        try:
            found: dict[str, Any] = json.loads(data)
            return cls(**found)
        except (ValueError, TypeError):
            raise StagingError(
                "An entry of the log of extracts is damaged",
                where={"key": key},
                hint="Restore it, or raise `reading` of the query to read everything anew",
            ) from None


def place_of(key: str) -> Place | None:
    """Where the extract of a delivery stands; None for what is no extract."""
    found = _EXTRACT.fullmatch(key)
    return Place(int(found["reading"]), int(found["number"])) if found else None


class ExtractLog:
    """What was read from databases for one dataset.

    Args:
        url: Folder or `s3://bucket/prefix`; nobody else writes there.
        storage: How to reach a bucket.
    """

    def __init__(self, url: str, storage: ObjectStorage) -> None:
        self.area: StagingArea = open_area(url, storage)
        self._files: _Folder | _Bucket = _Bucket(url, storage) if is_s3(url) else _Folder(url)

    def objects(self, table: str, after: Place | None = None) -> dict[str, StagedObject]:
        """Everything of a table by key, or what came after an entry.

        Raises:
            StagingError: It can't be listed.
        """
        # Before all digits, for some servers skip a folder whose own name is where to begin; or after all
        # that belongs to an entry, whose key is the last of its number.
        begin = f"{table}/!" if after is None else f"{table}/{after}.z"
        listing = self.area.list(after=begin)
        for problem in listing.problems:
            if not problem.key and not self._files.is_new(problem.kind):
                raise StagingError(f"What was read from databases can't be listed: {problem.message}")
        found = {one.key: one for one in listing.objects}
        return {key: one for key, one in found.items() if key.startswith(f"{table}/") and key > begin}

    def entries(self, objects: Mapping[str, StagedObject]) -> dict[Place, str]:
        """The keys of the entries among some objects, by place."""
        matches = (_ENTRY.fullmatch(key) for key in sorted(objects))
        return {Place(int(one["reading"]), int(one["number"])): one.string for one in matches if one}

    def entry(self, key: str) -> Entry:
        """Read one entry.

        Raises:
            StagingError: It can't be read.
        """
        return Entry.from_json(self._files.read(key), key)

    def window(self, entry: Entry) -> bytes:
        """Read what an entry knows of the rows that may still change.

        Raises:
            StagingError: It is gone or can't be read.
        """
        return self._files.read(entry.window) if entry.window else b""

    def put_extract(self, table: str, place: Place, file: Path) -> str:
        """Move a file into the log, where it counts for nothing yet; returns its key."""
        key = f"{table}/{place}-{uuid4().hex[:8]}.parquet"
        self._files.put(key, file)
        return key

    def put_window(self, table: str, place: Place, hashes: bytes) -> str:
        """Lay a window into the log, where it counts for nothing yet; returns its key."""
        key = f"{table}/{place}-{uuid4().hex[:8]}.window"
        self._files.put(key, hashes)
        return key

    def commit(self, table: str, entry: Entry) -> bool:
        """Make an entry, and with it its extract, count; False if another process has made that number."""
        return self._files.create(f"{table}/{entry.place}.json", entry.to_json())

    def forget(self, *keys: str | None) -> None:
        """Delete files that count for nothing; one that is gone already is no trouble."""
        for key in keys:
            if key is not None:
                self._files.delete(key)


class _Folder:
    def __init__(self, url: str) -> None:
        self._root = StagingFolder(url).root

    def is_new(self, kind: str) -> bool:
        return kind == "no_area" and not self._root.exists()

    def read(self, key: str) -> bytes:
        try:
            return (self._root / key).read_bytes()
        except FileNotFoundError:
            raise VanishedError("A file of the log of extracts is gone", where={"key": key}) from None
        except OSError as error:
            raise _unwritable(error, key) from None

    def put(self, key: str, data: bytes | Path) -> None:
        try:
            self._written(key, data).replace(self._root / key)
            _sync(self._root / key)
        except OSError as error:
            raise _unwritable(error, key) from None

    def create(self, key: str, data: bytes) -> bool:
        try:
            part = self._written(key, data)
            try:
                os.link(part, self._root / key)
            except FileExistsError:
                return False
            finally:
                part.unlink()
            _sync(self._root / key)
        except OSError as error:
            raise _unwritable(error, key) from None
        return True

    def delete(self, key: str) -> None:
        with suppress(OSError):
            (self._root / key).unlink()

    def _written(self, key: str, data: bytes | Path) -> Path:
        """The bytes under a temporary name beside the wanted one, safe on the disk."""
        path = self._root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{uuid4().hex[:8]}")
        if isinstance(data, Path):
            try:
                data.replace(part)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                part.write_bytes(data.read_bytes())
                data.unlink()
        else:
            part.write_bytes(data)
        with part.open("rb") as written:
            os.fsync(written.fileno())
        return part


def _sync(path: Path) -> None:
    """Let a new name survive a power cut."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _unwritable(error: OSError, key: str) -> StagingError:
    what = f"The log of extracts can't be read or written: {error.strerror}"
    return StagingError(what, where={"key": key}, hint="Check the room and the permissions where it lies")


class _Bucket:
    def __init__(self, url: str, storage: ObjectStorage) -> None:
        self._place = parse_place(url)
        self._storage = storage

    def is_new(self, kind: str) -> bool:
        return False  # a prefix needs not be made

    def read(self, key: str) -> bytes:
        import obstore

        with self._told("read", key):
            return bytes(obstore.get(self._store(), key).bytes())

    def put(self, key: str, data: bytes | Path) -> None:
        import obstore

        with self._told("write", key):
            obstore.put(self._store(), key, data)
        if isinstance(data, Path):
            data.unlink()

    def create(self, key: str, data: bytes) -> bool:
        import obstore
        from obstore.exceptions import AlreadyExistsError

        with self._told("write", key):
            try:
                obstore.put(self._store(), key, data, mode="create")
            except AlreadyExistsError:
                return False
        return True

    def delete(self, key: str) -> None:
        import obstore

        with suppress(Exception):  # what is left behind counts for nothing
            obstore.delete(self._store(), key)

    def _store(self) -> Any:
        return self._storage.store(self._place)

    def _told(self, doing: str, key: str) -> Any:
        return _Told(self._place, doing, key)


class _Told:
    """Turns the errors of a bucket into ours."""

    def __init__(self, place: Any, doing: str, key: str) -> None:
        self._place, self._doing, self._key = place, doing, key

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, StagingError) or not isinstance(error, Exception):
            return
        _, what, hint = explained(error, self._place, self._doing)
        raise StagingError(what, where={"key": self._key}, hint=hint) from None
