"""What a dataset is made of: tables, each with its contract and the pure function that builds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from etl_assets.contracts.contract import Contract


ENTRY_POINTS = "etl_assets.datasets"
"""The group of entry points in which a package names its datasets: `sales = "acme.sales:DATASET"`."""


class Layer(StrEnum):
    """bronze: as delivered. silver: typed, clean, unique. gold: what is asked."""

    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"


@dataclass(frozen=True, order=True)
class TableId:
    """A table's name within its dataset, written `layer/name`."""

    layer: Layer
    name: str

    @classmethod
    def parse(cls, text: str) -> TableId:
        """Read `layer/name`, such as `silver/sales`."""
        layer, _, name = text.partition("/")
        return cls(Layer(layer), name)

    def __str__(self) -> str:
        return f"{self.layer}/{self.name}"


@dataclass(frozen=True)
class Table:
    """One table of a dataset: its contract, and where its rows come from.

    Attributes:
        id: Layer and name.
        contract: The Pandera model that the table promises.
        transform: Pure function of LazyFrames, one keyword argument per input, that returns the
            table's rows. None for bronze, which is read from deliveries.
        inputs: Argument name of `transform` -> upstream table. The first input of a silver table
            is the bronze table whose rows it keeps, row by row.
        partitioned: True for one partition per period of the dataset's calendar; False for one
            table as a whole (a snapshot, or a gold table over all periods).
    """

    id: TableId
    contract: type[Contract]
    transform: Callable[..., pl.LazyFrame] | None = None
    inputs: Mapping[str, TableId] = field(default_factory=dict)
    partitioned: bool = True


@dataclass(frozen=True)
class Dataset:
    """A family of tables with one source and one calendar, in build order."""

    name: str
    description: str
    tables: tuple[Table, ...]
    owners: tuple[str, ...] = ()
