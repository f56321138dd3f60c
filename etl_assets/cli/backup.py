"""`dq backup`: a copy of the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from etl_assets.cli import context
from etl_assets.cli.options import Json
from etl_assets.cli.output import plain, print_json, results, size
from etl_assets.cli.problems import WrongUseError
from etl_assets.cli.teaching import with_examples


@with_examples
def backup(
    file: Annotated[Path, typer.Argument(help="Where the copy is written; an older copy is replaced.")],
    json: Json = False,
) -> None:
    """Copy the ledger into a file, while everything else goes on.

    The ledger is what can't be made again: the history of scores, and what
    people decided. The lake is files, which any program copies, and it is
    built again from what was delivered. How to restore: docs/how-to/backup.md.
    A ledger on PostgreSQL is backed up by pg_dump.

    Examples:
      dq backup /backups/ledger.db
      dq backup "/backups/ledger-$(date +%F).db"
    """
    settings = context.open_settings()
    if file.is_dir():
        raise WrongUseError("That is a folder", where={"folder": file}, hint="Name a file in it: ledger.db")
    with context.open_ledger(settings) as ledger:
        ledger.back_up(file.absolute())
        shown = ledger.shown_url
    written = file.stat().st_size
    if json:
        print_json({"ledger": shown, "file": str(file.absolute()), "bytes": written})
        return
    results().print(f"{plain(shown)} copied to {plain(file)}, {size(written)}", soft_wrap=True)
