"""Looks at a dataset's tables as a whole, before anything is read: do they fit together?"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping

from etl_assets.contracts.dataset import Dataset, Layer, Table, TableId
from etl_assets.contracts.rules import compile_contract
from etl_assets.errors import ContractError

_NAME = re.compile("[a-z][a-z0-9_]*")


def check_dataset(name: str, dataset: Dataset) -> None:
    """Refuse a dataset that no run could build.

    Args:
        name: How the dataset is called where it was found.
        dataset: The dataset.

    Raises:
        ContractError: A contract can't be compiled, or tables and functions don't fit together.
    """
    if dataset.name != name:
        raise ContractError(
            f"The dataset is called {dataset.name!r}, and {name!r} where it was found",
            hint="Give both the same name",
        )
    known: dict[TableId, Table] = {}
    for table in dataset.tables:
        if not _NAME.fullmatch(table.id.name):
            raise ContractError(
                f"{table.id.name!r} is no name of a table",
                hint="Take lower-case letters, digits and _, such as sales",
            )
        if table.id in known:
            raise ContractError(f"There are two tables {table.id}")
        _check_inputs(table, known)
        known[table.id] = table
        compile_contract(table.contract)
    if not any(table.id.layer is Layer.BRONZE for table in dataset.tables):
        raise ContractError("There is no bronze table", hint="Deliveries are read into bronze tables")
    for table in dataset.tables:
        _check_references(table, known)


def _check_inputs(table: Table, known: Mapping[TableId, Table]) -> None:
    where: dict[str, object] = {"table": table.id}
    if table.id.layer is Layer.BRONZE:
        if table.transform is not None or table.inputs:
            raise ContractError(
                "A bronze table has a function or inputs", where=where, hint="It is read from deliveries"
            )
        return
    if table.transform is None or not table.inputs:
        raise ContractError("The table has no function, or no inputs", where=where)
    for upstream in table.inputs.values():
        if upstream not in known:
            raise ContractError(
                f"The table is built from {upstream}, which is not there, or comes later",
                where=where,
                hint=f"Before it there are {', '.join(map(str, known)) or 'none'}",
            )
    if table.id.layer is Layer.SILVER and next(iter(table.inputs.values())).layer is not Layer.BRONZE:
        raise ContractError("A silver table's first input is no bronze table", where=where)
    try:
        inspect.signature(table.transform).bind(**table.inputs)
    except TypeError as error:
        raise ContractError(
            f"The function {table.transform.__name__} does not take the table's inputs: {error}",
            where=where,
            hint=f"Its arguments are to be called {', '.join(table.inputs)}",
        ) from None
    except ValueError:
        return  # a function that Python knows no arguments of


def _check_references(table: Table, known: Mapping[TableId, Table]) -> None:
    for rule in compile_contract(table.contract).rules:
        if rule.reference is None:
            continue
        target = known.get(TableId(Layer.SILVER, rule.reference.table))
        where: dict[str, object] = {
            "table": table.id,
            "contract": table.contract.__name__,
            "rule": rule.name,
        }
        if target is None:
            raise ContractError(
                f"The rule refers to the table silver/{rule.reference.table}, which is not there", where=where
            )
        if rule.reference.column not in (columns := compile_contract(target.contract).schema):
            raise ContractError(
                f"The rule refers to the column {rule.reference.column} of {target.id}, which is not there",
                where=where,
                hint=f"It has {', '.join(columns)}",
            )
