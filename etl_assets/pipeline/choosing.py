"""Which refused rows a person means: one, or all that a rule, a delivery, a partition or a filter names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from etl_assets.contracts.dataset import Layer, TableId
from etl_assets.contracts.row_filter import Condition
from etl_assets.errors import DecisionError, LedgerError
from etl_assets.lake.files import PERIOD
from etl_assets.ledger.decision_records import Decision
from etl_assets.ledger.records import Delivery, DeliveryState
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.decisions import Decisions, cell_columns
from etl_assets.pipeline.refused import RAW, scan_refused
from etl_assets.quality.decided import UNREADABLE, fulfils, typed
from etl_assets.quality.flags import REASONS


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Refused rows of a table: one, or all that fulfil everything that is given.

    Attributes:
        row_id: One row, `_delivery:_line`.
        rules: Rows that broke any of these; `unreadable` for records that could not be read.
        delivery: Rows of this delivery (its full id).
        period: Rows of this partition.
        where: Rows whose cells, as delivered, fulfil all of these.
    """

    table: TableId
    row_id: str = ""
    rules: tuple[str, ...] = ()
    delivery: str | None = None
    period: str | None = None
    where: tuple[Condition, ...] = field(default=(), repr=False)

    def that_broke(self, rules: Sequence[str]) -> Rows:
        """Those of them that broke any of these rules."""
        return replace(self, rules=tuple(rules))


@dataclass(frozen=True)
class ChosenRows:
    """The rows that are meant, as they are refused now.

    Attributes:
        count: How many.
        reasons: Of one row, the rules that it broke.
        original: Of one row in bronze, what was delivered.
        decided: Whether an earlier decision stands on the one row, which may be accepted by now.
    """

    count: int
    periods: tuple[str, ...]
    deliveries: tuple[str, ...]
    reasons: tuple[str, ...] = ()
    original: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    decided: bool = False

    @property
    def unreadable(self) -> bool:
        """Whether it is a record that could not be read."""
        return RAW in self.original


def chosen_rows(pipeline: DatasetPipeline, rows: Rows) -> ChosenRows:
    """Find the rows that a person means.

    Raises:
        DecisionError: There are none, or what names them is not there.
    """
    if rows.table not in pipeline.tables:
        known = ", ".join(map(str, pipeline.tables))
        raise DecisionError(
            f"There is no table {rows.table}", where={"dataset": pipeline.name}, hint=f"There is {known}"
        )
    if rows.table.layer is Layer.GOLD:
        raise DecisionError(
            "Rows of gold are computed, nobody delivered them",
            where={"dataset": pipeline.name, "table": str(rows.table)},
            hint="Decide on the rows that they are computed from",
        )
    if rows.row_id:
        return _one(pipeline, rows)
    return _many(pipeline, rows)


def _one(pipeline: DatasetPipeline, rows: Rows) -> ChosenRows:
    where: dict[str, object] = {"dataset": pipeline.name, "table": str(rows.table), "row": rows.row_id}
    delivery = _delivery_of(pipeline, rows, where)
    scan = scan_refused(pipeline, rows.table, (*delivery.periods, ""))
    found = scan.filter(pl.col("_row_id") == rows.row_id).collect(engine="streaming")
    earlier = standing_on(pipeline, rows.table, rows.row_id)
    if found.height:
        row = found.row(0, named=True)
        original = _earliest(pipeline, rows) or _original(pipeline, rows.table, row)
        reasons = str(row[REASONS] or "").split(";") if RAW not in original else [UNREADABLE]
        return ChosenRows(1, (row[PERIOD],), (delivery.id,), tuple(reasons), original, decided=bool(earlier))
    if earlier:
        # Accepted by an earlier decision, perhaps; it is superseded, or stands beside.
        original = _earliest(pipeline, rows)
        return ChosenRows(1, earlier[0].periods, (delivery.id,), (), original, decided=True)
    raise DecisionError(
        "The row is not in quarantine of this table",
        where=where,
        hint="It was accepted, declared a duplicate, is in quarantine of another table, or no record "
        "starts on that line: see `dq quarantine show`",
    )


def _delivery_of(pipeline: DatasetPipeline, rows: Rows, where: dict[str, object]) -> Delivery:
    id, _, line = rows.row_id.rpartition(":")
    if not id or not line.isdecimal():
        raise DecisionError(f"{rows.row_id} names no row", where=where, hint="Write delivery:line")
    try:
        delivery = pipeline.ledger.delivery(id)
    except LedgerError as error:
        raise DecisionError(error.what, where=where, hint=error.hint) from None
    if delivery.dataset != pipeline.name or delivery.id != id:
        raise DecisionError("The row's delivery is not one of this dataset", where=where)
    bronze = rows.table
    while bronze.layer is not Layer.BRONZE:
        bronze = next(iter(pipeline.tables[bronze].inputs.values()))
    if delivery.table != bronze.name:
        raise DecisionError(
            f"The row is one of {delivery.table}, which {rows.table} is not made of", where=where
        )
    if delivery.state is DeliveryState.SUPERSEDED:
        by = f"Look at {delivery.superseded_by}" if delivery.superseded_by else ""
        raise DecisionError("The row's delivery was superseded", where=where, hint=by)
    return delivery


def _earliest(pipeline: DatasetPipeline, rows: Rows) -> Mapping[str, str | None]:
    """What was delivered, by the first decision that ever corrected the row: bronze has its result."""
    for one in pipeline.ledger.decisions(pipeline.name):
        mine = (one.layer, one.table, one.row_id) == (rows.table.layer, rows.table.name, rows.row_id)
        if mine and one.original:
            return one.original
    return {}


def _original(pipeline: DatasetPipeline, table: TableId, row: Mapping[str, object]) -> dict[str, str | None]:
    """What bronze shows of a row: the record if it could not be read, else its cells as text."""
    if table.layer is not Layer.BRONZE:
        return {}
    names = [RAW, REASONS] if row[RAW] is not None else list(cell_columns(pipeline, table))
    return {name: None if row[name] is None else str(row[name]) for name in names}


def _many(pipeline: DatasetPipeline, rows: Rows) -> ChosenRows:
    where: dict[str, object] = {"dataset": pipeline.name, "table": str(rows.table)}
    if not (rows.rules or rows.delivery or rows.period is not None or rows.where):
        hint = "Name a row, a rule, a delivery, a partition, or what cells hold"
        raise DecisionError("Say which rows are meant", where=where, hint=hint)
    condition = _condition(pipeline, rows, where)
    periods = None if rows.period is None else (rows.period,)
    scan = scan_refused(pipeline, rows.table, periods).filter(condition)
    counted = scan.group_by(PERIOD, "_delivery").len().collect(engine="streaming")
    if not counted.height:
        raise DecisionError(
            "No refused row is meant", where=where, hint=f"See `dq quarantine list {pipeline.name}`"
        )
    return ChosenRows(
        int(counted["len"].sum()),
        tuple(sorted(counted[PERIOD].unique())),
        tuple(sorted(counted["_delivery"].unique())),
    )


def _condition(pipeline: DatasetPipeline, rows: Rows, where: dict[str, object]) -> pl.Expr:
    known = {UNREADABLE, *(rule.name for rule in pipeline.contract(rows.table).rules)}
    if lost := [rule for rule in rows.rules if rule not in known]:
        hint = f"The contract has {', '.join(sorted(known))}"
        raise DecisionError(f"There is no rule {lost[0]}", where=where, hint=hint)
    columns = cell_columns(pipeline, rows.table)
    tests = [pl.lit(True)]
    for one in rows.where:
        _check_condition(one, columns, where)
        tests.append(fulfils(one, columns[one.column]))
    if rows.delivery is not None:
        tests.append(pl.col("_delivery") == rows.delivery)
    if rows.rules:
        reasons = pl.col(REASONS).str.split(";")
        ways = [reasons.list.contains(rule) for rule in rows.rules if rule != UNREADABLE]
        if UNREADABLE in rows.rules and rows.table.layer is Layer.BRONZE:
            ways.append(pl.col(RAW).is_not_null())
        tests.append(pl.any_horizontal(ways) if ways else pl.lit(False))
    return pl.all_horizontal(tests)


def _check_condition(
    condition: Condition, columns: Mapping[str, pl.DataType], where: dict[str, object]
) -> None:
    if condition.column not in columns:
        hint = f"Delivered are {', '.join(columns)}"
        raise DecisionError(f"There is no column {condition.column}", where=where, hint=hint)
    if condition.operator.takes_values != bool(condition.values):
        need = "needs something to compare with" if condition.operator.takes_values else "takes no value"
        raise DecisionError(f"{condition.column} {condition.operator}: it {need}", where=where)
    if condition.operator in ("=", "!="):
        read = typed(condition.values, columns[condition.column])
        if read.null_count():
            what = f"{condition.column} holds {columns[condition.column]}: it can't be compared with that"
            raise DecisionError(what, where=where)


def written_alike(pipeline: DatasetPipeline, rows: Rows) -> tuple[Condition, ...]:
    """The conditions with equal values written alike (1 and 1.0), so that filters can be compared."""
    columns = cell_columns(pipeline, rows.table)
    return tuple(
        replace(one, values=tuple(str(value) for value in typed(one.values, columns[one.column])))
        if one.operator in ("=", "!=") and columns[one.column] != pl.String
        else one
        for one in rows.where
    )


def standing_on(pipeline: DatasetPipeline, table: TableId, row_id: str) -> list[Decision]:
    """The decisions that hold for one row by its id, in order."""
    return [
        one
        for one in Decisions.of(pipeline).holding
        if (one.layer, one.table, one.row_id) == (table.layer, table.name, row_id)
    ]


def tables_of_row(pipeline: DatasetPipeline, delivery: Delivery, row_id: str) -> list[TableId]:
    """The tables by which a row is refused; else those on which a decision about it holds."""
    tables = [table for table in pipeline.tables if table.layer is not Layer.GOLD]
    refused = [
        table
        for table in tables
        if scan_refused(pipeline, table, (*delivery.periods, ""))
        .filter(pl.col("_row_id") == row_id)
        .head(1)
        .collect(engine="streaming")
        .height
    ]
    return refused or [table for table in tables if standing_on(pipeline, table, row_id)]
