"""Silver tables by declared casts: the cleaning that `etl_assets.cleaning` offers, said in YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from etl_assets import cleaning
from etl_assets.contracts.contract import Contract
from etl_assets.contracts.dataset import TableId
from etl_assets.contracts.provenance import PROVENANCE
from etl_assets.contracts.rules import compile_contract
from etl_assets.datasets.declared.declaration import ColumnSection, TableSection
from etl_assets.errors import ContractError


class SilverTransform:
    """Reads each column of a silver table from its bronze column.

    Attributes:
        definition: What it does, as text: when it changes, the table is built again.
    """

    def __init__(
        self, id: TableId, columns: Mapping[str, ColumnSection], expressions: Sequence[pl.Expr]
    ) -> None:
        self.__name__ = str(id)
        self.__doc__ = f"Cleans the columns of {id} as declared."
        self.definition = repr({name: section.model_dump() for name, section in columns.items()})
        self._expressions = expressions

    def __call__(self, bronze: pl.LazyFrame) -> pl.LazyFrame:
        """Return the silver table's rows."""
        return bronze.select(pl.col("^_.*$"), *self._expressions)


def silver_transform(
    id: TableId, table: TableSection, contract: type[Contract], bronze: type[Contract]
) -> SilverTransform:
    """Build what makes a silver table from its bronze table.

    Raises:
        ContractError: A column is named that one of the two does not have, or can't be read so.
    """
    schema = {
        name: dtype for name, dtype in compile_contract(contract).schema.items() if name not in PROVENANCE
    }
    known = [name for name in compile_contract(bronze).schema if name not in PROVENANCE]
    casts = compile_contract(contract).casts
    said = table.columns if isinstance(table.columns, Mapping) else {}
    if unknown := [name for name in said if name not in schema]:
        raise ContractError(
            f"The contract has no column {unknown[0]}",
            where={"key": f"tables.{id}.columns.{unknown[0]}"},
            hint=f"It has {', '.join(schema)}",
        )
    sections: dict[str, ColumnSection] = {}
    expressions = []
    for name, dtype in schema.items():
        section = _section(said.get(name), name, table)
        if section.source not in known:
            raise ContractError(
                f"The column {name} comes from {section.source}, which is not delivered",
                where={"key": f"tables.{id}.columns.{name}"},
                hint=f"Delivered are {', '.join(known)}; say columns: {{{name}: one of them}}",
            )
        sections[name] = section
        format = casts[name].format if name in casts else None
        try:
            expressions.append(_expression(section, dtype, format).alias(name))
        except ValueError as error:
            where: dict[str, object] = {"key": f"tables.{id}.columns.{name}"}
            raise ContractError(f"The column can't be read so: {error}", where=where) from None
    return SilverTransform(id, sections, expressions)


def _section(said: str | ColumnSection | None, name: str, table: TableSection) -> ColumnSection:
    section = ColumnSection(source=said) if isinstance(said, str) else said or ColumnSection()
    nulls = table.nulls if section.nulls is None else section.nulls
    return section.model_copy(update={"source": section.source or name, "nulls": nulls})


def _expression(section: ColumnSection, dtype: pl.DataType, format: str | None) -> pl.Expr:
    """Read a cell as said, else as the column's type is usually written.

    Where the contract names a format, the engine casts by it: the text must keep it.
    """
    source = str(section.source)
    words: dict[str, Any] = {"nulls": section.nulls or ()}
    formats = section.date or section.moment or section.time
    if format is not None:
        if formats is not None:
            raise ValueError(f"the contract says the format {format} already; say one of the two")
        return cleaning.text(source, **words)
    if section.text is not None:
        text = cleaning.text(source, **words)
        return {"as_is": text, "upper": text.str.to_uppercase(), "lower": text.str.to_lowercase()}[
            section.text
        ]
    if section.boolean is not None:
        said = section.boolean
        return cleaning.boolean(source, true=said.true_words, false=said.false_words, **words)
    kinds: dict[str, Any] = {"date": cleaning.date, "moment": cleaning.moment, "time": cleaning.time}
    for kind, read in kinds.items():
        if (given := getattr(section, kind)) is not None:
            return read(source, *given, **words)  # type: ignore[no-any-return]
    if section.number is not None or dtype.is_numeric():
        written = section.number.model_dump() if section.number is not None else {}
        return cleaning.number(source, **written, **words)
    if isinstance(dtype, pl.Date):
        return cleaning.date(source, **words)
    if isinstance(dtype, pl.Datetime):
        return cleaning.moment(source, **words)
    return cleaning.time(source, **words) if isinstance(dtype, pl.Time) else cleaning.text(source, **words)
