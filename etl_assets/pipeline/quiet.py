"""Whether anything may have changed since a look that left nothing to do.

A look reads all that the ledger knows of a dataset, which takes time where there are many deliveries. Its
answer follows from what is listed in the staging area, from the ledger, the lake, the code, the settings, and
the period that it is. A marker names all of that, and costs a listing and a few small reads. What it does not
see, such as a file of the lake that the disk has lost, is for the full look that comes every now and then.
"""

from __future__ import annotations

from collections.abc import Iterable

from etl_assets.deadline import NoAnswerError, within
from etl_assets.errors import LakeError
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.digest import digest
from etl_assets.pipeline.intake import Intake
from etl_assets.pipeline.looking import LISTING_SECONDS
from etl_assets.pipeline.pending import Pending, Standing
from etl_assets.pipeline.publications import publication_state
from etl_assets.pipeline.state import table_version
from etl_assets.staging.area import StagingFolder

LAKE_SECONDS = 10.0
"""How long a look waits for the tables' logs: one that hangs is for the full look to tell."""

_TRIED_AGAIN = ("not_listed", "not_readable")


def listed(pipeline: DatasetPipeline) -> str | None:
    """Name all that lies in a staging folder now; None where it can't be listed as a whole at little cost."""
    if pipeline.extracts is not None:
        return None  # what is in a database only asking it tells
    if not isinstance(pipeline.area, StagingFolder):
        return None
    try:
        listing = within(LISTING_SECONDS, pipeline.area.list)
    except NoAnswerError:
        return None  # the full look says so
    if listing.problems or not listing.whole:
        return None
    return digest([(one.key, one.fingerprint) for one in listing.objects])


def looked(pipeline: DatasetPipeline, intake: Intake) -> str | None:
    """Name what a look came to that lists a bucket in slices, or asks databases; None unless nothing came.

    What such a look finds is in the ledger, whose changes the marker counts.
    """
    if isinstance(pipeline.area, StagingFolder) and pipeline.extracts is None:
        return None  # `listed` speaks of all that is in a folder
    return None if intake.registered or _goes_on(intake) else "nothing came"


def marker(pipeline: DatasetPipeline, listed: str | None) -> str | None:
    """Name all that a look's answer follows from; None where that can't be told.

    Args:
        pipeline: The dataset.
        listed: What lies in the staging area, as it was before the look, or what the look came to.
    """
    if listed is None:
        return None
    try:
        lake = within(LAKE_SECONDS, lambda: _lake(pipeline))
    except (LakeError, NoAnswerError):
        return None
    return digest(listed, _ledger(pipeline), _settings(pipeline), lake)


def is_quiet(intake: Intake, pending: Pending) -> bool:
    """Whether a look left nothing to do, and nothing that time alone brings about."""
    return not _goes_on(intake) and not _any(pending, (Standing.PENDING, Standing.WAITING))


def _goes_on(intake: Intake) -> bool:
    """Whether the next look has something to do though nothing new comes."""
    tried_again = any(one.kind in _TRIED_AGAIN for one in intake.findings)
    return bool(intake.unsettled or intake.unread or intake.sick or tried_again)


def _any(pending: Pending, standings: Iterable[Standing]) -> bool:
    wanted = {*standings}
    found = [one.standing for one in pending.standings.values()]
    found += [one.standing for one in pending.publications.values()]
    return not wanted.isdisjoint(found)


def _ledger(pipeline: DatasetPipeline) -> list[object]:
    sick = [(one.circuit, one.state) for one in pipeline.ledger.circuits(pipeline.name) if not one.is_closed]
    now = pipeline.now()
    # A decision that holds until a moment ends without anybody's writing anything.
    ended = [one.id for one in pipeline.ledger.decisions(pipeline.name) if one.expired(now)]
    return [pipeline.ledger.changes(pipeline.name), sick, ended]


def _settings(pipeline: DatasetPipeline) -> str:
    now = pipeline.calendar.period_of(pipeline.now())
    return digest(
        {str(id): table_version(pipeline, table) for id, table in pipeline.tables.items()},
        {name: source.model_dump_json() for name, source in pipeline.sources.items()},
        pipeline.calendar.model_dump_json(),
        {str(id): repr(policy) for id, policy in pipeline.policies.items()},
        {name: publication_state(one, {}) for name, one in pipeline.publications.items()},
        [repr(pipeline.retry), repr(pipeline.limits), pipeline.area.url, str(pipeline.lake.root)],
        # Something else may be due as soon as another period begins.
        now.key if now else "",
    )


def _lake(pipeline: DatasetPipeline) -> list[int | None]:
    return [
        lake.version()
        for table in pipeline.tables
        for lake in (pipeline.accepted(table), pipeline.quarantine(table))
    ]
