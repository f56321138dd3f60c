"""`dq try`: what a run would make of a file, without a trace."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from etl_assets.cli import context
from etl_assets.cli.options import DatasetName, Json
from etl_assets.cli.output import cell, counted, grid, plain, print_json, results, speaks_unicode
from etl_assets.cli.problems import ExitCode, WrongUseError
from etl_assets.cli.teaching import with_examples

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from etl_assets.cli.quarantined_rows import QuarantinedRow
    from etl_assets.ledger.ledger import Ledger
    from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
    from etl_assets.pipeline.status import DatasetStatus
    from etl_assets.pipeline.trial import Trial, TriedTable
    from etl_assets.pipeline.trial_delivery import Taken
    from etl_assets.settings import AppSettings


@dataclass(frozen=True)
class Tried:
    """A trial with all that is shown of it."""

    file: Path
    taken: Taken
    trial: Trial
    status: DatasetStatus
    rows: list[QuarantinedRow]
    more: bool

    @property
    def code(self) -> ExitCode:
        """Data trouble where a run would stop something."""
        return ExitCode.DATA if self.taken.on_hold or not self.trial.sound else ExitCode.DONE


@with_examples
def try_(
    dataset: DatasetName,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file such as those delivered; any name.")],
    table: Annotated[
        str | None,
        typer.Option(
            "--table", "-t", metavar="TABLE", help="The bronze table; else by the name, else by the header."
        ),
    ] = None,
    partition: Annotated[
        str | None,
        typer.Option(
            "--partition", "-p", metavar="KEY", help="The partition, where the name does not say it."
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=0, max=100_000, help="How many broken rows to show.")
    ] = 20,
    json: Json = False,
) -> None:
    """Show what a run would make of a file: scores and broken rows.

    Nothing is changed: no delivery is registered, no table is written. Edit the
    contract, try again. Rows that refer to other tables are compared with what
    is published of these.

    Examples:
      dq try sales sales_2024-03-01.csv
      dq try sales export.csv --table sales --partition 2024-03-01
      dq try sales export.csv --json | jq '.rows[] | {line, reasons}'

    Exit codes: 0 a run would publish it, 1 a gate would close or the file would
    be put on hold, 2 wrong use, settings or code.
    """
    settings = context.open_settings()
    with _tried(settings, dataset, file, table, partition, limit) as tried:
        if json:
            print_json(_as_json(tried))
        else:
            _print(results(), tried)
    raise typer.Exit(tried.code)


@contextmanager
def _tried(
    settings: AppSettings, name: str, file: Path, table: str | None, partition: str | None, limit: int
) -> Iterator[Tried]:
    dataset = context.dataset_of(settings, name)
    path = _checked(file)
    from etl_assets.lake.tables import Lake, open_lake
    from etl_assets.orchestration.pipelines import assemble
    from etl_assets.pipeline.trial import NoLedger, try_delivery
    from etl_assets.pipeline.trial_delivery import UnknownTableError, take_file
    from etl_assets.staging.area import StagingFolder

    with tempfile.TemporaryDirectory(prefix="dq-try-") as folder:
        scratch, area = Path(folder), StagingFolder(path.parent)
        ledger = cast("Ledger", NoLedger())
        pipeline = assemble(dataset, settings, ledger, area, Lake(scratch / "lake"), scratch / "scratch")
        _check_names(pipeline, table, partition)
        try:
            taken = take_file(pipeline, path, table=_bare(table), period=partition)
        except UnknownTableError as error:
            raise WrongUseError(error.what, where=error.where, hint=error.hint) from None
        current = open_lake(settings.lake, settings.object_storage)
        trial = try_delivery(pipeline, taken.delivery, current, period_known=taken.period_known)
        rows = _refused(pipeline, trial, limit + 1)
        yield Tried(path, taken, trial, _status(pipeline, trial), rows[:limit], len(rows) > limit)


def _checked(file: Path) -> Path:
    """The file itself: an area follows no link that leads out of it."""
    try:
        path = file.expanduser().resolve(strict=True)
    except (OSError, RuntimeError):
        raise WrongUseError("There is no such file", where={"file": file}) from None
    if not path.is_file():
        raise WrongUseError("It is no file", where={"file": file}, hint="Name one file, not a folder")
    if not os.access(path, os.R_OK):
        raise WrongUseError("There is no permission to read the file", where={"file": file})
    return path


def _check_names(pipeline: DatasetPipeline, table: str | None, partition: str | None) -> None:
    if table is not None and _bare(table) not in pipeline.sources:
        hint = context.did_you_mean(str(_bare(table)), pipeline.sources)
        raise WrongUseError(f"{pipeline.name} has no bronze table {table}", hint=hint)
    if partition is not None:
        form = pipeline.calendar.key_format
        try:
            datetime.strptime(partition, form)
        except ValueError:
            raise WrongUseError(f"{partition} is no partition", hint=f"One is written as {form}") from None


def _bare(table: str | None) -> str | None:
    return table.removeprefix("bronze/") if table else None


def _refused(pipeline: DatasetPipeline, trial: Trial, count: int) -> list[QuarantinedRow]:
    from etl_assets.cli.quarantined_rows import read_refused

    rows: list[QuarantinedRow] = []
    for one in trial.tables:
        rows += read_refused(pipeline, one.table, one.refused, count - len(rows))
    return rows


def _status(pipeline: DatasetPipeline, trial: Trial) -> DatasetStatus:
    """The tables as a scorecard shows them, those that would be held back too."""
    from etl_assets.pipeline.faults import told
    from etl_assets.pipeline.hop_result import with_details
    from etl_assets.pipeline.pending import PartitionStanding, Standing
    from etl_assets.pipeline.status import DatasetStatus, table_status

    tables = []
    for one in trial.tables:
        found = [with_details(built.validation, built) for built in one.built.values()]
        held = [PartitionStanding(one.table, key, Standing.HELD, None, why) for key, why in one.held.items()]
        failed = [
            PartitionStanding(one.table, key, Standing.FAILED, None, told(error, one.contract.schema))
            for key, error in one.failed.items()
        ]
        validations = [record.validation for record in found]
        tallies = [tally for record in found for tally in record.tallies]
        tables.append(table_status(pipeline, one.table, validations, tallies, [*held, *failed]))
    return DatasetStatus(pipeline.name, tuple(tables))


# -- what is shown ----------------------------------------------------------------------------


def _print(console: Console, tried: Tried) -> None:
    from etl_assets.cli.scorecard import print_trial_scorecard

    delivery = tried.taken.delivery
    of = f" of {', '.join(delivery.periods)}" if 0 < len(delivery.periods) <= 2 else ""
    title = f"{tried.file.name} as {delivery.table}{of}; nothing is changed"
    print_trial_scorecard(console, tried.status, title)
    if tried.rows:
        console.print()
        console.print(_row_table(tried.rows, console))
    if tried.more:
        console.print(f"and more: --limit, now {len(tried.rows):,}", style="dim")
    console.print()
    for style, told in _remarks(tried):
        console.print(plain(told), style=style, soft_wrap=True)


def _row_table(rows: list[QuarantinedRow], console: Console) -> Table:
    table = grid("table", "line", "broken", "row", right=("line",), unicode=speaks_unicode(console))
    for column in table.columns:
        column.overflow = "fold"
    table.columns[0].no_wrap = table.columns[1].no_wrap = True
    for row in rows:
        line = "-" if row.line is None else f"{row.line:,}"
        table.add_row(cell(row.table), cell(line), cell("\n".join(row.reasons)), cell(_cells(row), "dim"))
    return table


def _cells(row: QuarantinedRow) -> str:
    if row.raw is not None:
        return row.raw[:400]
    return ", ".join(
        f"{name}={'null' if value is None else repr(str(value)[:60])}" for name, value in row.cells.items()
    )


def _remarks(tried: Tried) -> Iterator[tuple[str, str]]:
    yield from (("yellow", remark) for remark in tried.taken.remarks)
    for one in tried.trial.tables:
        yield from (
            ("yellow", f"not checked: {one.table} {rule}: {why}") for rule, why in one.unchecked.items()
        )
    for table, why in tried.trial.not_built.items():
        yield "dim", f"not built: {table}: {why}"
    if tried.taken.on_hold:
        yield "bold red", f"a run would put the file on hold: {tried.taken.on_hold}"
    for shown in tried.status.tables:
        for standing in shown.held:
            yield "bold red", f"the gate of {shown.table} would close: {standing.reason}"
        for standing in shown.failed:
            yield "bold red", f"{shown.table} can't be built: {standing.reason}"
    if tried.code is ExitCode.DONE:
        yield "green", f"a run would publish {counted(len(tried.trial.tables), 'table')}"


def _as_json(tried: Tried) -> dict[str, Any]:
    from etl_assets.cli.status import as_json

    delivery = tried.taken.delivery
    by_table = {one.table: one for one in tried.trial.tables}
    return {
        "dataset": tried.status.dataset,
        "file": str(tried.file),
        "table": delivery.table,
        "partitions": list(delivery.periods),
        "partition_known": tried.taken.period_known,
        "remarks": list(tried.taken.remarks),
        "on_hold": tried.taken.on_hold,
        "would_publish": tried.code is ExitCode.DONE,
        "tables": [
            _table_json(as_json(one, tried.status), by_table[one.table]) for one in tried.status.tables
        ],
        "not_built": [{"table": str(table), "reason": why} for table, why in tried.trial.not_built.items()],
        "rows": [
            {
                "table": str(row.table),
                "partition": row.partition,
                "line": row.line,
                "reasons": list(row.reasons),
                "row": dict(row.cells),
                "raw": row.raw,
            }
            for row in tried.rows
        ],
        "more": tried.more,
    }


def _table_json(told: dict[str, Any], one: TriedTable) -> dict[str, Any]:
    about_a_run = ("gates_closed", "pending", "missing", "last_published_at", "waiting", "blocked", "on_hold")
    kept = {name: value for name, value in told.items() if name not in about_a_run}
    return kept | {"not_checked": dict(one.unchecked)}
