"""Makes up deliveries: order lines by day, 2 % of them bad."""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

START = date(2020, 1, 1)
COUNTRIES = [f"{a}{b}" for a in "ABCDEFGH" for b in "LMNOP"]
LINES_PER_ORDER = 4
CHUNK_ROWS = 1_000_000


def write_deliveries(folder: Path, rows: int, days: int) -> None:
    """Write `days` files of order lines with `rows` in all, and the countries."""
    folder.mkdir(parents=True)
    pl.DataFrame({"code": COUNTRIES}).write_csv(folder / "countries.csv")
    for day, count in enumerate(np.diff(np.linspace(0, rows, days + 1).astype(int))):
        path = folder / f"lines-{START + timedelta(days=day)}.csv"
        with path.open("wb") as file:
            for first in range(0, count, CHUNK_ROWS):
                size = min(CHUNK_ROWS, count - first)
                _lines(day, first, size).write_csv(file, include_header=first == 0)
    for path in folder.iterdir():
        os.utime(path, (0, 0))  # settled long ago


def _lines(day: int, first: int, size: int) -> pl.DataFrame:
    random = np.random.default_rng([day, first])
    number = np.arange(first, first + size)
    order = day * 1_000_000_000 + number // LINES_PER_ORDER
    midnight = np.datetime64(START, "us") + np.timedelta64(day, "D")
    moment = midnight + (number // LINES_PER_ORDER * 7919 % 86_400).astype("timedelta64[s]")
    customer = random.integers(100_000, 400_000, size)
    frame = pl.DataFrame(
        {
            "order_id": order,
            "line_no": number % LINES_PER_ORDER + 1,
            "ordered_at": moment,
            "customer": pl.Series(customer).set(pl.Series(random.random(size) < 0.1), None).cast(pl.String),
            "country": pl.Series(COUNTRIES)[random.integers(0, len(COUNTRIES), size)],
            "product": pl.Series("product", [f"P-{n:05}" for n in range(20_000)])[
                random.integers(0, 20_000, size)
            ],
            "quantity": random.integers(1, 100, size),
            "price": random.integers(100, 100_000, size) / 100,
        }
    )
    return _damaged(frame, random.integers(0, 400, size))


def _damaged(frame: pl.DataFrame, lot: np.ndarray) -> pl.DataFrame:
    """Spoil 2 % of the rows: eight of 400 lots, one way each."""
    spoilt = frame.with_columns(pl.Series("lot", lot)).with_columns(
        pl.col("order_id", "line_no").shift(LINES_PER_ORDER * 100, fill_value=-1).name.prefix("old_")
    )

    def cell(name: str, lot: int, value: pl.Expr | str | None) -> pl.Expr:
        other = pl.lit(value, dtype=pl.String) if not isinstance(value, pl.Expr) else value
        text = pl.col(name).dt.to_string("%Y-%m-%d %H:%M:%S") if name == "ordered_at" else pl.col(name)
        return pl.when(pl.col("lot") == lot).then(other).otherwise(text.cast(pl.String)).alias(name)

    repeats = (pl.col("lot") == 7) & (pl.col("old_order_id") >= 0)
    return spoilt.with_columns(
        order_id=pl.when(repeats).then("old_order_id").otherwise("order_id"),
        line_no=pl.when(repeats).then("old_line_no").otherwise("line_no"),
    ).select(
        cell("order_id", 0, "n/a"),
        "line_no",
        cell("ordered_at", 1, pl.lit("2019-12-31 23:59:59")),
        cell("customer", 2, "guest"),
        cell("country", 3, "XX"),
        cell("product", 4, None),
        cell("quantity", 5, "-1"),
        cell("price", 6, "12,50"),
    )
