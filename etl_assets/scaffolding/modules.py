"""The Python modules of a dataset: `__init__`, `bronze`, `silver`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from etl_assets.contracts.dataset import Layer
from etl_assets.scaffolding.code import (
    WIDTH,
    Code,
    Group,
    Text,
    call,
    comment,
    docstring,
    literal,
    statement,
)
from etl_assets.scaffolding.drafts import INSTANT, ColumnDraft, RowCheckDraft, TableDraft, annotation
from etl_assets.scaffolding.gold import GoldDraft
from etl_assets.scaffolding.names import class_name, function_name, is_plain

_DECLARE = ("Cast", "Dependency", "Reference", "about", "about_table", "row_check", "rule", "warn")
_INSTANT = ["", "# A moment in UTC.", 'Instant = Annotated[pl.Datetime, "us", "UTC"]']
_CLEANING = ("boolean", "date", "moment", "number", "text", "time")


def init_module(name: str, description: str, tables: Sequence[TableDraft], gold: Sequence[GoldDraft]) -> str:
    """`__init__.py`: the tables and what they are built from."""
    lines = [
        *docstring(description + "."),
        "",
        "from etl_assets.contracts.dataset import Dataset, Layer, Table, TableId",
        "",
        f"from . import bronze, {'gold, ' if gold else ''}silver",
        "",
    ]
    for table in tables:
        lines += statement(f"{_constant(Layer.BRONZE, table.name)} = ", _table_id("BRONZE", table.name))
    for table in tables:
        lines += statement(f"{_constant(Layer.SILVER, table.name)} = ", _table_id("SILVER", table.name))
    # Tables that are referred to come before those that refer to them.
    listed = [_bronze_table(one) for one in tables] + [_silver_table(one) for one in _in_order(tables)]
    listed += [_gold_table(one) for one in gold]
    dataset = call(
        "Dataset",
        name=literal(name),
        description=Text(description),
        tables=Group("(", tuple(("", one) for one in listed), ")"),
    )
    return _text([*lines, "", *statement("DATASET = ", dataset)])


def _in_order(tables: Sequence[TableDraft]) -> list[TableDraft]:
    placed: list[TableDraft] = []
    waiting = list(tables)
    while waiting:
        names = {one.name for one in placed}
        ready = [one for one in waiting if one.refers_to <= names] or waiting
        placed += ready
        waiting = [one for one in waiting if one not in placed]
    return placed


def _table_id(layer: str, name: str) -> Code:
    return call("TableId", f"Layer.{layer}", literal(name))


def _constant(layer: Layer, table: str) -> str:
    return f"{layer.upper()}_{table.upper()}"


def _whole(partitioned: bool) -> str | None:
    return None if partitioned else "False"


def _bronze_table(table: TableDraft) -> Code:
    contract = f"bronze.{class_name('bronze', table.name)}"
    return call(
        "Table", _constant(Layer.BRONZE, table.name), contract, partitioned=_whole(table.material.partitioned)
    )


def _silver_table(table: TableDraft) -> Code:
    return call(
        "Table",
        _constant(Layer.SILVER, table.name),
        f"silver.{class_name('silver', table.name)}",
        f"silver.{function_name(table.name)}",
        Group("{", ((f"{literal('bronze')}: ", _constant(Layer.BRONZE, table.name)),), "}"),
        partitioned=_whole(table.material.partitioned),
    )


def _gold_table(gold: GoldDraft) -> Code:
    return call(
        "Table",
        _table_id("GOLD", gold.name),
        f"gold.{class_name('gold', gold.name)}",
        f"gold.{function_name(gold.name)}",
        Group("{", ((f"{literal('rows')}: ", _constant(Layer.SILVER, gold.table)),), "}"),
        partitioned=_whole(gold.partitioned),
    )


# -- bronze -------------------------------------------------------------------------------------------


def bronze_module(name: str, tables: Sequence[TableDraft]) -> str:
    """`bronze.py`: the columns as they are delivered."""
    body: list[str] = []
    if any(annotation(dtype) == INSTANT for table in tables for dtype in table.material.types.values()):
        body += _INSTANT
    for table in tables:
        body += ["", "", f"class {class_name('bronze', table.name)}(RowContract):"]
        body += [*docstring(f"One row of {table.name} as it is delivered.", indent=4), ""]
        for column in table.columns:
            body += _bronze_field(table, column)
    lines = [*docstring(f"{name} as delivered: every column of the files, nothing changed."), ""]
    return _text([*lines, *_imports(body, contract="RowContract"), *body])


def _bronze_field(table: TableDraft, column: ColumnDraft) -> Iterator[str]:
    dtype = table.material.types.get(column.header)
    value = call(
        "pa.Field",
        nullable="True",
        # The name of a column can't always be a name in Python.
        alias=None if is_plain(column.header) else literal(column.header),
        metadata=call("about", pii="True") if column.personal else None,
    )
    prefix = f"{column.bronze_field}: {annotation(dtype) if dtype is not None else 'str'} = "
    yield from statement(prefix, value, indent=4)


# -- silver -------------------------------------------------------------------------------------------


def silver_module(name: str, tables: Sequence[TableDraft]) -> str:
    """`silver.py`: the contracts, and the functions that clean."""
    body: list[str] = []
    if any(column.dtype == INSTANT for table in tables for column in table.columns):
        body += _INSTANT
    for table in tables:
        body += [*_contract(table), *_function(table)]
    lines = [
        *docstring(f"{name}, typed and clean: the rules are a draft from the files, made to be edited."),
        "",
    ]
    return _text([*lines, *_imports(body, contract="RowContract"), *body])


def _contract(table: TableDraft) -> Iterator[str]:
    yield from ("", "", f"class {class_name('silver', table.name)}(RowContract):")
    yield from docstring(f"One row of {table.name}, typed and clean.", indent=4)
    yield ""
    for column in table.columns:
        for text in column.comments:
            yield from comment(text, indent=4)
        options = column.options | ({"pii": "True"} if column.personal else {})
        field = call(
            "pa.Field",
            nullable="True" if column.nullable else None,
            **column.checks,
            metadata=call("about", **options) if options else None,
        )
        yield from statement(f"{column.name}: {column.dtype} = ", field, indent=4)
    yield from _config(table)
    for check in table.row_checks:
        yield from _row_check(check)


def _config(table: TableDraft) -> Iterator[str]:
    about = call(
        "about_table",
        period_column=literal(table.period_column) if table.period_column else None,
        in_period=_in_period(table) if table.period_column else None,
        unique=table.unique_options if table.unique else None,
        dependencies=Group("[", tuple(("", one) for one in table.dependencies), "]")
        if table.dependencies
        else None,
    )
    repeated = table.material.sample.height - table.material.sample.n_unique() if not table.unique else 0
    if not about.items and not repeated:
        return
    yield from ("", "    class Config:")
    yield from docstring("Promises of the whole table.", indent=8)
    yield ""
    if repeated:
        told = (
            f"unsure: {repeated:,} of {table.material.sample.height:,} rows looked at repeat another one in "
            "every cell, and are kept; if that is never meant, about_table(unique_as_delivered=True) keeps "
            "the first of them"
        )
        yield from comment(told, indent=8)
    if table.unique:
        names = tuple(("", literal(name)) for name in table.unique)
        if len(names) == 1:
            yield f"        unique = ({names[0][1]},)"
        else:
            yield from statement("unique = ", Group("(", names, ")"), indent=8)
    if about.items:
        yield from statement("metadata = ", about, indent=8)


def _in_period(table: TableDraft) -> Code:
    if table.material.layout.all_inside and "in_period" not in table.demoted:
        return call("rule", why=Text("so far each row lies in the period of its file"))
    return call("warn", Text("a few rows lie beside the period of their file"))


def _row_check(check: RowCheckDraft) -> Iterator[str]:
    yield ""
    yield from statement("@", call("row_check", **check.options), indent=4)
    yield f"    def {check.method}(cls) -> nw.Expr:"
    yield from docstring(check.meaning + ".", indent=8)
    for prefix, value in check.body:
        yield from statement(prefix, value, indent=8)


def _function(table: TableDraft) -> Iterator[str]:
    name = function_name(table.name)
    yield from ("", "", f"def {name}(bronze: pl.LazyFrame) -> pl.LazyFrame:")
    told = f"Read the cells of {table.name}. What can't be read stays as it is delivered, and is refused."
    yield from docstring(told, indent=4)
    items = (("", 'pl.col("^_.*$")'), *((f"{column.name}=", column.cleaning) for column in table.columns))
    select = statement("return ", Group("bronze.select(", items, ")"), indent=4)
    if len(select) < 4:
        # One column a line, however few there are: that is where the user goes on.
        select = ["    return bronze.select("]
        for prefix, value in items:
            select += statement(prefix, value, indent=8, suffix=",")
        select.append("    )")
    yield from select


# -- what they share --------------------------------------------------------------------------------


def _imports(body: Sequence[str], *, contract: str) -> Iterator[str]:
    """Only what the code below uses, in the order of isort."""
    code = "\n".join(line for line in body if not line.lstrip().startswith("#"))
    if "datetime." in code:
        yield "import datetime"
    if "Annotated[" in code:
        yield "from typing import Annotated"
    if "datetime." in code or "Annotated[" in code:
        yield ""
    if "nw." in code:
        yield "import narwhals.stable.v1 as nw"
    yield "import pandera.polars as pa"
    if "pl." in code:
        yield "import polars as pl"
    if cleaning := [name for name in _CLEANING if f"={name}(" in code]:
        yield f"from etl_assets.cleaning import {', '.join(cleaning)}"
    yield f"from etl_assets.contracts.contract import {contract}"
    declared = [name for name in _DECLARE if any(f"{before}{name}(" in code for before in ("=", "@", " "))]
    if declared:
        line = f"from etl_assets.contracts.declare import {', '.join(declared)}"
        if len(line) <= WIDTH:
            yield line
        else:
            yield "from etl_assets.contracts.declare import ("
            yield from (f"    {name}," for name in declared)
            yield ")"


def _text(lines: Sequence[str]) -> str:
    return "\n".join(lines) + "\n"
