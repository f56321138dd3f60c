"""A data contract that somebody else wrote -> the files of a declared dataset."""

from __future__ import annotations

import shutil
from pathlib import Path

import yaml

from etl_assets.contracts.dataset import Layer, TableId
from etl_assets.contracts.odcs.findings import Loss
from etl_assets.contracts.odcs.reading import ReadContracts
from etl_assets.contracts.provenance import PROVENANCE
from etl_assets.contracts.rules import compile_contract
from etl_assets.datasets.declared.declaration import Declaration
from etl_assets.datasets.declared.loading import DECLARATION, load_declared
from etl_assets.errors import ContractError

_HEAD = """\
# Made from a data contract: each of its tables is delivered with the same columns, as text.
# Where the header has other names, or cells are written in another way, say so:
#   silver/orders:
#     columns:
#       amount: {from: Amount EUR, number: {decimal: ",", thousands: "."}}
#       ordered_on: {from: Date, date: ["%d.%m.%Y"]}

"""


def write_imported(document: Path, read: ReadContracts, folder: Path) -> list[Path]:
    """Write `dataset.yaml` and the contract into a folder that is called as the dataset.

    Args:
        document: The contract's file.
        read: What `read_contracts` made of it.
        folder: The dataset's folder, such as `datasets/orders`; made if it is missing.

    Returns:
        The files written.

    Raises:
        ContractError: A table can't be made by declared casts alone, or a file is there already.
    """
    others = [str(table.id) for table in read.tables if table.id.layer is Layer.GOLD]
    if others:
        raise ContractError(
            f"{others[0]} is a gold table: what it is made of is no part of a contract",
            hint=f"Write {DECLARATION} by hand, with a query for each gold table",
        )
    contract = Declaration.model_fields["contracts"].get_default()[0]
    written = [folder / DECLARATION, folder / contract]
    if there := [path for path in written if path.exists()]:
        raise ContractError(
            "The file is there already", where={"file": there[0]}, hint="Choose another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(document, written[1])
    written[0].write_text(_HEAD + _declaration(read), encoding="utf-8")
    try:
        load_declared(written[0])
    except ContractError:
        for path in written:
            path.unlink()
        raise
    return written


def _declaration(read: ReadContracts) -> str:
    described = {table.id for table in read.tables}
    tables: dict[str, object] = {}
    for table in read.tables:
        bronze = TableId(Layer.BRONZE, table.id.name)
        columns = [name for name in compile_contract(table.contract).schema if name not in PROVENANCE]
        if table.id.layer is Layer.BRONZE:
            tables[str(bronze)] = {}
        elif bronze not in described:
            tables[str(bronze)] = {"columns": columns}
    tables |= {str(table.id): {} for table in read.tables if table.id.layer is Layer.SILVER}
    values: dict[str, object] = {"tables": tables}
    if any(one.loss in (Loss.TABLE, Loss.RULE) for one in read.findings):
        values = {"allow_unchecked": True, **values}
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
