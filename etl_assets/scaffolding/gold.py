"""A first gold table: rows and sums by period and the likeliest category, made to be edited."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from etl_assets.inspection.personal import reveals_persons
from etl_assets.scaffolding.code import Code, Group, call, comment, docstring, literal, statement
from etl_assets.scaffolding.drafts import (
    DAY,
    MOMENT,
    NUMBERS,
    REAL,
    TEXT,
    TRUTH,
    ColumnDraft,
    TableDraft,
)
from etl_assets.scaffolding.names import class_name, function_name

_MOST_CATEGORIES = 50
_MOST_MEASURES = 3
# A sum of these means nothing.
_NO_MEASURE = re.compile(
    r"(^|_)(id|no|nr|num|number|nummer|code|key|plz|zip|postcode|year|jahr|month|monat|day|tag|week|hour|kw|lat|lon|"
    r"lng|latitude|longitude|rate|percent|pct|share|price|preis|age|alter|phone|index|rank|saldo|balance|version|temp|temperature|size|groesse|"
    r"height|width|length|hoehe|breite|laenge|cm|mm)"
    r"(_|$)"
)


@dataclass(frozen=True)
class GoldDraft:
    """A gold table.

    Attributes:
        table: The silver table that it sums up.
        category: What it is grouped by beside the period; None for nothing.
        month_of: Of a table as a whole: the column whose month it is grouped by.
        measures: What is added up.
    """

    table: str
    partitioned: bool
    category: ColumnDraft | None
    month_of: ColumnDraft | None
    measures: tuple[ColumnDraft, ...]

    @property
    def name(self) -> str:
        """The table's name."""
        behind = self.category.name if self.category else "month" if self.month_of else "total"
        return f"{self.table}_by_{behind}" if behind != "total" else f"{self.table}_{behind}"


def gold_drafts(tables: Sequence[TableDraft]) -> list[GoldDraft]:
    """One gold table for the table that has the most to tell."""
    best = max(tables, key=lambda one: (one.material.partitioned, bool(_measures(one)), -tables.index(one)))
    category, measures = _category(best), _measures(best)
    month_of = None
    if not best.material.partitioned:
        month_of = next((column for column in best.columns if column.dtype in (DAY, MOMENT)), None)
        if month_of is not None and month_of.personal:
            month_of = None
    return [GoldDraft(best.name, best.material.partitioned, category, month_of, tuple(measures))]


def _category(table: TableDraft) -> ColumnDraft | None:
    rows = max(table.material.sample.height, 1)
    likely = [
        column
        for column in table.columns
        if column.dtype in (TEXT, TRUTH)
        and not column.personal
        and column.name not in table.unique
        and 2 <= column.column.distinct <= min(_MOST_CATEGORIES, max(2, rows // 5))
        and column.column.filled >= rows / 2
    ]
    harmless = [column for column in likely if not _reveals_persons(table, column)]
    return max(harmless, key=_likelihood, default=None)


def _likelihood(column: ColumnDraft) -> tuple[object, ...]:
    """How likely somebody wants to group by a column: better by few values than by many, but not by two."""
    distinct = column.column.distinct
    return column.dtype == TEXT, "isin" in column.checks, not column.nullable, distinct > 2, -distinct


def _reveals_persons(table: TableDraft, column: ColumnDraft) -> bool:
    cells = table.material.sample[column.header].cast(pl.String).unique().drop_nulls()
    return column.dtype == TEXT and reveals_persons(column.header, cells)


def _measures(table: TableDraft) -> list[ColumnDraft]:
    found = [
        column
        for column in table.columns
        if column.dtype in NUMBERS
        and not column.personal
        and column.name not in table.unique
        and "references" not in column.options
        and not _NO_MEASURE.search(column.name)
        and column.column.distinct > 2
    ]
    amounts = [column for column in found if column.dtype == REAL]
    return (amounts or found)[:_MOST_MEASURES]


def gold_module(name: str, drafts: Sequence[GoldDraft]) -> str:
    """`gold.py`: what is asked."""
    body: list[str] = []
    if any(column.dtype == REAL for gold in drafts for column in gold.measures):
        body += [
            "",
            "# Decimals add up to the same sum in any order, which floats don't.",
            "Amount = Annotated[pl.Decimal, 38, 4]",
        ]
    for gold in drafts:
        body += [*_contract(gold), *_function(gold)]
    code = "\n".join(body)
    lines = [*docstring(f"{name}, as it is asked for: a first table, made to be edited."), ""]
    standard = ["import datetime"] if "datetime." in code else []
    standard += ["from typing import Annotated"] if "Annotated[" in code else []
    lines += [*standard, ""] if standard else []
    lines += ["import pandera.polars as pa", "import polars as pl"]
    lines += ["from etl_assets.contracts.contract import Contract", *body]
    return "\n".join(lines) + "\n"


def _columns(gold: GoldDraft) -> Iterator[tuple[str, str, Code]]:
    """Name, type and value of what the table computes."""
    taken = {gold.category.name} if gold.category else set()
    rows = "rows" if "rows" not in taken else "row_count"
    yield rows, "int", "pl.len().cast(pl.Int64)"
    for column in gold.measures:
        name = column.name if column.name not in {*taken, rows, "month"} else f"{column.name}_sum"
        if column.dtype == REAL:
            yield name, "Amount", f"pl.col({literal(column.name)}).cast(pl.Decimal(38, 4)).sum()"
        else:
            yield name, "int", f"pl.col({literal(column.name)}).sum()"


def _keys(gold: GoldDraft) -> list[str]:
    months = ["month"] if gold.month_of else []
    return [*months, *([gold.category.name] if gold.category else [])]


def _contract(gold: GoldDraft) -> Iterator[str]:
    by = " and ".join([*(["period"] if gold.partitioned else []), *_keys(gold)]) or "nothing: one row"
    yield from ("", "", f"class {class_name('gold', gold.name)}(Contract):")
    yield from docstring(f"Rows and sums of {gold.table}, by {by}.", indent=4)
    yield ""
    if gold.month_of:
        yield from statement(
            "month: datetime.date = ",
            call("pa.Field", nullable="True" if gold.month_of.nullable else None),
            indent=4,
        )
    if gold.category:
        field = call("pa.Field", nullable="True" if gold.category.nullable else None)
        yield from statement(f"{gold.category.name}: {gold.category.dtype} = ", field, indent=4)
    for number, (name, dtype, _) in enumerate(_columns(gold)):
        yield from statement(
            f"{name}: {dtype} = ", call("pa.Field", ge="0" if not number else None), indent=4
        )
    if keys := _keys(gold):
        yield from ("", "    class Config:")
        yield from docstring(f"One row for each {by}.", indent=8)
        yield ""
        if len(keys) == 1:
            yield f"        unique = ({literal(keys[0])},)"
        else:
            yield from statement(
                "unique = ", Group("(", tuple(("", literal(key)) for key in keys), ")"), indent=8
            )


def _function(gold: GoldDraft) -> Iterator[str]:
    yield from ("", "", f"def {function_name(gold.name)}(rows: pl.LazyFrame) -> pl.LazyFrame:")
    yield from docstring(f"Count the rows of {gold.table}, and add up what can be added up.", indent=4)
    yield from comment("A draft: group by what you ask for, and add what you need.", indent=4)
    keys = [literal(key) for key in _keys(gold)]
    if gold.month_of:
        day = f"pl.col({literal(gold.month_of.name)})"
        if gold.month_of.dtype == MOMENT:
            day += ".cast(pl.Date)"
        yield from statement("month = ", f'{day}.dt.truncate("1mo")', indent=4)
        keys[0] = "month.alias(" + literal("month") + ")"
    if gold.partitioned:
        keys.insert(0, literal("_period"))
    values = tuple((f"{name}=", value) for name, _, value in _columns(gold))
    start = f"rows.group_by({', '.join(keys)}).agg(" if keys else "rows.select("
    yield from statement("return ", Group(start, values, ")"), indent=4)
