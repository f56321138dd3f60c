"""The tutorial is done line by line, as somebody new would: every command in a process of its own."""

from __future__ import annotations

from typing import Any

import pytest

from etl_assets_tests.docs.places import TUTORIAL, Newcomer, place_of
from etl_assets_tests.docs.walkthrough import Command, steps

TABLES = {
    ("sales", "bronze", "sales"),
    ("sales", "bronze", "customers"),
    ("sales", "silver", "sales"),
    ("sales", "silver", "customers"),
}


@pytest.mark.slow
def test_the_tutorial_goes_as_it_is_told() -> None:
    text = TUTORIAL.read_text(encoding="utf-8")
    assert sum(isinstance(step, Command) for step in steps(text)) > 10
    with place_of(TUTORIAL) as reader:
        reader.follow(text)
        assert [path.name for path in (reader.place / "var" / "staging").iterdir()] == ["sales"]

    # In Dagster, each table is there with its partitions and its checks.
    assert isinstance(reader, Newcomer)
    assert set(reader.seen) > TABLES
    for table in TABLES:
        node: Any = reader.seen[table]
        assert node["assetMaterializations"], table
        checks = {check["name"] for check in node["assetChecksOrError"]["checks"]}
        assert {"completeness", "gate", "row_reconciliation"} <= checks
