"""`dq deliveries`: every file that was delivered, where it stands and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from etl_assets.cli import context
from etl_assets.cli.options import AnyDataset, Json, Limit, Partition
from etl_assets.cli.output import (
    cell,
    counted,
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
from etl_assets.cli.problems import WrongUseError
from etl_assets.cli.teaching import with_examples

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from etl_assets.ledger.decision_records import Decision
    from etl_assets.ledger.ledger import Ledger
    from etl_assets.ledger.records import Delivery, Validation
    from etl_assets.settings import AppSettings

app = typer.Typer(no_args_is_help=True)

SHORT = 12
"""Characters of an id that a list shows; enough to name the delivery elsewhere."""

_STYLES = {"ingested": "green", "pending": "cyan", "on_hold": "bold red", "superseded": "dim"}


class State(StrEnum):
    """What --state may be; the ledger's words, without importing it."""

    PENDING = "pending"
    INGESTED = "ingested"
    SUPERSEDED = "superseded"
    ON_HOLD = "on_hold"


@app.callback()
@with_examples
def _root() -> None:
    """Delivered files: where each stands and why; try one again.

    pending      seen, to be built next
    ingested     its rows are in bronze
    superseded   a newer version came
    on_hold      it waits for a person or another file; the reason is shown
    """


@app.command("list")
@with_examples
def list_(
    dataset: AnyDataset = None,
    table: Annotated[
        str | None,
        typer.Option("--table", "-t", metavar="TABLE", help="Only for this bronze table, such as sales."),
    ] = None,
    state: Annotated[
        State | None, typer.Option("--state", "-s", help="Only deliveries in this state.")
    ] = None,
    partition: Partition = None,
    limit: Limit = 50,
    json: Json = False,
) -> None:
    """List deliveries, the newest first, with state and reason.

    Examples:
      dq deliveries list retail
      dq deliveries list retail --state on_hold
      dq deliveries list flights --table weather --partition 2013-01-01 --json
    """
    settings = context.open_settings()
    context.known_dataset(settings, dataset)
    from etl_assets.ledger.records import DeliveryState

    with context.open_ledger(settings) as ledger:
        found = ledger.deliveries(
            dataset,
            (table or "").removeprefix("bronze/") or None,
            DeliveryState(state.value) if state else None,
            [partition] if partition else None,
        )
        rejections = ledger.rejections()
    found = [_with_rejection(one, rejections) for one in found]
    found.sort(key=lambda one: (one.registered_at is not None, one.registered_at, one.sequence), reverse=True)
    if json:
        print_json([_as_json(one) for one in found[:limit]])
        return
    console = results()
    if not found:
        console.print("no deliveries")
        return
    console.print(_delivery_table(found[:limit], console))
    for one in found[:limit]:
        if one.state == "on_hold" or one.id in rejections:
            console.print(f"{one.id[:SHORT]}: {plain(one.reason)}", soft_wrap=True)
    _print_summary(console, found, limit)


def _with_rejection(one: Delivery, rejections: Mapping[str, Decision]) -> Delivery:
    """Give a delivery that a person rejected that for a reason."""
    if (decision := rejections.get(one.id)) is None or one.state == "superseded":
        return one
    told = f"rejected by {decision.who} (decision {decision.id}), a new one is awaited: {decision.why}"
    return replace(one, reason=told)


def _delivery_table(found: Sequence[Delivery], console: Console) -> Table:
    roomy = console.width >= 100
    headings = [
        "delivery",
        "state",
        "table",
        "partition",
        "file",
        *(["size", "registered (UTC)"] if roomy else []),
    ]
    table = grid(*headings, right=("size",), unicode=speaks_unicode(console))
    for column in table.columns:
        column.no_wrap = column.header != "file"
    table.columns[headings.index("file")].overflow = "fold"
    for one in found:
        more = [size(one.size), moment(one.registered_at)] if roomy else []
        table.add_row(
            cell(one.id[:SHORT]),
            cell(one.state, _STYLES[one.state]),
            cell(f"{one.dataset} {one.table}"),
            cell(_partition_told(one)),
            cell(one.key),
            *more,
        )
    return table


def _print_summary(console: Console, found: Sequence[Delivery], limit: int) -> None:
    states = Counter(str(one.state) for one in found)
    told = ", ".join(f"{count:,} {state}" for state, count in sorted(states.items()))
    more = f"; the newest {limit:,} are shown, more with --limit" if len(found) > limit else ""
    console.print(
        f"{counted(len(found), 'delivery', 'deliveries')}: {told}{more}", style="dim", soft_wrap=True
    )


def _partition_told(one: Delivery) -> str:
    if len(one.periods) > 2:
        return f"{min(one.periods)} .. {max(one.periods)}"
    return ", ".join(one.periods) or "-"


@app.command("show")
@with_examples
def show(
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help="Its id, or how the id begins.")],
    json: Json = False,
) -> None:
    """Show one delivery: its file, its shape, what came of it.

    Examples:
      dq deliveries show 3fa91c
      dq deliveries show 3fa91c --json
    """
    with context.open_configured_ledger() as ledger:
        one = _with_rejection(context.delivery_of(ledger, delivery), ledger.rejections())
        came = _what_came_of(ledger, one)
    if json:
        print_json(
            _as_json(one) | {"content": dict(one.content), "validations": [_came_json(v) for v in came]}
        )
        return
    console = results()
    console.print(
        facts(
            [
                ("delivery", cell(one.id, "bold")),
                ("state", cell(one.state, _STYLES[one.state])),
                *([("why", lines(one.reason))] if one.reason else []),
                *([("superseded by", cell(one.superseded_by))] if one.superseded_by else []),
                ("table", cell(f"{one.dataset} bronze/{one.table}")),
                ("partition", cell(_partition_told(one))),
                *([("part", cell(one.part))] if one.part else []),
                ("file", cell(one.key)),
                ("size", cell(f"{size(one.size)} ({one.size:,} bytes)")),
                ("sha256", cell(one.sha256)),
                ("registered", cell(f"{moment(one.registered_at)} UTC")),
                ("ingested", cell(f"{moment(one.ingested_at)} UTC" if one.ingested_at else "-")),
                *(
                    (name, cell(_content_told(value)))
                    for name, value in sorted(one.content.items())
                    if name in _PROVED or (name in _IF_ANY and value)
                ),
            ]
        )
    )
    if came:
        _print_validations(console, came)
    if one.state == "on_hold":
        console.print(f"when it is mended: dq deliveries retry {one.id}", style="dim", soft_wrap=True)


_PROVED = ("records", "encoding", "newlines", "proven", "header", "final_newline", "oddities")
_IF_ANY = ("skipped", "notes")


def _content_told(value: object) -> str:
    if isinstance(value, list | tuple):
        return (
            ", ".join(map(str, value[:12])) + (f" and {len(value) - 12} more" if len(value) > 12 else "")
            or "-"
        )
    return "-" if value is None else str(value)


def _what_came_of(ledger: Ledger, one: Delivery, limit: int = 20) -> list[Validation]:
    """The newest validation of each table and partition that the delivery has rows of."""
    latest = ledger.latest_validations(one.dataset)
    periods = set(one.periods) or {""}
    found = [v for v in latest.values() if v.period in periods]
    return sorted(found, key=lambda v: (v.period, v.id))[:limit]


def _print_validations(console: Console, came: Sequence[Validation]) -> None:
    table = grid(
        "table",
        "partition",
        "outcome",
        "rows in",
        "accepted",
        "quarantined",
        "duplicates",
        "why",
        right=("rows in", "accepted", "quarantined", "duplicates"),
        unicode=speaks_unicode(console),
    )
    styles = {"published": "green", "held": "bold red", "failed": "red"}
    for one in came:
        table.add_row(
            cell(f"{one.layer}/{one.table}"),
            cell(one.period or "-"),
            cell(one.outcome, styles[one.outcome]),
            *(number(n) for n in (one.rows_in, one.accepted, one.quarantined, one.duplicates)),
            cell(one.gate_reason or one.error),
        )
    console.print()
    console.print(table)


# -- retry ------------------------------------------------------------------------------------


@app.command("retry")
@with_examples
def retry(
    target: Annotated[
        str,
        typer.Argument(
            metavar="DELIVERY|DATASET", help="An id or its beginning, or a dataset: all its troubles."
        ),
    ],
    json: Json = False,
) -> None:
    """Ask for another try, whatever came of the earlier ones.

    The next run, or the sensor, builds the delivery's partitions again. Given
    a dataset, every delivery is meant that is on hold, or whose partitions
    were held back by a gate or failed.

    Examples:
      dq deliveries retry 3fa91c && dq run retail
      dq deliveries retry retail   all of it, after the cause is mended
    """
    settings = context.open_settings()
    if target in settings.datasets:
        chosen = _in_trouble(settings, target)
    else:
        with context.open_ledger(settings) as ledger:
            chosen = [context.delivery_of(ledger, target)]
    from etl_assets.ledger.records import DeliveryState
    from etl_assets.pipeline.state import RETRY_ASKED

    for one in chosen:
        if one.state is DeliveryState.SUPERSEDED:
            hint = f"Retry {one.superseded_by}" if one.superseded_by else "Deliver it again"
            raise WrongUseError(
                "A superseded delivery can't be tried again", where={"delivery": one.id}, hint=hint
            )
    with context.open_ledger(settings) as ledger:
        if chosen:
            ledger.set_delivery_state([one.id for one in chosen], DeliveryState.PENDING, RETRY_ASKED)
    if json:
        print_json({"retried": [one.id for one in chosen]})
        return
    console = results()
    if not chosen:
        console.print(f"{target}: nothing to try again")
        return
    for one in chosen[:20]:
        console.print(f"{one.id}  {plain(one.key)}", soft_wrap=True)
    names = " && ".join(f"dq run {name}" for name in sorted({one.dataset for one in chosen}))
    told = counted(len(chosen), "delivery", "deliveries")
    console.print(f"{told} will be tried again; to do so now: {names}", soft_wrap=True)


def _in_trouble(settings: AppSettings, dataset: str) -> list[Delivery]:
    """Deliveries on hold, and those of partitions that were held, failed, or wait after a failure."""
    from etl_assets.ledger.records import DeliveryState
    from etl_assets.pipeline.status import dataset_status

    pipeline = context.open_pipeline(settings, dataset)
    status = dataset_status(pipeline)
    stopped = {
        (table.table, one.period)
        for table in status.tables
        for one in (*table.held, *table.failed, *table.waiting)
    }
    usable = pipeline.ledger.deliveries(dataset, state=(DeliveryState.PENDING, DeliveryState.INGESTED))
    periods = {period for _, period in stopped if period}
    chosen = [one for one in usable if not periods.isdisjoint(one.periods)]
    if usable and not chosen and any(not period for _, period in stopped):
        # A table as a whole is in trouble: any delivery of the dataset makes it due again.
        chosen = usable[-1:]
    return [*status.on_hold, *chosen]


# -- JSON -------------------------------------------------------------------------------------


def _as_json(one: Delivery) -> dict[str, Any]:
    return {
        "id": one.id,
        "dataset": one.dataset,
        "table": one.table,
        "state": str(one.state),
        "reason": one.reason,
        "key": one.key,
        "partitions": list(one.periods),
        "part": one.part,
        "size": one.size,
        "sha256": one.sha256,
        "registered_at": iso(one.registered_at),
        "ingested_at": iso(one.ingested_at),
        "superseded_by": one.superseded_by,
    }


def _came_json(one: Validation) -> dict[str, Any]:
    return {
        "table": f"{one.layer}/{one.table}",
        "partition": one.period,
        "outcome": str(one.outcome),
        "run_id": one.run_id,
        "rows_in": one.rows_in,
        "accepted": one.accepted,
        "quarantined": one.quarantined,
        "duplicates": one.duplicates,
        "unreadable": one.unreadable,
        "reason": one.gate_reason or one.error,
        "ended_at": iso(one.ended_at),
    }
