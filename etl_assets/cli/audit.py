"""`dq audit`: who decided what, why, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from etl_assets.cli import context
from etl_assets.cli.options import AnyDataset, Json, Limit
from etl_assets.cli.output import print_json, results
from etl_assets.cli.problems import ExitCode
from etl_assets.cli.teaching import with_examples

if TYPE_CHECKING:
    from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
    from etl_assets.pipeline.decision_audit import AuditedDecision


@with_examples
def audit(
    dataset: AnyDataset = None,
    void: Annotated[
        bool, typer.Option("--void", help="Only decisions that can do nothing any more and ask for another.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Exit with 1 where a decision is void.")] = False,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """List every decision of people: who, when, why, and where it stands.

    in force: the tables are as it says; of a correction it is told if its rows
    are refused all the same, and by which rules. to replay: the next run does it. void:
    it can do nothing any more, as when its delivery was superseded or the
    contract has lost its column: decide anew, or undo it. Values of columns
    marked as personal (pii) are masked.

    Examples:
      dq audit retail
      dq audit --void --check      for a monitor: exit code 1 if somebody must look
      dq audit --json | jq '.decisions[] | select(.who == "ann")'
    """
    from etl_assets.cli.decisions_told import audited_as_json, print_audit
    from etl_assets.pipeline.personal import hidden_columns

    pipelines = context.open_pipelines(context.open_settings(), dataset)
    found = [
        (one, hidden_columns(pipeline))
        for pipeline in pipelines.values()
        for one in _audited(pipeline, rows=not void)
        if one.asks or not void
    ]
    found.sort(key=lambda entry: -entry[0].decision.id)
    page = found[:limit]
    if json:
        decisions = [audited_as_json(one, hidden) for one, hidden in page]
        print_json({"decisions": decisions, "more": len(found) > limit})
    elif page:
        print_audit(results(), page, datasets=len(pipelines))
        if len(found) > limit:
            results().print(f"{len(found) - limit:,} more: --limit {len(found)}", style="dim")
    else:
        results().print("no decision is void" if void else "nobody decided anything yet")
    if check and any(one.asks for one, _ in found):
        raise typer.Exit(ExitCode.DATA)


def _audited(pipeline: DatasetPipeline, *, rows: bool) -> Sequence[AuditedDecision]:
    """Decisions with where they stand; looking for rows that corrections did not save takes the lake."""
    from etl_assets.pipeline.decision_audit import audit, with_still_refused

    found = audit(pipeline)
    return with_still_refused(pipeline, found) if rows else found
