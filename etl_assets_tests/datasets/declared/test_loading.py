"""From `dataset.yaml`, a contract and queries to a dataset; what is wrong is told with file, line and key."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from etl_assets.contracts.dataset import Layer, TableId
from etl_assets.contracts.rules import compile_contract
from etl_assets.contracts.verify import verify_contract
from etl_assets.datasets import load_dataset
from etl_assets.datasets.declared import load_declared
from etl_assets.datasets.declared.starting import write_starter
from etl_assets.errors import ContractError
from etl_assets.pipeline.code_version import code_version

BAKERY = Path(__file__).parents[3] / "examples" / "bakery" / "datasets" / "bakery"

Change = Callable[..., Path]


@pytest.fixture
def change(tmp_path: Path) -> Change:
    """A copy of the example, with one text replaced by another in one of its files."""

    def copy(file: str = "dataset.yaml", old: str = "", new: str = "") -> Path:
        folder = tmp_path / "bakery"
        if not folder.exists():
            shutil.copytree(BAKERY, folder)
        text = (folder / file).read_text(encoding="utf-8")
        assert old in text
        (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
        return folder / "dataset.yaml"

    return copy


def test_a_declared_dataset_is_a_dataset() -> None:
    dataset = load_dataset("bakery", folders=[BAKERY.parent])
    assert dataset.name == "bakery"
    assert dataset.owners == ("team:bakery",)
    assert [str(one.id) for one in dataset.tables] == [
        "bronze/shops",
        "bronze/sales",
        "silver/shops",
        "silver/sales",
        "gold/daily_revenue",
        "gold/shop_totals",
    ]
    assert [one.partitioned for one in dataset.tables] == [False, True, False, True, True, False]
    by_id = {str(one.id): one for one in dataset.tables}
    assert dict(by_id["gold/daily_revenue"].inputs) == {
        "sales": TableId(Layer.SILVER, "sales"),
        "shops": TableId(Layer.SILVER, "shops"),
    }
    for one in dataset.tables:
        verify_contract(one.contract)


def test_what_is_personal_in_silver_is_so_as_delivered() -> None:
    bronze = next(one for one in load_declared(BAKERY).tables if str(one.id) == "bronze/sales")
    assert compile_contract(bronze.contract).pii == {"card"}


def test_silver_reads_cells_as_declared_and_leaves_what_it_cannot_read() -> None:
    silver = next(one for one in load_declared(BAKERY).tables if str(one.id) == "silver/sales")
    assert silver.transform is not None
    delivered = pl.LazyFrame(
        {
            "receipt": [" R1 ", "n/a"],
            "shop": ["mill", "-"],
            "product": ["Bread", "CAKE"],
            "quantity": ["2", "many"],
            "price": ["1,50 €", "1.5"],
            "sold at": ["29.02.2024 07:30", "soon"],
            "card": ["-", "1234"],
            "_row_id": ["a:1", "a:2"],
        }
    )
    assert silver.transform(bronze=delivered).collect().to_dicts() == [
        {
            "_row_id": "a:1",
            "receipt": "R1",
            "shop": "mill",
            "product": "bread",
            "quantity": "2",
            "price": "1.50",
            "sold_at": "2024-02-29 07:30:00",
            "card": None,
        },
        {
            "_row_id": "a:2",
            "receipt": None,
            "shop": None,
            "product": "cake",
            "quantity": "many",
            "price": "?1.5",
            "sold_at": "soon",
            "card": "1234",
        },
    ]


def test_a_table_is_built_again_when_its_declaration_changes(change: Change) -> None:
    def versions(path: Path) -> dict[str, str]:
        return {str(one.id): code_version(one.transform) for one in load_declared(path).tables}

    before = versions(change())
    assert versions(change("daily_revenue.sql", "-- Revenue of", "-- The revenue of")) == before
    after = versions(change("daily_revenue.sql", "SUM(sales.quantity", "SUM(2 * sales.quantity"))
    assert {id for id in before if before[id] != after[id]} == {"gold/daily_revenue"}
    last = versions(change("dataset.yaml", 'suffix: "€"', 'suffix: "$"'))
    assert {id for id in after if after[id] != last[id]} == {"silver/sales"}


def test_the_starter_is_a_dataset(tmp_path: Path) -> None:
    assert len(write_starter(tmp_path / "orders")) == 3
    assert write_starter(tmp_path / "orders") == []
    dataset = load_dataset("orders", folders=[tmp_path])
    assert [str(one.id) for one in dataset.tables] == ["bronze/orders", "silver/orders", "gold/daily_amount"]


@pytest.mark.parametrize(
    ("file", "old", "new", "match", "line"),
    [
        ("dataset.yaml", "owners:", "owner:", "no key owner", "owner:"),
        ("dataset.yaml", "    nulls:", "    nul:", "no key nul", "nul:"),
        ("dataset.yaml", 'suffix: "€"', "sufix: x", "no key sufix", "price:"),
        ("dataset.yaml", "bronze/shops:", "bronze/Shops:", "pattern", "bronze/Shops"),
        (
            "dataset.yaml",
            "{text: lower}",
            "{text: lower, boolean: {true_words: [x], false_words: [y]}}",
            "read in one",
            None,
        ),
        ("dataset.yaml", "    sql: daily_revenue.sql", "    columns: {a: b}", "not for gold", None),
        ("dataset.yaml", "sql: daily_revenue.sql", "sql: ../secret.sql", "pattern", "sql:"),
        ("dataset.yaml", "sql: daily_revenue.sql", "sql: other.sql", "can't be read", "sql: other.sql"),
        ("dataset.yaml", "from: sold at", "from: sold", "sold, which is not delivered", "sold_at:"),
        ("dataset.yaml", "product: {text", "produkt: {text", "no column produkt", "produkt"),
        ("dataset.yaml", "[shop, city, opened]", "[shop, city, city]", "'city' is there twice", "columns"),
        (
            "dataset.yaml",
            "gold/shop_totals",
            "gold/totals",
            "shop_totals is none of the dataset",
            "shop_totals",
        ),
        (
            "dataset.yaml",
            "    sql: daily_revenue.sql\n",
            "    query: SELECT\n",
            "no table with periods",
            "query: SELECT",
        ),
        (
            "contract.odcs.yaml",
            "minimum: 1}\n        quality",
            "minimun: 1}\n        quality",
            "minimun",
            "minimun",
        ),
        ("contract.odcs.yaml", "logicalType: number", "logicalType: money", "money", "logicalType: money"),
        ("contract.odcs.yaml", "WHERE {property} > 100", "WHERE a = 1", "no column a", "- type: sql"),
        (
            "contract.odcs.yaml",
            "to: shops.shop",
            "to: x.yaml#/schema/b/properties/c",
            "no column of a table",
            "- to:",
        ),
        ("contract.odcs.yaml", "minimum: 0}", "minimum: zero}", "It is not|is not of type", "minimum: zero"),
        ("daily_revenue.sql", "shops.city,", "shops.town,", "town", None),
        ("daily_revenue.sql", "AS receipts", "AS receipt", "does not give receipts", None),
        ("daily_revenue.sql", "GROUP BY sales._period,", "GROUP BY", "mixes periods", None),
        ("daily_revenue.sql", "JOIN shops", "JOIN read_csv('/etc/passwd') AS shops", "reads a file", None),
        ("daily_revenue.sql", "SUM(sales.quantity * sales.price)", "AVG(sales.price)", "CAST", None),
        ("daily_revenue.sql", "SELECT", "SELECT 1 AS extra,", "does not have extra", None),
        ("shop_totals.sql", "FROM daily_revenue", "FROM shop_totals", "circle", "gold/shop_totals"),
        ("shop_totals.sql", "FROM totals", "FROM total", "no table silver/total", None),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    change: Change, file: str, old: str, new: str, match: str, line: str | None
) -> None:
    path = change(file, old, new)
    with pytest.raises(ContractError) as caught:
        load_declared(path)
    told = str(caught.value)
    assert any(word in told for word in match.split("|")), told
    place = Path(str(caught.value.where["file"]))
    assert place.parent == path.parent
    if line is not None:
        found = place.read_text(encoding="utf-8").splitlines()[int(str(caught.value.where["line"])) - 1]
        assert line in found, told


def test_rules_that_cannot_be_checked_are_an_error_unless_they_are_allowed(change: Change) -> None:
    rule = (
        "quality:\n      - {type: custom, engine: soda, implementation: x}\n      - metric: duplicateValues"
    )
    path = change("contract.odcs.yaml", "quality:\n      - metric: duplicateValues", rule)
    with pytest.raises(ContractError, match="written for the engine soda"):
        load_declared(path)
    change("dataset.yaml", "owners:", "allow_unchecked: true\nowners:")
    assert load_declared(path)


@pytest.mark.parametrize("text", ["", "- a", "a: &x 1\nb: *x", "tables: " + "[" * 5000, "tables: {}", "\x00"])
def test_what_is_no_declaration_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "dataset.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ContractError) as caught:
        load_declared(path)
    assert caught.value.where["file"] == str(path)
