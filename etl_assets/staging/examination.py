"""One pass over a delivery, when it is registered: its hash, and what its bytes say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from etl_assets.errors import StagingError
from etl_assets.staging.area import VanishedError
from etl_assets.staging.bytestream import HashedReader
from etl_assets.staging.content import Content, format_fingerprint
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
            found = handler(format).examine(path, reader, format)
            return replace(found, sha256=reader.sha256(), size=reader.size, format=format_fingerprint(format))
    except FileNotFoundError:
        raise VanishedError("The file is no longer there", where={"file": path.name}) from None
    except OSError as error:
        raise StagingError(
            f"The file can't be read: {error.strerror}",
            where={"file": path.name},
            hint="Check the file's permissions",
        ) from error
