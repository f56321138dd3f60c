"""Judges rows: casts them to the contract's dtypes and flags every rule that they break.

Unique rules are not among them: these are decided in the end, see `uniqueness`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import narwhals.stable.v1 as nw
import polars as pl

from etl_assets.contracts.provenance import PROVENANCE
from etl_assets.contracts.rules import CompiledContract, Rule
from etl_assets.contracts.vocabulary import RuleKind, Severity, UniqueScope
from etl_assets.lookup import looked_up
from etl_assets.quality.casting import cast_column
from etl_assets.quality.decided import CORRECTED, DECISION, Decided, joined_marks
from etl_assets.quality.dependencies import DependencyColumns, minorities
from etl_assets.quality.elsewhere import Elsewhere, known_elsewhere
from etl_assets.quality.uniqueness import KeyColumns

DELIVERED = "_delivered."
"""Prefix of the columns that hold a row's cells as delivered."""

REASONS = "_reasons"

_KEPT_FLAGS = ("__broken.", "__evaluated.", "__correct", "__waive", CORRECTED)

ACCEPTED, QUARANTINED, SUSPECT = 0, 1, 2
"""A row's fate: SUSPECT rows may repeat a key and are decided later."""


@dataclass(frozen=True)
class Surroundings:
    """What a validation needs to know beside the rows and the contract.

    Attributes:
        periods: Every period that must get an outcome, with its start and end (aware) or None.
        references: Rule name -> the keys of the referenced table, one column per key column.
        elsewhere: Knows other partitions and the tables of the references that are not given.
        delivery_rank: Delivery id -> its place in the order of deliveries.
        rows: About how many rows there are; decides whether key hashes are spilled to disk.
        scratch: An empty folder for spilled data.
        profile: Whether columns are described by more than their nulls; of text as it was delivered
            the minimum and the number of distinct values say little, and cost a tenth of the time.
        decided: What people decided of these rows; None where nobody did. Corrections were made already.
    """

    periods: Mapping[str, tuple[datetime, datetime] | None]
    scratch: Path
    references: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    delivery_rank: Mapping[str, int] = field(default_factory=dict)
    rows: int = 0
    profile: bool = True
    decided: Decided | None = None
    elsewhere: Elsewhere | None = None


class JudgedRows:
    """Rows in the contract's dtypes with a Boolean column `__broken.<n>` for each rule that flags rows.

    Where the contract has dependencies, or references of which other tables are asked, making it takes a pass
    over their columns.

    Attributes:
        frame: The rows with their flags; `__bad` is true where an `error` rule is broken.
        raw: The columns that hold the cells as delivered.
        row_rules: The rules that flag rows, `<n>` is the place here: row and reference rules, then
            dependencies.
    """

    def __init__(self, frame: pl.LazyFrame, contract: CompiledContract, around: Surroundings) -> None:
        self.contract = contract
        self.around = around
        self.source = frame.collect_schema()
        kinds = {kind: [rule for rule in contract.rules if rule.kind is kind] for kind in RuleKind}
        alone = [rule for rule in contract.rules if rule.kind in (RuleKind.ROW, RuleKind.REFERENCE)]
        self.row_rules = [*alone, *kinds[RuleKind.DEPENDENCY]]
        self.aggregate_rules = kinds[RuleKind.AGGREGATE]
        self.unique_rules = kinds[RuleKind.UNIQUE]
        self.raw = [name for name in self.source if name.startswith(DELIVERED)]
        self.decided = around.decided
        self.frame = self._mark(self._flag_dependencies(self._flag(self._with_known(self._cast(frame)))))

    # -- flags --------------------------------------------------------------------------------

    def _cast(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        columns = []
        for name, target in self.contract.schema.items():
            if self.source[name] == target:
                continue
            typed = cast_column(name, self.source[name], target, self.contract.casts.get(name))
            lost = pl.col(name).is_not_null() & typed.is_null()
            columns += [typed.alias(name), lost.alias(f"__lost.{name}")]
        frame = frame.with_columns(columns)
        return self._with_windows(frame) if self.contract.period_column else frame

    def _with_known(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Find out which of the values that rows refer to exist, where that must be asked."""
        asked = [
            rule
            for rule in self.row_rules
            if rule.kind is RuleKind.REFERENCE and rule.name not in self.around.references
        ]
        found = known_elsewhere(frame, asked, self.around.elsewhere)
        self.known = {**self.around.references, **found}
        return frame

    def _with_windows(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Add the start and the end of each row's period, in the dtype of the period column."""
        dtype = self.contract.schema[self.contract.period_column or ""]
        windows = {key: window for key, window in self.around.periods.items() if window}
        ends = []
        for name, side in (("_period_start", 0), ("_period_end", 1)):
            moments = {key: _as_dtype(window[side], dtype) for key, window in windows.items()}
            ends.append(looked_up(pl.col("_period"), moments, dtype).alias(name))
        return frame.with_columns(ends)

    def _flag(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Add `__broken.<n>` and `__evaluated.<n>` for each rule but dependencies."""
        holds = [
            rule.expression.alias(f"__holds.{number}")
            for number, rule in enumerate(self.row_rules)
            if rule.expression is not None
        ]
        applies = [
            rule.evaluated.alias(f"__evaluated.{number}")
            for number, rule in enumerate(self.row_rules)
            if rule.evaluated is not None
        ]
        if holds or applies:
            frame = nw.from_native(frame).with_columns(*holds, *applies).to_native()
        return frame.with_columns(
            self._broken(number, rule)
            for number, rule in enumerate(self.row_rules)
            if rule.kind is not RuleKind.DEPENDENCY
        )

    def _flag_dependencies(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Add the flags of dependencies, and `__bad` for any error that nobody waived."""
        dependencies = {
            number: self._dependency(number, rule)
            for number, rule in enumerate(self.row_rules)
            if rule.kind is RuleKind.DEPENDENCY
        }
        if dependencies:
            found = minorities(frame, dependencies.values(), self.around.rows, self.around.scratch)
            frame = frame.with_columns(
                one.is_among(found.get(one.rule)).alias(f"__broken.{number}")
                for number, one in dependencies.items()
            ).with_columns(one.votes.alias(f"__evaluated.{number}") for number, one in dependencies.items())
        errors = [self._refuses(rule, broken) for rule, broken in self._errors()]
        return frame.with_columns(__bad=pl.any_horizontal(errors) if errors else pl.lit(False))

    def _errors(self) -> list[tuple[Rule, pl.Expr]]:
        """Each rule that refuses rows, with its flag."""
        return [
            (rule, pl.col(f"__broken.{number}"))
            for number, rule in enumerate(self.row_rules)
            if rule.severity is Severity.ERROR
        ]

    def _refuses(self, rule: Rule, broken: pl.Expr) -> pl.Expr:
        waived = self.decided.waived(rule.name, DELIVERED) if self.decided else None
        return broken if waived is None else broken & ~waived

    def _mark(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """Add the decisions that correct a row, or waive what it broke, and the cells of keys after that."""
        if self.decided is None:
            return frame
        broken = {rule.name: flag for rule, flag in self._errors()}
        cells = [
            self.decided.new_cell(column, DELIVERED).alias(CORRECTED + column)
            for column in self.decided.corrected_columns
            if DELIVERED + column in self.raw
        ]
        return frame.with_columns(
            *cells,
            __correct=self.decided.correction_mark(DELIVERED),
            __waive=self.decided.waiver_mark(broken, DELIVERED),
        )

    def _dependency(self, number: int, rule: Rule) -> DependencyColumns:
        """A dependency with who votes: rows that have all its values, and none that another rule refuses."""
        refused = [
            f"__broken.{other}"
            for other, its in enumerate(self.row_rules)
            if its.kind is not RuleKind.DEPENDENCY
            and its.severity is Severity.ERROR
            and not set(its.columns).isdisjoint(rule.columns)
        ]
        given = pl.col(f"__evaluated.{number}")
        votes = given & ~pl.any_horizontal(refused) if refused else given
        return DependencyColumns(rule.name, rule.columns[:-1], rule.columns[-1], votes)

    def _broken(self, number: int, rule: Rule) -> pl.Expr:
        lost = [f"__lost.{c}" for c in rule.columns if self._is_cast(c)]
        if rule.kind is RuleKind.REFERENCE:
            broken = ~self._is_known(rule)
        elif rule.expression is not None:
            broken = ~pl.col(f"__holds.{number}").fill_null(True)
        else:  # castability: the cast itself has said it
            return (pl.any_horizontal(lost) if lost else pl.lit(False)).alias(f"__broken.{number}")
        # A cell that could not be cast breaks `castable` and nothing else.
        excused = broken & ~pl.any_horizontal(lost) if lost else broken
        return excused.alias(f"__broken.{number}")

    def _is_cast(self, column: str) -> bool:
        return column in self.contract.schema and self.source[column] != self.contract.schema[column]

    def _is_known(self, rule: Rule) -> pl.Expr:
        known = self.known[rule.name]
        has_null = pl.any_horizontal(pl.col(column).is_null() for column in rule.columns)
        if len(rule.columns) == 1:
            found = pl.col(rule.columns[0]).is_in(known.to_series().implode())
        else:
            renamed = known.rename(dict(zip(known.columns, rule.columns, strict=True)))
            found = pl.struct(*rule.columns).is_in(renamed.to_struct("key").implode())
        return has_null | found

    # -- keys ---------------------------------------------------------------------------------

    def key_columns(self) -> list[KeyColumns]:
        """The columns of each unique rule; the row as delivered where the contract says so."""
        keys = []
        for rule in self.unique_rules:
            as_delivered = rule.columns == ("_delivered",)
            columns = self._cells_of_key() if as_delivered else rule.columns
            keys.append(
                KeyColumns(
                    rule.name,
                    columns,
                    rule.on_violation or "duplicate",
                    nulls_distinct=not as_delivered,
                    whole_table=rule.scope is UniqueScope.TABLE,
                )
            )
        return keys

    def _cells_of_key(self) -> tuple[str, ...]:
        """The row as delivered, but for what a person corrected in it."""
        corrected = set(self.decided.corrected_columns) if self.decided else set()
        plain = {name: name.removeprefix(DELIVERED) for name in self.raw}
        return tuple(CORRECTED + plain[name] if plain[name] in corrected else name for name in self.raw)

    def with_fate(self, keys: Sequence[KeyColumns], suspects: Mapping[str, pl.Series]) -> pl.LazyFrame:
        """Add `__fate`: accepted, quarantined, or suspected of repeating a key."""
        suspected = [
            key.hash.is_in(suspects[key.rule].implode()).fill_null(False)
            for key in keys
            if len(suspects[key.rule])
        ]
        fate = pl.lit(ACCEPTED, dtype=pl.Int8)
        if suspected:
            fate = pl.when(pl.any_horizontal(suspected)).then(pl.lit(SUSPECT, dtype=pl.Int8)).otherwise(fate)
        bad = pl.lit(QUARANTINED, dtype=pl.Int8)
        return self.frame.with_columns(__fate=pl.when("__bad").then(bad).otherwise(fate))

    # -- what is written ----------------------------------------------------------------------

    def accepted(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """The contract's columns and `_period`."""
        return rows.select(*self.contract.schema, "_period")

    def quarantined(self, rows: pl.LazyFrame, reasons: pl.Expr | None = None) -> pl.LazyFrame:
        """The row as delivered, its provenance, `_period`, `_reasons` (default: its broken row rules).

        Rows with a provenance have `_decision` too: the decisions that concern them.
        """
        reasons = self.reasons() if reasons is None else reasons
        provenance = [name for name in PROVENANCE if name in self.source]
        if self.raw:
            cells = [pl.col(name).alias(name.removeprefix(DELIVERED)) for name in self.raw]
        else:
            cells = [pl.col(name) for name in self.contract.schema if name not in PROVENANCE]
        marks = [self._decision(reasons).alias(DECISION)] if provenance else []
        return rows.select(*provenance, "_period", reasons.alias(REASONS), *marks, *cells)

    def _decision(self, reasons: pl.Expr) -> pl.Expr:
        if self.decided is None:
            return pl.lit(None, dtype=pl.String)
        return joined_marks(pl.col("__correct"), pl.col("__waive"), self.discarded(reasons))

    def discarded(self, reasons: pl.Expr) -> pl.Expr:
        """The decisions that discard a refused row, null where there is none."""
        if self.decided is None:
            return pl.lit(None, dtype=pl.String)
        return self.decided.discard_mark(reasons, DELIVERED)

    def broken_rows(self, rules: Collection[str]) -> dict[str, list[str]]:
        """The ids of the rows that break each of these rules."""
        named = [
            (rule.name, pl.col(f"__broken.{number}"))
            for number, rule in enumerate(self.row_rules)
            if rule.name in rules
        ]
        found = pl.collect_all(
            [self.frame.filter(broken).select("_row_id") for _, broken in named], engine="streaming"
        )
        return {name: rows["_row_id"].to_list() for (name, _), rows in zip(named, found, strict=True)}

    def excused(self) -> pl.Expr:
        """Whether a row broke a rule of severity `error`; one that is accepted did so by a waiver."""
        errors = [broken for _, broken in self._errors()]
        return pl.any_horizontal(errors) if errors else pl.lit(False)

    def waiting(self, reasons: pl.Expr | None = None) -> list[pl.Expr]:
        """How many rows lack nothing but what they refer to, and may wait for it; none where none may."""
        waits: list[pl.Expr] = []
        others: list[pl.Expr] = []
        for rule, broken in self._errors():
            may_wait = rule.reference is not None and rule.reference.waits
            (waits if may_wait else others).append(self._refuses(rule, broken))
        if not waits:
            return []
        lacks_more = pl.any_horizontal(others) if others else pl.lit(False)
        kept = self.discarded(self.reasons() if reasons is None else reasons).is_null()
        return [(pl.any_horizontal(waits) & ~lacks_more & kept).sum().alias("waiting")]

    def reasons(self) -> pl.Expr:
        """The names of all broken `error` rules of a row, separated by `;`."""
        names = [
            pl.when(f"__broken.{number}").then(pl.lit(rule.name))
            for number, rule in enumerate(self.row_rules)
            if rule.severity is Severity.ERROR
        ]
        if not names:
            return pl.lit(None, dtype=pl.String)
        return pl.concat_str(names, separator=";", ignore_nulls=True)

    def needed_later(self) -> list[str]:
        """The columns that suspects must keep to be written and counted later."""
        own = [*self.contract.schema, *self.raw, *(name for name in PROVENANCE if name in self.source)]
        flags = [name for name in self.frame.collect_schema() if name.startswith(_KEPT_FLAGS)]
        return [*dict.fromkeys([*own, "_period", *flags])]


def copied_out(few: pl.LazyFrame) -> pl.LazyFrame:
    """Copy the texts of a few rows, so that those of the many they were filtered from can be freed.

    A filtered text column keeps the whole chunk in memory that it comes from. A sink waits until it
    has a row group full; of rows this rare that takes most of the table.
    """
    texts = [name for name, dtype in few.collect_schema().items() if dtype == pl.String]
    return few.with_columns(pl.col(name) + pl.lit("") for name in texts)


def _as_dtype(moment: datetime, dtype: pl.DataType) -> date | datetime:
    """The local wall time, its date, or the instant: whatever the period column holds."""
    if dtype == pl.Date:
        return moment.date()
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is None:
        return moment.replace(tzinfo=None)
    return moment
