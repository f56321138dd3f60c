from __future__ import annotations

import pytest

from etl_assets.contracts.contract import RowContract
from etl_assets.contracts.dataset import Dataset, Layer, Table
from etl_assets.contracts.provenance import PROVENANCE
from etl_assets.contracts.rules import compile_contract
from etl_assets.contracts.verify import verify_contract
from etl_assets.contracts.vocabulary import RuleKind
from etl_assets.datasets import flights, retail

TABLES = [
    pytest.param(dataset, table, id=f"{dataset.name}-{table.id}")
    for dataset in (flights.DATASET, retail.DATASET)
    for table in dataset.tables
]


@pytest.mark.parametrize(("dataset", "table"), TABLES)
def test_rules_can_be_evaluated_row_by_row(dataset: Dataset, table: Table) -> None:
    contract = verify_contract(table.contract)

    assert contract.description


@pytest.mark.parametrize(("dataset", "table"), TABLES)
def test_inputs_come_first_and_references_lead_somewhere(dataset: Dataset, table: Table) -> None:
    before = [one.id for one in dataset.tables[: dataset.tables.index(table)]]

    assert set(table.inputs.values()) <= set(before)
    for rule in compile_contract(table.contract).rules:
        if rule.kind is RuleKind.REFERENCE:
            assert rule.reference is not None
            target = next(one for one in dataset.tables if str(one.id) == f"silver/{rule.reference.table}")
            assert target.id in before
            assert rule.reference.column in compile_contract(target.contract).schema


@pytest.mark.parametrize(("dataset", "table"), TABLES)
def test_bronze_is_text_and_only_gold_has_no_provenance(dataset: Dataset, table: Table) -> None:
    schema = compile_contract(table.contract).schema

    assert issubclass(table.contract, RowContract) == (table.id.layer is not Layer.GOLD)
    if table.id.layer is Layer.BRONZE:
        assert {str(dtype) for name, dtype in schema.items() if name not in PROVENANCE} == {"String"}


@pytest.mark.parametrize(("dataset", "table"), TABLES)
def test_what_silver_decides_has_a_reason(dataset: Dataset, table: Table) -> None:
    if table.id.layer is not Layer.SILVER:
        return
    # That a cell must be readable and given goes without saying.
    obvious = ("castable", "not_null")

    silent = [
        rule.name
        for rule in compile_contract(table.contract).rules
        if not rule.why and rule.weight and not rule.name.endswith(obvious)
    ]

    assert silent == []


@pytest.mark.parametrize(("dataset", "table"), TABLES)
def test_columns_of_silver_and_gold_are_described(dataset: Dataset, table: Table) -> None:
    if table.id.layer is Layer.BRONZE:
        return
    contract = compile_contract(table.contract)

    assert set(contract.schema) == set(contract.descriptions)
