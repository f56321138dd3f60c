"""One look into a staging area: the whole of it, or of a large one a slice and what is probably new."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from etl_assets.ledger.records import Delivery, SeenObject
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.staging.area import KeyRange, Listing
from etl_assets.staging.ranges import expected_range

SLICE_KEYS = 10_000
"""Keys of a slice, ten requests to S3. An area up to this size is listed as a whole each time; a million
objects are gone through in 100 looks, and every look also lists where new objects are expected."""

RECENT = timedelta(days=7)
"""How far before the newest delivery, or today, objects are expected that come late."""


@dataclass(frozen=True)
class Look:
    """What a look showed.

    Attributes:
        seen: What the ledger knows of each listed object, by key, and of those just found to be gone.
        known: Deliveries by id: of the whole dataset, or of the listed objects.
        whole: Whether the whole area was listed.
    """

    listing: Listing
    seen: Mapping[str, SeenObject]
    known: dict[str, Delivery]
    whole: bool


def look(pipeline: DatasetPipeline, *, whole: bool) -> Look:
    """List the staging area and write down what is there.

    Args:
        pipeline: The dataset.
        whole: List all of it, whatever that costs; else a large area is listed slice by slice.
    """
    ledger, name = pipeline.ledger, pipeline.name
    if whole or not pipeline.area.in_slices:
        listing = pipeline.area.list()
    else:
        listing = pipeline.area.list(
            after=ledger.listed_through(name), limit=SLICE_KEYS, also=expected_ranges(pipeline)
        )
    if listing.whole:
        seen = ledger.record_listing(name, listing.objects, complete=not listing.problems)
        return Look(listing, seen, {one.id: one for one in ledger.deliveries(name)}, True)
    # One object's trouble keeps no slice from being listed; what has no name stopped the listing.
    covers = None if any(not one.key for one in listing.problems) else listing.covers
    seen = ledger.record_slice(name, listing.objects, covers)
    of_these = ledger.deliveries_of(name, [one.key for one in listing.objects])
    return Look(listing, seen, {one.id: one for one in of_these}, False)


def expected_ranges(pipeline: DatasetPipeline) -> list[KeyRange]:
    """Where new objects are expected: shortly before the newest delivery of each table, and after it."""
    newest = pipeline.ledger.newest_periods(pipeline.name)
    ranges = []
    for table, source in pipeline.sources.items():
        since = pipeline.now()
        if (period := pipeline.calendar.period(newest.get(table, ""))) is not None:
            since = min(since, period.start)
        if (range := expected_range(source, (since - RECENT).date())) is not None:
            ranges.append(range)
    return ranges
