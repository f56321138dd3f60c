"""The few keys of a table that tie its partitions to others, kept so that nobody searches for them each time.

A view says which entries of the index it was made of. What became of the index since is all that has to be
looked at: a day that is added costs a look for its own keys. A view is never the truth; without one the index
is read once.
"""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from etl_assets.errors import LakeError
from etl_assets.lake.key_index import KeyIndex, of_built
from etl_assets.lake.places import (
    LakePath,
    LakeUnreachableError,
    delete,
    files_of,
    read_bytes,
    size,
    write_bytes,
)
from etl_assets.lake.segment import SCHEMA, Built
from etl_assets.pipeline.referenced_keys import ReferencedKeys

SUFFIX = ".view"

KEY = ["name", "h1", "h2"]


@dataclass(frozen=True)
class KeyView:
    """What was found at one moment.

    Attributes:
        own: The entries that were looked at.
        references: Name of an entry -> the partitions of the referenced table that were looked at.
        keys: The keys that several partitions claim, and the values that are missing in a referenced table.
    """

    own: frozenset[Built] = frozenset()
    references: Mapping[str, frozenset[Built]] = field(default_factory=dict)
    keys: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=SCHEMA))

    def refreshed(
        self,
        index: KeyIndex,
        current: Collection[Built],
        unique: Sequence[str],
        references: Mapping[str, ReferencedKeys],
    ) -> KeyView:
        """Look at what came and went since.

        Args:
            index: The table's index.
            current: The attempts whose keys count.
            unique: Names of the entries whose keys must be unique.
            references: Name of an entry -> the values that its keys must be among.
        """
        own = _indexed(index, current, {*unique, *references})
        looked_at = {name: frozenset(one.built) for name, one in references.items()}
        if own == self.own and looked_at == self.references:
            return self
        keys = [self._shared(index, own, unique)] if unique else []
        keys += [self._missed(index, own, name, one) for name, one in references.items()]
        return KeyView(own, looked_at, pl.concat([pl.DataFrame(schema=SCHEMA), *keys]))

    def _shared(self, index: KeyIndex, own: frozenset[Built], names: Sequence[str]) -> pl.DataFrame:
        """The keys that several partitions claim."""
        if not self.own & own:
            return _of_several(index.read(own, names))
        keys = of_built(self.keys.filter(pl.col("name").is_in(list(names))), own)
        if added := own - self.own:
            new = index.read(added, names)
            found = index.find(new, names, own).join(new, on=KEY, how="semi")
            keys = pl.concat([keys, found]).unique()
        return _of_several(keys)

    def _missed(
        self, index: KeyIndex, own: frozenset[Built], name: str, referenced: ReferencedKeys
    ) -> pl.DataFrame:
        """The values that the referenced table lacks."""
        before, now = self.references.get(name), frozenset(referenced.built)
        if before is None or not before <= now:
            # What a replaced partition had may be gone: all that refers to it is asked again.
            return referenced.missing(index.read(own, [name]))
        keys = of_built(self.keys.filter(pl.col("name") == name), own)
        if now != before:
            keys = referenced.missing(keys)
        if added := own - self.own:
            keys = pl.concat([keys, referenced.missing(index.read(added, [name]))])
        return keys

    def ties(self, published: Collection[Built]) -> pl.DataFrame:
        """The ties of each entry: keys that an earlier published partition claims, values that are missing.

        Args:
            published: The attempts whose rows are published: only these claim keys.
        """
        shared = pl.col("name").str.starts_with("unique:")
        claims = of_built(self.keys.filter(shared), published).group_by(KEY).agg(first=pl.col("period").min())
        taken = self.keys.filter(shared).join(claims, on=KEY).filter(pl.col("period") > pl.col("first"))
        return pl.concat([taken.drop("first"), self.keys.filter(~shared)])

    def save(self, index: KeyIndex, attempt: str) -> None:
        """Keep it for the next look, and forget those before."""
        older = files_of(index.folder, SUFFIX)
        said = {
            "own": sorted(self.own),
            "references": {name: sorted(built) for name, built in self.references.items()},
        }
        data = io.BytesIO()
        self.keys.write_parquet(data, metadata={"looked_at": json.dumps(said)})
        own = index.folder / f"{attempt}{SUFFIX}"
        write_bytes(own, data.getvalue())
        for path in older:
            if path.name != own.name:
                delete(path)


def latest_view(index: KeyIndex) -> KeyView:
    """The view that was kept last; an empty one where there is none that can be read."""
    for path in reversed(files_of(index.folder, SUFFIX)):
        try:
            return _read(path)
        except LakeUnreachableError:
            raise
        except (OSError, LakeError, pl.exceptions.PolarsError, ValueError, KeyError):
            continue  # replaced meanwhile, or damaged
    return KeyView()


def _read(path: LakePath) -> KeyView:
    data = io.BytesIO(read_bytes(path, 0, size(path)))
    said = json.loads(pl.read_parquet_metadata(data)["looked_at"])
    data.seek(0)
    references = {name: frozenset(map(tuple, built)) for name, built in said["references"].items()}
    return KeyView(frozenset(map(tuple, said["own"])), references, pl.read_parquet(data).cast(SCHEMA))  # type: ignore[arg-type]


def _indexed(index: KeyIndex, current: Collection[Built], names: Collection[str]) -> frozenset[Built]:
    """Those of some attempts of which the index says everything."""
    found: dict[Built, set[str]] = {}
    for entry in index.entries():
        found.setdefault((entry.period, entry.attempt), set()).add(entry.name)
    return frozenset(built for built in current if found.get(built, set()) >= set(names))


def _of_several(keys: pl.DataFrame) -> pl.DataFrame:
    return keys.filter(pl.col("period").n_unique().over(KEY) > 1)
