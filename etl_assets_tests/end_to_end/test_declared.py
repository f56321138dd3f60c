"""The declared dataset of `examples/bakery`, from its CSV files to gold, as a user runs it."""

from __future__ import annotations

import os
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from etl_assets.cli.main import app

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[2] / "examples" / "bakery"

# One more table than the example has: what was sold, and under it the sums of the day.
STATEMENT = """
  gold/statement:
    sql: statement.sql
"""
REVENUE = ("gold/daily_revenue", ["day", "shop", "revenue"])
STATEMENT_SQL = """
SELECT _period, shop, product AS line, CAST(quantity * price AS DECIMAL(18, 2)) AS amount FROM sales
UNION ALL
SELECT _period, shop, 'total' AS line, revenue AS amount FROM daily_revenue
"""
STATEMENT_CONTRACT = """
  - name: statement
    physicalName: gold/statement
    properties:
      - {name: shop, logicalType: string, required: true}
      - {name: line, logicalType: string, required: true}
      - {name: amount, logicalType: number, physicalType: "decimal(18,2)", required: true}
"""


@pytest.fixture(scope="module")
def bakery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("made") / "bakery"
    shutil.copytree(EXAMPLE, home, ignore=shutil.ignore_patterns("var"))
    declared = home / "datasets" / "bakery"
    (declared / "statement.sql").write_text(STATEMENT_SQL)
    for name, text in (("dataset.yaml", STATEMENT), ("contract.odcs.yaml", STATEMENT_CONTRACT)):
        (declared / name).write_text((declared / name).read_text() + text)
    for file in (home / "deliveries").rglob("*.csv"):
        os.utime(file, (1_700_000_000, 1_700_000_000))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        done = CliRunner().invoke(app, ["run", "bakery"])
    assert done.exit_code == 0, done.output
    return home


def table(home: Path, name: str, columns: list[str]) -> list[tuple[object, ...]]:
    return sorted(pl.read_delta(str(home / "var" / "lake" / "bakery" / name)).select(columns).rows())


def test_gold_is_what_the_queries_say(bakery: Path) -> None:
    assert table(bakery, "gold/daily_revenue", ["day", "shop", "city", "revenue", "receipts"]) == [
        (date(2024, 3, 1), "harbour", "Bremen", Decimal("3.80"), 1),
        (date(2024, 3, 1), "mill", "Bremen", Decimal("35.40"), 2),
        (date(2024, 3, 1), "station", "Hamburg", Decimal("4.80"), 1),
        (date(2024, 3, 2), "harbour", "Bremen", Decimal("142.50"), 1),
        (date(2024, 3, 2), "mill", "Bremen", Decimal("6.20"), 2),
        (date(2024, 3, 3), "station", "Hamburg", Decimal("7.00"), 2),
    ]
    assert table(bakery, "gold/shop_totals", ["place", "shop", "revenue", "days"]) == [
        (1, "harbour", Decimal("146.30"), 2),
        (2, "mill", Decimal("41.60"), 2),
        (3, "station", Decimal("11.80"), 2),
    ]


def test_tables_put_together_by_a_query_keep_their_periods(bakery: Path) -> None:
    rows = table(bakery, "gold/statement", ["_period", "shop", "line", "amount"])
    totals = [row for row in rows if row[2] == "total"]
    assert [(str(day), shop, revenue) for day, shop, revenue in table(bakery, *REVENUE)] == [
        (period, shop, amount) for period, shop, _, amount in totals
    ]
    for period, shop, _, amount in totals:
        sold = [row[3] for row in rows if row[:2] == (period, shop) and row[2] != "total"]
        assert sum(sold, Decimal()) == amount


def test_every_row_is_accounted_for(bakery: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(bakery)
        listed = CliRunner().invoke(app, ["quarantine", "list", "bakery"])
    assert listed.exit_code == 0, listed.output
    for reason in ("cake_has_a_price", "shop.in_shops", "quantity.castable"):
        assert reason in listed.output
    delivered = sum(
        len(file.read_text().splitlines()) - 1 for file in (bakery / "deliveries/sales").iterdir()
    )
    accepted = len(table(bakery, "silver/sales", ["shop"]))
    assert delivered == accepted + 3 + 1  # three in quarantine, one delivered twice


def test_a_second_run_has_nothing_to_do(bakery: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(bakery)
        again = CliRunner().invoke(app, ["run", "bakery"])
    assert again.exit_code == 0
    assert "nothing" in again.output.lower()
