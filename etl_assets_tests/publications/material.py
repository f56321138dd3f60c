"""Tables to publish, without a lake: partitions are frames."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from etl_assets.connections import Connection
from etl_assets.contracts.provenance import PERIOD
from etl_assets.pipeline.digest import digest
from etl_assets.publications.content import Content, Part, Shape
from etl_assets.publications.postgresql.destination import PostgresDestination
from etl_assets.publications.postgresql.session import Table

FRI, SAT, MON = "2024-03-01", "2024-03-02", "2024-03-04"
TARGET = "reporting.daily"


@cache
def _scratch() -> str:
    folder = tempfile.mkdtemp(prefix="publications-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def days(**rows: int) -> dict[str, pl.DataFrame]:
    """Partitions with so many rows: `d01=3` is three rows of 2024-03-01."""
    return {
        f"2024-03-{name[1:]}": pl.DataFrame(
            {"shop": [f"s{n}" for n in range(count)], "amount": range(count)},
            schema={"shop": pl.String, "amount": pl.Int64},
        )
        for name, count in rows.items()
    }


def content(
    parts: Mapping[str, pl.DataFrame],
    *,
    token: int = 1,
    partitioned: bool = True,
    name: str = "tiny.daily",
    check: Callable[[], None] = lambda: None,
    **shape: Any,
) -> Content:
    """What is to be at a destination; the same rows have the same states."""
    schema = dict(next(iter(parts.values())).schema)
    if partitioned:
        schema[PERIOD] = pl.String()

    def read(periods: Collection[str]) -> pl.LazyFrame:
        frames = [parts[key].with_columns(pl.lit(key).alias(PERIOD)) for key in periods]
        empty = pl.LazyFrame(schema={**schema, PERIOD: pl.String()})
        return pl.concat([empty, *(frame.lazy() for frame in frames)], how="diagonal")

    states = {
        key: Part(digest(str(frame.schema), str(frame.rows())), frame.height) for key, frame in parts.items()
    }
    found = Shape(columns=schema, partitioned=partitioned, **shape)
    state = digest(str(schema), {key: part.state_id for key, part in states.items()})
    scratch = Path(tempfile.mkdtemp(dir=_scratch()))
    return Content(name, found, state, states, read, token, scratch, check)


def destination(connection: Connection, target: str = TARGET, **changes: Any) -> PostgresDestination:
    return replace(PostgresDestination(connection, Table.parse(target)), **changes)


def ask(connection: Connection, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run a statement as an analyst or an administrator would."""
    with connection.transaction(read_only=False) as cursor:
        cursor.execute(query, values or None)
        return cursor.fetchall() if cursor.description else []


def held(connection: Connection, target: str = TARGET) -> list[tuple[Any, ...]]:
    return ask(connection, f"SELECT * FROM {target} ORDER BY 3, 1")
