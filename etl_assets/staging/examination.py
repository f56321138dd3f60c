"""One pass over a delivery, when it is registered: its hash, and what its bytes say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from etl_assets.errors import EtlError, StagingError, panics_as_errors
from etl_assets.staging.area import VanishedError
from etl_assets.staging.bytestream import HashedReader
from etl_assets.staging.content import Content, Encoding, format_fingerprint
from etl_assets.staging.formats.options import Format
from etl_assets.staging.formats.registry import handler


def examine(path: Path, format: Format) -> Content:
    """Return what a file holds, in one pass over its bytes and in bounded memory.

    Raises:
        VanishedError: The file is not there.
        StagingError: It can't be opened or read, for instance for lack of permission.
    """
    try:
        with HashedReader(path.open("rb", buffering=0)) as reader:
            found = _looked_at(path, reader, format)
            return replace(found, sha256=reader.sha256(), size=reader.size, format=format_fingerprint(format))
    except FileNotFoundError:
        raise VanishedError("The file is no longer there", where={"file": path.name}) from None
    except OSError as error:
        raise StagingError(
            f"The file can't be read: {error.strerror}",
            where={"file": path.name},
            hint="Check the file's permissions",
        ) from error


def _looked_at(path: Path, reader: HashedReader, format: Format) -> Content:
    try:
        with panics_as_errors():
            return handler(format).examine(path, reader, format)
    except (EtlError, OSError, MemoryError):
        raise
    except Exception as error:
        # Nobody foresaw it, but it is this file's: the others go on. Its words may quote cells.
        return Content(encoding=Encoding.BINARY, damage=f"it can't be read: {type(error).__name__}")
