"""Sets of files as a sender lays them out, looked at without reading them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from etl_assets.inspection.records import Certainty, Column, Inspection, Key, Kind
from etl_assets.staging.formats.options import CsvFormat

Rows = Sequence[tuple[str, str, str]]


def looked_at(rows: Rows, *, dates: tuple[str, ...] = ("%Y-%m-%d",)) -> Inspection:
    """A file of order number, day and amount; without dates, of code, name and place."""
    names = ("order_no", "day", "amount") if dates else ("code", "name", "place")
    sample = pl.DataFrame([*rows], schema=dict.fromkeys(names, pl.String), orient="row")
    kinds = (Kind.TEXT, Kind.DATE if dates else Kind.TEXT, Kind.INTEGER if dates else Kind.TEXT)
    count = len(rows)
    columns = tuple(
        Column(name, kind, Certainty.SURE, count, count, count, formats=dates if kind is Kind.DATE else ())
        for name, kind in zip(names, kinds, strict=True)
    )
    keys = (Key((names[0],), Certainty.SURE, sample[names[0]].n_unique(), count),)
    return Inspection(Path("nowhere"), 10 * count, CsvFormat(), (), columns, keys, sample, count, True)


def orders(*days: str, start: int = 0, count: int = 8) -> Inspection:
    """Orders of these days, numbered from `start`."""
    return looked_at([(f"O{start + n}", days[n % len(days)], str(n)) for n in range(max(count, len(days)))])


def register(codes: Sequence[str], *, place: str = "here") -> Inspection:
    """A list without dates."""
    return looked_at([(code, f"the {code}", place) for code in codes], dates=())
