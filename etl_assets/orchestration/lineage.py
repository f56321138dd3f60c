"""Which upstream columns each column of a table is computed from, found out by asking Polars."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import dagster as dg
import polars as pl
from polars.io.plugins import register_io_source

from etl_assets.contracts.dataset import Dataset, Table
from etl_assets.contracts.provenance import PERIOD, PROVENANCE
from etl_assets.contracts.rules import compile_contract
from etl_assets.orchestration.partitions import asset_key

Source = tuple[str, str]
"""Name of an input, and one of its columns."""

Ask = Callable[[Sequence[str]], Sequence[Source]]
"""Which sources Polars reads to give some columns: all that any of them needs."""

_FEW = 64
"""Up to so many columns are asked for one by one."""


def column_lineage(dataset: Dataset, table: Table) -> dg.TableColumnLineage:
    """Which upstream columns each column is computed from: those that Polars asks for to give it alone.

    Works on frames without rows; columns that a filter or a group needs count as read.
    """
    if table.transform is None:
        return dg.TableColumnLineage({})
    contracts = {one.id: compile_contract(one.contract) for one in dataset.tables}
    read: dict[str, dict[str, None]] = {name: {} for name in table.inputs}
    frames = {
        name: _watched({**contracts[upstream].schema, PERIOD: pl.String()}, read[name])
        for name, upstream in table.inputs.items()
    }
    rows = table.transform(**frames)

    def ask(columns: Sequence[str]) -> list[Source]:
        for names in read.values():
            names.clear()
        rows.select(columns or pl.len()).collect()
        return [(name, source) for name, names in read.items() for source in names if source[0] != "_"]

    columns = [name for name in contracts[table.id].schema if name not in PROVENANCE]
    found = sources_of(columns, ask)
    keys = {name: asset_key(dataset.name, upstream) for name, upstream in table.inputs.items()}
    return dg.TableColumnLineage(
        {
            column: list(dict.fromkeys(dg.TableColumnDep(keys[name], source) for name, source in sources))
            for column, sources in found.items()
        }
    )


def _watched(schema: Mapping[str, pl.DataType], read: dict[str, None]) -> pl.LazyFrame:
    """A frame without rows that writes into `read` which of its columns are asked for."""

    def scan(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, batch: int | None
    ) -> Iterator[pl.DataFrame]:
        asked = list(schema) if columns is None else columns
        filtered = [] if predicate is None else predicate.meta.root_names()
        read.update(dict.fromkeys([*asked, *filtered]))
        yield pl.DataFrame(schema={name: schema[name] for name in asked})

    return register_io_source(scan, schema=dict(schema))


def sources_of(columns: Sequence[str], ask: Ask, few: int = _FEW) -> dict[str, list[Source]]:
    """Return what each column is computed from, in few questions where columns are many.

    Each question costs as much as the table is wide, so that asking for thousands of columns one by one
    takes minutes. Most sources go into one column. Such a column's number is found digit by digit: for each
    binary digit it is asked what the columns with a 0, and what those with a 1 there need. A source that
    comes up on both sides of some digit goes into several columns; these are found by halving.

    Args:
        columns: The columns of the table.
        ask: Answers a question; of no columns, what the rows themselves need, which all columns do.
        few: Up to so many columns, at least one, are asked for one by one.
    """
    if len(columns) <= few:
        return {column: list(ask([column])) for column in columns}
    always = list(ask([]))
    found: dict[str, dict[Source, None]] = {column: dict.fromkeys(always) for column in columns}
    numbers: dict[Source, int] = {}
    several: set[Source] = set()
    for digit in range((len(columns) - 1).bit_length()):
        zeros, ones = (
            set(ask([column for n, column in enumerate(columns) if (n >> digit) & 1 == side]))
            for side in (0, 1)
        )
        several |= zeros & ones
        numbers |= {source: numbers.get(source, 0) for source in zeros}
        numbers |= {source: numbers.get(source, 0) | 1 << digit for source in ones}
    for source, number in numbers.items():
        if source not in several:
            found[columns[number]][source] = None
    for column, sources in _by_halves(columns, several - {*always}, ask):
        found[column] |= dict.fromkeys(sources)
    return {column: list(sources) for column, sources in found.items()}


def _by_halves(
    columns: Sequence[str], wanted: set[Source], ask: Ask
) -> Iterator[tuple[str, Iterable[Source]]]:
    """Yield the columns that need some of the wanted sources, and which."""
    if not wanted or not columns:
        return
    needed = [source for source in ask(columns) if source in wanted]
    if len(columns) == 1:
        yield columns[0], needed
    elif needed:
        middle = len(columns) // 2
        yield from _by_halves(columns[:middle], {*needed}, ask)
        yield from _by_halves(columns[middle:], {*needed}, ask)
