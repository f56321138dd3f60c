"""Arguments and options that several verbs share."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON on standard output, for machines.")]

DatasetName: TypeAlias = Annotated[str, typer.Argument(metavar="DATASET", help="A dataset, such as retail.")]

AnyDataset: TypeAlias = Annotated[
    str | None, typer.Argument(metavar="DATASET", help="A dataset, such as retail; without it all of them.")
]

TableName: TypeAlias = Annotated[
    str | None,
    typer.Option("--table", "-t", metavar="LAYER/TABLE", help="Only this table, such as silver/sales."),
]

Partition: TypeAlias = Annotated[
    str | None,
    typer.Option("--partition", "-p", metavar="KEY", help="Only this partition, such as 2010-12-01."),
]

Limit: TypeAlias = Annotated[
    int, typer.Option("--limit", "-n", min=1, max=100_000, help="How many to show at most.")
]
