from pathlib import Path

import polars as pl

from etl_assets.contracts.rules import compile_contract
from etl_assets.lake.storable import check_storable
from etl_assets.scaffolding.dataset import draft_dataset
from etl_assets_tests.scaffolding.test_drafting import csv, loaded


def test_times_of_day_are_text_of_one_form_since_tables_hold_no_times(tmp_path: Path) -> None:
    rows = [[str(n), f"{n % 24}:{n % 60:02}"] for n in range(60)]
    file = csv(tmp_path / "shifts_2024-01-05.csv", ["no", "begins"], rows)
    dataset = loaded(draft_dataset("staff", [file]), tmp_path)
    check_storable(dataset)
    silver = next(table for table in dataset.tables if str(table.id).startswith("silver/"))
    assert silver.transform is not None
    contract = compile_contract(silver.contract)
    assert contract.schema["begins"] == pl.String
    read = silver.transform(
        bronze=pl.LazyFrame({"no": ["1", "2", "3"], "begins": ["7:05", "23:59", "25:00"]})
    ).collect()
    assert read["begins"].to_list() == ["07:05:00", "23:59:00", "25:00"]
    rule = next(rule for rule in contract.rules if rule.name.startswith("begins.str_matches"))
    assert "times of day" in rule.why
