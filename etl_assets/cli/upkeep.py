"""`dq upkeep`: clear away what nobody needs any more."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from etl_assets.cli import context
from etl_assets.cli.options import AnyDataset, Json
from etl_assets.cli.output import counted, grid, number, plain, print_json, results, size, speaks_unicode
from etl_assets.cli.problems import ExitCode
from etl_assets.cli.teaching import with_examples

if TYPE_CHECKING:
    from etl_assets.lake.upkeep import TableUpkeep
    from etl_assets.pipeline.upkeep import Upkeep


@with_examples
def upkeep(
    dataset: AnyDataset = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; show what would be done.")
    ] = False,
    json: Json = False,
) -> None:
    """Make tables small and quick to read; remove what nobody needs any more.

    Small files of a partition become one, checkpoints keep the log short, and
    files go that were replaced before the retention or that killed runs left.
    The ledger forgets old details of what was replaced; scores stay for ever.
    No row of a table changes. What is kept for how long says `upkeep` in
    config/app.yaml; Dagster does the same daily. A dataset that is being built
    is left for the next time.

    Examples:
      dq upkeep                    every dataset
      dq upkeep retail --dry-run   what it would do

    Exit codes: 0 done, or left for the next time, 2 wrong use or settings,
    3 a table could not be kept.
    """
    settings = context.open_settings()
    pipelines = context.open_pipelines(settings, dataset)
    from etl_assets.orchestration.upkeep import keep_now

    owner = f"dq upkeep {uuid4()}"
    done = [keep_now(one, owner, settings.upkeep, dry_run=dry_run) for one in pipelines.values()]
    if json:
        print_json([_as_json(one, dry_run=dry_run) for one in done])
    else:
        for one in done:
            _print(one, dry_run=dry_run)
    if any(one.errors for one in done):
        raise typer.Exit(ExitCode.BROKEN)


def _print(done: Upkeep, *, dry_run: bool) -> None:
    console = results()
    console.print(done.dataset, style="bold", end="")
    if done.skipped:
        console.print(f": left for the next time. {plain(done.skipped)}", style="yellow", soft_wrap=True)
        return
    verb = "would be removed" if dry_run else f"removed, {size(done.removed_bytes)} freed"
    console.print(f": {counted(done.removed, 'file')} {verb}", soft_wrap=True)
    changed = {name: one for name, one in done.tables.items() if one.removed or one.compacted}
    if changed:
        console.print(_table(changed, unicode=speaks_unicode(console)))
    for name, why in done.errors.items():
        console.print(f"{name}: {plain(why)}", style="red", soft_wrap=True)
    forgotten = done.forgotten
    if details := forgotten.tallies + forgotten.statistics:
        told = f"{counted(details, 'detail')} of replaced validations"
        console.print(f"the ledger forgot {told} and {counted(forgotten.runs, 'run')}", soft_wrap=True)


def _table(changed: dict[str, TableUpkeep], *, unicode: bool) -> Any:
    headings = ("table", "files", "after", "size", "compacted", "removed")
    table = grid(*headings, right=headings[1:], unicode=unicode)
    for name, one in changed.items():
        table.add_row(
            name,
            number(one.files),
            number(one.files_after),
            size(one.bytes_after),
            number(one.compacted),
            number(one.removed),
        )
    return table


def _as_json(done: Upkeep, *, dry_run: bool) -> dict[str, Any]:
    return {
        "dataset": done.dataset,
        "dry_run": dry_run,
        "skipped": done.skipped,
        "removed": done.removed,
        "removed_bytes": None if dry_run else done.removed_bytes,
        "forgotten": asdict(done.forgotten),
        "tables": [{"table": name, **asdict(one)} for name, one in done.tables.items()],
    }
