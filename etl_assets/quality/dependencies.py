"""Which rows disagree with their group: found by hashes of the columns, decided on the values themselves.

Groups whose rows all agree, usually nearly all, cost a hash of the group and the least and greatest hash
of the values in it. Only of the others are values counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import polars as pl

# More rows than this, and the hashes go to disk in buckets.
SPILL_ROWS = 4_000_000
BUCKETS = 32


@dataclass(frozen=True)
class DependencyColumns:
    """The columns of one dependency, as they are named in the frame.

    Attributes:
        rule: The rule's name.
        determinants: Rows that agree in these, within a period, form a group.
        dependent: What they should agree in as well.
        votes: Boolean and never null: the row's values count, and can break the rule.
    """

    rule: str
    determinants: tuple[str, ...]
    dependent: str
    votes: pl.Expr

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns by which a row is told apart from others."""
        return ("_period", *self.determinants, self.dependent)

    @property
    def group(self) -> pl.Expr:
        """Hash of the row's group; it lives only within one process and is never stored."""
        return pl.struct("_period", *self.determinants).hash()

    def is_among(self, minorities: pl.DataFrame | None) -> pl.Expr:
        """Whether a row that votes holds one of these combinations of values."""
        if minorities is None:
            return pl.lit(False)
        return self.votes & pl.struct(self.columns).is_in(minorities.to_struct("values").implode())


def minorities(
    frame: pl.LazyFrame, dependencies: Iterable[DependencyColumns], rows: int, scratch: Path
) -> dict[str, pl.DataFrame]:
    """Find the combinations of values that break each dependency.

    One pass over their columns for all dependencies with the same determinants, and one more where some
    groups don't agree.

    Args:
        frame: The rows, typed, with `_period` and what `votes` reads.
        dependencies: What should hold.
        rows: How many rows there are about; above `SPILL_ROWS` hashes are spilled to `scratch`.
        scratch: A folder that exists.

    Returns:
        Rule -> one row for each combination of `columns` that is not its group's only most frequent one;
        rules that all rows keep are left out.
    """
    found: dict[str, pl.DataFrame] = {}
    ordered = sorted(dependencies, key=lambda one: one.determinants)
    for number, (_, alike) in enumerate(groupby(ordered, lambda one: one.determinants)):
        together = list(alike)
        divided = _divided_groups(frame, together, rows, scratch / f"dependency-{number}")
        counted = {
            one.rule: _minority(frame.filter(one.group.is_in(groups.implode())), one)
            for one, groups in zip(together, divided, strict=True)
            if len(groups)
        }
        counts = pl.collect_all(list(counted.values()), engine="streaming") if counted else []
        found |= dict(zip(counted, counts, strict=True))
    return found


def _divided_groups(
    frame: pl.LazyFrame, alike: Sequence[DependencyColumns], rows: int, folder: Path
) -> list[pl.Series]:
    """The hashes of the groups with more than one value, for each of some dependencies."""
    values = [pl.when(one.votes).then(pl.col(one.dependent).hash()) for one in alike]
    hashes = frame.select(
        alike[0].group.alias("group"), *(value.alias(str(place)) for place, value in enumerate(values))
    )
    divided = [_divided(part, len(alike)) for part in _parts(hashes, rows, folder)]
    groups = pl.concat(divided)
    return [groups.filter(pl.col(str(place)))["group"] for place in range(len(alike))]


def _parts(hashes: pl.LazyFrame, rows: int, folder: Path) -> Iterator[pl.LazyFrame]:
    """All hashes, or some groups of them at a time."""
    if rows <= SPILL_ROWS:
        yield hashes
        return
    hashes.with_columns(bucket=pl.col("group") % BUCKETS).sink_parquet(
        pl.PartitionBy(folder, key="bucket", include_key=False), mkdir=True, compression="uncompressed"
    )
    for bucket in sorted(folder.iterdir()):
        yield pl.scan_parquet(bucket / "*.parquet")


def _divided(hashes: pl.LazyFrame, count: int) -> pl.DataFrame:
    places = [str(place) for place in range(count)]
    spans = [pl.col(place).max().alias(f"max {place}") for place in places]
    groups = hashes.group_by("group").agg(pl.col(places).min(), *spans)
    # Null, where nobody votes, is unlike nothing.
    unlike = groups.select(
        "group", *((pl.col(place) != pl.col(f"max {place}")).fill_null(False) for place in places)
    )
    return unlike.filter(pl.any_horizontal(places)).collect(engine="streaming")


def _minority(rows: pl.LazyFrame, one: DependencyColumns) -> pl.LazyFrame:
    """The combinations that are not the only most frequent one of their group."""
    counts = rows.filter(one.votes).group_by(one.columns).len("count")
    group = ("_period", *one.determinants)
    most = pl.col("count").max().over(group)
    leads = pl.col("count") == most
    alone = leads.sum().over(group) == 1
    return counts.filter(~(leads & alone)).select(one.columns)
