"""A file of sorted key hashes that is written once, and looked into without being read.

It begins with a magic word, the length of its header, and the header: what the hashes are of, as packed
JSON. Then come the fences, the first half of every `PAGE`th hash, and the records, sorted by hash. Whoever
looks for some hashes reads header and fences once, and of the records only the pages that may have them.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from etl_assets.errors import LakeError
from etl_assets.lake.places import LakePath, read_bytes, size, write_bytes

Array = npt.NDArray[Any]

MAGIC = b"etlkeys1"
PREFIX = len(MAGIC) + 16
"""The magic word, the header's length, the number of records."""

PAGE = 32
"""Records between two fences. Smaller pages mean more fences; for a day's keys looked up among those of a
thousand days, both together are smallest at some twenty."""

GAP, BUCKET_GAP = 8, 1600
"""Pages that are read along rather than skipped, in a folder and in a bucket: a read costs more."""

RECORD = np.dtype([("h1", "<u8"), ("h2", "<u8"), ("entry", "<u4")])

SCHEMA = {"h1": pl.UInt64, "h2": pl.UInt64, "name": pl.String, "period": pl.String, "attempt": pl.String}
"""A hash, what it is of, the partition that has it, and the attempt that built the partition."""


Built = tuple[str, str]
"""(period, attempt)"""


@dataclass(frozen=True, order=True)
class Entry:
    """The keys that one attempt found in a partition: all that an index says of it under one name."""

    name: str
    period: str
    attempt: str

    @property
    def built(self) -> Built:
        """The partition, as the attempt built it."""
        return self.period, self.attempt


@dataclass(frozen=True)
class Segment:
    """An opened file.

    Attributes:
        entries: Whose hashes it has; one may have none.
        fences: The first half of each page's first hash.
    """

    path: LakePath
    entries: Sequence[Entry]
    records: int
    fences: Array
    offset: int

    def find(self, hashes: pl.DataFrame, of: Collection[Entry]) -> pl.DataFrame:
        """The records of some hashes (`h1`, `h2`) that some entries have."""
        if not self.records or hashes.is_empty():
            return pl.DataFrame(schema=SCHEMA)
        wanted = hashes["h1"].to_numpy()
        first = np.maximum(np.searchsorted(self.fences, wanted, side="left") - 1, 0)
        last = np.maximum(np.searchsorted(self.fences, wanted, side="right") - 1, 0)
        found = [self._records(start, end) for start, end in _runs(first, last, self._gap)]
        return self._told(found, of).join(hashes, on=["h1", "h2"], how="semi")

    def read(self, of: Collection[Entry]) -> pl.DataFrame:
        """All records of some entries."""
        if not self.records:
            return pl.DataFrame(schema=SCHEMA)
        return self._told([self._records(0, len(self.fences))], of)

    @property
    def _gap(self) -> int:
        return GAP if isinstance(self.path, Path) else BUCKET_GAP

    def _records(self, page: int, end: int) -> Array:
        start, stop = page * PAGE, min(end * PAGE, self.records)
        data = read_bytes(self.path, self.offset + start * RECORD.itemsize, (stop - start) * RECORD.itemsize)
        return np.frombuffer(data, RECORD)

    def _told(self, parts: Sequence[Array], of: Collection[Entry]) -> pl.DataFrame:
        records = np.concatenate(parts)
        wanted = np.fromiter((one in of for one in self.entries), bool, len(self.entries))
        if not wanted.all():
            # While they are numbers: texts of entries that nobody asked for cost most.
            records = records[wanted[records["entry"]]]
        told = pl.DataFrame(
            {
                "name": [one.name for one in self.entries],
                "period": [one.period for one in self.entries],
                "attempt": [one.attempt for one in self.entries],
            },
            schema={name: SCHEMA[name] for name in ("name", "period", "attempt")},
        )
        places = pl.Series(np.ascontiguousarray(records["entry"]))
        hashes = {name: np.ascontiguousarray(records[name]) for name in ("h1", "h2")}
        return pl.DataFrame(hashes).with_columns(told[places])


def open_segment(path: LakePath) -> Segment:
    """Open a file.

    Raises:
        LakeError: It is not what it should be: damaged, or cut off.
    """
    whole = size(path)
    prefix = read_bytes(path, 0, min(PREFIX, whole))
    if len(prefix) < PREFIX or not prefix.startswith(MAGIC):
        raise _damaged(path)
    header, records = np.frombuffer(prefix[len(MAGIC) :], "<u8").tolist()
    pages = -(-records // PAGE)
    offset = PREFIX + header + pages * 8
    if whole != offset + records * RECORD.itemsize:
        raise _damaged(path)
    data = read_bytes(path, PREFIX, header + pages * 8)
    try:
        entries = [Entry(*one) for one in json.loads(zlib.decompress(data[:header]))]
    except (zlib.error, ValueError, TypeError) as error:
        raise _damaged(path) from error
    return Segment(path, entries, records, np.frombuffer(data[header:], "<u8"), offset)


def write_segment(path: LakePath, keys: pl.DataFrame, entries: Iterable[Entry]) -> None:
    """Write a file; it is there as a whole or not at all.

    Args:
        path: Where; nothing is there yet.
        keys: Hashes with their entries (`SCHEMA`), in any order.
        entries: All entries, also those that have no keys.
    """
    all_entries = sorted(set(entries))
    places = pl.DataFrame(
        [(one.name, one.period, one.attempt, place) for place, one in enumerate(all_entries)],
        schema={"name": pl.String, "period": pl.String, "attempt": pl.String, "entry": pl.UInt32},
        orient="row",
    )
    ordered = keys.join(places, on=["name", "period", "attempt"]).sort("h1", "h2", "entry")
    records = np.empty(ordered.height, RECORD)
    for name in ("h1", "h2", "entry"):
        records[name] = ordered[name].to_numpy()
    header = zlib.compress(json.dumps([[one.name, one.period, one.attempt] for one in all_entries]).encode())
    lengths = np.array([len(header), len(records)], "<u8")
    fences = np.ascontiguousarray(records["h1"][::PAGE])
    write_bytes(path, b"".join([MAGIC, lengths.tobytes(), header, fences.tobytes(), records.tobytes()]))


def _runs(first: Array, last: Array, gap: int) -> Iterator[tuple[int, int]]:
    """Put pages together that lie next to each other, or nearly so."""
    order = np.argsort(first, kind="stable")
    starts, ends = first[order], np.maximum.accumulate(last[order]) + 1
    breaks = np.flatnonzero(starts[1:] > ends[:-1] + gap) + 1
    for part in np.split(np.arange(len(starts)), breaks):
        yield int(starts[part[0]]), int(ends[part[-1]])


def _damaged(path: LakePath) -> LakeError:
    return LakeError(
        "a file of the index of keys is damaged",
        where={"file": str(path)},
        hint="nothing is lost: the partitions that it speaks of are built again",
    )
