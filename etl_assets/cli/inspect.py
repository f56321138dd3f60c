"""`dq inspect`: what files look like, and how to read them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from etl_assets.cli.options import Json
from etl_assets.cli.output import print_json, results
from etl_assets.cli.teaching import with_examples

Files = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="One or more files, or folders of files.")
]


@with_examples
def inspect(files: Files, json: Json = False) -> None:
    """What do these files look like, and how are they to be read?

    Looks at each file and says what it found, how sure that is and why: format,
    encoding, separator, header, what stands around the table, what the cells of
    each column are, what may be a key, what looks personal (its cells are never
    shown). Nothing is made or changed. Of large files only samples are read.

    Examples:
      dq inspect sales_2024-W*.csv
      dq inspect customers.xlsx --json | jq '.files[].columns[].name'
    """
    from etl_assets.cli.inspection_report import print_inspection
    from etl_assets.inspection.inspect import inspect_file
    from etl_assets.inspection.told import as_json

    found = [inspect_file(path) for path in files]
    if json:
        print_json({"files": [as_json(one) for one in found]})
        return
    console = results()
    for one in found:
        print_inspection(console, one)
