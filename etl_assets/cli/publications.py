"""`dq publications`: what is written out of the lake, and asking for another try."""

from __future__ import annotations

from typing import Annotated

import typer

from etl_assets.cli import context
from etl_assets.cli.options import AnyDataset, DatasetName, Json
from etl_assets.cli.output import counted, plain, print_json, results, speaks_unicode
from etl_assets.cli.teaching import with_examples
from etl_assets.errors import SettingsError

app = typer.Typer(no_args_is_help=True)


@app.callback()
@with_examples
def _root() -> None:
    """Publications: tables that are written to PostgreSQL or as files.

    They are declared in the dataset's YAML, and written by `dq run` and by the
    sensor whenever their table has changed.
    """


@app.command("list")
@with_examples
def list_(dataset: AnyDataset = None, json: Json = False) -> None:
    """List the publications: where to, how many rows are there, since when.

    current      the destination holds what is published in the lake
    pending      it is written by the next run
    waiting      it failed, and is tried again by itself
    failed       it failed too often, or waits for a person
    nothing      nothing of its table is published yet

    Examples:
      dq publications list
      dq publications list --json | jq '.[] | select(.standing != "current")'
    """
    from etl_assets.cli.published import publications_table
    from etl_assets.cli.status import publication_as_json
    from etl_assets.pipeline.pending import Pending

    pipelines = context.open_pipelines(context.open_settings(), dataset)
    pending = {name: list(Pending.of(one).publications.values()) for name, one in pipelines.items()}
    if json:
        print_json(
            [{"dataset": name} | publication_as_json(one) for name, some in pending.items() for one in some]
        )
        return
    console = results()
    if not any(pending.values()):
        console.print("no publications are declared: see docs/how-to/publish.md")
    for name, found in pending.items():
        if not found:
            continue
        console.print(name, style="bold")
        console.print(publications_table(found, unicode=speaks_unicode(console)))
        for one in found:
            if one.reason:
                console.print(f"{one.name}: {plain(one.reason)}", soft_wrap=True)


@app.command("retry")
@with_examples
def retry(
    dataset: DatasetName,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[PUBLICATION]...", help="Only these; without any, all.")
    ] = None,
    json: Json = False,
) -> None:
    """Ask for another try, whatever came of the earlier ones.

    The next run compares the destination with the lake and writes what
    differs; nothing is written twice. For when a destination was mended, or
    put back from a backup.

    Examples:
      dq publications retry retail
      dq publications retry retail daily_revenue && dq run retail
    """
    settings = context.open_settings()
    pipeline = context.open_pipeline(settings, dataset)
    known = pipeline.publications
    for name in names or ():
        if name not in known:
            raise SettingsError(
                f"The dataset {dataset} has no publication {name}",
                where={"file": f"config/datasets/{dataset}.yaml", "key": "publications"},
                hint=f"There are {', '.join(known) or 'none'}",
            )
    asked = {name: one.destination.place for name, one in known.items() if name in (names or known)}
    pipeline.ledger.retry_writings(dataset, asked)
    if json:
        print_json({"dataset": dataset, "publications": list(asked)})
        return
    told = f"{counted(len(asked), 'publication')} to be tried again: {', '.join(asked)}"
    results().print(f"{dataset}: {told if asked else 'it has no publications'}", soft_wrap=True)
    if asked:
        results().print(f"dq run {dataset}   writes them now; the sensor does at its next look", style="dim")
