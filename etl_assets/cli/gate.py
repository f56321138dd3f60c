"""`dq gate`: what becomes of a partition that a closed gate holds back."""

from __future__ import annotations

from typing import Annotated

import typer

from etl_assets.cli import context
from etl_assets.cli.decision_options import DryRun, Supersedes, Until, Who, Why, author
from etl_assets.cli.options import DatasetName, Json
from etl_assets.cli.output import results
from etl_assets.cli.teaching import with_examples

app = typer.Typer(no_args_is_help=True)


@app.callback()
@with_examples
def _root() -> None:
    """Partitions that a closed gate holds back: publish them all the same, or await a better delivery."""


@app.command("open")
@with_examples
def open_(
    dataset: DatasetName,
    table: Annotated[str, typer.Argument(metavar="LAYER/TABLE", help="The table, such as silver/sales.")],
    why: Why,
    partition: Annotated[
        str,
        typer.Argument(metavar="[KEY]", help="The partition, such as 2010-12-01; none for a whole table."),
    ] = "",
    who: Who = None,
    until: Until = None,
    supersedes: Supersedes = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Publish a partition although more rows are quarantined than is tolerated.

    It holds for the deliveries that are there now, and for no larger share of
    quarantined rows. A file that can't be read, or rows that don't add up,
    can't be published at all.

    Examples:
      dq gate open retail silver/sales 2010-12-05 --why "the shop was half closed, the rest is sound"
    """
    from etl_assets.cli.decisions_told import tell_decided
    from etl_assets.pipeline.deciding import decide, publish

    pipeline = context.open_pipeline(context.open_settings(), dataset)
    said = author(who, why, until, supersedes)
    proposal = publish(pipeline, context.table_of(pipeline, table), partition, said)
    tell_decided(results(), pipeline, [proposal], [] if dry_run else decide(pipeline, [proposal]), json=json)


@app.command("reject")
@with_examples
def reject(
    delivery: Annotated[str, typer.Argument(metavar="ID", help="A delivery's id, or how it begins.")],
    why: Why,
    who: Who = None,
    until: Until = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Take a delivery out of its partitions, and await a new one under its name.

    A file with the same name and another content counts as usual. Where an
    older version of it was built before, what is published stays until then.

    Examples:
      dq gate reject 3fa91c --why "an export of the test system; they send it again"
    """
    from etl_assets.cli.decisions_told import tell_decided
    from etl_assets.pipeline import deciding

    settings = context.open_settings()
    with context.open_ledger(settings) as ledger:
        one = context.delivery_of(ledger, delivery)
    pipeline = context.open_pipeline(settings, one.dataset)
    proposal = deciding.reject(pipeline, one.id, author(who, why, until))
    decided = [] if dry_run else deciding.decide(pipeline, [proposal])
    tell_decided(results(), pipeline, [proposal], decided, json=json)
