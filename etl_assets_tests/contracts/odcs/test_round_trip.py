"""What goes out as a data contract and comes in again is the same contract."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings

from etl_assets.contracts.odcs import Loss, check_document, write_contracts
from etl_assets.contracts.odcs.pieces import TablePieces
from etl_assets.contracts.rules import CompiledContract, compile_contract
from etl_assets.datasets import load_dataset
from etl_assets_tests.contracts.odcs.contracts import dataset_of, tables, there_and_back


def as_said(contract: CompiledContract) -> list[object]:
    """All that is said of each rule; expressions are compared by their definition."""
    return [
        (
            *dataclasses.astuple(dataclasses.replace(rule, expression=None, evaluated=None, description="")),
            rule.evaluated is None,
        )
        for rule in contract.rules
    ]


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(tables())
def test_out_and_in_again_is_the_same_contract(pieces: TablePieces) -> None:
    dataset = dataset_of(pieces)
    before = compile_contract(dataset.tables[0].contract)
    written = write_contracts(dataset)
    assert check_document(written.document) == []
    assert not [one for one in written.findings if one.loss in (Loss.RULE, Loss.TABLE)]

    models, read, text = there_and_back(dataset)
    after = compile_contract(models[pieces.id])
    assert not [one for one in read.findings if one.loss is not Loss.NOTE], text
    assert sorted(map(str, as_said(after))) == sorted(map(str, as_said(before))), text
    assert after.fingerprint == before.fingerprint, text
    assert after.description == before.description


@pytest.mark.parametrize("name", ["retail", "flights"])
def test_of_the_built_in_datasets_only_what_is_named_is_lost(name: str) -> None:
    dataset = load_dataset(name)
    written = write_contracts(dataset)
    assert check_document(written.document) == []
    lost = {one.path for one in written.findings if one.loss is Loss.RULE}
    models, _, _ = there_and_back(dataset)
    for table in dataset.tables:
        before, after = compile_contract(table.contract), compile_contract(models[table.id])
        gone = {f"{table.id}: {rule.name}" for rule in before.rules} - {
            f"{table.id}: {rule.name}" for rule in after.rules
        }
        assert gone <= lost
        if not gone:
            assert after.fingerprint == before.fingerprint
    assert (name == "retail") == (not lost)
