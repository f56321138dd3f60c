from __future__ import annotations

import re
import shutil
import warnings
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etl_assets.contracts.dataset import TableId
from etl_assets.datasets.retail import DATASET
from etl_assets_tests.datasets.desk import (
    RETAIL_DAYS,
    Finished,
    age,
    damage,
    needs_retail,
    quotient,
    read_csv,
    run,
    same_rows,
)

pytestmark = needs_retail

# Days with Amazon's fees, 74,215 jars and their cancellation, many unpriced lines, bad debt.
DAYS = ["2010-12-05", "2010-12-22", "2011-01-05", "2011-01-18", "2011-08-12"]
FEES = {"POST", "DOT", "C2", "M", "D", "S", "AMAZONFEE", "BANK CHARGES", "CRUK", "B"}


def staged(folder: Path, days: list[str]) -> Path:
    folder.mkdir(parents=True)
    for day in days:
        shutil.copy2(RETAIL_DAYS / f"{day}.csv", folder)
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    home = tmp_path_factory.mktemp("retail")
    return run(DATASET, staged(home / "staging", DAYS), home)


def distinct_lines(day: str) -> Iterator[dict[str, str]]:
    seen = set()
    for row in read_csv(RETAIL_DAYS / f"{day}.csv"):
        cells = tuple(row.values())
        if (
            cells not in seen
            and re.fullmatch(r"C?\d{6}", row["InvoiceNo"])
            and Decimal(row["UnitPrice"]) >= 0
        ):
            yield row
        seen.add(cells)


def amount(row: dict[str, str]) -> Decimal:
    return Decimal(row["Quantity"]) * Decimal(row["UnitPrice"])


def test_rows_are_accepted_quarantined_or_duplicates(finished: Finished) -> None:
    raw = sum(len(read_csv(RETAIL_DAYS / f"{day}.csv")) for day in DAYS)
    distinct = sum(len(list(distinct_lines(day))) for day in DAYS)

    assert finished.count("silver/sales", "rows_in") == finished.rows("bronze/sales").height == raw
    assert finished.rows("silver/sales").height == distinct
    assert finished.count("silver/sales", "quarantined") == 3
    assert finished.count("silver/sales", "duplicates") == raw - distinct - 3 > 0


def test_corrections_of_bad_debt_are_quarantined_with_every_reason(finished: Finished) -> None:
    found = finished.quarantine("silver/sales").sort("_line")

    assert [set(reasons.split(";")) for reasons in found["_reasons"]] == [
        {"invoice_no.str_matches"},
        {"invoice_no.str_matches", "unit_price.greater_than_or_equal_to", "sale_has_price"},
        {"invoice_no.str_matches", "unit_price.greater_than_or_equal_to", "sale_has_price"},
    ]


def test_lines_are_told_apart(finished: Finished) -> None:
    sales = finished.rows("silver/sales")

    for kind, rows in sales.group_by("kind"):
        assert rows["invoice_no"].str.starts_with("C").all() == (kind == ("cancellation",))
    assert (sales.filter(kind="write_off")["quantity"] < 0).all()
    assert (sales.filter(kind="unpriced")["unit_price"] == 0).all()
    assert (sales.filter(pl.col("kind").is_in(["sale", "fee"]))["unit_price"] > 0).all()
    assert set(sales.filter(kind="fee")["stock_code"]) <= FEES
    assert not set(sales.filter(kind="sale")["stock_code"]) & FEES
    assert sales["customer_id"].drop_nulls().str.contains(r"^\d{5}$").all()


def test_the_jars_and_their_cancellation_are_both_kept(finished: Finished) -> None:
    jars = finished.rows("silver/sales").filter(pl.col("quantity").abs() == 74_215)

    assert sorted(jars["kind"]) == ["cancellation", "sale"]
    assert finished.failed("silver/sales", "quantity.in_range") == 2


def test_revenue_equals_a_recomputation_to_the_penny(finished: Finished) -> None:
    found = {(str(row["day"]), row["country"]): row for row in finished.rows("gold/daily_revenue").to_dicts()}
    seen = set()
    for day in DAYS:
        by_country: dict[str, list[dict[str, str]]] = defaultdict(list)
        for row in distinct_lines(day):
            by_country[row["Country"]].append(row)
        for country, rows in by_country.items():
            cancelled = [row for row in rows if row["InvoiceNo"].startswith("C")]
            charged = [row for row in rows if row not in cancelled and amount(row) > 0]
            gross = sum(map(amount, charged), Decimal(0))
            orders = len({row["InvoiceNo"] for row in charged})
            expected: dict[str, Any] = {
                "gross": gross,
                "fees": sum((amount(row) for row in charged if row["StockCode"].upper() in FEES), Decimal(0)),
                "cancelled": -sum(map(amount, cancelled), Decimal(0)),
                "cancelled_fees": -sum(
                    (amount(row) for row in cancelled if row["StockCode"].upper() in FEES), Decimal(0)
                ),
                "net": sum((amount(row) for row in charged + cancelled), Decimal(0)),
                "orders": orders,
                "customers": len({row["CustomerID"] for row in charged} - {""}),
                "average_order_value": quotient(gross, orders, 2),
            }
            assert {name: found[day, country][name] for name in expected} == expected
            seen.add((day, country))
    assert seen == set(found)


def test_products_equal_a_recomputation(finished: Finished) -> None:
    columns = ["units_sold", "units_cancelled", "units_unpriced", "units_written_off", "revenue"]
    expected: dict[tuple[str, str], list[Any]] = defaultdict(lambda: [0, 0, 0, 0, Decimal(0)])
    for day in DAYS:
        for row in distinct_lines(day):
            code, units = row["StockCode"].upper(), int(row["Quantity"])
            if code in FEES:
                continue
            cancelled = row["InvoiceNo"].startswith("C")
            place = 1 if cancelled else 3 if units < 0 else 2 if Decimal(row["UnitPrice"]) == 0 else 0
            expected[day, code][place] += abs(units)
            expected[day, code][4] += amount(row)

    found = finished.rows("gold/product_performance")

    assert {
        (str(row["day"]), row["stock_code"]): [row[name] for name in columns] for row in found.to_dicts()
    } == expected
    assert not found["description"].is_in(["?", "found", "damaged"]).any()


def test_customers_equal_a_recomputation(finished: Finished) -> None:
    spent: dict[str, Decimal] = defaultdict(Decimal)
    orders: dict[str, set[str]] = defaultdict(set)
    for day in DAYS:
        for row in distinct_lines(day):
            customer = row["CustomerID"].removesuffix(".0")
            spent[customer] += amount(row)
            is_sale = amount(row) > 0 and row["StockCode"].upper() not in FEES
            if is_sale:
                orders[customer].add(row["InvoiceNo"])

    found = finished.rows("gold/customer_rfm").to_dicts()

    known = {customer for customer, placed in orders.items() if placed and customer}
    assert {row["customer_id"]: (row["monetary"], row["frequency"]) for row in found} == {
        customer: (spent[customer], len(orders[customer])) for customer in known
    }
    for row in found:
        worse = sum(other["monetary"] < row["monetary"] for other in found)
        assert row["monetary_score"] == worse * 5 // len(found) + 1
    assert {row["frequency_score"] for row in found if row["frequency"] == 1} == {1}


def test_a_range_equals_its_days(finished: Finished, tmp_path: Path) -> None:
    alone = run(DATASET, staged(tmp_path / "staging", DAYS), tmp_path, alone=True)

    for table in finished.pipeline.tables:
        assert same_rows(alone.rows(str(table)), finished.rows(str(table))), table


def test_pandera_accepts_what_was_accepted(finished: Finished) -> None:
    for id, table in finished.pipeline.tables.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # rules of severity warn do warn
            table.contract.validate(finished.rows(str(id)), lazy=True)


DAMAGE = {
    0: ({"InvoiceNo": "5363"}, "invoice_no.str_matches"),
    1: ({"StockCode": "  "}, "stock_code.not_null"),
    2: ({"Quantity": "0"}, "quantity.not_equal_to"),
    3: ({"Quantity": "six"}, "quantity.castable"),
    4: ({"Quantity": "-6"}, "write_off_has_no_price"),
    5: ({"InvoiceDate": "12/5/2010 8:26"}, "invoiced_at.castable"),
    6: ({"InvoiceDate": "2010-12-06 00:00:00"}, "in_period"),
    7: ({"UnitPrice": "free"}, "unit_price.castable"),
    8: ({"CustomerID": "anna"}, "customer_id.str_matches"),
    9: ({"Country": ""}, "country.not_null"),
    10: ({"InvoiceNo": "C536999"}, "cancellation_takes_back"),
}


def test_damaged_cells_are_caught_and_others_kept(tmp_path: Path) -> None:
    staging = staged(tmp_path / "staging", ["2010-12-05"])
    file = staging / "2010-12-05.csv"
    harmless = {
        30: {"StockCode": "NEW1"},
        31: {"UnitPrice": "0.00"},
        32: {"CustomerID": ""},
        33: {"Quantity": " 7 "},
    }
    damage(file, {number: cells for number, (cells, _) in DAMAGE.items()} | harmless)
    age([file])

    finished = run(DATASET, staging, tmp_path)

    found = dict(finished.quarantine("silver/sales").select("_line", "_reasons").iter_rows())
    assert found == {number + 2: reason for number, (_, reason) in DAMAGE.items()}
    kept = finished.rows("silver/sales").filter(pl.col("_line").is_in([32, 33, 34, 35])).sort("_line")
    assert kept["kind"].to_list() == ["sale", "unpriced", "sale", "sale"]
    assert kept["quantity"][3] == 7
    assert finished.failed("silver/sales", "stock_code.known_code") == 1


@pytest.mark.slow
def test_all_days_have_the_counts_that_the_data_is_known_for(tmp_path: Path) -> None:
    days = sorted(file.stem for file in RETAIL_DAYS.glob("*.csv"))
    finished = run(DATASET, staged(tmp_path / "staging", days), tmp_path)

    counts = {
        what: finished.count("silver/sales", what)
        for what in ("rows_in", "accepted", "quarantined", "duplicates")
    }
    assert counts == {"rows_in": 337_788, "accepted": 335_138, "quarantined": 3, "duplicates": 2_647}
    known = {
        "customer_id.not_null": 92_122,
        "description.not_null": 1_184,
        "country.not_equal_to": 393,
        "quantity.in_range": 8,
        "unit_price.less_than_or_equal_to": 71,
        "unit_price.greater_than_or_equal_to": 2,
        "invoice_no.str_matches": 3,
        "quantity.not_equal_to": 0,
        "in_period": 0,
        "stock_code.known_code": 0,
        "unique_as_delivered": 2_647,
    }
    assert {rule: finished.failed("silver/sales", rule) for rule in known} == known
    assert not [built for built in finished.built.values() if not built.published]
    revenue = finished.rows("gold/daily_revenue").select(pl.col("gross", "cancelled", "net").sum()).row(0)
    lines = [row for day in days for row in distinct_lines(day)]
    gross = sum((amount(row) for row in lines if not row["InvoiceNo"].startswith("C")), Decimal(0))
    cancelled = -sum((amount(row) for row in lines if row["InvoiceNo"].startswith("C")), Decimal(0))
    assert revenue == (gross, cancelled, gross - cancelled)
    assert finished.rows(str(TableId.parse("gold/customer_rfm"))).height == 3_394
