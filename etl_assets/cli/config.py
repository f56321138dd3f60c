"""`dq config`: the effective settings."""

from __future__ import annotations

import json as json_text
from typing import Annotated

import typer

from etl_assets.cli.options import Json
from etl_assets.cli.output import cell, grid, print_json, results, speaks_unicode
from etl_assets.cli.problems import WrongUseError, warn_of
from etl_assets.cli.teaching import with_examples

app = typer.Typer(no_args_is_help=True)


@app.callback()
@with_examples
def _root() -> None:
    """The effective settings, and where each value came from."""


@app.command("show")
@with_examples
def show(
    prefix: Annotated[
        str | None, typer.Argument(metavar="KEY", help="Only this key and what is below it, such as log.")
    ] = None,
    json: Json = False,
) -> None:
    """Print every effective setting, and where it came from.

    Later sources win: datasets/<name>.yaml, app.yaml,
    app.<ETL_ENVIRONMENT>.yaml, app.local.yaml, environment variables such as
    ETL_LOG__LEVEL for log.level. Secrets are masked.

    Examples:
      dq config show
      dq config show datasets.retail.calendar
      ETL_LOG__LEVEL=debug dq config show log
    """
    from etl_assets.settings import explain, read_settings

    loaded = read_settings()
    for name, error in loaded.settings.broken_datasets.items():
        warn_of(f"the dataset {name} is left out", error)
    found = explain(loaded)
    if prefix:
        found = [one for one in found if one.key == prefix or one.key.startswith(prefix + ".")]
        if not found:
            raise WrongUseError(f"There is no setting {prefix}", hint="See all of them: dq config show")
    if json:
        print_json([{"key": one.key, "value": one.value, "source": one.source} for one in found])
        return
    console = results()
    table = grid("setting", "value", "from", unicode=speaks_unicode(console))
    for column in table.columns:
        column.overflow = "fold"
    for one in found:
        value = one.value if isinstance(one.value, str) else json_text.dumps(one.value, default=str)
        table.add_row(cell(one.key), cell(value, "bold"), cell(one.source, "dim"))
    console.print(table)
