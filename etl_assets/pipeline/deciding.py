"""Deciding: what a person says of rows, a gate or a delivery is checked and becomes a decision.

Nothing is built here. A decision makes the partitions pending that it concerns; the next run builds them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from etl_assets.contracts.dataset import Layer, TableId
from etl_assets.contracts.rules import Rule
from etl_assets.contracts.vocabulary import RuleKind, Severity
from etl_assets.errors import DecisionError
from etl_assets.ledger.decision_records import Decision, DecisionKind, standing
from etl_assets.ledger.records import DeliveryState, Outcome, Validation
from etl_assets.pipeline.choosing import ChosenRows, Rows, chosen_rows, written_alike
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.new_cells import check_values
from etl_assets.pipeline.pending import Pending, Standing
from etl_assets.pipeline.state import States

LONGEST_WHY = 2_000
"""Characters of a reason: a sentence or two, not a file that was pasted."""


@dataclass(frozen=True, kw_only=True)
class Author:
    """Who decides, and what goes with every decision.

    Attributes:
        why: The reason, for those who ask later.
        until: From then on the decision holds no more; None for ever.
        supersedes: Decisions in whose place it stands.
        beside: Decisions on the same row that the author knows of, and that go on.
        batch: Shared by decisions that are made together.
    """

    who: str
    why: str
    until: datetime | None = None
    supersedes: tuple[int, ...] = ()
    beside: tuple[int, ...] = ()
    batch: str = ""


@dataclass(frozen=True)
class Proposal:
    """A decision that was checked and is not made yet.

    Attributes:
        rows: Refused rows that it speaks of, as they are now.
    """

    decision: Decision = field(repr=False)
    rows: int


@dataclass(frozen=True)
class Turned:
    """What taking decisions back does to others.

    Attributes:
        again: Decisions that hold again: what was taken back had superseded or undone them.
        no_more: Decisions that hold no more, besides those that were named: others hold again in their place.
    """

    again: tuple[Decision, ...] = ()
    no_more: tuple[Decision, ...] = ()


def turned(pipeline: DatasetPipeline, undoings: Sequence[Proposal]) -> Turned:
    """Say which other decisions hold again, and which no more, once these undoings are made."""
    entries = pipeline.ledger.decisions(pipeline.name)
    newest = max((one.id for one in entries), default=0)
    later = [replace(one.decision, id=newest + n) for n, one in enumerate(undoings, start=1)]
    before, after = _holding(pipeline, entries), _holding(pipeline, [*entries, *later])
    named = {id for one in later for id in one.supersedes}
    return Turned(
        tuple(one for id, one in after.items() if id not in before),
        tuple(one for id, one in before.items() if id not in after and id not in named),
    )


def _holding(pipeline: DatasetPipeline, entries: Sequence[Decision]) -> dict[int, Decision]:
    now = pipeline.now()
    holding = (one for one in standing(entries) if one.kind is not DecisionKind.UNDO and not one.expired(now))
    return {one.id: one for one in holding}


def decide(pipeline: DatasetPipeline, proposals: Sequence[Proposal]) -> list[Decision]:
    """Make decisions, all or none.

    Raises:
        DecisionConflictError: Somebody has decided on the same thing meanwhile.
    """
    return pipeline.ledger.record_decisions([one.decision for one in proposals])


# -- rows -------------------------------------------------------------------------------------


def correct(
    pipeline: DatasetPipeline, rows: Rows, values: Mapping[str, str | None], author: Author
) -> Proposal:
    """Give rows new cells, in the columns that were delivered; they are validated like any other.

    Args:
        pipeline: The dataset.
        rows: Which.
        values: Column -> text as a file would hold it; None, or "", for null. Of a record that could not be
            read, all columns.
        author: Who, and why.

    Raises:
        DecisionError: It makes no sense; says what, and what does.
    """
    _check_author(pipeline, author)
    found = chosen_rows(pipeline, rows)
    cells = check_values(pipeline, rows, found, values)
    rules = {rule.name: rule for rule in pipeline.contract(rows.table).rules}
    for name in rows.rules:
        if name in rules and rules[name].kind in (RuleKind.UNIQUE, RuleKind.AGGREGATE):
            what = f"{name} is no rule of rows by themselves: they can't be corrected all alike for it"
            raise DecisionError(what, where=_where(pipeline, rows.table), hint="Correct them row by row")
    return _proposal(pipeline, DecisionKind.CORRECT, rows, found, author, values=cells)


def waive(pipeline: DatasetPipeline, rows: Rows, rules: Sequence[str], author: Author) -> Proposal:
    """Accept rows in spite of named rules; tallies and scores count the failures all the same.

    A rule on a partition as a whole is waived for that partition: name it, and no rows.

    Raises:
        DecisionError: A rule is not there, can't be waived, or was not broken.
    """
    _check_author(pipeline, author)
    if not rules:
        raise DecisionError("Say which rules are waived", where=_where(pipeline, rows.table))
    contract = pipeline.contract(rows.table)
    known = {rule.name: rule for rule in contract.rules}
    for name in rules:
        if name not in known:
            raise DecisionError(
                f"There is no rule {name}",
                where=_where(pipeline, rows.table),
                hint=f"The contract has {', '.join(sorted(known))}",
            )
        if reason := why_not_waived(known[name]):
            raise DecisionError(f"{name} can't be waived: {reason}", where=_where(pipeline, rows.table))
    kinds = {known[name].kind is RuleKind.AGGREGATE for name in rules}
    if kinds == {True}:
        return _waive_of_partition(pipeline, rows, rules, author)
    if len(kinds) > 1:
        what = "Rules of rows and rules of a partition are waived by decisions of their own"
        raise DecisionError(what, where=_where(pipeline, rows.table))
    found = chosen_rows(pipeline, rows if rows.row_id else rows.that_broke(rules))
    if rows.row_id and not found.decided and (kept := sorted(set(rules) - set(found.reasons))):
        raise DecisionError(
            f"The row did not break {', '.join(kept)}",
            where=_where(pipeline, rows.table) | {"row": rows.row_id},
            hint=f"It broke {', '.join(found.reasons)}",
        )
    return _proposal(pipeline, DecisionKind.WAIVE, rows.that_broke(rules), found, author)


def discard(pipeline: DatasetPipeline, rows: Rows, author: Author) -> Proposal:
    """Accept the loss of refused rows: they stay in quarantine, and are no open work any more.

    Raises:
        DecisionError: No such row is refused.
    """
    _check_author(pipeline, author)
    return _proposal(pipeline, DecisionKind.DISCARD, rows, chosen_rows(pipeline, rows), author)


def why_not_waived(rule: Rule) -> str:
    """Say why rows can't be accepted in spite of a rule; '' if they can."""
    if rule.severity is not Severity.ERROR:
        return "it only warns, and refuses nothing"
    if rule.kind is RuleKind.UNIQUE:
        return "a key that repeats doubles rows wherever the table is joined; correct or discard the rows"
    if rule.cast is not None or rule.name.endswith(".castable"):
        return "the column's type can't hold such a cell, and accepting the row would lose it; correct it"
    return ""


# -- gates and deliveries ---------------------------------------------------------------------


def publish(pipeline: DatasetPipeline, table: TableId, period: str, author: Author) -> Proposal:
    """Publish a partition although more of its rows are quarantined than is tolerated.

    It holds for the deliveries that the partition has now, and for no larger share of quarantined rows.

    Raises:
        DecisionError: The gate is not closed, or for something else than the tolerance.
    """
    _check_author(pipeline, author)
    where = _where(pipeline, table) | ({"partition": period} if period else {})
    latest = pipeline.ledger.latest_validations(pipeline.name).get((table.layer, table.name, period))
    if latest is None or latest.outcome is not Outcome.HELD:
        raise DecisionError("The gate is not closed", where=where, hint=f"See `dq status {pipeline.name}`")
    undecided = latest.quarantined - latest.discarded - latest.waiting
    tolerated = pipeline.policy(table).tolerance
    if not latest.rows_in or undecided / latest.rows_in <= tolerated:
        raise DecisionError(
            f"The gate is not closed for its tolerance: {latest.gate_reason}",
            where=where,
            hint="A rule of the whole partition can be waived; what can't be read must be delivered anew",
        )
    present = _states(pipeline).present(table, period)
    _check_newest(pipeline, latest, where)
    decision = replace(
        _draft(pipeline, table, DecisionKind.PUBLISH, author),
        periods=(period,),
        deliveries=tuple(sorted(present)),
        limits={"quarantined": undecided, "rows_in": latest.rows_in},
    )
    return Proposal(decision, undecided)


def reject(pipeline: DatasetPipeline, delivery_id: str, author: Author) -> Proposal:
    """Take a delivery out of every partition, and await a new one under its name with another content.

    Raises:
        DecisionError: The delivery does not count any more, or is not of this dataset.
    """
    _check_author(pipeline, author)
    found = {one.id: one for one in pipeline.ledger.deliveries(pipeline.name)}.get(delivery_id)
    where: dict[str, object] = {"dataset": pipeline.name, "delivery": delivery_id}
    if found is None:
        raise DecisionError("The dataset has no such delivery", where=where)
    if found.state is DeliveryState.SUPERSEDED:
        hint = f"What counts now is {found.superseded_by}" if found.superseded_by else ""
        raise DecisionError("The delivery was superseded, and counts no more", where=where, hint=hint)
    table = TableId(Layer.BRONZE, found.table)
    records = found.content.get("records")
    decision = replace(
        _draft(pipeline, table, DecisionKind.REJECT, author),
        periods=found.periods,
        deliveries=(found.id,),
    )
    return Proposal(decision, records if isinstance(records, int) else 0)


def undo(pipeline: DatasetPipeline, ids: Iterable[int], author: Author) -> list[Proposal]:
    """Take decisions back: the tables become again what they were without them.

    What a decision had superseded holds again. An undoing can be undone.

    Raises:
        DecisionError: There is no such decision.
    """
    _check_author(pipeline, author)
    known = {one.id: one for one in pipeline.ledger.decisions(pipeline.name)}
    proposals = []
    for id in dict.fromkeys(ids):
        if id not in known:
            where: dict[str, object] = {"dataset": pipeline.name, "decision": id}
            raise DecisionError("There is no such decision", where=where, hint="See `dq audit`")
        one = known[id]
        table = TableId(Layer(one.layer), one.table)
        draft = _draft(pipeline, table, DecisionKind.UNDO, replace(author, until=None, beside=()))
        decision = replace(
            draft, supersedes=(id,), row_id=one.row_id, periods=one.periods, deliveries=one.deliveries
        )
        proposals.append(Proposal(decision, 0))
    return proposals


def moment(text: str | None) -> datetime | None:
    """Read until when a decision holds: a date, or a moment; UTC where it says no zone.

    Raises:
        DecisionError: It is neither.
    """
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        hint = "Write a date, such as 2026-12-31, or a moment, such as 2026-12-31T18:00+01:00"
        raise DecisionError(f"{text} is no date", hint=hint) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


# -- parts ------------------------------------------------------------------------------------


def _proposal(
    pipeline: DatasetPipeline,
    kind: DecisionKind,
    rows: Rows,
    found: ChosenRows,
    author: Author,
    values: Mapping[str, str | None] | None = None,
) -> Proposal:
    decision = replace(
        _draft(pipeline, rows.table, kind, author),
        row_id=rows.row_id,
        periods=found.periods,
        deliveries=found.deliveries,
        rules=() if rows.row_id and kind is not DecisionKind.WAIVE else rows.rules,
        where=written_alike(pipeline, rows),
        values=values or {},
        original=found.original if kind is DecisionKind.CORRECT else {},
    )
    return Proposal(decision, found.count)


def _waive_of_partition(
    pipeline: DatasetPipeline, rows: Rows, rules: Sequence[str], author: Author
) -> Proposal:
    where = _where(pipeline, rows.table)
    if rows.row_id or rows.where or rows.delivery or rows.period is None:
        hint = "Name the partition, and no rows"
        raise DecisionError(f"{rules[0]} is a rule of a whole partition", where=where, hint=hint)
    latest = pipeline.ledger.latest_validations(pipeline.name)
    one = latest.get((rows.table.layer, rows.table.name, rows.period))
    where["partition"] = rows.period
    if one is None or one.outcome is not Outcome.HELD:
        raise DecisionError("The gate is not closed", where=where, hint=f"See `dq status {pipeline.name}`")
    decision = replace(
        _draft(pipeline, rows.table, DecisionKind.WAIVE, author),
        periods=(rows.period,),
        deliveries=tuple(sorted(_states(pipeline).present(rows.table, rows.period))),
        rules=tuple(rules),
    )
    return Proposal(decision, 0)


def _draft(pipeline: DatasetPipeline, table: TableId, kind: DecisionKind, author: Author) -> Decision:
    return Decision(
        dataset=pipeline.name,
        layer=str(table.layer),
        table=table.name,
        kind=kind,
        who=author.who.strip(),
        why=author.why.strip(),
        until=author.until,
        supersedes=author.supersedes,
        beside=author.beside,
        batch=author.batch,
    )


def _check_author(pipeline: DatasetPipeline, author: Author) -> None:
    where: dict[str, object] = {"dataset": pipeline.name}
    if not author.who.strip():
        raise DecisionError("Say who decides", where=where)
    if not author.why.strip():
        raise DecisionError("Say why: who asks later finds nothing else", where=where)
    if len(author.why) > LONGEST_WHY:
        raise DecisionError(f"The reason has more than {LONGEST_WHY:,} characters", where=where)
    if author.until is None:
        return
    if author.until.tzinfo is None:
        raise DecisionError("The end has no timezone", where=where)
    if author.until <= pipeline.now():
        raise DecisionError(f"The end has passed already: {author.until:%Y-%m-%d %H:%M %Z}", where=where)


def _check_newest(pipeline: DatasetPipeline, latest: Validation, where: dict[str, object]) -> None:
    """What a person saw must be of what is there now: else the gate is judged anew first."""
    table = TableId(Layer(latest.layer), latest.table)
    found = Pending.of(pipeline).standings.get((table, latest.period))
    if found is not None and found.standing is Standing.PENDING:
        raise DecisionError(
            "Something has changed since the gate closed", where=where, hint=f"First `dq run {pipeline.name}`"
        )


def _states(pipeline: DatasetPipeline) -> States:
    ledger = pipeline.ledger
    return States(pipeline, ledger.deliveries(pipeline.name), ledger.published_validations(pipeline.name))


def _where(pipeline: DatasetPipeline, table: TableId) -> dict[str, object]:
    return {"dataset": pipeline.name, "table": str(table)}
