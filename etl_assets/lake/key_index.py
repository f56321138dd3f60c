"""The index of a table's keys: hashes of what its partitions hold, refer to and lack, beside the table.

It is made of files that are never changed: each hop adds its own, and small ones are merged into larger ones.
What an attempt found in a partition is an *entry*. The ledger says which attempt's rows are published; an
entry of another attempt counts for nothing, so that a run may be killed at any moment.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from uuid import uuid4

import polars as pl

from etl_assets.errors import LakeError
from etl_assets.lake.places import LakePath, LakeUnreachableError, delete, files_of
from etl_assets.lake.segment import SCHEMA, Built, Entry, Segment, open_segment, write_segment

SUFFIX = ".keys"

FANOUT = 8
"""So many files of about one size are merged into one."""

LARGEST = 16_000_000
"""Records of a file that is merged no more: merging takes some 100 bytes of memory each."""


@dataclass(frozen=True)
class KeyIndex:
    """The files of one table's index."""

    folder: LakePath

    def segments(self) -> list[Segment]:
        """The files that are sound; what a damaged one said is not known any more."""
        found = []
        for path in files_of(self.folder, SUFFIX):
            try:
                found.append(_opened(path))
            except LakeUnreachableError:
                raise
            except (FileNotFoundError, LakeError):
                continue  # merged meanwhile, or damaged
        return found

    def entries(self) -> set[Entry]:
        """Everything that the index speaks of."""
        return {entry for one in self.segments() for entry in one.entries}

    def add(self, name: str, keys: pl.DataFrame, entries: Collection[Entry]) -> None:
        """Add what an attempt found.

        Args:
            name: Of the file, unique for ever.
            keys: Hashes with their entries.
            entries: The entries, also those without keys.
        """
        write_segment(self.folder / f"{name}{SUFFIX}", keys, entries)

    def find(
        self, hashes: pl.DataFrame, names: Collection[str], built: Collection[Built] | None = None
    ) -> pl.DataFrame:
        """Who has some hashes (`h1`, `h2`); it costs what is asked, not what is there.

        Args:
            hashes: What is asked.
            names: Under which names.
            built: The partitions, as these attempts built them; None for all.
        """
        wanted = hashes.select("h1", "h2").unique()
        return self._from(lambda one, entries: one.find(wanted, entries), names, built)

    def read(self, built: Collection[Built] | None, names: Collection[str]) -> pl.DataFrame:
        """All hashes of some partitions, or of all: the files that speak of them are read."""
        return self._from(lambda one, entries: one.read(entries), names, built)

    def _from(
        self,
        look: Callable[[Segment, set[Entry]], pl.DataFrame],
        names: Collection[str],
        built: Collection[Built] | None,
    ) -> pl.DataFrame:
        counted = None if built is None else set(built)
        for attempt in (1, 2, 3):
            seen: set[Entry] = set()
            twice = False
            parts = []
            try:
                for one in self.segments():
                    entries = {
                        entry
                        for entry in one.entries
                        if entry.name in names and (counted is None or entry.built in counted)
                    }
                    # Where a merge was killed before it deleted what it had merged.
                    twice = twice or not seen.isdisjoint(entries)
                    seen |= entries
                    if entries:
                        parts.append(look(one, entries))
                break
            except FileNotFoundError:
                # Merged while it was read.
                if attempt == 3:
                    raise
        found = pl.concat([pl.DataFrame(schema=SCHEMA), *parts])
        return found.unique() if twice else found

    def merge(self, attempt: str, live: Collection[Built], *, all_: bool = False) -> None:
        """Merge small files into larger ones, and forget what no partition is built from any more.

        Args:
            attempt: Who merges, which names the new files.
            live: The partitions whose entries are kept.
            all_: Also write large files anew that hold entries to be forgotten.
        """
        kept = set(live)
        for some in _to_merge(self.segments(), kept, all_=all_):
            entries = {entry for one in some for entry in one.entries if entry.built in kept}
            if entries:
                keys = pl.concat([one.read(entries) for one in some]).unique()
                self.add(f"{attempt}-merged-{uuid4().hex[:16]}", keys, entries)
            for one in some:
                delete(one.path)


def of_built(keys: pl.DataFrame, built: Iterable[Built]) -> pl.DataFrame:
    """The hashes that some partitions have, as these attempts built them."""
    table = pl.DataFrame(list(built), schema={"period": pl.String, "attempt": pl.String}, orient="row")
    return keys.join(table, on=["period", "attempt"], how="semi")


@lru_cache(maxsize=256)
def _opened(path: LakePath) -> Segment:
    return open_segment(path)


def _to_merge(segments: Iterable[Segment], live: set[Built], *, all_: bool) -> Iterator[list[Segment]]:
    tiers: dict[int, list[Segment]] = {}
    for one in segments:
        dead = any(entry.built not in live for entry in one.entries)
        if all_ and dead:
            yield [one]
        elif one.records < LARGEST:
            tiers.setdefault(_tier(one), []).append(one)
    for some in tiers.values():
        if len(some) >= FANOUT:
            yield some


def _tier(segment: Segment) -> int:
    """Of about which size a file is."""
    tier, records = 0, segment.records // 1024
    while records:
        tier, records = tier + 1, records // FANOUT
    return tier
