"""Whether tables can hold what contracts promise: asked when code loads, not when the first rows come."""

from __future__ import annotations

from etl_assets.contracts.dataset import Dataset
from etl_assets.contracts.rules import compile_contract
from etl_assets.errors import ContractError, LakeError
from etl_assets.lake.schema import delta_schema


def check_storable(dataset: Dataset) -> None:
    """Refuse a contract with a dtype that a Delta table can't hold.

    Raises:
        ContractError: Names dataset, table and column, and what to use instead.
    """
    for table in dataset.tables:
        try:
            delta_schema(compile_contract(table.contract).schema)
        except LakeError as error:
            where: dict[str, object] = {"dataset": dataset.name, "table": str(table.id)}
            raise ContractError(error.what, where=where, hint=error.hint) from None
