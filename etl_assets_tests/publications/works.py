"""The small dataset with publications of its own, and what victims do with it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from etl_assets.connections import Connection
from etl_assets.contracts.dataset import TableId
from etl_assets.ledger.ledger import Ledger
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.publications.declaration import CsvPublication, PostgresPublication
from etl_assets.publications.files.place import Folder
from etl_assets.publications.opening import Means, open_publications
from etl_assets.publications.postgresql import catalog, destination, rows
from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.end_to_end.victim import Boundaries
from etl_assets_tests.publications.material import ask

FRI, SAT = "2024-03-01", "2024-03-02"
DAILY = TableId.parse("gold/daily")


def lay_out(home: Path) -> None:
    tiny.put_shops(home)
    tiny.put(home, f"orders/{FRI}.csv", [tiny.line(n, FRI) for n in range(1, 6)])


def lay_out_more(home: Path) -> None:
    """A day is delivered anew, and another one comes."""
    tiny.put(home, f"orders/{FRI}.csv", [tiny.line(n, FRI, amount="9") for n in range(1, 3)])
    tiny.put(home, f"orders/{SAT}.csv", [tiny.line(n, SAT) for n in range(10, 14)])


def open_tiny(home: Path, connection: Connection, schema: str, **changes: Any) -> DatasetPipeline:
    """The small dataset, whose gold table goes to a schema of its own and into a file."""
    declared = {
        "daily": PostgresPublication(
            table="gold/daily", to="postgresql", connection="warehouse", target=f"{schema}.daily"
        ),
        "export": CsvPublication(
            table="gold/daily", to="csv", url=str(home / "out" / "daily.csv"), single_file=True
        ),
    }
    means = Means(lambda _: connection, changes.pop("storage", None), home)
    found = open_publications(tiny.DATASET, changes.pop("declared", declared), means)
    return tiny.open_pipeline(home, publications=found, **changes)


def published(home: Path, connection: Connection, schema: str) -> tuple[list[Any], list[Any]]:
    """What a reader of each destination finds."""
    there = ask(connection, "SELECT to_regclass(%s) IS NOT NULL", f"{schema}.daily")[0][0]
    query = f"SELECT shop, orders, amount, _period FROM {schema}.daily ORDER BY 4, 1"
    file = home / "out" / "daily.csv"
    rows = pl.read_csv(file).sort("_period", "shop").rows() if file.exists() else []
    return ask(connection, query) if there else [], rows


def publish(home: Path, _: Boundaries) -> None:
    """Publish what is built, and be killed after one of the steps."""
    said = json.loads((home / "warehouse.json").read_text())
    boundaries = Boundaries(int(os.environ["PUBLISH_KILL_AT"]), "")
    boundaries.after(catalog, "create_table")
    boundaries.after(rows, "delete")
    boundaries.after(rows, "copy")
    boundaries.after(destination, "write_record")
    boundaries.after_block(Connection, "transaction")
    for step in ("upload", "swap", "copy", "delete"):
        boundaries.after(Folder, step, writes=lambda *given: given[-1] != [])
    boundaries.after(Ledger, "record_writing")
    desk.work(open_tiny(home, Connection(**said["connection"]), said["schema"]))
    (home / "passed").write_text(str(boundaries.passed))


def save(home: Path, connection: Connection, schema: str) -> None:
    (home / "warehouse.json").write_text(json.dumps({"connection": asdict(connection), "schema": schema}))
