"""`dq quarantine correct`, `waive`, `discard`, `undo`, `replay`: what people do about refused rows."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Annotated

import typer

from etl_assets.cli import context
from etl_assets.cli.decision_options import (
    Beside,
    DeliveryId,
    DryRun,
    Rules,
    Supersedes,
    Target,
    Until,
    Where,
    Who,
    Why,
    author,
    chosen,
    new_cells,
)
from etl_assets.cli.options import DatasetName, Json, Partition, TableName
from etl_assets.cli.output import results
from etl_assets.cli.problems import WrongUseError
from etl_assets.cli.teaching import with_examples

if TYPE_CHECKING:
    from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
    from etl_assets.pipeline.deciding import Proposal, Turned


@with_examples
def correct(
    target: Target,
    set_: Annotated[
        list[str],
        typer.Option("--set", metavar="NAME=VALUE", help="A new value of a delivered column; repeatable."),
    ],
    why: Why,
    table: TableName = None,
    rule: Rules = None,
    delivery: DeliveryId = None,
    partition: Partition = None,
    where: Where = None,
    who: Who = None,
    until: Until = None,
    supersedes: Supersedes = None,
    beside: Beside = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Give refused rows new values; they are validated like any other.

    Columns are named and values written as they were delivered; NAME= is an
    empty cell. A record that could not be read needs all columns. What was
    delivered stays as it is, and the decision can be undone.

    Examples:
      dq quarantine correct 3fa91c:118 --set Quantity=6 --why "till said 6, Ann on the phone"
      dq quarantine correct retail -t silver/sales --where "Country is null" --set Country=EIRE --why Cork
    """
    from etl_assets.pipeline import deciding

    pipeline, rows = chosen(target, table, rule, delivery, partition, where)
    said = author(who, why, until, supersedes, beside)
    proposal = deciding.correct(pipeline, rows, new_cells(set_), said)
    _settle(pipeline, [proposal], dry_run=dry_run, json=json)


@with_examples
def waive(
    target: Target,
    rule: Annotated[
        list[str], typer.Option("--rule", "-r", metavar="RULE", help="A rule that is waived; repeatable.")
    ],
    why: Why,
    table: TableName = None,
    delivery: DeliveryId = None,
    partition: Partition = None,
    where: Where = None,
    who: Who = None,
    until: Until = None,
    supersedes: Supersedes = None,
    beside: Beside = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Accept rows in spite of named rules; scores count the failures all the same.

    Without a row, all rows are meant that broke one of the rules, of the
    deliveries that are there now. A rule of a whole partition is waived for
    that partition. Keys that repeat and cells that don't fit their column's
    type can't be waived.

    Examples:
      dq quarantine waive 3fa91c:118 --rule unit_price.in_range --why "a grand piano, sold twice a year"
      dq quarantine waive retail -t silver/sales -p 2010-12-05 --rule customer_id.str_matches --why "old"
    """
    from etl_assets.pipeline import deciding

    pipeline, rows = chosen(target, table, None, delivery, partition, where)
    said = author(who, why, until, supersedes, beside)
    _settle(pipeline, [deciding.waive(pipeline, rows, rule, said)], dry_run=dry_run, json=json)


@with_examples
def discard(
    target: Target,
    why: Why,
    table: TableName = None,
    rule: Rules = None,
    delivery: DeliveryId = None,
    partition: Partition = None,
    where: Where = None,
    who: Who = None,
    until: Until = None,
    supersedes: Supersedes = None,
    beside: Beside = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Accept the loss of refused rows: they stay in quarantine, and are no open work.

    They don't count against the tolerance any more; scores count them all the
    same.

    Examples:
      dq quarantine discard 3fa91c:118 --why "a test of the till"
      dq quarantine discard retail -t bronze/sales --rule unreadable --delivery 3fa91c --why "cut off"
    """
    from etl_assets.pipeline import deciding

    pipeline, rows = chosen(target, table, rule, delivery, partition, where)
    said = author(who, why, until, supersedes, beside)
    _settle(pipeline, [deciding.discard(pipeline, rows, said)], dry_run=dry_run, json=json)


@with_examples
def undo(
    ids: Annotated[list[int], typer.Argument(metavar="ID...", help="Decisions, as `dq audit` shows them.")],
    why: Why,
    who: Who = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Take decisions back: tables become again what they were without them.

    What a decision had superseded holds again, and is told. An undoing can be
    undone.

    Examples:
      dq quarantine undo 17 --why "the till was right after all"
    """
    from etl_assets.pipeline import deciding

    settings = context.open_settings()
    with context.open_ledger(settings) as ledger:
        datasets = {id: ledger.dataset_of_decision(id) for id in ids}
    if lost := [id for id, name in datasets.items() if name is None]:
        raise WrongUseError(f"There is no decision {lost[0]}", hint="See `dq audit`")
    if len(set(datasets.values())) > 1:
        raise WrongUseError("These are decisions on several datasets", hint="Undo them one dataset at a time")
    pipeline = context.open_pipeline(settings, str(next(iter(datasets.values()))))
    proposals = deciding.undo(pipeline, ids, author(who, why, None))
    _settle(pipeline, proposals, dry_run=dry_run, json=json, turned=deciding.turned(pipeline, proposals))


@with_examples
def replay(dataset: DatasetName, json: Json = False) -> None:
    """Build the partitions that decisions concern, and all else that is pending.

    It is what the next run does anyway, through Dagster, in this process.
    Replaying again does nothing. Rows that were corrected and are refused all
    the same are told, with the rules that they break now.

    Examples:
      dq quarantine replay retail
    """
    from etl_assets.cli.run import run_and_report
    from etl_assets.pipeline.decision_audit import DecisionState, audit

    settings = context.open_settings()
    pipeline = context.open_pipeline(settings, dataset)
    waiting: defaultdict[str, int] = defaultdict(int)
    for one in audit(pipeline):
        if one.state is DecisionState.TO_REPLAY:
            waiting[str(one.decision.kind)] += 1
    if waiting and not json:
        kinds = ", ".join(f"{count} x {kind}" for kind, count in sorted(waiting.items()))
        results().print(f"decisions to replay: {kinds}", soft_wrap=True)
    raise typer.Exit(run_and_report(settings, pipeline, json=json))


def _settle(
    pipeline: DatasetPipeline,
    proposals: list[Proposal],
    *,
    dry_run: bool,
    json: bool,
    turned: Turned | None = None,
) -> None:
    from etl_assets.cli.decisions_told import tell_decided
    from etl_assets.pipeline.deciding import decide

    decided = [] if dry_run else decide(pipeline, proposals)
    tell_decided(results(), pipeline, proposals, decided, json=json, turned=turned)
