"""Deliveries that wait for a person, or for another one: what the calendar or a rival speaks against."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from etl_assets.ledger.records import Delivery, DeliveryState
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.decisions import Decisions
from etl_assets.staging.source import Mode, PeriodFrom

NOT_IN_CALENDAR = "not in the calendar"
CONFLICT = "more than one delivery for the period"
_OURS = (NOT_IN_CALENDAR, CONFLICT)


def settle_holds(pipeline: DatasetPipeline, concerned: Sequence[Delivery] | None = None) -> None:
    """Put deliveries on hold that the calendar or another delivery speaks against; release settled ones.

    Args:
        pipeline: The dataset.
        concerned: Look only at the periods of these deliveries; None for all.
    """
    deliveries = _standing(pipeline, concerned)
    keys = None if concerned is None else [one.key for one in deliveries]
    gone = {key for key, seen in pipeline.ledger.seen_objects(pipeline.name, keys).items() if seen.gone}
    rejected = Decisions.of(pipeline).rejected
    rivals = _rivals(pipeline, [one for one in deliveries if one.id not in rejected])
    replaced = _replaced(rivals, gone)
    for id, by in replaced.items():
        pipeline.ledger.set_delivery_state(
            [id], DeliveryState.SUPERSEDED, "another file was delivered in its place", superseded_by=by
        )
    conflicts = _conflicts(rivals, gone)
    deliveries = [one for one in deliveries if one.id not in replaced]
    outside: dict[tuple[str, str | None], str] = {}
    for delivery in deliveries:
        place = delivery.table, delivery.period
        if place not in outside:
            outside[place] = outside_calendar(pipeline, delivery)
        reason = outside[place] or conflicts.get(delivery.id, "")
        ours = delivery.state is DeliveryState.ON_HOLD and delivery.reason.startswith(_OURS)
        if reason and reason != delivery.reason and (delivery.state is DeliveryState.PENDING or ours):
            pipeline.ledger.set_delivery_state([delivery.id], DeliveryState.ON_HOLD, reason)
        elif not reason and ours and delivery.key not in gone:
            pipeline.ledger.set_delivery_state([delivery.id], DeliveryState.PENDING)


def _standing(pipeline: DatasetPipeline, concerned: Sequence[Delivery] | None) -> list[Delivery]:
    """The deliveries that count: all, or those that share a period, or a table without any, with some."""
    states = (DeliveryState.PENDING, DeliveryState.INGESTED, DeliveryState.ON_HOLD)
    if concerned is None:
        return pipeline.ledger.deliveries(pipeline.name, state=states)
    periods = {period for one in concerned for period in one.periods}
    found = pipeline.ledger.deliveries(pipeline.name, state=states, periods=periods) if periods else []
    for table in {one.table for one in concerned if not one.periods}:
        found += pipeline.ledger.deliveries(pipeline.name, table, states)
    return found


def outside_calendar(pipeline: DatasetPipeline, delivery: Delivery) -> str:
    """Why a delivery's period keeps it from being built; "" if nothing does."""
    source = pipeline.sources.get(delivery.table)
    if source is None or not source.partitioned or source.period_from is PeriodFrom.COLUMN:
        return ""
    period = delivery.period or ""
    why = pipeline.calendar.why_not(period)
    if why is None and pipeline.period(period) is None:
        return f"{NOT_IN_CALENDAR}: {period} has not begun yet"
    return f"{NOT_IN_CALENDAR}: {period} is {_spoken(why)}" if why else ""


def _spoken(why: str) -> str:
    return {
        "closed day": "a closed day",
        "before start": "before the calendar's start",
        "after end": "after the calendar's end",
    }.get(why, why)


Rivals = dict[tuple[str, str, str], list[Delivery]]
"""(table, period, part) -> the deliveries of a slot that may have one file only."""


def _rivals(pipeline: DatasetPipeline, deliveries: Iterable[Delivery]) -> Rivals:
    groups: Rivals = {}
    for delivery in deliveries:
        source = pipeline.sources.get(delivery.table)
        if source is None or source.files_per_period == "many" or source.mode is not Mode.INCREMENT:
            continue
        part = (delivery.part or "") if isinstance(source.files_per_period, tuple) else ""
        for period in delivery.periods or ("",):
            groups.setdefault((delivery.table, period, part), []).append(delivery)
    return {slot: found for slot, found in groups.items() if len({one.key for one in found}) > 1}


def _replaced(rivals: Rivals, gone: set[str]) -> dict[str, str]:
    """Deliveries whose file was taken away while one other came in its place: id -> the other's id."""
    replaced: dict[str, str] = {}
    for found in rivals.values():
        live = [one for one in found if one.key not in gone]
        if len({one.key for one in live}) == 1:
            replaced |= {one.id: live[-1].id for one in found if one.key in gone}
    return replaced


def _conflicts(rivals: Rivals, gone: set[str]) -> dict[str, str]:
    """Deliveries that contend for one slot: all of them wait for a person; what is published stays."""
    reasons: dict[str, str] = {}
    for (_, period, _), found in rivals.items():
        live = {one.key for one in found if one.key not in gone}
        if len(live) > 1:
            advice = "remove one, or set files_per_period: many"
            for one in found:
                reasons[one.id] = f"{CONFLICT} {period}: {', '.join(sorted(live))}; {advice}"
    return reasons
