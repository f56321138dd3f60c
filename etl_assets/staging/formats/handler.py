"""What each format has to give: a look at a file's bytes, and its rows as a part of one scan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from etl_assets.errors import StagingError
from etl_assets.staging.area import ChangedError
from etl_assets.staging.breaches import Breach, BreachCode
from etl_assets.staging.bytestream import HashedReader, UnpackingError, text_chunks
from etl_assets.staging.content import Content
from etl_assets.staging.delivery_file import DeliveryFile
from etl_assets.staging.formats.options import Format, TextFormat
from etl_assets.staging.source import Source
from etl_assets.staging.unreadable import Rejects, Unreadable

LARGE_BYTES = 2_000_000
"""From here on, a file is scanned by itself."""

PATH = "\0path"
INDEX = "\0index"

T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """The rows of one delivery, where Polars can scan them.

    Attributes:
        delivery_id: The delivery's id.
        rows: How many there are.
        unreadable: The delivery's other records.
        large: Whether it is worth a scan of its own.
        paths: The files, in order.
    """

    delivery_id: str
    rows: int
    unreadable: Sequence[Unreadable]
    large: bool
    paths: tuple[Path, ...]


@dataclass(frozen=True)
class Task:
    """One delivery that is to become a part.

    Attributes:
        file: The delivery.
        content: What `examine` found, with the settings that hold now.
        source: How the file should be read.
        columns: The source's columns, in the order of the bronze contract.
        scratch: Folder for what is unpacked, mended or converted.
    """

    file: DeliveryFile
    content: Content
    source: Source
    columns: Sequence[str]
    scratch: Path

    @property
    def format(self) -> Format:
        """How the file is declared."""
        return self.source.format

    @property
    def path(self) -> Path:
        """Where the file lies."""
        return self.file.area.local_path(self.file.key)


@dataclass(frozen=True)
class Handler:
    """How one format is read.

    Attributes:
        examine: Looks at a file's bytes once. The caller fills in what all formats have in common.
        prepare: Makes a delivery's rows ready to be scanned, or says why the delivery can't be read.
        scan: Rows of some parts, in their order: the columns, then `_delivery` and `_line`.
        text: Whether cells are text; else the file gives the columns their types.
    """

    examine: Callable[[Path, HashedReader, Any], Content]
    prepare: Callable[[Task], Part | Breach]
    scan: Callable[[Sequence[Any], Any, Sequence[str]], pl.LazyFrame]
    text: bool = True


def read_text(task: Task, rejects: Rejects, work: Callable[[Iterator[bytes]], T | Breach]) -> T | Breach:
    """Give a delivery's text to a function, chunk by chunk, and see that it is the one registered.

    Raises:
        ChangedError: It is another one.
        StagingError: It can't be read just now.
    """
    assert isinstance(task.format, TextFormat)
    try:
        with HashedReader(task.file.area.open(task.file.key)) as reader:
            found = work(text_chunks(reader.chunks(), task.format))
            if not rejects.overflow and reader.sha256() != task.file.content.sha256:
                raise ChangedError("The object is not the one that was registered", where=task.file.where)
    except UnpackingError as error:
        return Breach(BreachCode.DAMAGED, error.what)
    except OSError as error:
        raise StagingError(f"The object can't be read: {error.strerror}", where=task.file.where) from error
    return too_many(rejects) or found


def too_many(rejects: Rejects) -> Breach | None:
    """Return the breach of a delivery with more unreadable records than are kept, None if there are fewer."""
    if not rejects.overflow:
        return None
    lines = tuple(record.line for record in rejects.records[:10])
    return Breach(BreachCode.UNREADABLE, f"more than {len(rejects.records) - 1} records can't be read", lines)


def delivery_of(parts: Sequence[Part]) -> pl.Expr:
    """Return the expression of `_delivery` for a scan of some parts, with file paths if there are several."""
    if len(parts) == 1:
        return pl.lit(parts[0].delivery_id).alias("_delivery")
    ids = {str(path): part.delivery_id for part in parts for path in part.paths}
    return pl.col(PATH).replace_strict(ids, return_dtype=pl.String()).alias("_delivery")
