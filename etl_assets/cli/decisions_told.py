"""Decisions for people and for machines; personal values are never shown."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from etl_assets.cli.output import cell, counted, grid, iso, listed, moment, plain, print_json, speaks_unicode
from etl_assets.cli.quarantined_rows import MASK, QuarantinedRow
from etl_assets.pipeline.personal import comparable, hidden_columns

if TYPE_CHECKING:
    from rich.console import Console

    from etl_assets.ledger.decision_records import Decision
    from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
    from etl_assets.pipeline.deciding import Proposal, Turned
    from etl_assets.pipeline.decision_audit import AuditedDecision
    from etl_assets.pipeline.still_refused import StillRefused

STYLES = {"in force": "green", "to replay": "cyan", "void": "bold red"}


def tell_decided(
    console: Console,
    pipeline: DatasetPipeline,
    proposals: Sequence[Proposal],
    decided: Sequence[Decision],
    *,
    json: bool,
    turned: Turned | None = None,
) -> None:
    """Say what was decided, or would be, and what comes next.

    Args:
        console: Where to.
        pipeline: The dataset.
        proposals: What was proposed.
        decided: What became of it; nothing for a dry run.
        json: As one document.
        turned: What an undoing does to other decisions.
    """
    hidden = hidden_columns(pipeline)
    shown = decided or [one.decision for one in proposals]
    if json:
        found = [
            as_json(decision, hidden) | {"rows": proposal.rows}
            for decision, proposal in zip(shown, proposals, strict=True)
        ]
        document: dict[str, Any] = {"decided": bool(decided), "decisions": found}
        if turned is not None:
            document["hold_again"] = [as_json(one, hidden) for one in turned.again]
            document["hold_no_more"] = [as_json(one, hidden) for one in turned.no_more]
        print_json(document)
        return
    for decision, proposal in zip(shown, proposals, strict=True):
        number = f"decision {decision.id}: " if decided else "would be decided: "
        console.print(f"{number}{told(decision, hidden, proposal.rows)}", soft_wrap=True)
    if turned is not None:
        would = "" if decided else "would "
        for one in turned.again:
            what = "hold again" if would else "holds again"
            console.print(f"decision {one.id} {would}{what}: {told(one, hidden)}", soft_wrap=True)
        for one in turned.no_more:
            what = "hold no more" if would else "holds no more"
            console.print(f"decision {one.id} {would}{what}: {told(one, hidden)}", soft_wrap=True)
    if decided:
        console.print(
            f"nothing is built yet; to do so now: dq quarantine replay {pipeline.name}",
            style="dim",
            soft_wrap=True,
        )


def told(one: Decision, hidden: Collection[str], rows: int = 0) -> str:
    """A decision in a line."""
    parts = [str(one.kind)]
    if one.kind == "undo":
        parts.append("decision " + ", ".join(map(str, one.supersedes)))
    if one.values:
        cells = _values(one, hidden)
        parts.append(
            ", ".join(f"{name}={'null' if value is None else value}" for name, value in cells.items())
        )
    if one.kind == "waive":
        parts.append(", ".join(one.rules))
    if one.row_id:
        parts.append(f"for row {one.row_id}")
    elif one.about_rows and rows:
        parts.append(
            f"for {counted(rows, 'row')} of {counted(len(one.deliveries), 'delivery', 'deliveries')}"
        )
    elif one.kind == "reject":
        parts.append(f"delivery {', '.join(one.deliveries)}")
    if one.rules and one.about_rows and one.kind != "waive":
        parts.append(f"that broke {', '.join(one.rules)}")
    if one.where:
        parts.append("where " + " and ".join(_conditions(one, hidden)))
    parts.append(f"in {one.layer}/{one.table}")
    if keys := [key for key in one.periods if key]:
        parts.append(f"partition {listed(keys)}")
    return plain(" ".join(parts))


def as_json(one: Decision, hidden: Collection[str]) -> dict[str, Any]:
    """A decision for machines."""
    return {
        "id": one.id or None,
        "dataset": one.dataset,
        "table": f"{one.layer}/{one.table}",
        "kind": one.kind,
        "row_id": one.row_id or None,
        "partitions": list(one.periods),
        "deliveries": list(one.deliveries),
        "rules": list(one.rules),
        "where": _conditions(one, hidden),
        "values": _values(one, hidden),
        "limits": dict(one.limits),
        "who": one.who,
        "why": one.why,
        "until": iso(one.until),
        "supersedes": list(one.supersedes),
        "beside": list(one.beside),
        "batch": one.batch or None,
        "decided_at": iso(one.decided_at),
    }


def audited_as_json(one: AuditedDecision, hidden: Collection[str]) -> dict[str, Any]:
    """A decision, and what became of it, for machines."""
    own = as_json(one.decision, hidden)
    return own | {
        "state": one.state,
        "reason": one.reason or None,
        "rows": one.rows,
        "still_refused": refused_as_json(one.still_refused) if one.still_refused else None,
    }


def told_refused(one: AuditedDecision) -> str:
    """Say of a correction that rows are refused with their new values too; '' if none is."""
    refused = one.still_refused
    if refused is None:
        return ""
    by = f"still refused by {refused.table}: {', '.join(refused.reasons)}"
    if one.decision.row_id:
        return f"the row is {by}"
    are = "is" if refused.rows == 1 else "are"
    return f"{counted(refused.rows, 'row')} that it corrects {are} {by}; such as {refused.row_id}"


def decisions_to_replay(pipeline: DatasetPipeline, row: QuarantinedRow) -> list[int]:
    """The decisions on one refused row that hold and are not built yet."""
    from etl_assets.pipeline.choosing import standing_on

    if row.row_id is None:
        return []
    standing = standing_on(pipeline, row.table, row.row_id)
    return [one.id for one in standing if one.id not in row.decisions]


def decided_on_row(pipeline: DatasetPipeline, delivery: str, line: int) -> str:
    """Say which decisions hold on a row that is in no quarantine; '' if none does."""
    from etl_assets.pipeline.decisions import Decisions

    hidden = hidden_columns(pipeline)
    holding = Decisions.of(pipeline).holding
    own = [one for one in holding if one.row_id == f"{delivery}:{line}"]
    many = [one for one in holding if one.about_rows and not one.row_id and delivery in one.deliveries]
    parts = [f"Decision {one.id} of {one.who} holds on it: {told(one, hidden)}" for one in own]
    if many:
        ids = ", ".join(str(one.id) for one in many)
        parts.append(f"Decisions on many rows of its delivery, and perhaps on it: {ids}")
    return "; ".join([*parts, "see dq audit"]) if parts else ""


def refused_as_json(one: StillRefused) -> dict[str, Any]:
    """What a correction did not mend, for machines."""
    return {
        "decision": one.decision_id,
        "table": str(one.table),
        "rows": one.rows,
        "row_id": one.row_id,
        "reasons": list(one.reasons),
    }


def print_still_refused(console: Console, audited: Sequence[AuditedDecision], *, most: int = 5) -> None:
    """Say which corrections don't help, and what can be done about it."""
    found = [one for one in audited if one.still_refused is not None]
    for one in found[:most]:
        refused = one.still_refused
        assert refused is not None
        console.print(
            f"decision {one.decision.id}: {plain(told_refused(one))}",
            style="yellow",
            soft_wrap=True,
        )
        console.print(
            f"  see dq quarantine show {refused.row_id}; then correct it anew with "
            f"--supersedes {one.decision.id}, or dq quarantine undo {one.decision.id}",
            style="dim",
            soft_wrap=True,
        )
    if len(found) > most:
        console.print(f"{len(found) - most:,} more such decisions: dq audit", style="dim", soft_wrap=True)


def print_audit(
    console: Console, found: Sequence[tuple[AuditedDecision, Collection[str]]], *, datasets: int
) -> None:
    """Decisions below each other, the newest first."""
    unicode = speaks_unicode(console)
    headings = ["id", *(["dataset"] if datasets > 1 else []), "decided", "who", "state", "decision", "why"]
    table = grid(*headings, right=["id"], unicode=unicode)
    for column in table.columns[: headings.index("decision")]:
        column.no_wrap = True
    for column in table.columns[headings.index("decision") :]:
        column.overflow = "fold"
    for one, hidden in found:
        decision = one.decision
        what = told(decision, hidden, one.rows)
        if decision.until is not None:
            what += f" until {moment(decision.until)}"
        notes = [what, *filter(None, (one.reason, told_refused(one)))]
        state = cell(one.state, "yellow" if one.still_refused else STYLES.get(one.state, "dim"))
        table.add_row(
            str(decision.id),
            *([cell(decision.dataset)] if datasets > 1 else []),
            moment(decision.decided_at),
            cell(decision.who),
            state,
            cell("; ".join(notes)),
            cell(decision.why),
        )
    console.print(table)


def _values(one: Decision, hidden: Collection[str]) -> dict[str, str | None]:
    return {
        name: MASK if value is not None and comparable(name) in hidden else value
        for name, value in one.values.items()
    }


def _conditions(one: Decision, hidden: Collection[str]) -> list[str]:
    return [
        " ".join(
            [
                condition.column,
                str(condition.operator),
                *([MASK] if comparable(condition.column) in hidden else [" or ".join(condition.values)]),
            ]
        ).strip()
        if condition.values
        else f"{condition.column} {condition.operator}"
        for condition in one.where
    ]
