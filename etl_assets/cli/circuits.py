"""`dq circuits`: which staging areas and lakes are sick, and how often what has failed."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from etl_assets.cli import context
from etl_assets.cli.options import AnyDataset, DatasetName, Json
from etl_assets.cli.output import (
    cell,
    grid,
    iso,
    moment,
    number,
    plain,
    print_json,
    results,
    speaks_unicode,
)
from etl_assets.cli.teaching import with_examples
from etl_assets.errors import Circuit
from etl_assets.ledger.circuit_records import CircuitStanding, ErrorCount

if TYPE_CHECKING:
    from rich.console import Console


app = typer.Typer(no_args_is_help=True)

_STYLES = {"closed": "green", "half_open": "yellow", "open": "bold red"}


class Which(StrEnum):
    """What --circuit may be."""

    STAGING = "staging"
    LAKE = "lake"


@app.callback()
@with_examples
def _root() -> None:
    """Circuits: what is sick, and kept from being asked too often.

    Each dataset has one for its staging area and one for its tables in the
    lake. After failures in a row (`circuit` in its settings) it opens: no run
    is started by itself, and it is probed, ever less often, until it answers.

    closed       work goes through
    open         nothing does; it is probed at the time that is shown
    half_open    a probe is under way: one run, where runs had failed
    """


@app.command("list")
@with_examples
def list_(dataset: AnyDataset = None, json: Json = False) -> None:
    """List the circuits that ever failed, and count errors by their kind.

    Kinds decide what follows: transient and resource are tried again,
    configuration waits for a person and is tried now and then, data waits for
    another delivery, bug for other code.

    Examples:
      dq circuits list
      dq circuits list --json | jq '.circuits[] | select(.state != "closed")'
    """
    settings = context.open_settings()
    context.known_dataset(settings, dataset)
    with context.open_ledger(settings) as ledger:
        found, counts = ledger.circuits(dataset), ledger.error_counts(dataset)
    if json:
        print_json({"circuits": list(map(as_json, found)), "errors": list(map(count_as_json, counts))})
        return
    console = results()
    if found:
        _print_circuits(console, found)
    else:
        console.print("no circuit has ever failed")
    if counts:
        console.print()
        _print_counts(console, counts)


@app.command("reset")
@with_examples
def reset(
    dataset: DatasetName,
    circuit: Annotated[
        Which | None, typer.Option("--circuit", "-c", help="Only this one; without it both.")
    ] = None,
    json: Json = False,
) -> None:
    """Close circuits by hand: the next look goes through at once.

    For when something is mended and nobody wants to wait for the next probe.
    Should it still be sick, the circuit opens again.

    Examples:
      dq circuits reset retail
      dq circuits reset retail --circuit staging
    """
    settings = context.open_settings()
    context.known_dataset(settings, dataset)
    wanted = [Circuit(circuit.value)] if circuit else list(Circuit)
    with context.open_ledger(settings) as ledger:
        closed = [str(one) for one in wanted if ledger.reset_circuit(dataset, one)]
    if json:
        print_json({"dataset": dataset, "closed": closed})
        return
    told = f"closed: {', '.join(closed)}" if closed else "nothing to close: none has ever failed"
    results().print(f"{dataset}: {told}")


def _print_circuits(console: Console, found: Sequence[CircuitStanding]) -> None:
    headings = ("dataset", "circuit", "state", "failures", "since (UTC)", "next probe (UTC)", "kind")
    table = grid(*headings, right=("failures",), unicode=speaks_unicode(console))
    for one in found:
        table.add_row(
            cell(one.dataset),
            cell(one.circuit),
            cell(one.state, _STYLES[one.state]),
            number(one.failures),
            moment(one.opened_at) if one.opened_at else "-",
            moment(one.probe_at) if one.probe_at else "-",
            cell(one.error_kind),
        )
    console.print(table)
    for one in found:
        when = f" ({moment(one.failed_at)} UTC)" if one.failed_at else ""
        last = f"{one.dataset} {one.circuit}, last failure{when}: {one.error_class}: {plain(one.error)}"
        console.print(last, style="dim" if one.is_closed else "", soft_wrap=True)


def _print_counts(console: Console, counts: Sequence[ErrorCount]) -> None:
    headings = ("dataset", "from", "kind", "errors", "last (UTC)", "last error")
    table = grid(*headings, right=("errors",), unicode=speaks_unicode(console))
    for one in counts:
        table.add_row(
            cell(one.dataset),
            cell(one.origin or "run"),
            cell(one.error_kind),
            number(one.count),
            moment(one.last_at),
            cell(one.error_class),
        )
    console.print(table)


def as_json(one: CircuitStanding) -> dict[str, Any]:
    """One circuit as `--json` shows it; others rely on these names."""
    return {
        "dataset": one.dataset,
        "circuit": one.circuit,
        "state": str(one.state),
        "failures": one.failures,
        "failed_probes": one.probes,
        "since": iso(one.opened_at),
        "next_probe": iso(one.probe_at),
        "failed_at": iso(one.failed_at),
        "error_kind": one.error_kind,
        "error_class": one.error_class,
        "error": one.error,
    }


def count_as_json(one: ErrorCount) -> dict[str, Any]:
    """One count of errors as `--json` shows it; others rely on these names."""
    return {
        "dataset": one.dataset,
        "origin": one.origin or "run",
        "error_kind": str(one.error_kind),
        "count": one.count,
        "first_at": iso(one.first_at),
        "last_at": iso(one.last_at),
        "error_class": one.error_class,
        "error": one.error,
    }
