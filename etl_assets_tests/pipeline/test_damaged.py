"""Damaged files of formats whose libraries break down: each holds its own day, and no other."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etl_assets.pipeline import intake
from etl_assets.staging.source import Source
from etl_assets_tests.pipeline.shop import FRI, MON, SAT, Shop
from etl_assets_tests.pipeline.test_formats import COLUMNS, order, put, source_of, written
from etl_assets_tests.staging.formats.test_excel import edited
from etl_assets_tests.staging.test_examiner import greedy


def arrow(rows: list[list[str]], customer: pl.DataType | None = None) -> bytes:
    frame = pl.DataFrame(rows, schema=COLUMNS, orient="row")
    if customer is not None:
        frame = frame.with_columns(pl.col("customer").cast(customer))
    out = io.BytesIO()
    frame.write_ipc(out)
    return out.getvalue()


def test_a_file_that_ends_its_reader_holds_its_day_and_no_other(tmp_path: Path) -> None:
    shop = Shop(tmp_path, source_of("arrow"))
    put(shop, FRI, arrow([order(1, FRI)]))
    put(shop, SAT, greedy())
    put(shop, MON, arrow([order(3, MON)]))
    shop.work()
    assert shop.order_ids() == {FRI: ["O1"], MON: ["O3"]}
    assert "breaks down" in shop.reasons()[f"{SAT}.dat"]


@pytest.mark.parametrize("damage", ["bytes lost", "unknown encoding", "not a boolean"])
def test_a_damaged_workbook_holds_its_day_and_no_other(tmp_path: Path, damage: str) -> None:
    book = written("excel", [order(n, SAT) for n in range(300)])
    sheet = "xl/worksheets/sheet1.xml"
    bad = {
        "bytes lost": book[:2000] + book[2100:],
        "unknown encoding": edited(book, "xl/workbook.xml", lambda xml: xml.replace(b'"UTF-8"', b'"A0"')),
        "not a boolean": edited(
            book,
            sheet,
            lambda xml: xml.replace(b'<c r="D2" t="s"><v>', b'<c r="D2" t="b"><v>ada@example.com'),
        ),
    }[damage]
    assert bad != book
    shop = Shop(tmp_path, source_of("excel"))
    put(shop, FRI, written("excel", [order(1, FRI)]))
    put(shop, SAT, bad)
    put(shop, MON, written("excel", [order(3, MON)]))
    shop.work()
    assert shop.order_ids() == {FRI: ["O1"], MON: ["O3"]}
    assert shop.reasons()[f"{SAT}.dat"].startswith("damaged: it is no intact workbook")
    assert "ada@example.com" not in shop.reasons()[f"{SAT}.dat"]


def test_what_nobody_foresaw_in_one_object_does_not_lose_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    register = intake.new_delivery

    def fails_once(*given: Any) -> Any:
        if SAT in given[2].key:
            raise pl.exceptions.PanicException("ada@example.com")
        return register(*given)

    shop = Shop(tmp_path)
    for day in (FRI, SAT, MON):
        shop.day(day)
    monkeypatch.setattr(intake, "new_delivery", fails_once)
    found = shop.look()
    assert {one.key for one in found.registered} == {"shops.csv", f"orders/{FRI}.csv", f"orders/{MON}.csv"}
    [finding] = found.findings
    assert (finding.kind, SAT in finding.message) == ("not_readable", True)
    assert "ada@example.com" not in finding.message


def test_categories_are_cells_and_do_not_reach_the_ledger(tmp_path: Path) -> None:
    source = Source.model_validate(
        {"pattern": "orders/{period:%Y-%m-%d}.dat", "settle_seconds": 0, "format": {"type": "arrow"}}
    )
    shop = Shop(tmp_path, source)
    put(shop, FRI, arrow([order(1, FRI, customer="ada@example.com")], pl.Enum(["ada@example.com"])))
    shop.work()
    assert shop.order_ids() == {FRI: ["O1"]}
    [delivery] = [one for one in shop.orders() if FRI in one.key]
    assert "ada@example.com" not in json.dumps(dict(delivery.content))
    assert "Enum" in delivery.content["types"]
