"""The manifest: which files are the table now. It is written last, in one step, and readers begin with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from etl_assets.publications.destination import DestinationChangedError

VERSION = 1


@dataclass(frozen=True)
class PublishedFile:
    """A file of the table: which partition it holds, its rows, and how to know that it is whole."""

    path: str
    partition: str
    state_id: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class ReplacedFile:
    """A file that is the table no more, and can be read until it is removed."""

    path: str
    sha256: str
    replaced_at: datetime


@dataclass(frozen=True)
class Manifest:
    """What the destination holds.

    Attributes:
        layout: Names columns and format; another one, and all files are written anew.
        columns: Column -> dtype.
        files: The table, a file for each partition.
        replaced: What was the table before, and is not removed yet.
    """

    publication: str
    state_id: str
    token: int
    written_at: datetime
    layout: str
    columns: Mapping[str, str]
    files: tuple[PublishedFile, ...] = ()
    replaced: tuple[ReplacedFile, ...] = ()
    etag: str | None = field(default=None, compare=False)

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(file.rows for file in self.files)

    def by(self, token: int) -> Manifest:
        """The same, found unchanged by a later writer."""
        return replace(self, token=token)

    def to_json(self) -> bytes:
        """As it is written, for people and programs."""
        told: dict[str, Any] = {
            "manifest_version": VERSION,
            "publication": self.publication,
            "state_id": self.state_id,
            "written_at": self.written_at.isoformat(timespec="microseconds"),
            "rows": self.rows,
            "columns": [{"name": name, "dtype": dtype} for name, dtype in self.columns.items()],
            "files": [asdict(file) for file in self.files],
            "replaced": [
                asdict(file) | {"replaced_at": file.replaced_at.isoformat(timespec="microseconds")}
                for file in self.replaced
            ],
            "token": self.token,
            "layout": self.layout,
        }
        return json.dumps(told, indent=1, ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, data: bytes, etag: str, place: str) -> Manifest:
        """Read it back.

        Raises:
            DestinationChangedError: It is not a manifest of ours.
        """
        try:
            told = json.loads(data)
            if told["manifest_version"] != VERSION:
                raise ValueError("another version")
            return cls(
                publication=told["publication"],
                state_id=told["state_id"],
                token=told["token"],
                written_at=datetime.fromisoformat(told["written_at"]),
                layout=told["layout"],
                columns={one["name"]: one["dtype"] for one in told["columns"]},
                files=tuple(PublishedFile(**one) for one in told["files"]),
                replaced=tuple(
                    ReplacedFile(one["path"], one["sha256"], datetime.fromisoformat(one["replaced_at"]))
                    for one in told["replaced"]
                ),
                etag=etag,
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise DestinationChangedError(
                "The manifest is not as etl_assets writes it",
                where={"file": place},
                hint="Put its last version back; or move all of the folder elsewhere, and it is written anew",
            ) from None
