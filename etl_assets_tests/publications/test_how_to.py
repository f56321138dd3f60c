from __future__ import annotations

import json

import polars as pl
import pytest

from etl_assets.connections import Connection
from etl_assets_tests.docs.places import ROOT, place_of
from etl_assets_tests.publications.material import ask

pytestmark = pytest.mark.slow


def test_the_page_does_what_it_says(warehouse: Connection) -> None:
    page = ROOT / "docs" / "how-to" / "publish.md"
    text = page.read_text(encoding="utf-8").replace("host: 127.0.0.1", f"host: {warehouse.host}")
    text = text.replace("database: warehouse", f"database: {warehouse.database}")
    text = text.replace("user: etl", f"user: {warehouse.user}")

    with place_of(page) as reader:
        reader.follow(text)
        manifest = json.loads((reader.place / "out" / "orders" / "manifest.json").read_text())
        files = [reader.place / "out" / "orders" / one["path"] for one in manifest["files"]]
        assert pl.read_parquet(files).height == 3

    there = ask(warehouse, "SELECT country, orders, amount, _period FROM reporting.turnover ORDER BY 1")
    assert there == [("DE", 2, 30.0, "2024-03-01"), ("FR", 1, 5.0, "2024-03-01")]
    statement = next(line for line in text.splitlines() if line.startswith("UPDATE reporting"))
    ask(warehouse, statement)
    assert ask(warehouse, "SELECT state_id FROM reporting.etl_publications") == [(None,)]
