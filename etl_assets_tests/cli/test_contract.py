from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from etl_assets.contracts.odcs import check_document, parse_document
from etl_assets.contracts.rules import compile_contract
from etl_assets.datasets import load_dataset
from etl_assets_tests.cli.conftest import Dq, data

FOREIGN = """\
version: 1.0.0
apiVersion: v3.1.0
kind: DataContract
id: orders
status: active
price: {priceAmount: 9.95}
schema:
  - name: orders
    properties:
      - {name: id, logicalType: string, required: true, unique: true}
      - name: amount
        logicalType: number
        logicalTypeOptions: {minimum: 0}
        quality:
          - {type: custom, engine: soda, implementation: "avg > 3"}
"""


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    path = tmp_path / "orders.odcs.yaml"
    path.write_text(FOREIGN, encoding="utf-8")
    return path


def test_a_dataset_is_exported_as_a_data_contract(empty_home: Path, tmp_path: Path, dq: Dq) -> None:
    done = dq("contract", "export", "retail")
    assert done.exit_code == 0
    document = parse_document(done.stdout, "retail")
    assert [one["physicalName"] for one in document.values["schema"]] == [
        "bronze/sales",
        "silver/sales",
        "gold/daily_revenue",
        "gold/product_performance",
        "gold/customer_days",
        "gold/customer_rfm",
    ]
    assert "Without a counterpart in the standard: 3" in done.stderr
    assert "silver/sales: unique_as_delivered" in done.stderr


def test_one_table_goes_to_a_file_and_comes_in_again(empty_home: Path, tmp_path: Path, dq: Dq) -> None:
    file = tmp_path / "sales.odcs.yaml"
    assert dq("contract", "export", "retail", "silver/sales", "-o", str(file)).exit_code == 0
    read = data(dq("contract", "import", str(file), "--json"))
    assert [table["table"] for table in read["tables"]] == ["silver/sales"]
    sales = next(one for one in load_dataset("retail").tables if str(one.id) == "silver/sales")
    names = {rule.name for rule in compile_contract(sales.contract).rules}
    found = {rule["name"] for rule in read["tables"][0]["rules"]}
    assert found == {name for name in names if not name.startswith("_")}


def test_export_as_json_names_what_has_no_counterpart(empty_home: Path, dq: Dq) -> None:
    told = data(dq("contract", "export", "flights", "--json"))
    assert check_document(told["document"]) == []
    assert {"path", "line", "loss", "what"} == set(told["findings"][0])


def test_a_foreign_contract_shows_its_rules_and_what_is_not_checked(
    foreign: Path, dq: Dq, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    done = dq("contract", "import", str(foreign))
    assert done.exit_code == 0
    assert "amount.greater_than_or_equal_to" in done.stdout
    assert "rule: schema.0.properties.1.quality.0 (line 15)" in done.stderr
    assert "note: price (line 6)" in done.stderr


def test_a_foreign_contract_becomes_a_declared_dataset(foreign: Path, tmp_path: Path, dq: Dq) -> None:
    folder = tmp_path / "datasets" / "orders"
    done = dq("contract", "import", str(foreign), "--output", str(folder))
    assert done.exit_code == 0, done.output
    said = yaml.safe_load((folder / "dataset.yaml").read_text())
    assert said["allow_unchecked"] is True  # of the rule that only another engine knows
    dataset = load_dataset("orders", folders=[folder.parent])
    assert [str(one.id) for one in dataset.tables] == ["bronze/orders", "silver/orders"]
    again = dq("contract", "import", str(foreign), "--output", str(folder))
    assert again.exit_code == 2
    assert "there already" in again.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "required property"),
        ("a: [", "isn't valid YAML"),
        (FOREIGN.replace("required", "requird"), "no such key requird"),
        (FOREIGN.replace("name: orders", "name: orders\n    physicalName: gold/orders"), "gold table"),
    ],
)
def test_a_wrong_file_is_wrong_use(tmp_path: Path, dq: Dq, text: str, told: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    done = dq("contract", "import", str(path), "--output", str(tmp_path / "new"))
    assert done.exit_code == 2
    assert told in done.stderr
    assert not (tmp_path / "new" / "dataset.yaml").exists()


def test_what_is_not_there_is_wrong_use(empty_home: Path, tmp_path: Path, dq: Dq) -> None:
    assert dq("contract", "import", str(tmp_path / "none.yaml")).exit_code == 2
    assert dq("contract", "export", "retial").exit_code == 2
    assert dq("contract", "export", "retail", "silver/sale").exit_code == 2
