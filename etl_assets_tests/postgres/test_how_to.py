from __future__ import annotations

import re
from collections.abc import Callable

import polars as pl
import pytest

from etl_assets_tests.docs.places import ROOT, place_of
from etl_assets_tests.postgres.erp import reached

pytestmark = pytest.mark.slow

SQL = re.compile(r"^```sql\n(.*?)^```\n", re.DOTALL | re.MULTILINE)


def test_the_page_does_what_it_says(make_database: Callable[[], str]) -> None:
    page = ROOT / "docs" / "how-to" / "postgresql.md"
    server = reached(make_database())
    text = page.read_text(encoding="utf-8").replace("host: 127.0.0.1", f"host: {server.host}")
    text = text.replace("database: erp", f"database: {server.database}")
    # Roles belong to the server, which other tests use as well.
    text = re.sub(r"\breader\b", f"reader_{server.database}", text)
    # Statements of somebody else stand between the steps of the reader.
    first, *rest = SQL.split(text)

    with place_of(page) as reader:
        reader.follow(first)
        for number, (statements, steps) in enumerate(zip(rest[::2], rest[1::2], strict=True)):
            with server.transaction(read_only=False) as cursor:
                cursor.execute(("" if number else "CREATE SCHEMA shop; ") + statements)
            reader.follow(steps)
        silver = pl.read_delta(str(reader.place / "var" / "lake" / "orders" / "silver" / "orders"))

    amounts = dict(silver.select("order_id", "amount").iter_rows())
    assert amounts == {"A1": 9.9, "A2": 5.0, "A3": 1.0}
