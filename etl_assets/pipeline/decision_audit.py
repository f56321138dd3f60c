"""Every decision that was ever made: whether it holds, what it did, and why it can do nothing any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from etl_assets.contracts.dataset import Layer, TableId
from etl_assets.ledger.decision_records import Decision, DecisionKind, standing
from etl_assets.ledger.records import Delivery, DeliveryState
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.decisions import why_void
from etl_assets.pipeline.pending import Pending, Standing
from etl_assets.pipeline.still_refused import StillRefused, still_refused


class DecisionState(StrEnum):
    """Where a decision stands.

    in force: it holds, and the tables are as it says. to replay: it holds; the next run does what it says.
    void: it holds, and can't do anything any more: somebody should decide anew. superseded, undone: a later
    one took its place, or took it back. expired: its time is over. done: an undoing that holds.
    """

    IN_FORCE = "in force"
    TO_REPLAY = "to replay"
    VOID = "void"
    SUPERSEDED = "superseded"
    UNDONE = "undone"
    EXPIRED = "expired"
    DONE = "done"


@dataclass(frozen=True)
class AuditedDecision:
    """A decision and what became of it.

    Attributes:
        reason: Why it is void, wholly or in part; or by which decision it was superseded or undone.
        rows: Rows of published partitions that it concerns.
        still_refused: Of a correction in force: the rows that are refused with their new values too; only
            where somebody looked (`with_still_refused`).
    """

    decision: Decision
    state: DecisionState
    reason: str = ""
    rows: int = 0
    still_refused: StillRefused | None = None

    @property
    def asks(self) -> bool:
        """Whether somebody should look at it: it holds, and does not do what it says."""
        return self.state is DecisionState.VOID


def audit(pipeline: DatasetPipeline, pending: Pending | None = None) -> list[AuditedDecision]:
    """Say of every decision on a dataset where it stands, in the order in which they were made.

    Args:
        pipeline: The dataset.
        pending: Where its partitions stand, if that is known already.
    """
    entries = pipeline.ledger.decisions(pipeline.name)
    if not entries:
        return []
    published = pipeline.ledger.published_validations(pipeline.name)
    rows = pipeline.ledger.decision_effects([one.id for one in published.values()])
    stand = {one.id for one in standing(entries)}
    replaced_by = {id: one for one in entries if one.id in stand for id in one.supersedes}
    look = _Look(pipeline, pending or Pending.of(pipeline), rows)
    found = []
    for one in entries:
        if one.id not in stand:
            # What replaced it may have been replaced since; then whoever did that holds in its place.
            by = replaced_by.get(one.id) or _newest_that_replaced(one, entries)
            found.append(_replaced(one, by))
        elif one.kind is DecisionKind.UNDO:
            found.append(AuditedDecision(one, DecisionState.DONE))
        elif one.expired(pipeline.now()):
            found.append(AuditedDecision(one, DecisionState.EXPIRED))
        else:
            found.append(look.holding(one))
    return found


def with_still_refused(
    pipeline: DatasetPipeline, audited: Sequence[AuditedDecision]
) -> list[AuditedDecision]:
    """Say of corrections in force which rows they did not save; reads quarantine where there are any."""
    in_force = [one.decision for one in audited if one.state is DecisionState.IN_FORCE]
    if not any(one.kind is DecisionKind.CORRECT for one in in_force):
        return list(audited)
    found = still_refused(pipeline, in_force)
    return [
        replace(one, still_refused=found.get(one.decision.id)) if one.state is DecisionState.IN_FORCE else one
        for one in audited
    ]


def _newest_that_replaced(one: Decision, entries: Iterable[Decision]) -> Decision | None:
    return next((other for other in reversed(list(entries)) if one.id in other.supersedes), None)


def _replaced(one: Decision, by: Decision | None) -> AuditedDecision:
    undone = by is not None and by.kind is DecisionKind.UNDO
    state = DecisionState.UNDONE if undone else DecisionState.SUPERSEDED
    return AuditedDecision(one, state, f"by decision {by.id} of {by.who}" if by else "")


@dataclass(frozen=True)
class _Look:
    """What is known at one moment."""

    pipeline: DatasetPipeline
    pending: Pending
    rows: Mapping[int, int]

    def holding(self, one: Decision) -> AuditedDecision:
        table = TableId(Layer(one.layer), one.table)
        if table not in self.pipeline.tables:
            return AuditedDecision(one, DecisionState.VOID, f"there is no table {table} any more")
        if one.kind is DecisionKind.REJECT:
            return self._rejection(one)
        rows = self.rows.get(one.id, 0)
        states = self.pending.states
        why = {
            period: why_void(self.pipeline, table, one, states.present(table, period))
            for period in one.periods
        }
        void = sorted({reason for reason in why.values() if reason})
        if all(why.values()):
            return AuditedDecision(one, DecisionState.VOID, "; ".join(void), rows)
        standings = {
            standing.standing
            for period in one.periods
            if (standing := self.pending.standings.get((table, period))) is not None
        }
        if Standing.PENDING in standings:
            return AuditedDecision(one, DecisionState.TO_REPLAY, self._in_part(one, states.deliveries), rows)
        if one.row_id and not rows and standings == {Standing.CURRENT}:
            return AuditedDecision(one, DecisionState.VOID, _no_row(one))
        return AuditedDecision(one, DecisionState.IN_FORCE, self._in_part(one, states.deliveries), rows)

    def _rejection(self, one: Decision) -> AuditedDecision:
        current = {delivery.id: delivery for delivery in self.pending.states.deliveries}
        found = [current[id] for id in one.deliveries if id in current]
        if found and all(delivery.state is DeliveryState.SUPERSEDED for delivery in found):
            # That is what was asked for: nobody needs to look at it again.
            return AuditedDecision(one, DecisionState.IN_FORCE, "a new delivery has come")
        return AuditedDecision(one, DecisionState.IN_FORCE, "a new delivery is awaited")

    def _in_part(self, one: Decision, deliveries: Sequence[Delivery]) -> str:
        """Say what of a decision on many rows is void."""
        gone = {delivery.id for delivery in deliveries if delivery.state is DeliveryState.SUPERSEDED} & set(
            one.deliveries
        )
        notes = []
        if gone and one.kind is not DecisionKind.PUBLISH:
            notes.append(f"{len(gone)} of its {len(one.deliveries)} deliveries were superseded")
        if one.kind is DecisionKind.WAIVE:
            contract = self.pipeline.contract(TableId(Layer(one.layer), one.table))
            known = {rule.name for rule in contract.rules}
            if lost := [rule for rule in one.rules if rule not in known]:
                notes.append(f"the contract has no rule {', '.join(lost)} any more")
        return "; ".join(notes)


def _no_row(one: Decision) -> str:
    match one.kind:
        case DecisionKind.WAIVE:
            return "the row breaks none of these rules any more, or is not there"
        case DecisionKind.DISCARD:
            return "the row is not refused any more, or is not there"
    return "the row is not there any more"
