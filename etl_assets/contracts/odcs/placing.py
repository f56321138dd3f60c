"""Compiles what was read, and leads what is wrong to its line in the document."""

from __future__ import annotations

from etl_assets.contracts.odcs.reading import ReadTable
from etl_assets.contracts.rules import CompiledContract, compile_contract
from etl_assets.errors import ContractError
from etl_assets.yaml_text import YamlText


def compile_table(table: ReadTable, document: YamlText) -> CompiledContract:
    """Compile the contract of one object of a document.

    Raises:
        ContractError: It can't be compiled; names file and line.
    """
    try:
        return compile_contract(table.contract)
    except ContractError as error:
        rule = str(error.where.get("rule", ""))
        where = document.where(_path(table, document, rule)) | ({"rule": rule} if rule else {})
        raise ContractError(error.what, where=where, hint=error.hint) from None


def _path(table: ReadTable, document: YamlText, rule: str) -> tuple[str, ...]:
    """The column that a rule's name begins with, which may hold points itself; else the table."""
    said = document.values["schema"][int(table.path[1])]["properties"]
    names = [str(one.get("physicalName") or one["name"]) for one in said]
    parts = rule.split(".")
    for length in range(len(parts), 0, -1):
        if (column := ".".join(parts[:length])) in names:
            return (*table.path, "properties", str(names.index(column)))
    return table.path
