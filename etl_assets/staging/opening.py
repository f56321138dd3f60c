"""Opens a staging area by its URL."""

from __future__ import annotations

from pathlib import Path

from etl_assets.errors import StagingError
from etl_assets.object_storage import ObjectStorage, is_s3, parse_place
from etl_assets.staging.area import StagingArea, StagingFolder


def open_area(url: str, storage: ObjectStorage) -> StagingArea:
    """Open a folder, `file:///folder` or `s3://bucket/prefix`; nothing is asked of it yet.

    Raises:
        StagingError: The URL is of a kind that is not supported.
    """
    if not is_s3(url):
        return StagingFolder(url)
    try:
        place = parse_place(url)
    except ValueError as error:
        raise StagingError(f"A staging area has a wrong URL: {error}", where={"url": url}) from None
    # A folder needs no client for buckets: 60 ms of a start.
    from etl_assets.staging.bucket import StagingBucket

    return StagingBucket(place, storage)


def folder_of(area: StagingArea) -> Path:
    """Return the folder of an area that is one.

    Raises:
        StagingError: It is another kind, such as a bucket.
    """
    if isinstance(area, StagingFolder):
        return area.root
    raise StagingError(
        "Files can be laid into a folder only",
        where={"staging": area.url},
        hint="Copy them into the bucket with a client of yours, such as `aws s3 cp`",
    )
