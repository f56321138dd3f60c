"""`dq inspect`: what files look like, and how to read them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from etl_assets.cli.options import Json
from etl_assets.cli.output import messages, plain, print_json, results
from etl_assets.cli.problems import ExitCode, WrongUseError
from etl_assets.cli.teaching import with_examples

if TYPE_CHECKING:
    from etl_assets.inspection.comparing import Comparison, FileGroup
    from etl_assets.profiling.suggest import Suggestions
    from etl_assets.staging.source import Source

Suggest = Annotated[
    bool, typer.Option("--suggest", help="Suggest rules, with what keeps and what breaks them.")
]
Files = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files, or folders of files.")]


@with_examples
def inspect(files: Files, suggest: Suggest = False, json: Json = False) -> None:
    """Say how files are to be read, and what is in them.

    For each thing found it says how sure it is, and why: format, encoding,
    separator, header, what stands around the table, what the cells of each
    column are, what may be a key. Cells that look personal are never shown.
    Several files are compared. Nothing is made or changed; of large files only
    samples are read. Exit code 1 if a file can't be read as a table.

    Examples:
      dq inspect sales_2024-W*.csv
      dq inspect deliveries/ customers.xlsx
      dq inspect sales.csv customers.xlsx --suggest
      dq inspect sales.csv --json | jq '.tables[].columns[] | {name, kind}'
    """
    from etl_assets.cli.suggestions import suggestions_json, suggestions_of
    from etl_assets.inspection.comparing import inspect_files
    from etl_assets.inspection.told import as_json

    found = inspect_files(list(_listed(files)))
    sources = {n: source for n, group in enumerate(found.groups) if (source := _source(group))}
    suggested = suggestions_of(found) if suggest else None
    if json:
        told = as_json(found, sources)
        for table, group, rules in zip(told["tables"], found.groups, suggested or (), strict=False):
            table["suggestions"] = suggestions_json(group, rules)
        print_json(told)
    else:
        _print(found, sources, suggested)
    if found.failures:
        raise typer.Exit(ExitCode.DATA)


def _listed(files: Sequence[Path]) -> Iterator[Path]:
    """The files, and those of folders."""
    for path in files:
        if path.is_dir():
            within = sorted(one for one in path.rglob("*") if one.is_file() and not _is_hidden(one, path))
            if not within:
                raise WrongUseError("The folder holds no file", where={"folder": path})
            yield from within
        elif path.exists():
            yield path
        else:
            raise WrongUseError("There is no such file", where={"file": path})


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _source(group: FileGroup) -> Source | None:
    """How the files of a group may be declared, by their names."""
    from etl_assets.inspection.layout import propose_layout

    if len({one.path.name for one in group.files}) < len(group.files):
        return None  # of several folders: what lies below the staging area is not known
    return propose_layout({one.path.name: one for one in group.files}).source


def _print(found: Comparison, sources: dict[int, Source], suggested: Sequence[Suggestions] | None) -> None:
    from etl_assets.cli.inspection_report import print_group, print_legend, print_yaml
    from etl_assets.cli.suggestions import print_suggestions
    from etl_assets.inspection.told import source_yaml

    console = results()
    for n, group in enumerate(found.groups):
        print_group(console, group)
        if suggested is not None:
            print_suggestions(console, group, suggested[n])
        if n in sources:
            print_yaml(console, source_yaml(_table_name(group.together.path), sources[n]))
        console.print()
    for finding in found.findings:
        console.print(plain(finding), style="yellow", soft_wrap=True)
    if found.groups:
        print_legend(console)
    for failure in found.failures:
        told = f"{failure.path}: {failure.what}" + (f" ({failure.hint})" if failure.hint else "")
        messages().print(f"dq: {plain(told)}", style="red", soft_wrap=True)


def _table_name(path: Path) -> str:
    """A name for the table of a file: its own without dates and numbers."""
    stem = re.sub(r"(?<=\d)[wW](?=\d)|[-_ ][wW](?=\d\d)", " ", path.name.partition(".")[0])
    return "_".join(re.findall(r"[a-zA-Z]+", stem)).lower() or "rows"
