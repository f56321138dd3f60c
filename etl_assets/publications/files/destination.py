"""Files in a folder or a bucket: each written under a name of its own, then published by the manifest."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from etl_assets import logs
from etl_assets.object_storage import ObjectStorage
from etl_assets.publications.content import Content, Part, Shape, Written
from etl_assets.publications.destination import DestinationChangedError, StalePublisherError
from etl_assets.publications.files.formats import FileFormat, written
from etl_assets.publications.files.manifest import Manifest, PublishedFile, ReplacedFile
from etl_assets.publications.files.place import Folder, split_file

LOG = logs.get_logger(__name__)


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class FileDestination:
    """Files of one format below a folder or prefix.

    Attributes:
        url: The folder; with `single_file` the file whose name stays.
        single_file: One file for the table, copied to `url` after it was published.
        retention: How long replaced files can be read.
        said: The url as the settings have it, where that is relative.
    """

    url: str
    format: FileFormat
    storage: ObjectStorage = field(default_factory=ObjectStorage)
    single_file: bool = False
    retention: timedelta = timedelta(days=7)
    said: str = ""
    now: Callable[[], datetime] = _utc_now

    @property
    def kind(self) -> str:
        """The format."""
        return self.format.name

    @property
    def place(self) -> str:
        """Where it is; the same wherever the project lies."""
        return self.said or self.url

    @property
    def identity(self) -> object:
        """The place and the format."""
        return [self.kind, self.place, self.single_file, self.format.options]

    def check(self, shape: Shape) -> None:
        """Raise a `PublicationError` if the format can't hold such columns."""
        self.format.check(shape.columns)

    def write(self, content: Content) -> Written:
        """Write what has changed under new names, then publish all of it by one manifest.

        Raises:
            PublicationError: What was published before stays; says why, and what to do.
        """
        work = _Work(self, content)
        with work.folder.locked(work.manifest_key):
            return work.run()


class _Work:
    """One publication of files."""

    def __init__(self, to: FileDestination, content: Content) -> None:
        self.to, self.content = to, content
        folder, self.name = split_file(to.url) if to.single_file else (to.url, "")
        self.folder = Folder(folder, to.storage)
        self.manifest_key = f"{self.name}.manifest.json" if to.single_file else "manifest.json"
        self.data = f"{self.name}.versions" if to.single_file else "data"
        shape = content.shape
        layout = [[name, str(dtype)] for name, dtype in shape.columns.items()]
        self.layout = hashlib.sha256(str([layout, to.identity]).encode()).hexdigest()[:16]
        # One file holds all partitions, and changes with any of them.
        whole = {"": Part(content.state_id, content.rows)}
        self.parts: Mapping[str, Part] = whole if to.single_file else content.parts

    def run(self) -> Written:
        """Do it."""
        before = self._read()
        sizes = self._sizes(before)
        kept = self._kept(before, sizes)
        missing = [key for key in sorted(self.parts) if key not in kept]
        if before is not None and before.state_id == self.content.state_id and not missing:
            return self._nothing(before, sizes)
        LOG.info("writing", extra={"destination": self.to.place, "partitions": len(missing)})
        new = {key: self._write(key, number) for number, key in enumerate(missing)}
        files = tuple((kept | new)[key] for key in sorted(self.parts))
        manifest = self._publish(before, files)
        self._clear(manifest, self.folder.sizes(self.data))
        gone = {file.partition for file in before.files} - self.parts.keys() if before else set()
        rows_written = sum(file.rows for file in new.values())
        return Written(manifest.rows, rows_written, tuple(sorted({*new, *gone})))

    # -- before -------------------------------------------------------------------------------

    def _read(self) -> Manifest | None:
        """The manifest as it is; refuses what is not ours, or newer than we are."""
        found = self.folder.read(self.manifest_key)
        if found is None:
            self._check_empty()
            return None
        manifest = Manifest.from_json(*found, f"{self.folder.url}/{self.manifest_key}")
        if manifest.publication != self.content.name:
            raise self._wrong(
                f"The place belongs to the publication {manifest.publication}",
                "Choose another url. If that publication is no more, move or delete its files",
            )
        if manifest.token > self.content.token:
            raise StalePublisherError(
                "A newer run has written the publication already",
                where={"destination": self.to.place},
                hint="Nothing was changed; the newer run does the work",
            )
        self._check_single(manifest)
        return manifest

    def _check_empty(self) -> None:
        """Nothing of anybody else may be in the way."""
        found = self.folder.sizes(self.data) if self.to.single_file else self.folder.sizes()
        # A run that was killed before its first manifest has left files of our own kind.
        others = [key for key in found if not self._is_ours(key) and not key.endswith(".lock")]
        if self.to.single_file and self.folder.read(self.name) is not None:
            others.append(self.name)
        if others:
            raise self._wrong(
                f"There are files that etl_assets has not written, such as {others[0]}",
                "Choose another url, or move them elsewhere",
            )

    def _check_single(self, manifest: Manifest) -> None:
        """Is the file whose name stays one that we have put there?"""
        chunks = self.folder.chunks(self.name) if self.to.single_file else None
        if chunks is None:
            return
        hashed = hashlib.sha256()
        for chunk in chunks:
            hashed.update(chunk)
        # After a kill it may still be the version before.
        ours = {file.sha256 for file in manifest.files} | {file.sha256 for file in manifest.replaced}
        if hashed.hexdigest() not in ours:
            found = self.folder.read(self.manifest_key)
            if found is None or found[1] != manifest.etag:
                raise StalePublisherError(
                    "Another run has written the publication meanwhile",
                    where={"destination": self.to.place},
                    hint="What it wrote stays; the next run does what is left",
                )
            raise self._wrong(
                f"Somebody has changed the file {self.to.url}",
                "Move it elsewhere if its content matters, or delete it: it is then written anew",
            )

    def _sizes(self, before: Manifest | None) -> dict[str, int]:
        return self.folder.sizes(self.data) if before is not None else {}

    def _kept(self, before: Manifest | None, sizes: Mapping[str, int]) -> dict[str, PublishedFile]:
        """The files that are still right, by partition."""
        if before is None or before.layout != self.layout:
            return {}
        kept = {}
        for file in before.files:
            part = self.parts.get(file.partition)
            if part is None or part.state_id != file.state_id:
                continue
            if sizes.get(file.path) != file.bytes:
                LOG.warning(
                    "a published file was lost or changed, and is written anew", extra={"file": file.path}
                )
                continue
            kept[file.partition] = file
        return kept

    # -- write --------------------------------------------------------------------------------

    def _write(self, key: str, number: int) -> PublishedFile:
        """Write one file under a name that nobody else has."""
        part = self.parts[key]
        periods = list(self.content.parts) if self.to.single_file else [key]
        rows = self.content.read(periods).select(list(self.content.shape.columns))
        file = self.content.scratch / f"{number}.{self.to.format.name}"
        bytes, sha256 = written(rows, self.to.format, file, part.rows)
        clean = re.sub(r"[^A-Za-z0-9.-]", "_", key) or "all"
        path = f"{self.data}/{clean}-{self.content.token}-{number}.{self.to.format.name}"
        self.folder.upload(file, path)
        file.unlink()
        return PublishedFile(path, key, part.state_id, part.rows, bytes, sha256)

    def _publish(self, before: Manifest | None, files: tuple[PublishedFile, ...]) -> Manifest:
        """Write the manifest: from now on this is the table."""
        now = self.to.now()
        live = {file.path for file in files}
        replaced = []
        if before is not None:
            replaced = [one for one in before.replaced if one.replaced_at > now - self.to.retention]
            # Kept until the next publication at least: somebody may be reading it.
            gone = [one for one in before.files if one.path not in live]
            replaced += [ReplacedFile(one.path, one.sha256, now) for one in gone]
        manifest = Manifest(
            publication=self.content.name,
            state_id=self.content.state_id,
            token=self.content.token,
            written_at=now,
            layout=self.layout,
            columns={name: str(dtype) for name, dtype in self.content.shape.columns.items()},
            files=files,
            replaced=tuple(replaced),
        )
        self.content.check()
        self.folder.swap(self.manifest_key, manifest.to_json(), before.etag if before else None)
        if self.to.single_file:
            self._put_single(manifest)
        return manifest

    def _put_single(self, manifest: Manifest) -> None:
        """Copy the published file to the name that stays.

        Should a newer run have published meanwhile, its file is copied after all: whoever comes last looks
        once more.
        """
        while True:
            self.folder.copy(manifest.files[0].path, self.name)
            found = self.folder.read(self.manifest_key)
            newest = Manifest.from_json(*found, self.to.place) if found else manifest
            if newest.files == manifest.files:
                return
            manifest = newest

    def _nothing(self, before: Manifest, sizes: Mapping[str, int]) -> Written:
        """All is there; what a killed run has left undone is done, and older writers are shut out."""
        if self.content.token > before.token:
            self.folder.swap(self.manifest_key, before.by(self.content.token).to_json(), before.etag)
        if self.to.single_file:
            self._put_single(before)
        self._clear(before, sizes)
        return Written(before.rows)

    def _clear(self, manifest: Manifest, sizes: Mapping[str, int]) -> None:
        """Delete files that the manifest does not name: too old, or of runs that were killed."""
        named = {file.path for file in manifest.files} | {file.path for file in manifest.replaced}
        self.folder.delete([key for key in sizes if key not in named and self._is_ours(key)])

    def _is_ours(self, key: str) -> bool:
        """Whether a file is called as we call ours, and is not of a newer writer."""
        found = re.fullmatch(rf"{re.escape(self.data)}/[A-Za-z0-9._-]+-(\d+)-\d+\.(csv|parquet)", key)
        return found is not None and int(found[1]) <= self.content.token

    def _wrong(self, what: str, hint: str) -> DestinationChangedError:
        where: dict[str, object] = {"publication": self.content.name, "destination": self.to.place}
        return DestinationChangedError(what, where=where, hint=hint)
