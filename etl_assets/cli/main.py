"""`dq`: the verbs that Dagster's own command line does not have."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from etl_assets.cli import (
    audit,
    backup,
    circuits,
    config,
    contract,
    decision_verbs,
    deliveries,
    demo,
    doctor,
    exec,
    gate,
    inspect,
    new,
    publications,
    quarantine,
    retail,
    run,
    runs,
    status,
    try_,
    upkeep,
)
from etl_assets.cli.problems import report
from etl_assets.cli.teaching import with_examples


class Group(TyperGroup):
    """The root of all verbs: whatever goes wrong in one of them ends as a message and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the verb; turn errors into messages."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if type(error).__module__.startswith("typer"):
                raise  # wrong use, help, an exit code: Typer's own way of saying so
            raise typer.Exit(report(error)) from None


app = typer.Typer(
    name="dq",
    cls=Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(version("etl-assets"))
        raise typer.Exit


@app.callback()
@with_examples
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Delivered files become validated, scored tables: how good they are, and why.

    A first look, on real data:
      dq demo                      a quarter of a year of flights, to gold
      dq status                    how good every table is, what is in its way

    While you write rules:
      dq try sales FILE            what a run would make of a file; changes nothing

    Your own files:
      dq inspect sales*.csv        how to read them, and what is in them
      dq new sales sales*.csv      a dataset to begin with, rules included

    Day by day:
      dq run retail                build what was delivered since
      dq quarantine list retail    rows that were refused, with all reasons
      dq deliveries list retail    each file, and why it is on hold if it is
      dq doctor                    is everything set up, and how to mend it

    Every verb takes --json for machines and --help for examples.

    Exit codes: 0 done or nothing to do, 1 data trouble (a gate is closed, a
    delivery is on hold), 2 wrong use or settings, 3 something broke.
    """


app.command("run")(run.run)
app.command("status")(status.status)
app.command("try")(try_.try_)
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(runs.app, name="runs")
for verb in ("correct", "waive", "discard", "undo", "replay"):
    quarantine.app.command(verb)(getattr(decision_verbs, verb))
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(gate.app, name="gate")
app.command("audit")(audit.audit)
app.add_typer(circuits.app, name="circuits")
app.add_typer(publications.app, name="publications")
app.command("inspect")(inspect.inspect)
app.command("new")(new.new)
app.command("doctor")(doctor.doctor)
app.command("upkeep")(upkeep.upkeep)
app.command("backup")(backup.backup)
app.command("exec", context_settings=exec.EXEC_SETTINGS)(exec.exec_)
app.command("demo")(demo.demo)
app.add_typer(config.app, name="config")
app.add_typer(contract.app, name="contract")
app.add_typer(retail.app, name="retail")


def main() -> None:
    """Run `dq`."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            # A terminal that can't show a character must not stop a report.
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    app(prog_name="dq")


if __name__ == "__main__":
    main()
