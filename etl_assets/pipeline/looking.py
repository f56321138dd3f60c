"""One look into a staging area: the whole of it, or of a large one a slice and what is probably new."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from etl_assets.deadline import NoAnswerError, within
from etl_assets.errors import ErrorKind
from etl_assets.ledger.records import Delivery, SeenObject
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.staging.area import KeyRange, Listing, ListingProblem, ProblemKind
from etl_assets.staging.ranges import expected_range

SLICE_KEYS = 10_000
"""Keys of a slice, ten requests to S3. An area up to this size is listed as a whole each time; a million
objects are gone through in 100 looks, and every look also lists where new objects are expected."""

LISTING_SECONDS = 15.0
"""How long a sensor's look waits for a listing: a tick is killed after 60 s."""

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
        whole: List all of it, whatever that costs and however long it takes; else a large area is listed
            slice by slice, and one that does not answer is given up after some seconds.
    """
    ledger, name = pipeline.ledger, pipeline.name
    if whole:
        listing = pipeline.area.list()
    elif not pipeline.area.in_slices:
        listing = _listed(pipeline.area.list)
    else:
        after, ranges = ledger.listed_through(name), expected_ranges(pipeline)
        listing = _listed(lambda: pipeline.area.list(after=after, limit=SLICE_KEYS, also=ranges))
    if listing.whole:
        seen = ledger.record_listing(name, listing.objects, complete=not listing.problems)
        return Look(listing, seen, {one.id: one for one in ledger.deliveries(name)}, True)
    # One object's trouble keeps no slice from being listed; what has no name stopped the listing.
    covers = None if any(not one.key for one in listing.problems) else listing.covers
    seen = ledger.record_slice(name, listing.objects, covers)
    of_these = ledger.deliveries_of(name, [one.key for one in listing.objects])
    return Look(listing, seen, {one.id: one for one in of_these}, False)


def _listed(work: Callable[[], Listing]) -> Listing:
    """List, but wait no longer than a sensor can: an area that hangs is one that can't be listed now."""
    try:
        return within(LISTING_SECONDS, work)
    except NoAnswerError as error:
        problem = ListingProblem("", ProblemKind.FAILED, f"it gives {error}", ErrorKind.TRANSIENT)
        return Listing((), (problem,), ("", ""))


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
