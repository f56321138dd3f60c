"""What people decided of rows, as expressions over the row as delivered.

Corrections change cells before rows are cleaned and judged; waivers excuse broken rules; a discard marks a
row that is refused anyway. A row's own decision goes before one on many rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

import polars as pl

from etl_assets.contracts.row_filter import Condition, Operator
from etl_assets.lookup import looked_up
from etl_assets.quality.casting import cast_column

DECISION = "_decision"
"""Column of quarantine: the ids of the decisions that concern the row, separated by `;`."""

UNREADABLE = "unreadable"
"""As a rule's name: records that could not be read, whatever the reason."""

CORRECTED = "_corrected."
"""Prefix of the columns that hold cells after corrections, where a column has any."""


@dataclass(frozen=True)
class RowGroup:
    """Many rows that one decision speaks of.

    Attributes:
        decision: Its id.
        deliveries: Only rows of these.
        periods: Only rows of these partitions; None for any.
        where: Only rows whose cells, as delivered, fulfil all of these.
        rules: Of a waiver, what is waived; else only rows that broke any of these.
        values: Of a correction, column -> the new value.
        rows: Of a correction by rule, the rows that broke it before any correction.
    """

    decision: str
    deliveries: tuple[str, ...]
    periods: tuple[str, ...] | None = None
    where: tuple[Condition, ...] = ()
    rules: tuple[str, ...] = ()
    values: Mapping[str, object] = field(default_factory=dict, repr=False)
    rows: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Decided:
    """The decisions that concern some partitions of one table.

    Attributes:
        cells: The row as delivered: column -> dtype.
        corrected_rows: Row -> the decision that corrects it.
        new_cells: Column -> row -> its new value.
        corrections: On many rows.
        waived_rows: Rule -> row -> the decision that waives it.
        waivers: On many rows.
        discarded_rows: Row -> the decision that discards it.
        discards: On many rows.
        records: Unreadable record -> its cells, as a person read them.
    """

    cells: Mapping[str, pl.DataType]
    corrected_rows: Mapping[str, str] = field(default_factory=dict)
    new_cells: Mapping[str, Mapping[str, object]] = field(default_factory=dict, repr=False)
    corrections: Sequence[RowGroup] = ()
    waived_rows: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    waivers: Sequence[RowGroup] = ()
    discarded_rows: Mapping[str, str] = field(default_factory=dict)
    discards: Sequence[RowGroup] = ()
    records: Mapping[str, Mapping[str, object]] = field(default_factory=dict, repr=False)

    @property
    def corrects(self) -> bool:
        """Whether any cell may be changed."""
        return bool(self.corrected_rows or self.corrections)

    @property
    def corrected_columns(self) -> list[str]:
        """The columns that have new values."""
        named = [*self.new_cells, *(column for group in self.corrections for column in group.values)]
        return list(dict.fromkeys(named))

    def rules_to_find(self) -> set[str]:
        """The rules that decide which rows are corrected, so that rows must be judged before as well."""
        return {rule for group in self.corrections if group.rows is None for rule in group.rules}

    def with_rows(self, broken: Mapping[str, Iterable[str]]) -> Decided:
        """Say which rows broke each rule before any correction."""
        found = [
            replace(group, rows=tuple(sorted({row for rule in group.rules for row in broken.get(rule, ())})))
            if group.rules and group.rows is None
            else group
            for group in self.corrections
        ]
        return replace(self, corrections=found)

    # -- corrections --------------------------------------------------------------------------

    def new_cell(self, column: str, prefix: str = "") -> pl.Expr:
        """A column's cells after all corrections; `prefix` names the columns as delivered."""
        dtype = self.cells[column]
        cell = pl.col(prefix + column)
        for group in self.corrections:
            if column in group.values:
                new = pl.lit(group.values[column], dtype=dtype)
                cell = pl.when(self._includes(group, prefix)).then(new).otherwise(cell)
        if own := self.new_cells.get(column):
            row = pl.col("_row_id")
            cell = pl.when(_among(own)).then(looked_up(row, own, dtype)).otherwise(cell)
        return cell

    def correction_mark(self, prefix: str) -> pl.Expr:
        """The ids of the decisions that correct a row, null where there is none."""
        own = _mark(self.corrected_rows)
        return _joined(
            [*own, *(_when(self._includes(group, prefix), group.decision) for group in self.corrections)]
        )

    # -- waivers and discards -----------------------------------------------------------------

    def waived(self, rule: str, prefix: str) -> pl.Expr | None:
        """Whether a row is accepted in spite of a rule; None if no row is."""
        ways = [self._group_fate(group, prefix) for group in self.waivers if rule in group.rules]
        if own := self.waived_rows.get(rule):
            ways.append(_among(own))
        return pl.any_horizontal(ways) if ways else None

    def waiver_mark(self, broken: Mapping[str, pl.Expr], prefix: str) -> pl.Expr:
        """The ids of the decisions that waive a rule that the row broke, null where there is none."""
        marks: list[pl.Expr] = []
        for rule, rows in sorted(self.waived_rows.items()):
            if rule in broken:
                marks.append(pl.when(broken[rule]).then(looked_up(pl.col("_row_id"), rows, pl.String())))
        own = [pl.coalesce(marks)] if marks else []
        groups = []
        for group in self.waivers:
            its = [broken[rule] for rule in group.rules if rule in broken]
            if its:
                groups.append(_when(self._group_fate(group, prefix) & pl.any_horizontal(its), group.decision))
        return _joined([*own, *groups])

    def discard_mark(self, reasons: pl.Expr, prefix: str | None) -> pl.Expr:
        """The ids of the decisions that discard a refused row, null where there is none.

        Args:
            reasons: The rules that the row broke, separated by `;`.
            prefix: Of the columns as delivered; None for unreadable records, which have no cells.
        """
        named = reasons.str.split(";") if prefix is not None else None
        groups = []
        for group in self.discards:
            if prefix is None and (group.where or (group.rules and UNREADABLE not in group.rules)):
                continue
            meant = self._group_fate(group, prefix or "")
            if named is not None and group.rules:
                meant &= pl.any_horizontal(named.list.contains(rule) for rule in group.rules)
            groups.append(_when(meant, group.decision))
        return _joined([*_mark(self.discarded_rows), *groups])

    def _group_fate(self, group: RowGroup, prefix: str) -> pl.Expr:
        """Rows of a group without a decision of their own on what becomes of them."""
        own = {row for rows in self.waived_rows.values() for row in rows} | set(self.discarded_rows)
        included = self._includes(group, prefix)
        return included & ~_among(own) if own else included

    def _includes(self, group: RowGroup, prefix: str) -> pl.Expr:
        tests = [pl.col("_delivery").is_in(list(group.deliveries))]
        if group.periods is not None:
            tests.append(pl.col("_period").is_in(list(group.periods)))
        tests += [fulfils(one, self.cells[one.column], prefix) for one in group.where]
        if group.rows is not None:
            tests.append(_among(group.rows))
        return reduce(lambda one, other: one & other, tests)


def fulfils(condition: Condition, dtype: pl.DataType, prefix: str = "") -> pl.Expr:
    """Whether a cell fulfils a condition: true or false, never null."""
    cell = pl.col(prefix + condition.column)
    match condition.operator:
        case Operator.IS_NULL:
            return cell.is_null()
        case Operator.IS_NOT_NULL:
            return cell.is_not_null()
        case Operator.EQUALS:
            return cell.is_in(typed(condition.values, dtype).implode()).fill_null(False)
        case Operator.DIFFERS:
            return ~cell.is_in(typed(condition.values, dtype).implode()).fill_null(False)
    # Text that is compared in part: numbers and dates as they are written.
    text = cell.cast(pl.String)
    if condition.operator is Operator.STARTS_WITH:
        parts = [text.str.starts_with(value) for value in condition.values]
    else:
        parts = [text.str.contains(value, literal=True) for value in condition.values]
    return pl.any_horizontal(parts).fill_null(False)


def typed(texts: Sequence[str | None], dtype: pl.DataType) -> pl.Series:
    """Values that a person wrote, in a column's dtype; null where the text is none of these."""
    texts_ = pl.Series("value", texts, dtype=pl.String)
    cast = cast_column("value", pl.String(), dtype, None)
    return texts_.to_frame().select(cast.alias("value")).to_series()


def _among(rows: Iterable[str]) -> pl.Expr:
    return pl.col("_row_id").is_in(pl.Series(sorted(rows), dtype=pl.String).implode()).fill_null(False)


def _mark(rows: Mapping[str, str]) -> list[pl.Expr]:
    return [looked_up(pl.col("_row_id"), rows, pl.String())] if rows else []


def _when(meant: pl.Expr, decision: str) -> pl.Expr:
    return pl.when(meant).then(pl.lit(decision))


def _joined(marks: Sequence[pl.Expr]) -> pl.Expr:
    """Marks separated by `;`, null where all are."""
    if not marks:
        return pl.lit(None, dtype=pl.String)
    joined = pl.concat_str(marks, separator=";", ignore_nulls=True)
    return pl.when(joined != "").then(joined)


def joined_marks(*marks: pl.Expr) -> pl.Expr:
    """Put marks together, each id once and in the order of their numbers; null where there is none."""
    ids = _joined(marks).str.split(";").list.eval(pl.element().cast(pl.Int64)).list.unique().list.sort()
    return ids.list.eval(pl.element().cast(pl.String)).list.join(";")
