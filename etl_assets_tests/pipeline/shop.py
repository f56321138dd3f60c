"""A small dataset in a folder of its own, with a clock that a test moves."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from etl_assets.contracts.dataset import Dataset, TableId
from etl_assets.ledger.records import Delivery
from etl_assets.pipeline.intake import Intake, take_in
from etl_assets.pipeline.pending import PartitionStanding, Pending, Stretch
from etl_assets.staging.source import Source
from etl_assets_tests.end_to_end import desk, tiny

FRI, SAT, MON, TUE = "2024-03-01", "2024-03-02", "2024-03-04", "2024-03-05"
SUNDAY = "2024-03-03"


class Shop:
    def __init__(self, home: Path, source: Source = tiny.ONE_A_DAY, **changes: Any) -> None:
        self.home = home
        self.clock = tiny.Clock(tiny.NOON)
        self.options = changes
        self.source = source
        self.open()
        self.put("shops.csv", ["north,Northam", "south,Southam"], header="shop,city")

    def open(self, **changes: Any) -> None:
        """Open it, or open it anew with other settings: an operator has changed the YAML."""
        self.source = changes.pop("source", self.source)
        self.options |= changes
        self.pipeline = tiny.open_pipeline(self.home, self.source, now=self.clock, **self.options)

    def put(self, key: str, lines: Sequence[str], *, header: str = tiny.HEADER, age: float = 60) -> Path:
        """Lay a file into the staging area, written `age` seconds ago."""
        path = tiny.put(self.home, key, lines, header=header)
        return self.touch(path, age)

    def touch(self, path: Path, age: float = 0) -> Path:
        moment = (self.clock() - timedelta(seconds=age)).timestamp()
        os.utime(path, (moment, moment))
        return path

    def path(self, key: str) -> Path:
        return self.home / "staging" / "tiny" / key

    def day(self, day: str, numbers: Sequence[int] = (1, 2, 3), *, key: str | None = None) -> Path:
        return self.put(key or f"orders/{day}.csv", [tiny.line(n, day) for n in numbers])

    def look(self) -> Intake:
        return take_in(self.pipeline)

    def work(self) -> list[Stretch]:
        return desk.work(self.pipeline)

    def orders(self) -> list[Delivery]:
        return self.pipeline.ledger.deliveries("tiny", "orders")

    def states(self) -> dict[str, str]:
        """Key (with a count for its versions) -> state of each delivery of orders."""
        found: dict[str, str] = {}
        for one in self.orders():
            key = one.key.removeprefix("orders/")
            found[key if key not in found else f"{key} again"] = one.state
        return found

    def reasons(self) -> dict[str, str]:
        return {one.key.removeprefix("orders/"): one.reason for one in self.orders() if one.reason}

    def findings(self) -> dict[str, str]:
        return {one.kind: one.message for one in self.pipeline.ledger.findings("tiny")}

    def standing(self, table: TableId, period: str = "") -> PartitionStanding:
        return Pending.of(self.pipeline).standings[table, period]

    def stretches(self) -> list[tuple[tuple[str, ...], list[str]]]:
        return [(one.periods, list(map(str, one.tables))) for one in Pending.of(self.pipeline).stretches()]

    def order_ids(self, table: TableId = tiny.ORDERS) -> dict[str, list[str]]:
        """Period -> the ids of accepted orders, sorted."""
        rows = desk.accepted(self.pipeline, table).sort("_period", "order_id")
        found: dict[str, list[str]] = {}
        for period, id in rows.select("_period", "order_id").iter_rows():
            found.setdefault(period, []).append(id)
        return found


ALL_OF_A_DAY = ["bronze/orders", "silver/orders", "gold/daily"]


def bad_line(number: int, day: str) -> str:
    return tiny.line(number, day, amount="many")


def with_transform(table: TableId, function: object) -> Dataset:
    """The dataset with another transformation of one table."""
    tables = [replace(one, transform=function) if one.id == table else one for one in tiny.DATASET.tables]
    return replace(tiny.DATASET, tables=tuple(tables))
