"""`dq runs`: what ran, when, and how it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from etl_assets.cli import context
from etl_assets.cli.options import AnyDataset, Json, Limit
from etl_assets.cli.output import (
    cell,
    counted,
    duration,
    facts,
    grid,
    iso,
    lines,
    moment,
    number,
    plain,
    print_json,
    results,
    size,
    speaks_unicode,
)
from etl_assets.cli.teaching import with_examples

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from etl_assets.ledger.ledger import Ledger
    from etl_assets.ledger.records import Run, Validation

app = typer.Typer(no_args_is_help=True)

COUNTED = 10_000
"""How many of the newest runs are counted by status."""

_STYLES = {
    "completed": "green",
    "running": "cyan",
    "failed": "bold red",
    "unfinished": "red",
    "skipped": "dim",
}


class Status(StrEnum):
    """What --status may be; the ledger's words, without importing it."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNFINISHED = "unfinished"


@app.callback()
@with_examples
def _root() -> None:
    """Runs: when, how they ended, what they built.

    Ids are those of Dagster's UI.

    completed    everything that it was asked for was built
    failed       something was stopped by a gate, or broke
    skipped      there was nothing to build
    unfinished   its process is gone; the next run does its work again
    running      it is at work
    """


@app.command("list")
@with_examples
def list_(
    dataset: AnyDataset = None,
    status: Annotated[Status | None, typer.Option("--status", "-s", help="Only runs that ended so.")] = None,
    limit: Limit = 20,
    json: Json = False,
) -> None:
    """List runs, the newest first, and count them by status.

    Examples:
      dq runs list
      dq runs list retail --status failed
      dq runs list --json | jq .counts
    """
    settings = context.open_settings()
    context.known_dataset(settings, dataset)
    with context.open_ledger(settings) as ledger:
        found = [_as_it_is(run) for run in ledger.runs(dataset, limit=COUNTED)]
    counts = Counter(str(run.status) for run in found)
    if status:
        found = [run for run in found if run.status == status.value]
    kinds = Counter(run.error_kind for run in found if run.error_kind)
    if json:
        told = {name.value: counts[name.value] for name in Status}
        shown = [_as_json(run) for run in found[:limit]]
        print_json({"counts": told, "error_kinds": dict(sorted(kinds.items())), "runs": shown})
        return
    console = results()
    if not found:
        console.print("no runs")
    else:
        console.print(_run_table(found[:limit], console))
    told_counts = ", ".join(f"{counts[name.value]:,} {name.value}" for name in Status if counts[name.value])
    if kinds:
        told_counts += f"; errors: {', '.join(f'{count:,} {kind}' for kind, count in kinds.most_common())}"
    if told_counts:
        newest = f" (the newest {COUNTED:,})" if sum(counts.values()) >= COUNTED else ""
        more = f"; {limit:,} are shown, more with --limit" if len(found) > limit else ""
        console.print(f"{told_counts}{newest}{more}", style="dim", soft_wrap=True)


def _run_table(found: Sequence[Run], console: Console) -> Table:
    roomy = console.width >= 100
    end = ["end (UTC)"] if roomy else []
    headings = ["run", "dataset", "status", "start (UTC)", *end, "took", "rows", "error"]
    table = grid(*headings, right=("took", "rows"), unicode=speaks_unicode(console))
    for column in table.columns:
        column.no_wrap = True
    for run in found:
        table.add_row(
            cell(run.id[:8]),
            cell(run.dataset),
            cell(run.status, _STYLES[run.status]),
            moment(run.started_at),
            *([moment(run.ended_at)] if roomy else []),
            duration(_seconds(run)),
            number(run.rows),
            cell(run.error_class + (f" ({run.error_kind})" if run.error_kind else "")),
        )
    return table


@app.command("show")
@with_examples
def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Its id, or how the id begins.")],
    json: Json = False,
) -> None:
    """Show one run: how it ended, what became of each table.

    Examples:
      dq runs show 5d0c7e21
      dq runs show 5d0c7e21 --json
    """
    with context.open_configured_ledger() as ledger:
        found = _as_it_is(context.run_of(ledger, run))
        tables = _tables(ledger, found.id)
    if json:
        print_json(_as_json(found) | {"tables": [_table_json(*one) for one in tables.items()]})
        return
    console = results()
    console.print(
        facts(
            [
                ("run", cell(found.id, "bold")),
                ("dataset", cell(found.dataset)),
                ("status", cell(found.status, _STYLES[found.status])),
                ("start", cell(f"{moment(found.started_at)} UTC")),
                ("end", cell(f"{moment(found.ended_at)} UTC" if found.ended_at else "-")),
                ("took", cell(duration(_seconds(found)))),
                ("rows", cell(number(found.rows))),
                ("cpu time", cell(duration(found.cpu_seconds))),
                ("memory", cell("-" if found.peak_memory_bytes is None else size(found.peak_memory_bytes))),
                ("process", cell(f"{found.pid} on {found.host}")),
                *(
                    [("error", lines(f"{found.error_class}: {found.error}".removeprefix(": "), "red"))]
                    if found.error or found.error_class
                    else []
                ),
                *([("kind", cell(found.error_kind))] if found.error_kind else []),
            ]
        )
    )
    if tables:
        console.print()
        _print_tables(console, tables)


def _tables(ledger: Ledger, run_id: str) -> dict[str, list[Validation]]:
    tables: dict[str, list[Validation]] = {}
    for one in ledger.validations_of_run(run_id):
        tables.setdefault(f"{one.layer}/{one.table}", []).append(one)
    return tables


def _print_tables(console: Console, tables: dict[str, list[Validation]], limit: int = 10) -> None:
    table = grid(
        "table",
        "published",
        "held",
        "failed",
        "rows in",
        "accepted",
        "quarantined",
        "duplicates",
        right=("published", "held", "failed", "rows in", "accepted", "quarantined", "duplicates"),
        unicode=speaks_unicode(console),
    )
    for name, found in tables.items():
        told = _table_json(name, found)
        styles = {"held": "red", "failed": "red"}
        table.add_row(
            cell(name),
            *(
                cell(number(told[key]), styles.get(key, "") if told[key] else "dim")
                for key in ("published", "held", "failed", "rows_in", "accepted", "quarantined", "duplicates")
            ),
        )
    console.print(table)
    stopped = [one for found in tables.values() for one in found if one.outcome != "published"]
    for one in stopped[:limit]:
        where = f"{one.layer}/{one.table} {one.period}".rstrip()
        console.print(f"{one.outcome} {where}: {plain(one.gate_reason or one.error)}", soft_wrap=True)
    if len(stopped) > limit:
        console.print(f"and {counted(len(stopped) - limit, 'more partition')}", style="dim")


def _as_it_is(run: Run) -> Run:
    """A run whose process is gone is unfinished, even before anybody wrote that down."""
    from etl_assets.ledger.processes import is_dead
    from etl_assets.ledger.records import ProcessIdentity, RunStatus

    if run.status is RunStatus.RUNNING and is_dead(
        ProcessIdentity(run.host, run.pid, run.process_started_at)
    ):
        return replace(run, status=RunStatus.UNFINISHED, error=run.error or "its process is gone")
    return run


def _seconds(run: Run) -> float | None:
    if run.ended_at is None and run.status != "running":
        return None
    return ((run.ended_at or datetime.now(UTC)) - run.started_at).total_seconds()


def _as_json(run: Run) -> dict[str, Any]:
    return {
        "id": run.id,
        "dataset": run.dataset,
        "status": str(run.status),
        "started_at": iso(run.started_at),
        "ended_at": iso(run.ended_at),
        "duration_seconds": _seconds(run),
        "rows": run.rows,
        "cpu_seconds": run.cpu_seconds,
        "peak_memory_bytes": run.peak_memory_bytes,
        "error_class": run.error_class,
        "error_kind": run.error_kind,
        "error": run.error,
        "host": run.host,
        "pid": run.pid,
    }


def _table_json(name: str, found: Sequence[Validation]) -> dict[str, Any]:
    outcomes = Counter(str(one.outcome) for one in found)
    published = [one for one in found if one.outcome == "published"]
    return {
        "table": name,
        "published": outcomes["published"],
        "held": outcomes["held"],
        "failed": outcomes["failed"],
        **{
            key: sum(getattr(one, key) for one in published)
            for key in ("rows_in", "accepted", "quarantined", "duplicates", "unreadable")
        },
        "stopped": [
            {"partition": one.period, "outcome": str(one.outcome), "reason": one.gate_reason or one.error}
            for one in found
            if one.outcome != "published"
        ],
    }
