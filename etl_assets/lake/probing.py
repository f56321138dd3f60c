"""Whether the lake answers, and whether it can be written to: for looks, probes and `dq doctor`."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from etl_assets.error_kinds import kind_of
from etl_assets.errors import ErrorKind
from etl_assets.lake.places import BucketPath, LakePath, LakeUnreachableError, storage_errors_told
from etl_assets.object_storage import Place

SPARE_BYTES = 16_000_000
"""A disk with less room than this is full: a step that begins would not end."""

PROBE = ".etl_assets_probe-"
"""How the name of a test object begins, should a process be killed before it has removed its own."""


def check_reachable(root: LakePath) -> None:
    """Ask the lake for anything.

    Raises:
        LakeUnreachableError: It refuses, or does not answer.
    """
    if isinstance(root, BucketPath):
        import obstore

        with storage_errors_told(root, "list"):
            store = root.storage.store(root.place)
            next(iter(obstore.list(store, chunk_size=1)), None)
        return
    try:
        root.stat()
    except FileNotFoundError:
        return  # made by the first run
    except OSError as error:
        raise _unreachable(root, error) from error


def check_writable(root: LakePath, *, below: str = "") -> None:
    """Write a small test object into the lake and remove it; nothing else is touched.

    In a bucket it is also asked for twice: tables rely on it that of two writers one is refused.

    Args:
        root: The lake.
        below: A folder in it, such as a dataset's name: permissions may differ.

    Raises:
        LakeUnreachableError: It can't be written to; the message says what to do.
    """
    place = root / below if below else root
    if isinstance(place, BucketPath):
        _check_bucket(place / f"{PROBE}{uuid4().hex}")
    else:
        _check_folder(place)


def _check_bucket(path: BucketPath) -> None:
    import obstore
    from obstore.exceptions import AlreadyExistsError

    store, key = path.storage.store(Place(path.place.bucket)), path.place.prefix
    with storage_errors_told(path, "write"):
        obstore.put(store, key, b"probe", mode="create")
    try:
        with storage_errors_told(path, "write"), suppress(AlreadyExistsError):
            obstore.put(store, key, b"again", mode="create")
            raise LakeUnreachableError(
                "The object storage overwrites what it was told to create only",
                where={"place": str(path.place)},
                hint="Two writers of a table could lose a commit: use a server with conditional writes "
                "(If-None-Match), such as AWS, MinIO or SeaweedFS",
                kind=ErrorKind.CONFIGURATION,
            )
    finally:
        with storage_errors_told(path, "delete"):
            obstore.delete(store, key)


def _check_folder(folder: Path) -> None:
    existing = next(one for one in (folder, *folder.parents) if one.exists())
    file = existing / f"{PROBE}{uuid4().hex}"
    try:
        try:
            with file.open("xb") as out:
                out.write(b"probe")
                out.flush()
                os.fsync(out.fileno())
        finally:
            file.unlink(missing_ok=True)
        free = shutil.disk_usage(existing).free
    except OSError as error:
        raise _unreachable(folder, error) from error
    if free < SPARE_BYTES:
        raise LakeUnreachableError(
            f"The disk is full: {free:,} bytes are free",
            where={"lake": str(folder)},
            hint="Make room; work goes on by itself then",
            kind=ErrorKind.RESOURCE,
        )


def _unreachable(folder: Path, error: OSError) -> LakeUnreachableError:
    kind = kind_of(error)
    hint = "Make room; work goes on by itself then"
    if kind is ErrorKind.CONFIGURATION:
        hint = "Check its owner and permissions, and whether the disk is mounted to be written to"
    what = f"The lake can't be written to: {error.strerror}"
    return LakeUnreachableError(what, where={"lake": str(folder)}, hint=hint, kind=kind)
