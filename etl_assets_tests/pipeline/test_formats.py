"""The same orders in each format: through intake, bronze, silver and gold."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etl_assets.staging.source import Source
from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.pipeline.shop import FRI, SAT, Shop
from etl_assets_tests.staging.formats.tables import workbook

COLUMNS = tiny.HEADER.split(",")

FORMATS: Mapping[str, Mapping[str, Any]] = {
    "tsv": {},
    "csv": {"skip_lines": 2, "skip_footer_lines": 1, "header": False, "columns": COLUMNS},
    "fixed_width": {"columns": [{"name": name, "width": 20} for name in COLUMNS]},
    "jsonl": {"columns": {"customer": "customer.mail"}},
    "json": {"path": "data.orders"},
    "excel": {},
    "arrow": {},
}


def written(kind: str, orders: Sequence[Sequence[Any]]) -> bytes:
    """A file of orders, each a list of five cells."""
    records = [dict(zip(COLUMNS, order, strict=True)) for order in orders]
    match kind:
        case "tsv":
            return "".join("\t".join(row) + "\n" for row in [COLUMNS, *orders]).encode()
        case "csv":
            rows = "".join(",".join(row) + "\n" for row in [COLUMNS, *orders])
            return f"Orders\n{rows}{len(orders)} orders\n".encode()
        case "fixed_width":
            return "".join("".join(cell.ljust(20) for cell in row) + "\n" for row in orders).encode()
        case "jsonl":
            nested = [record | {"customer": {"mail": record["customer"]}} for record in records]
            return "".join(json.dumps(record) + "\n" for record in nested).encode()
        case "json":
            return json.dumps({"page": 1, "data": {"orders": records}}, indent=1).encode()
        case "excel":
            return workbook([COLUMNS, *orders])
        case _:
            out = io.BytesIO()
            pl.DataFrame(records, schema=dict.fromkeys(COLUMNS, pl.String())).write_ipc_stream(out)
            return out.getvalue()


def source_of(kind: str, **options: Any) -> Source:
    format = {"type": kind, **FORMATS[kind]}
    pattern = "orders/{period:%Y-%m-%d}.dat"
    return Source.model_validate({"pattern": pattern, "settle_seconds": 0, "format": format, **options})


def put(shop: Shop, day: str, data: bytes, age: float = 60) -> None:
    path = shop.path(f"orders/{day}.dat")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    shop.touch(path, age)


def order(number: int, day: str, **cells: str) -> list[str]:
    return tiny.line(number, day, **cells).split(",")


@pytest.mark.parametrize("kind", FORMATS)
def test_orders_go_through_and_a_new_version_replaces_them(tmp_path: Path, kind: str) -> None:
    shop = Shop(tmp_path, source_of(kind))
    put(shop, FRI, written(kind, [order(n, FRI) for n in (1, 2, 3)]))
    put(shop, SAT, written(kind, [order(4, SAT), order(5, SAT, amount="lots")]))
    shop.work()
    assert shop.states() == {f"{FRI}.dat": "ingested", f"{SAT}.dat": "ingested"}
    assert shop.order_ids() == {FRI: ["O1", "O2", "O3"], SAT: ["O4"]}
    first = next(one for one in shop.orders() if FRI in one.key)
    assert first.content["records"] == 3
    assert first.content["skipped"] == (3 if kind == "csv" else 0)

    put(shop, SAT, written(kind, [order(6, SAT)]), age=30)
    assert [stretch.periods for stretch in shop.work()] == [(SAT,)]
    assert shop.order_ids() == {FRI: ["O1", "O2", "O3"], SAT: ["O6"]}
    assert shop.work() == []


@pytest.mark.parametrize("bad", [b"Orders\r1,2\r3,4\rend\r", b"Orders\n", written("csv", [])], ids=repr)
def test_a_new_version_that_is_all_skipped_lines_empties_no_day(tmp_path: Path, bad: bytes) -> None:
    shop = Shop(tmp_path, source_of("csv"))
    put(shop, FRI, written("csv", [order(1, FRI)]))
    shop.work()
    put(shop, FRI, bad, age=30)
    shop.work()
    assert shop.order_ids() == {FRI: ["O1"]}
    assert "on_hold" in shop.states().values()


@pytest.mark.parametrize("kind", ["jsonl", "json", "fixed_width", "excel"])
def test_rows_can_name_their_periods(tmp_path: Path, kind: str) -> None:
    by_column = {"pattern": "orders/*.dat", "period_from": "column", "files_per_period": "many"}
    dated = {"period_column": "placed_on", "period_format": "%Y-%m-%d"}
    shop = Shop(tmp_path, source_of(kind, **by_column, **dated))
    put(shop, "all", written(kind, [order(1, FRI), order(2, SAT), order(3, FRI)]))
    shop.work()
    assert shop.order_ids() == {FRI: ["O1", "O3"], SAT: ["O2"]}


def test_records_that_can_t_be_read_are_in_quarantine_as_delivered(tmp_path: Path) -> None:
    shop = Shop(tmp_path, source_of("jsonl"))
    good = written("jsonl", [order(n, FRI) for n in (1, 2)])
    put(shop, FRI, good + b'{"order_id": "O3", "amo\n')
    shop.work()
    assert shop.order_ids() == {FRI: ["O1", "O2"]}
    lost = desk.quarantined(shop.pipeline, tiny.BRONZE_ORDERS)
    assert lost.select("_line", "_raw").rows() == [(3, '{"order_id": "O3", "amo')]
    assert lost["_reasons"].to_list() == ["json: Unterminated string starting at character 20"]


@pytest.mark.parametrize(
    ("kind", "data", "why"),
    [
        (
            "json",
            b'{"data": {"orders": [{"order_id": "O1"}, ',
            "damaged: the text ends before the array does",
        ),
        ("jsonl", written("jsonl", [order(1, SAT)]).replace(b"}\n", b', "tax": 3}\n'), "extra: 'tax'"),
        ("excel", b"order_id,shop\n", "damaged: it is no Excel workbook: it looks like text, such as CSV"),
        ("arrow", b"ARROW1\0\0nothing more", "damaged: it is no intact Arrow file"),
        ("fixed_width", b"", "empty: the file is empty"),
    ],
    ids=["json", "jsonl", "excel", "arrow", "fixed_width"],
)
def test_a_file_that_is_something_else_holds_its_day_and_no_other(
    tmp_path: Path, kind: str, data: bytes, why: str
) -> None:
    shop = Shop(tmp_path, source_of(kind))
    put(shop, FRI, written(kind, [order(1, FRI)]))
    put(shop, SAT, data)
    shop.work()
    assert shop.order_ids() == {FRI: ["O1"]}
    assert shop.states() == {f"{FRI}.dat": "ingested", f"{SAT}.dat": "on_hold"}
    assert why in shop.reasons()[f"{SAT}.dat"]
    put(shop, SAT, written(kind, [order(2, SAT)]), age=30)
    shop.work()
    assert shop.order_ids() == {FRI: ["O1"], SAT: ["O2"]}
