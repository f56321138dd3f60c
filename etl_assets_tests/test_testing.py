"""What authors of datasets test their own work with."""

from __future__ import annotations

import polars as pl
import pytest

from etl_assets.datasets.flights import DATASET as FLIGHTS
from etl_assets.datasets.retail import DATASET as RETAIL
from etl_assets.testing import judge

SALE = {
    "InvoiceNo": "536365", "StockCode": "85123A", "Description": "A LAMP", "Quantity": "6",
    "InvoiceDate": "2010-12-01 08:26:00", "UnitPrice": "2.55", "CustomerID": "17850.0", "Country": "France",
}  # fmt: skip


def test_rows_are_cleaned_cast_and_judged() -> None:
    verdict = judge(RETAIL, "silver/sales", [SALE, SALE | {"Quantity": "six"}, SALE | {"StockCode": " 22 "}])
    assert verdict.reasons == {1: "quantity.castable"}
    assert verdict.accepted["quantity"].to_list() == [6, 6]
    assert verdict.accepted["customer_id"].to_list() == ["17850", "17850"]
    (outcome,) = verdict.outcomes.values()
    assert outcome.adds_up


def test_rows_that_are_there_twice_are_no_broken_rows() -> None:
    verdict = judge(RETAIL, "silver/sales", [SALE, SALE])
    assert not verdict.reasons
    assert verdict.accepted.height == 1


def test_a_cell_that_is_not_named_is_empty() -> None:
    verdict = judge(
        RETAIL, "silver/sales", [{name: cell for name, cell in SALE.items() if name != "Country"}]
    )
    assert verdict.reasons == {0: "country.not_null"}


def test_references_are_asked_as_far_as_they_are_given() -> None:
    cells = {"carrier": "AA", "name": "American"}
    assert not judge(FLIGHTS, "silver/airlines", [cells]).reasons
    airports = pl.DataFrame({"faa": ["JFK"], "tzone": ["America/New_York"]})
    flight = {"carrier": "ZZ", "origin": "JFK", "dest": "JFK"}
    given = judge(
        FLIGHTS,
        "silver/flights",
        [flight],
        inputs={"airports": airports.lazy()},
        references={"airlines": pl.DataFrame({"carrier": ["AA"]})},
    )
    assert "carrier.in_airlines" in given.reasons[0].split(";")
    assert "tailnum.in_planes" not in given.reasons[0]
    without = judge(FLIGHTS, "silver/flights", [flight], inputs={"airports": airports.lazy()})
    assert "carrier.in_airlines" not in without.reasons[0]


def test_only_silver_is_judged() -> None:
    with pytest.raises(ValueError, match="no silver table"):
        judge(RETAIL, "gold/daily_revenue", [])


def test_no_rows_are_no_mistake() -> None:
    verdict = judge(RETAIL, "silver/sales", [])
    assert verdict.accepted.height == 0
    assert "invoice_no" in verdict.accepted.columns
