"""What verbs that decide have in common: who, why, until when, and which rows are meant."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from etl_assets.cli import context
from etl_assets.cli.problems import WrongUseError

if TYPE_CHECKING:
    from etl_assets.contracts.dataset import TableId
    from etl_assets.contracts.row_filter import Condition
    from etl_assets.pipeline.choosing import Rows
    from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
    from etl_assets.pipeline.deciding import Author

Target: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="ROW|DATASET",
        help="One row, delivery:line as the list shows it; or a dataset, of which the options choose rows.",
    ),
]
Why: TypeAlias = Annotated[
    str, typer.Option("--why", metavar="TEXT", help="The reason, for those who ask later.")
]
Who: TypeAlias = Annotated[
    str | None,
    typer.Option("--who", metavar="NAME", envvar="DQ_WHO", help="Who decides; the user's login by default."),
]
Until: TypeAlias = Annotated[
    str | None,
    typer.Option("--until", metavar="DATE", help="Holds until then, such as 2026-12-31 (UTC) or a moment."),
]
Supersedes: TypeAlias = Annotated[
    list[int] | None,
    typer.Option("--supersedes", metavar="ID", help="The decision in whose place it stands; repeatable."),
]
Beside: TypeAlias = Annotated[
    list[int] | None,
    typer.Option(
        "--beside", metavar="ID", help="A decision on the same row that is known, and goes on; repeatable."
    ),
]
DryRun: TypeAlias = Annotated[
    bool, typer.Option("--dry-run", help="Check it and say what is meant; decide nothing.")
]
Rules: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--rule", "-r", metavar="RULE", help="Rows that broke this rule; repeatable."),
]
DeliveryId: TypeAlias = Annotated[
    str | None,
    typer.Option("--delivery", "-d", metavar="ID", help="Rows of this delivery (or how its id begins)."),
]
Where: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        metavar="CONDITION",
        help="Rows whose cell, as delivered, is so: 'country = U.K.', also !=, starts with, contains, "
        "is null, is not null; repeatable, then all must hold.",
    ),
]

_CONDITION = re.compile(
    r"^\s*(?P<column>.+?)\s*(?:(?P<null>\bis(?:\s+not)?\s+null)\s*"
    r"|(?P<operator>!=|=|\bstarts\s+with\b|\bcontains\b)\s?(?P<value>.*))$",
    re.DOTALL,
)


def author(
    who: str | None,
    why: str,
    until: str | None,
    supersedes: Sequence[int] | None = None,
    beside: Sequence[int] | None = None,
) -> Author:
    """Read who decides, and what goes with it.

    Raises:
        DecisionError: `until` is no date.
    """
    from etl_assets.pipeline.deciding import Author, moment

    return Author(
        who=who or _login(),
        why=why,
        until=moment(until),
        supersedes=tuple(supersedes or ()),
        beside=tuple(beside or ()),
    )


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())  # a container's user may have no name


def conditions(texts: Sequence[str] | None) -> tuple[Condition, ...]:
    """Read conditions as they are typed: column, operator, value.

    Raises:
        WrongUseError: One can't be understood.
    """
    from etl_assets.contracts.row_filter import Condition, Operator

    found = []
    for text in texts or ():
        match = _CONDITION.match(text)
        if match is None:
            hint = "Write column, operator and value, such as 'country = U.K.' or 'amount is null'"
            raise WrongUseError(f"The condition can't be understood: {text}", hint=hint)
        operator = Operator(" ".join((match["null"] or match["operator"]).split()))
        values = (match["value"],) if operator.takes_values else ()
        found.append(Condition(match["column"], operator, values))
    return tuple(found)


def new_cells(texts: Sequence[str]) -> dict[str, str | None]:
    """Read `NAME=VALUE`; nothing after the sign stands for null.

    Raises:
        WrongUseError: There is no sign, or a name comes twice.
    """
    cells: dict[str, str | None] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise WrongUseError("A new value is written NAME=VALUE", hint="Such as --set amount=4")
        if name.strip() in cells:
            raise WrongUseError(f"{name.strip()} is given twice")
        cells[name.strip()] = value or None
    return cells


def chosen(
    target: str,
    table: str | None,
    rules: Sequence[str] | None,
    delivery: str | None,
    partition: str | None,
    where: Sequence[str] | None,
) -> tuple[DatasetPipeline, Rows]:
    """Find the dataset, and the rows that are meant.

    Raises:
        WrongUseError: Something is named that is not there.
    """
    from etl_assets.pipeline.choosing import Rows

    settings = context.open_settings()
    if ":" in target:
        return _row(target, table, rules)
    pipeline = context.open_pipeline(settings, target)
    if table is None:
        raise WrongUseError("Say the table", hint=f"--table, one of {', '.join(map(str, pipeline.tables))}")
    id = context.delivery_of(pipeline.ledger, delivery).id if delivery else None
    return pipeline, Rows(
        table=context.table_of(pipeline, table),
        rules=tuple(rules or ()),
        delivery=id,
        period=partition,
        where=conditions(where),
    )


def _row(target: str, table: str | None, rules: Sequence[str] | None) -> tuple[DatasetPipeline, Rows]:
    from etl_assets.pipeline.choosing import Rows, tables_of_row

    delivery, _, line = target.rpartition(":")
    if not delivery or not line.isdecimal():
        raise WrongUseError(
            f"{target} names no row", hint="Write delivery:line, such as 3fa91c0012ab34cd:118"
        )
    settings = context.open_settings()
    with context.open_ledger(settings) as ledger:
        one = context.delivery_of(ledger, delivery)
    pipeline = context.open_pipeline(settings, one.dataset)
    row_id = f"{one.id}:{int(line)}"
    found: Sequence[TableId] = (
        [context.table_of(pipeline, table)] if table else tables_of_row(pipeline, one, row_id)
    )
    if len(found) != 1:
        names = ", ".join(map(str, found))
        what = f"The row is in quarantine of {names}" if found else "The row is not in quarantine"
        raise WrongUseError(what, where={"row": row_id}, hint="Say --table" if found else "")
    return pipeline, Rows(table=found[0], row_id=row_id, rules=tuple(rules or ()))
