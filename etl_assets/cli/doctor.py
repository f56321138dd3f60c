"""`dq doctor`: is everything as it should be, and if not, how to mend it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from etl_assets.cli.options import Json
from etl_assets.cli.output import counted, plain, print_json, results, speaks_unicode
from etl_assets.cli.problems import ExitCode
from etl_assets.cli.teaching import with_examples

if TYPE_CHECKING:
    from etl_assets.cli.findings import Finding

_STYLES = {"ok": "green", "warning": "yellow", "wrong": "bold red"}
_MARKS = {"ok": "✓", "warning": "!", "wrong": "✗"}
_ASCII_MARKS = {"ok": "+", "warning": "!", "wrong": "x"}


@with_examples
def doctor(json: Json = False) -> None:
    """Is everything set up well? What is wrong, and how to mend it.

    Looks at versions, settings, disks, staging areas, databases, the ledger,
    Dagster's home and storage, clocks, open circuits, and the lake: whether it
    can be written to (a test object is written and removed) and its row counts.
    Nothing else is made or changed, and no answer is waited for longer than 15
    seconds. Exit code 2 if settings are wrong, 3 if something else is. How good
    the data is says `dq status`.

    Examples:
      dq doctor
      dq doctor --json | jq '.[] | select(.state != "ok")'
    """
    from etl_assets.cli.examination import examine

    found = examine()
    if json:
        print_json(
            [{"area": f.area, "state": str(f.state), "message": f.message, "hint": f.hint} for f in found]
        )
    else:
        _print(found)
    wrong = [one for one in found if one.state == "wrong"]
    if wrong:
        settings = any(one.area == "settings" for one in wrong)
        raise typer.Exit(ExitCode.WRONG_USE if settings else ExitCode.BROKEN)


def _print(found: Sequence[Finding]) -> None:
    console = results()
    marks: dict[Any, str] = _MARKS if speaks_unicode(console) else _ASCII_MARKS
    before = ""
    for one in found:
        area = one.area if one.area != before else ""
        before = one.area
        console.print(f"{area:<10}", style="bold", end="")
        console.print(f"{marks[one.state]} ", style=_STYLES[one.state], end="")
        console.print(plain(one.message), soft_wrap=True)
        for line in one.hint.split("\n") if one.hint else ():
            console.print(f"{'':<12}{plain(line)}", style="dim", soft_wrap=True)
    wrong = sum(one.state == "wrong" for one in found)
    warnings = sum(one.state == "warning" for one in found)
    told = "all is well" if not wrong + warnings else f"{wrong} wrong, {counted(warnings, 'warning')}"
    console.print(f"\n{told}", style="bold")
