"""What is written out: the rows of a table as it is published in the lake, and what its contract says."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl


@dataclass(frozen=True)
class Shape:
    """The columns of a publication, and what the contract promises of them.

    Attributes:
        columns: Column -> dtype, in order; with `_period` last if the table has partitions.
        required: The columns that hold no nulls.
        key: The columns whose values name one row; empty where the contract promises none.
        description: What the table holds.
        descriptions: Column -> what it holds, for the columns that say so.
        partitioned: Whether the table has partitions.
    """

    columns: Mapping[str, pl.DataType]
    required: frozenset[str] = frozenset()
    key: tuple[str, ...] = ()
    description: str = ""
    descriptions: Mapping[str, str] = field(default_factory=dict)
    partitioned: bool = False


@dataclass(frozen=True)
class Part:
    """One partition as it is published in the lake; the same state, the same rows."""

    state_id: str
    rows: int


@dataclass(frozen=True)
class Content:
    """A table as it is to be at the destination.

    Attributes:
        name: The publication, as `dataset.name`.
        state_id: Names everything that the destination then holds.
        parts: Partition key ('' for a table without partitions) -> what it is.
        read: The rows of some partitions, in the columns of `shape`.
        token: The writer's fencing number; a later writer has a larger one.
        scratch: A folder for what is not kept.
        check: Raises if the writer has lost the right to write; called right before anything counts.
    """

    name: str
    shape: Shape
    state_id: str
    parts: Mapping[str, Part]
    read: Callable[[Collection[str]], pl.LazyFrame]
    token: int
    scratch: Path
    check: Callable[[], None] = lambda: None

    @property
    def rows(self) -> int:
        """Rows of all partitions."""
        return sum(part.rows for part in self.parts.values())


@dataclass(frozen=True)
class Written:
    """What came of writing.

    Attributes:
        rows: Rows that the destination holds now, counted there.
        rows_written: Of these, rows that were written now.
        replaced: Partitions that were replaced, added or removed.
    """

    rows: int
    rows_written: int = 0
    replaced: tuple[str, ...] = ()
