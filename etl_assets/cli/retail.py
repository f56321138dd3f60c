"""`dq retail`: laying out the retail data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from etl_assets.cli import context
from etl_assets.cli.options import Json
from etl_assets.cli.output import counted, plain, print_json, results
from etl_assets.cli.problems import WrongUseError
from etl_assets.cli.teaching import with_examples

app = typer.Typer(no_args_is_help=True)


@app.callback()
@with_examples
def _root() -> None:
    """Lay out the retail data (UCI Online Retail) as deliveries."""


@app.command("split")
@with_examples
def split(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="CSV", exists=True, dir_okay=False, readable=True, help="The UCI file, saved as CSV."
        ),
    ],
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FOLDER", help="Where to; default: retail's staging folder."),
    ] = None,
    day_first: Annotated[
        bool, typer.Option("--day-first", help="Dates are written 1/12/2010, not 12/1/2010.")
    ] = False,
    encoding: Annotated[
        str | None, typer.Option("--encoding", help="How it is encoded; found out unless said.")
    ] = None,
    json: Json = False,
) -> None:
    """Cut the UCI file into one CSV a trading day, in retail's staging folder.

    Get "Online Retail" from the UCI Machine Learning Repository and save its
    sheet as CSV. Cells keep their text. Days that are there already with the
    same content are left alone.

    Examples:
      dq retail split online_retail.csv && dq run retail
      dq retail split online_retail.csv --to /tmp/days
    """
    from etl_assets.datasets.retail.split import split_by_day
    from etl_assets.errors import StagingError
    from etl_assets.staging.area import StagingFolder

    settings = context.open_settings()
    folder = to or StagingFolder(settings.staging_url("retail")).root
    try:
        placed = split_by_day(source, folder, day_first=day_first, encoding=encoding)
    except (StagingError, LookupError) as error:
        what, where, hint = (
            (error.what, error.where, error.hint)
            if isinstance(error, StagingError)
            else (f"There is no encoding {encoding}", {}, "Write utf-8, cp1252 or latin-1")
        )
        raise WrongUseError(what, where=where, hint=hint) from None
    if json:
        counts = {"new": placed.new, "changed": placed.changed, "unchanged": placed.unchanged}
        print_json({"folder": str(folder), **counts})
        return
    told = (
        f"{counted(placed.files, 'day')} in {plain(folder)}: {placed.new:,} new, {placed.changed:,} changed"
    )
    results().print(f"{told}, {placed.unchanged:,} unchanged", soft_wrap=True)
