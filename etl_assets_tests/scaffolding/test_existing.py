"""`dq new` for a dataset that is there: no table is ever taken away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from etl_assets_tests.scaffolding.conftest import Dq

ORDERS = "order_no,customer_no,amount\n" + "".join(f"A-{n},{n % 7 + 1},{n}.50\n" for n in range(1, 60))
CUSTOMERS = "customer_no,city\n" + "".join(f"{n},City {n}\n" for n in range(1, 8))


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def tables(project: Path) -> list[str]:
    import yaml

    return sorted(yaml.safe_load((project / "config/datasets/shop.yaml").read_text())["sources"])


@pytest.fixture
def orders(tmp_path: Path) -> Path:
    return write(tmp_path / "sent/orders.csv", ORDERS)


@pytest.fixture
def customers(tmp_path: Path) -> Path:
    return write(tmp_path / "other/customers.csv", CUSTOMERS)


def test_a_table_that_the_files_do_not_have_is_kept(
    project: Path, orders: Path, customers: Path, dq: Dq
) -> None:
    assert dq("new", "shop", orders, "--stage").exit_code == 0
    told = dq("new", "shop", customers, "--stage")
    assert told.exit_code == 0, told.output
    assert "kept, drafted again from what is staged: shop" in told.stdout
    assert tables(project) == ["customers", "shop"]
    for module in ("bronze", "silver"):
        code = (project / f"datasets/shop/{module}.py").read_text()
        assert "Shop" in code
        assert "Customers" in code
    staged = sorted(path.name for path in (project / "var/staging/shop").iterdir())
    assert staged == ["customers.csv", "orders.csv"]
    # And once more, with the first file: nothing changes, whatever is named.
    again = json.loads(dq("new", "shop", orders, "--stage", "--json").stdout)
    assert (again["tables_kept"], again["refreshed"]) == (["customers"], [])


def test_what_somebody_changed_stays_and_the_draft_beside_it_has_all_tables(
    project: Path, orders: Path, customers: Path, dq: Dq
) -> None:
    dq("new", "shop", orders, "--stage")
    silver = project / "datasets/shop/silver.py"
    silver.write_text(edited := silver.read_text() + "\n# mine\n")
    told = dq("new", "shop", customers)
    assert told.exit_code == 0, told.output
    assert silver.read_text() == edited
    suggested = silver.with_name("silver.py.suggested").read_text()
    assert "Shop" in suggested
    assert "Customers" in suggested
    assert tables(project) == ["shop"]


def test_without_a_file_of_a_table_nothing_is_written(
    project: Path, orders: Path, customers: Path, dq: Dq
) -> None:
    dq("new", "shop", orders)
    before = {path: path.read_text() for path in project.rglob("*.*") if path.is_file()}
    told = dq("new", "shop", customers)
    assert told.exit_code == 2
    assert "tables that no file given here belongs to: shop" in told.output
    assert {path: path.read_text() for path in project.rglob("*.*") if path.is_file()} == before
    both = dq("new", "shop", orders, customers)
    assert both.exit_code == 0, both.output
    assert tables(project) == ["customers", "shop"]


def test_a_table_whose_files_have_other_names_now_keeps_its_name(
    project: Path, tmp_path: Path, orders: Path, dq: Dq
) -> None:
    dq("new", "shop", orders)
    renamed = write(tmp_path / "sent/sales.csv", ORDERS)
    assert dq("new", "shop", renamed).exit_code == 2
    settings = project / "config/datasets/shop.yaml"
    settings.write_text(settings.read_text().replace("orders.csv", "sales.csv"))
    told = dq("new", "shop", renamed)
    assert told.exit_code == 0, told.output
    assert tables(project) == ["shop"]
