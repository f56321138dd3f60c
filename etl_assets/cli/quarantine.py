"""`dq quarantine`: the rows that were refused, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from etl_assets.cli import context
from etl_assets.cli.options import AnyDataset, Json, Limit, Partition, TableName
from etl_assets.cli.output import (
    cell,
    counted,
    facts,
    grid,
    print_json,
    results,
    speaks_unicode,
)
from etl_assets.cli.problems import WrongUseError
from etl_assets.cli.teaching import with_examples

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from etl_assets.cli.quarantined_rows import QuarantinedRow, Selection
    from etl_assets.contracts.rules import Rule
    from etl_assets.pipeline.dataset_pipeline import DatasetPipeline

app = typer.Typer(no_args_is_help=True)

PREVIEW_FROM = 140
"""Columns from which on a list shows how each row begins."""


@app.callback()
@with_examples
def _root() -> None:
    """Rows that were refused: where they came from, every reason, and what to do about them.

    What is decided is kept with who and why, and can be undone.

    Values of columns marked as personal (pii) are always masked.
    """


@app.command("list")
@with_examples
def list_(
    dataset: AnyDataset = None,
    table: TableName = None,
    rule: Annotated[
        str | None,
        typer.Option(
            "--rule", "-r", metavar="RULE", help="Only rows that broke this rule; 'unreadable' for records."
        ),
    ] = None,
    partition: Partition = None,
    delivery: Annotated[
        str | None,
        typer.Option(
            "--delivery", "-d", metavar="ID", help="Only rows of this delivery (or how its id begins)."
        ),
    ] = None,
    held: Annotated[
        bool,
        typer.Option("--held", help="The refused rows of partitions that a closed gate holds back, instead."),
    ] = False,
    limit: Limit = 20,
    offset: Annotated[int, typer.Option("--offset", min=0, help="Skip so many rows: the next page.")] = 0,
    json: Json = False,
) -> None:
    """List rows in quarantine: delivery and line, all reasons.

    Rows that a closed gate holds back are not in quarantine yet: see them with
    --held. In JSON each row comes with its cells as delivered.

    Examples:
      dq quarantine list retail
      dq quarantine list retail --table silver/sales --rule quantity.not_equal_to
      dq quarantine list retail --partition 2010-12-05 --held
      dq quarantine list retail --limit 100 --offset 100 --json
    """
    from etl_assets.cli.quarantined_rows import read_rows

    pipelines = context.open_pipelines(context.open_settings(), dataset)
    rows: list[QuarantinedRow] = []
    pipelines, chosen = _choose(pipelines, table, rule, partition, delivery, held=held)
    for name, pipeline in pipelines.items():
        rows += read_rows(pipeline, chosen[name], offset + limit + 1 - len(rows))
    page, more = rows[offset : offset + limit], len(rows) > offset + limit
    if json:
        print_json({"rows": [_as_json(row) for row in page], "offset": offset, "more": more})
        return
    console = results()
    if not held:
        _print_totals(console, pipelines, table)
    if page:
        console.print(_row_table(page, console))
        shown = f"rows {offset + 1:,} to {offset + len(page):,}"
        following = f"; the next page: --offset {offset + limit}" if more else ""
        some = next((row.row_id for row in page if row.row_id), None)
        whole = f"; one in full: dq quarantine show {some}" if some else ""
        console.print(f"{shown}{following}{whole}", style="dim", soft_wrap=True)
    else:
        console.print("no such rows" if offset == 0 else "no more rows")


def _choose(
    pipelines: dict[str, DatasetPipeline],
    table: str | None,
    rule: str | None,
    partition: str | None,
    delivery: str | None,
    *,
    held: bool,
) -> tuple[dict[str, DatasetPipeline], dict[str, Selection]]:
    """Check what the options name, and turn them into a selection for each dataset."""
    from etl_assets.cli.quarantined_rows import Selection

    periods: tuple[str, ...] | None = (partition,) if partition is not None else None
    id = None
    if delivery and pipelines:
        one = context.delivery_of(next(iter(pipelines.values())).ledger, delivery)
        if one.dataset not in pipelines:
            raise WrongUseError(f"The delivery belongs to {one.dataset}", where={"delivery": one.id})
        pipelines, id = {one.dataset: pipelines[one.dataset]}, one.id
        periods = periods or (*one.periods, "")
    if table:
        pipelines = _with_table(pipelines, table)
    chosen = {}
    for name, pipeline in pipelines.items():
        its_table = context.table_of(pipeline, table) if table else None
        chosen[name] = Selection(its_table, rule, id, periods, held=held)
    if rule:
        _check_rule(pipelines, chosen, rule)
    return pipelines, chosen


def _with_table(pipelines: dict[str, DatasetPipeline], table: str) -> dict[str, DatasetPipeline]:
    having = {name: one for name, one in pipelines.items() if table in map(str, one.tables)}
    if not having:
        known = sorted({str(id) for one in pipelines.values() for id in one.tables})
        raise WrongUseError(f"There is no table {table}", hint=context.did_you_mean(table, known))
    return having


def _check_rule(pipelines: dict[str, DatasetPipeline], chosen: dict[str, Selection], rule: str) -> None:
    from etl_assets.quality.decided import UNREADABLE

    known = {UNREADABLE}
    for name, pipeline in pipelines.items():
        its_table = chosen[name].table
        tables = [its_table] if its_table else list(pipeline.tables)
        known |= {one.name for id in tables for one in pipeline.contract(id).rules}
    if rule not in known:
        raise WrongUseError(f"There is no rule {rule}", hint=context.did_you_mean(rule, known))


def _print_totals(console: Console, pipelines: dict[str, DatasetPipeline], table: str | None) -> None:
    """How many rows are in quarantine altogether, from the ledger."""
    for name, pipeline in pipelines.items():
        totals: dict[str, tuple[int, int]] = {}
        for one in pipeline.ledger.published_validations(name).values():
            key = f"{one.layer}/{one.table}"
            before = totals.get(key, (0, 0))
            totals[key] = before[0] + one.quarantined, before[1] + one.rows_in
        for key, (quarantined, rows_in) in totals.items():
            if quarantined and table in (None, key):
                told = f"{name} {key}: {counted(quarantined, 'row')} in quarantine of {rows_in:,} rows in"
                console.print(told, soft_wrap=True)


def _row_table(page: Sequence[QuarantinedRow], console: Console) -> Table:
    preview = console.width >= PREVIEW_FROM
    datasets = len({row.dataset for row in page}) > 1
    headings = [
        *(["dataset"] if datasets else []),
        "table",
        "partition",
        "delivery:line",
        "reasons",
        *(["begins"] if preview else []),
    ]
    table = grid(*headings, unicode=speaks_unicode(console))
    if preview:
        table.columns[-1].no_wrap, table.columns[-1].ratio = True, 1
        table.expand = True
    for column in table.columns[: headings.index("reasons")]:
        column.no_wrap = True
    table.columns[headings.index("reasons")].overflow = "fold"
    for row in page:
        table.add_row(
            *([cell(row.dataset)] if datasets else []),
            cell(row.table),
            cell(row.partition or "-"),
            cell(row.row_id or "-"),
            cell(", ".join(row.reasons) + _decided(row)),
            *([cell(_preview(row), "dim")] if preview else []),
        )
    return table


def _decided(row: QuarantinedRow) -> str:
    if not row.decisions:
        return ""
    still = "still refused after " if row.corrected else ""
    return f" ({still}decision {', '.join(map(str, row.decisions))})"


def _preview(row: QuarantinedRow) -> str:
    if row.raw is not None:
        return row.raw[:200]
    return " | ".join("null" if value is None else str(value)[:40] for value in row.cells.values())[:400]


# -- show -------------------------------------------------------------------------------------


@app.command("show")
@with_examples
def show(
    row: Annotated[str, typer.Argument(metavar="ROW", help="delivery:line, as the list shows it.")],
    json: Json = False,
) -> None:
    """Show one row: each cell, and each rule that it broke.

    Examples:
      dq quarantine show 3fa91c0012ab34cd:118
      dq quarantine show 3fa91c:118 --json
    """
    delivery, _, line = row.rpartition(":")
    if not delivery or not line.isdecimal():
        raise WrongUseError(f"{row} names no row", hint="Write delivery:line, such as 3fa91c0012ab34cd:118")
    pipeline, found = _find(delivery, int(line))
    if json:
        print_json([_as_json(one) | {"rules": _rules_json(pipeline, one)} for one in found])
        return
    console = results()
    for number_, one in enumerate(found):
        if number_:
            console.print()
        _print_row(console, pipeline, one)


def _find(delivery: str, line: int) -> tuple[DatasetPipeline, list[QuarantinedRow]]:
    from etl_assets.cli.decisions_told import decided_on_row
    from etl_assets.cli.quarantined_rows import Selection, read_rows

    settings = context.open_settings()
    with context.open_ledger(settings) as ledger:
        one = context.delivery_of(ledger, delivery)
    pipeline = context.open_pipeline(settings, one.dataset)
    found = []
    for held in (False, True):
        wanted = Selection(delivery=one.id, line=line, periods=(*one.periods, ""), held=held)
        found += read_rows(pipeline, wanted, 20)
    if not found:
        raise WrongUseError(
            "The row is not in quarantine",
            where={"delivery": f"{one.id} ({one.key})", "line": line},
            hint=decided_on_row(pipeline, one.id, line)
            or "It was accepted, declared a duplicate, or no record starts on that line",
        )
    return pipeline, found


def _print_row(console: Console, pipeline: DatasetPipeline, row: QuarantinedRow) -> None:
    from etl_assets.cli.decisions_told import decisions_to_replay

    state = "held back by a closed gate" if row.held else "in quarantine"
    waiting = decisions_to_replay(pipeline, row)
    console.print(
        facts(
            [
                ("row", cell(row.row_id, "bold")),
                ("table", cell(f"{row.dataset} {row.table}, {state}")),
                ("partition", cell(row.partition or "-")),
                *([("decisions", cell(", ".join(map(str, row.decisions))))] if row.decisions else []),
                *([("to replay", cell(", ".join(map(str, waiting))))] if waiting else []),
            ]
        )
    )
    console.print()
    if row.corrected:
        console.print("corrected, and still refused:", style="yellow")
    for reason in row.reasons:
        rule = _rule(pipeline, row, reason)
        console.print(cell(reason, "bold red"), soft_wrap=True)
        if rule:
            told = f"  {rule.description}" + (f": {rule.why}" if rule.why else "")
            console.print(cell(f"{told} ({rule.dimension})"), soft_wrap=True)
    console.print()
    if row.raw is not None:
        console.print(cell(row.raw), soft_wrap=True)
    else:
        console.print(facts((name, _cell(row, name, value)) for name, value in row.cells.items()))


def _cell(row: QuarantinedRow, name: str, value: object) -> Text:
    """A cell as delivered, and beside it what it was corrected to."""
    shown = _value(value)
    if name in row.corrected:
        shown = shown + cell(", corrected to ", "dim") + _value(row.corrected[name])
    return shown


def _value(value: object) -> Text:
    return cell("null", "dim italic") if value is None else cell(value)


def _rule(pipeline: DatasetPipeline, row: QuarantinedRow, name: str) -> Rule | None:
    return next((rule for rule in pipeline.contract(row.table).rules if rule.name == name), None)


def _rules_json(pipeline: DatasetPipeline, row: QuarantinedRow) -> list[dict[str, Any]]:
    found = [(name, _rule(pipeline, row, name)) for name in row.reasons]
    return [
        {"rule": name}
        | (
            {
                "description": rule.description,
                "why": rule.why,
                "dimension": str(rule.dimension),
                "columns": list(rule.columns),
            }
            if rule
            else {}
        )
        for name, rule in found
    ]


def _as_json(row: QuarantinedRow) -> dict[str, Any]:
    return {
        "dataset": row.dataset,
        "table": str(row.table),
        "partition": row.partition,
        "delivery": row.delivery,
        "line": row.line,
        "row_id": row.row_id,
        "reasons": list(row.reasons),
        "decisions": list(row.decisions),
        "corrected": dict(row.corrected),
        "held": row.held,
        "row": dict(row.cells),
        "raw": row.raw,
    }
