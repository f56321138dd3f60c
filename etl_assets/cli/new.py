"""`dq new`: a dataset from files, to begin with."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from etl_assets.cli.options import Json
from etl_assets.cli.output import counted, plain, print_json, results
from etl_assets.cli.problems import WrongUseError
from etl_assets.cli.teaching import with_examples

if TYPE_CHECKING:
    from rich.console import Console

    from etl_assets.scaffolding.dataset import Draft
    from etl_assets.scaffolding.existing import Existing
    from etl_assets.scaffolding.writing import State, Written


_MOST_UP = 2
"""A path with more of `..` is harder to read than one from the root."""
_MOST_SHOWN = 5


@with_examples
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="How the dataset is to be called.")],
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Files such as those delivered, or folders of files."),
    ],
    folder: Annotated[
        Path, typer.Option("--folder", metavar="FOLDER", help="The project's folder; made if missing.")
    ] = Path(),
    stage: Annotated[
        bool, typer.Option("--stage", help="Also copy the files into the staging folder.")
    ] = False,
    timezone: Annotated[
        str | None,
        typer.Option("--timezone", metavar="ZONE", help="Such as Europe/Berlin; default: this machine's."),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns", metavar="A,B,...", help="Names of the columns, where files have no header."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Write a dataset from files: contracts, cleaning, YAML, a test.

    Looks at the files as `dq inspect --suggest` does and writes what it finds
    as code to be edited. Files with other columns become tables of their own.
    What is unsure is listed, with file and line. Nothing is written if
    anything is wrong.

    Run it again when the files have changed: files that you edited are never
    touched, what would be new is put beside them as *.suggested. Tables that
    none of the files belongs to are kept, drafted again from what is staged.

    Examples:
      dq new sales sales_2024-W*.csv customers.xlsx --stage
      dq new probes probe-*.txt --columns probe,measured_at,celsius
      dq new sensors incoming/ --folder ~/sensors --timezone Europe/Berlin
    """
    from etl_assets.errors import StagingError
    from etl_assets.inspection.table import NoTableError
    from etl_assets.scaffolding.dataset import ScaffoldingError, draft_dataset
    from etl_assets.scaffolding.existing import TablesLostError
    from etl_assets.scaffolding.materials import keys_of
    from etl_assets.scaffolding.project import write_project
    from etl_assets.scaffolding.writing import state_of, write_files

    try:
        _check_timezone(timezone)
        looked_at = {path: state_of(path) for path in keys_of(files).values()}
        names = [one.strip() for one in columns.split(",")] if columns else []
        draft = draft_dataset(
            name,
            files,
            timezone=timezone,
            code_folder=_code_folder(folder),
            columns=names,
            existing=_existing(name, folder),
        )
    except (ScaffoldingError, StagingError, NoTableError, TablesLostError) as error:
        raise WrongUseError(error.what, where=error.where, hint=error.hint) from None
    written = write_files(folder, draft.files)
    project = [path.relative_to(folder).as_posix() for path in write_project(folder)]
    staging, staged = _stage(draft, folder, looked_at) if stage else (_staging(draft, folder), [])
    if json:
        print_json(_as_json(draft, written, project, staged))
        return
    _print(results(), draft, written, project, folder, staging, staged if stage else None)


def _check_timezone(name: str | None) -> None:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        raise WrongUseError(f"There is no timezone {name}", hint="Write Europe/Berlin, or UTC") from None


def _code_folder(folder: Path) -> str:
    """Where an existing project has its datasets."""
    from etl_assets.settings import load_settings

    if not (folder / "config" / "app.yaml").is_file():
        return "datasets"
    own = [one for one in load_settings(folder / "config").dataset_folders if not one.is_absolute()]
    return "datasets" if not own or Path("datasets") in own else own[0].as_posix()


def _existing(name: str, folder: Path) -> Existing | None:
    """The dataset as it is, if its settings can be read."""
    from etl_assets.scaffolding.existing import Existing
    from etl_assets.settings import load_settings

    if not (folder / "config" / "datasets" / f"{name}.yaml").is_file():
        return None
    settings = load_settings(folder / "config")
    own = settings.datasets.get(name)
    return Existing(name, own, settings.staging_url(name)) if own else None


def _staging(draft: Draft, folder: Path) -> str:
    from etl_assets.settings import load_settings

    return load_settings(folder / "config").staging_url(draft.name)


def _stage(draft: Draft, folder: Path, looked_at: Mapping[Path, State]) -> tuple[str, list[str]]:
    from etl_assets.scaffolding.writing import stage_files

    staging = _staging(draft, folder)
    if "://" in staging:
        raise WrongUseError(
            "Files can be staged in a folder only",
            where={"staging": staging},
            hint="The dataset was written; put the files there yourself",
        )
    return staging, stage_files(
        Path(staging), {**draft.paths, **draft.held}, list(draft.snapshot_keys), looked_at
    )


# -- what is told -------------------------------------------------------------------------------------


def _print(
    console: Console,
    draft: Draft,
    written: Written,
    project: list[str],
    folder: Path,
    staging: str,
    staged: list[str] | None,
) -> None:
    def say(text: str, style: str = "") -> None:
        console.print(plain(text), style=style, soft_wrap=True)

    for title, names in (
        ("written", [*project, *written.new]),
        ("written anew, nobody had changed them", written.refreshed),
        ("unchanged", written.unchanged),
    ):
        if names:
            say(f"{title}:", "bold")
            for one in names:
                say(f"  {_shown(folder, one)}")
    if written.suggested:
        say("left alone, since you changed some of them; the new draft is beside each:", "bold")
        for one in written.suggested.values():
            say(f"  {_shown(folder, one)}")
        some, beside = (_shown(folder, one) for one in next(iter(written.suggested.items())))
        say(f"  see: diff -u {shlex.quote(some)} {shlex.quote(beside)}")
    if written.kept:
        say("earlier suggestions, of no use any more; left alone, since you edited them:", "bold")
        for one in written.kept:
            say(f"  {_shown(folder, one)}")
    if draft.kept:
        say(f"kept, drafted again from what is staged: {', '.join(draft.kept)}", "bold")
    if staged is not None:
        say(f"staged: {counted(len(staged), 'file')} in {_path(staging, Path())}", "bold")
        if draft.held:
            say(f"  another header, so that a run puts on hold: {_some(draft.held)}", "yellow")
    for table in draft.tables:
        share, file = table.worst
        rows = table.material.sample.height
        told = f"{table.name}: {counted(len(table.columns), 'column')}, {counted(rows, 'row')} looked at"
        say(told + (f"; of {file} {share:.1%} break a rule" if share else "; all of them pass"))
    if draft.doubts and not written.suggested:
        say("to be looked at:", "bold yellow")
        for doubt in draft.doubts:
            say(f"  {_shown(folder, doubt.file)}:{doubt.line}: {doubt.text}")
    _print_next(console, draft, folder, staging, staged)


def _print_next(console: Console, draft: Draft, folder: Path, staging: str, staged: list[str] | None) -> None:
    key, given = next(iter(draft.paths.items()))
    file = given if staged is None else Path(staging) / key
    commands = [f"dq try {draft.name} {shlex.quote(_path(file, folder))}"]
    commands.append(f"dq run {draft.name}")
    if staged is not None:
        commands.append(f"pytest tests/test_{draft.name}.py")
    console.print("next:", style="bold")
    if staged is None:
        way = (
            "put the files into" if "://" in staging else "the same command with --stage puts the files into"
        )
        console.print(plain(f"  {way} {_path(staging, Path())}"), soft_wrap=True)
    if folder.resolve() != Path.cwd():
        console.print(plain(f"  cd {shlex.quote(str(folder))}"), soft_wrap=True)
    for command in commands:
        console.print(plain(f"  {command}"), soft_wrap=True)


def _some(keys: Iterable[str]) -> str:
    ordered = sorted(keys)
    more = len(ordered) - _MOST_SHOWN
    return ", ".join(ordered[:_MOST_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _shown(folder: Path, name: str) -> str:
    return name if folder == Path() else str(folder / name)


def _path(path: Path | str, folder: Path) -> str:
    """A path as one writes it in a folder: relative where it is below or beside, else from the root."""
    if "://" in str(path):
        return str(path)
    path, folder = Path(path).absolute(), folder.absolute()
    if path.is_relative_to(folder):
        return path.relative_to(folder).as_posix()
    near = os.path.relpath(path.parent.resolve() / path.name, folder.resolve())
    return near if Path(near).parts.count("..") <= _MOST_UP else str(path)


def _as_json(draft: Draft, written: Written, project: list[str], staged: list[str]) -> dict[str, Any]:
    return {
        "dataset": draft.name,
        "tables": [
            {
                "name": table.name,
                "files": len(table.material.files),
                "columns": len(table.columns),
                "rows_looked_at": table.material.sample.height,
                "worst_share_refused": table.worst[0],
            }
            for table in draft.tables
        ],
        "tables_kept": list(draft.kept),
        "written": [*project, *written.new],
        "refreshed": written.refreshed,
        "unchanged": written.unchanged,
        "suggested": list(written.suggested.values()),
        "kept": written.kept,
        "staged": staged,
        "another_header": sorted(draft.held),
        "unsure": [{"file": one.file, "line": one.line, "text": one.text} for one in draft.doubts],
    }
