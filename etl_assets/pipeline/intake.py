"""Intake: what a staging area shows becomes deliveries in the ledger, or findings. Nothing is ever moved."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from etl_assets.contracts.dataset import Layer, TableId
from etl_assets.deadline import NoAnswerError, within
from etl_assets.error_kinds import kind_of
from etl_assets.errors import Circuit, StagingUnreachableError, panics_as_errors
from etl_assets.ledger.circuit_records import Failed
from etl_assets.ledger.records import Delivery, DeliveryState, Finding, SeenObject
from etl_assets.pipeline.column_periods import periods_by, periods_in_column
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.digest import digest
from etl_assets.pipeline.extraction import extract
from etl_assets.pipeline.faults import told
from etl_assets.pipeline.health import failure_of
from etl_assets.pipeline.holds import settle_holds
from etl_assets.pipeline.looking import look
from etl_assets.pipeline.scratch import intake_scratch
from etl_assets.pipeline.state import CAME_BACK
from etl_assets.staging.area import (
    ChangedError,
    StagedObject,
    StagingArea,
    StagingFolder,
    VanishedError,
)
from etl_assets.staging.breaches import shown_header
from etl_assets.staging.content import Content, format_fingerprint
from etl_assets.staging.examiner import Examiner
from etl_assets.staging.extracts.log import place_of
from etl_assets.staging.matching import Ambiguous, Match, Unmatched, match
from etl_assets.staging.source import PeriodFrom, Source

LISTING_KINDS = ("unmatched_file", "ambiguous_file", "not_listed", "not_readable")
_STANDING = (DeliveryState.PENDING, DeliveryState.INGESTED, DeliveryState.ON_HOLD)
_BATCH = 64

FETCH_SECONDS = 20.0
"""How long a sensor's look waits for one object; `dq run` and runs wait longer."""


@dataclass
class Intake:
    """What one look at a staging area came to.

    Attributes:
        registered: Deliveries that are new, or whose content is back.
        unsettled: Keys of objects that may still be written.
        unread: How many new objects were left for the next look, for lack of time.
        findings: What a person should know of the area.
        sick: Why the area as a whole could not be listed or read; None if it could.
    """

    registered: list[Delivery] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    unread: int = 0
    findings: list[Finding] = field(default_factory=list)
    sick: Failed | None = None


def take_in(pipeline: DatasetPipeline, *, seconds: float | None = None) -> Intake:
    """List the staging area and register what is new and settled.

    Args:
        pipeline: The dataset.
        seconds: Time after which no further object is read; None for no limit.
    """
    deadline = None if seconds is None else time.monotonic() + seconds
    found = look(pipeline, whole=seconds is None)
    listing, seen, known = found.listing, found.seen, found.known
    now = listing.time or pipeline.now()
    intake = Intake()
    told_by = {table: periods_by(pipeline, source) for table, source in pipeline.sources.items()}
    for problem in listing.problems:
        message = f"{problem.key or 'the staging area'}: {problem.message}"
        intake.findings.append(_finding(pipeline, "not_listed", message, problem.key))
        if not problem.key:
            intake.sick = Failed(Circuit.STAGING, problem.error_kind, str(problem.kind), problem.message)
    batch: list[Delivery] = []
    with Examiner() as examiner:
        for staged in listing.objects:
            matched = match(staged.key, pipeline.sources, key_format=pipeline.calendar.key_format)
            if not isinstance(matched, Match):
                intake.findings.append(_no_table(pipeline, staged.key, matched))
                continue
            source = pipeline.sources[matched.table]
            if _is_known(seen[staged.key], known, matched, source, told_by[matched.table]):
                continue
            if not _has_settled(seen[staged.key], source, now, pipeline.now()):
                intake.unsettled.append(staged.key)
            elif intake.sick or (deadline is not None and time.monotonic() > deadline):
                intake.unread += 1
            else:
                _read(pipeline, staged, matched, known, examiner, batch, intake, patient=deadline is None)
                if len(batch) >= _BATCH:
                    intake.registered += _register(pipeline, batch)
        intake.registered += _register(pipeline, batch)
        _take_extracts(pipeline, examiner, intake, seconds)
    _try_again(pipeline, known, intake.registered)
    if found.whole:
        settle_holds(pipeline)
        pipeline.ledger.replace_findings(pipeline.name, LISTING_KINDS, intake.findings)
        return intake
    on_hold = pipeline.ledger.deliveries(pipeline.name, state=DeliveryState.ON_HOLD)
    if concerned := [*intake.registered, *on_hold]:
        settle_holds(pipeline, concerned)
    _replace_findings_of(pipeline, seen, intake.findings)
    return intake


def _take_extracts(
    pipeline: DatasetPipeline, examiner: Examiner, intake: Intake, seconds: float | None
) -> None:
    """Read what is new in databases, and register it."""
    extraction = extract(pipeline, seconds=seconds)
    if error := extraction.sick(pipeline):
        intake.sick = Failed(Circuit.STAGING, kind_of(error), str(error.fault), told(error))
    if not extraction.found:
        return
    of_these = pipeline.ledger.deliveries_of(pipeline.name, [one.key for _, one in extraction.found])
    known = {one.id: one for one in of_these}
    latest = {one.key: one for one in of_these}
    batch: list[Delivery] = []
    for table, staged in extraction.found:
        source, delivery = pipeline.sources[table], latest.get(staged.key)
        same = delivery is not None and delivery.fingerprint == staged.fingerprint
        if same and delivery and _same_settings(delivery, source, periods_by(pipeline, source)):
            continue
        _read(pipeline, staged, Match(table, None, None), known, examiner, batch, intake, patient=True)
    _leave_earlier_readings(pipeline, batch)
    intake.registered += _register(pipeline, batch)


def _leave_earlier_readings(pipeline: DatasetPipeline, new: Sequence[Delivery]) -> None:
    """Let the first extract of a new reading take the place of all that was read before.

    First these, then it is registered: killed in between, the next look registers it.
    """
    for one in new:
        place = place_of(one.key)
        if place is None or place.number != 1:
            continue
        found = pipeline.ledger.deliveries(pipeline.name, one.table, _STANDING)
        earlier = [old for old in found if (at := place_of(old.key)) and at.reading < place.reading]
        if earlier:
            pipeline.ledger.set_delivery_state(
                [old.id for old in earlier],
                DeliveryState.SUPERSEDED,
                "everything was read anew",
                superseded_by=one.id,
            )


def _is_known(
    seen: SeenObject, known: dict[str, Delivery], matched: Match, source: Source, told_by: str
) -> bool:
    delivery = known.get(seen.delivery_id or "")
    if delivery is None or delivery.fingerprint != seen.fingerprint:
        return False
    same_place = delivery.table == matched.table and (
        matched.period is None or delivery.period == matched.period
    )
    return same_place and _same_settings(delivery, source, told_by)


def _same_settings(delivery: Delivery, source: Source, told_by: str) -> bool:
    """Whether a delivery was looked at with the settings that hold now."""
    of_format = delivery.content.get("format") == format_fingerprint(source.format)
    return of_format and delivery.content.get("periods_by", "") == told_by


def _has_settled(seen: SeenObject, source: Source, now: datetime, ours: datetime) -> bool:
    """Whether the object is complete: old enough, or the same on two looks that lie far enough apart.

    Age is told by the clock that gave the object its time, looks are told apart by ours.
    """
    patience = timedelta(seconds=source.settle_seconds)
    modified = datetime.fromtimestamp(seen.modified_ns / 1e9, UTC)
    return now - modified >= patience or ours - seen.first_seen_at >= max(patience, timedelta(seconds=0.001))


def _read(
    pipeline: DatasetPipeline,
    staged: StagedObject,
    matched: Match,
    known: Mapping[str, Delivery],
    examiner: Examiner,
    batch: list[Delivery],
    intake: Intake,
    *,
    patient: bool,
) -> None:
    """Read an object once: its identity and its shape."""
    try:
        with _copies(pipeline, matched.table) as scratch, panics_as_errors():
            area = pipeline.area_of(matched.table)
            folder = _fetched(area, staged, scratch, patient=patient)
            content = examiner.examine(folder.local_path(staged.key), pipeline.sources[matched.table].format)
            if folder.stat(staged.key).fingerprint != staged.fingerprint:
                intake.unsettled.append(staged.key)  # it was written to while we read it
                return
            batch.append(new_delivery(pipeline, folder, staged, matched, content, known))
    except ChangedError:
        intake.unsettled.append(staged.key)
    except VanishedError:
        return  # the next listing will not show it
    except StagingUnreachableError as error:
        intake.unread += 1
        intake.sick = failure_of(error, in_run=True)
        intake.findings.append(_finding(pipeline, "not_listed", f"the staging area: {told(error)}", ""))
    except Exception as error:  # whatever it is, the other objects are read
        message = f"{staged.key}: {told(error)}"
        intake.findings.append(_finding(pipeline, "not_readable", message, staged.key))


def _fetched(area: StagingArea, staged: StagedObject, scratch: Path, *, patient: bool) -> StagingFolder:
    """Have an object on this machine; a look that must end waits no longer than it can."""
    if patient or not area.in_slices:
        return area.fetch(staged.key, staged.fingerprint, scratch)
    try:
        return within(FETCH_SECONDS, lambda: area.fetch(staged.key, staged.fingerprint, scratch))
    except NoAnswerError as error:
        raise StagingUnreachableError(
            f"The object can't be fetched: {error}", where={"key": staged.key}
        ) from None


def _copies(pipeline: DatasetPipeline, table: str) -> AbstractContextManager[Path]:
    """A folder for the copy of one object; files in a folder are read where they lie."""
    if pipeline.area_of(table).in_slices:
        return intake_scratch(pipeline.scratch, pipeline.name)
    return nullcontext(pipeline.scratch)


def new_delivery(
    pipeline: DatasetPipeline,
    folder: StagingFolder,
    staged: StagedObject,
    matched: Match,
    content: Content,
    known: Mapping[str, Delivery],
) -> Delivery:
    """What an object that was read is taken for: id, table, periods.

    Args:
        pipeline: The dataset.
        folder: Where the object lies on this machine.
        staged: The object as listed.
        matched: What its name says.
        content: What is in it.
        known: The dataset's earlier deliveries, by id.
    """
    source = pipeline.sources[matched.table]
    period = matched.period
    earlier = known.get(delivery_id(pipeline.name, staged.key, content.sha256))
    content = replace(content, periods_by=periods_by(pipeline, source))
    before = (earlier.table, earlier.content.get("periods_by")) if earlier else ()
    arrives = source.period_from is PeriodFrom.ARRIVAL
    if arrives and earlier and before == (matched.table, content.periods_by):
        period = earlier.period  # touched or copied: it arrived when it first did
    elif arrives:
        arrived = datetime.fromtimestamp(staged.modified_ns / 1e9, UTC)
        found = pipeline.calendar.period_of(arrived)
        period = found.key if found else f"{arrived:%Y-%m-%d}"
    id = delivery_id(pipeline.name, staged.key, content.sha256)
    periods: tuple[str, ...] = (period,) if period else ()
    if source.period_from is PeriodFrom.COLUMN:
        periods = periods_in_column(
            pipeline, TableId(Layer.BRONZE, matched.table), folder, staged.key, id, content
        )
        period = None
    if content.header is not None:
        columns = list(pipeline.contract(TableId(Layer.BRONZE, matched.table)).schema)
        content = replace(content, header=shown_header(content.header, columns))
    return Delivery(
        id=id,
        dataset=pipeline.name,
        table=matched.table,
        key=staged.key,
        sha256=content.sha256,
        size=staged.size,
        modified_ns=staged.modified_ns,
        fingerprint=staged.fingerprint,
        period=period,
        periods=periods,
        part=matched.part,
        content=content.to_json(),
    )


def delivery_id(area: str, key: str, sha256: str) -> str:
    """The id of a delivery: the same bytes under the same name are the same delivery, for ever."""
    return digest(area, key, sha256)[:16]


def _register(pipeline: DatasetPipeline, batch: list[Delivery]) -> list[Delivery]:
    registered = pipeline.ledger.register_deliveries(batch) if batch else []
    batch.clear()
    return registered


def _try_again(pipeline: DatasetPipeline, known: dict[str, Delivery], registered: list[Delivery]) -> None:
    """Give files that came back, unchanged, another chance: they may have failed because they were gone."""
    back = [
        one.id
        for one in registered
        if one.id in known and one.state is DeliveryState.PENDING and known[one.id].sequence == one.sequence
    ]
    if back:
        pipeline.ledger.set_delivery_state(back, DeliveryState.PENDING, CAME_BACK)


# -- findings ---------------------------------------------------------------------------------


def _finding(pipeline: DatasetPipeline, kind: str, message: str, key: str) -> Finding:
    # Objects without a delivery are told apart by a hash of their name.
    return Finding(dataset=pipeline.name, kind=kind, message=message, delivery_id=f"file:{digest(key)[:12]}")


def _replace_findings_of(pipeline: DatasetPipeline, keys: Iterable[str], findings: list[Finding]) -> None:
    """Write the findings of a part of an area; what was found elsewhere stays."""
    listed = {_finding(pipeline, "", "", key).delivery_id for key in ("", *keys)}
    now = {(one.kind, one.delivery_id) for one in findings}
    before = pipeline.ledger.findings(pipeline.name, LISTING_KINDS)
    pipeline.ledger.resolve_findings(
        [one for one in before if one.delivery_id in listed and (one.kind, one.delivery_id) not in now]
    )
    pipeline.ledger.report_findings(findings)


def _no_table(pipeline: DatasetPipeline, key: str, matched: Unmatched | Ambiguous) -> Finding:
    if isinstance(matched, Ambiguous):
        tables = ", ".join(matched.tables)
        return _finding(pipeline, "ambiguous_file", f"{key} fits the patterns of {tables}", key)
    return _finding(pipeline, "unmatched_file", f"{key} belongs to no table: {matched.reason}", key)


def missing_deliveries(pipeline: DatasetPipeline) -> dict[str, list[str]]:
    """Table -> the due periods for which nothing was delivered; nothing for a dataset without any data."""
    deliveries = pipeline.ledger.deliveries(pipeline.name)
    if not deliveries:
        return {}
    due = pipeline.calendar.due(pipeline.now())
    missing = {}
    for table, source in pipeline.sources.items():
        if source.partitioned:
            delivered = {period for one in deliveries if one.table == table for period in one.periods}
            missing[table] = [period for period in due if period not in delivered]
    return missing


def report_missing(pipeline: DatasetPipeline) -> dict[str, list[str]]:
    """Write missing deliveries as findings; those that came meanwhile are settled."""
    missing = missing_deliveries(pipeline)
    pipeline.ledger.replace_findings(
        pipeline.name,
        ["missing_delivery"],
        [
            Finding(
                dataset=pipeline.name,
                kind="missing_delivery",
                message=f"nothing was delivered for {table} of {period}",
                table=table,
                period=period,
            )
            for table, periods in missing.items()
            for period in periods
        ],
    )
    return missing
