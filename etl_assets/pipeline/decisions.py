"""Which decisions of people hold now, for which partition; and what they say, put into the engine's words.

Silver is a function of bronze, contract and decisions: those that concern a partition are part of its state
id, so that deciding makes exactly the partitions pending that it concerns. The clock is asked here, when
work is planned, and nowhere later.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from etl_assets.contracts.dataset import Layer, TableId
from etl_assets.contracts.provenance import PROVENANCE
from etl_assets.contracts.vocabulary import RuleKind
from etl_assets.ledger.decision_records import Decision, DecisionKind, standing
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.refused import RAW, delivered_schema
from etl_assets.quality.decided import Decided, RowGroup, typed


@dataclass(frozen=True)
class Decisions:
    """The decisions of a dataset that hold at one moment.

    Attributes:
        holding: Those that no later one replaces and whose time is not over, in order.
        by_partition: (table, period) -> those that name the partition.
        rejected: Delivery -> the decision that it counts no more.
    """

    holding: tuple[Decision, ...] = ()
    by_partition: Mapping[tuple[TableId, str], Sequence[Decision]] = field(default_factory=dict)
    rejected: Mapping[str, Decision] = field(default_factory=dict)

    @classmethod
    def of(cls, pipeline: DatasetPipeline) -> Decisions:
        """Ask the ledger, at the pipeline's time."""
        return cls.among(pipeline, pipeline.ledger.decisions(pipeline.name))

    @classmethod
    def among(cls, pipeline: DatasetPipeline, entries: Sequence[Decision]) -> Decisions:
        """Choose those that hold from all that were ever made."""
        if not entries:
            return cls()
        now = pipeline.now()
        holding = [
            one for one in standing(entries) if one.kind is not DecisionKind.UNDO and not one.expired(now)
        ]
        by_partition: defaultdict[tuple[TableId, str], list[Decision]] = defaultdict(list)
        rejected: dict[str, Decision] = {}
        for one in holding:
            if one.kind is DecisionKind.REJECT:
                rejected |= dict.fromkeys(one.deliveries, one)
                continue
            for period in one.periods:
                by_partition[TableId(Layer(one.layer), one.table), period].append(one)
        return cls(tuple(holding), dict(by_partition), rejected)

    def of_partition(
        self, pipeline: DatasetPipeline, table: TableId, period: str, present: Collection[str]
    ) -> tuple[Decision, ...]:
        """The decisions that do something to a partition.

        Args:
            pipeline: The dataset.
            table: The table.
            period: The partition key.
            present: The deliveries whose rows the partition has.
        """
        found = self.by_partition.get((table, period), ())
        return tuple(one for one in found if not why_void(pipeline, table, one, present))


def why_void(pipeline: DatasetPipeline, table: TableId, decision: Decision, present: Collection[str]) -> str:
    """Say why a decision does nothing to a partition whose rows are of these deliveries; '' if it does."""
    if decision.kind is DecisionKind.PUBLISH:
        if set(decision.deliveries) == set(present):
            return ""
        return "it was made for other deliveries: some were superseded, or new ones came"
    if decision.deliveries and not set(decision.deliveries) & set(present):
        return "its delivery was superseded, or is not there any more"
    # What makes a record unreadable is no rule of the contract.
    if decision.kind is DecisionKind.WAIVE or (decision.rules and table.layer is not Layer.BRONZE):
        known = {rule.name for rule in pipeline.contract(table).rules}
        lost = [rule for rule in decision.rules if rule not in known]
        if len(lost) == len(decision.rules):
            return f"the contract has no rule {', '.join(lost)} any more"
    if decision.kind is DecisionKind.WAIVE:
        return ""
    columns = cell_columns(pipeline, table)
    named = [*decision.values, *(one.column for one in decision.where)]
    if lost := sorted({column for column in named if column not in columns}):
        return f"what is delivered has no column {', '.join(lost)} any more"
    return ""


def cell_columns(pipeline: DatasetPipeline, table: TableId) -> dict[str, pl.DataType]:
    """The columns of a table's rows as delivered, without provenance."""
    schema = delivered_schema(pipeline, table)
    return {name: dtype for name, dtype in schema.items() if name not in PROVENANCE}


def allowed_share(decisions: Iterable[Decision]) -> float:
    """The share of quarantined rows up to which a person let a partition be published."""
    shares = [
        one.limits["quarantined"] / one.limits["rows_in"]
        for one in decisions
        if one.kind is DecisionKind.PUBLISH and one.limits.get("rows_in")
    ]
    return max(shares, default=0.0)


# -- in the engine's words --------------------------------------------------------------------


def decided(pipeline: DatasetPipeline, table: TableId, decisions: Iterable[Decision]) -> Decided | None:
    """Put decisions about rows into the engine's words; None where there are none."""
    partition_rules = {
        rule.name for rule in pipeline.contract(table).rules if rule.kind is RuleKind.AGGREGATE
    }
    unique = {
        one.id: one
        for one in decisions
        # What is waived of a whole partition is the gate's business.
        if one.about_rows and not (one.kind is DecisionKind.WAIVE and set(one.rules) <= partition_rules)
    }
    if not unique:
        return None
    ordered = [unique[id] for id in sorted(unique)]
    own = [one for one in ordered if one.row_id]
    groups = {
        kind: [_group(pipeline, table, one) for one in ordered if one.kind is kind and not one.row_id]
        for kind in (DecisionKind.CORRECT, DecisionKind.WAIVE, DecisionKind.DISCARD)
    }
    cells = cell_columns(pipeline, table)
    corrections = [one for one in own if one.kind is DecisionKind.CORRECT]
    whole = [one for one in corrections if RAW in one.original]
    changed = [one for one in corrections if RAW not in one.original]
    waived: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for one in own:
        for rule in one.rules if one.kind is DecisionKind.WAIVE else ():
            waived[rule][one.row_id] = str(one.id)
    return Decided(
        cells=cells,
        corrected_rows={one.row_id: str(one.id) for one in corrections},
        new_cells=_new_cells(changed, cells),
        corrections=groups[DecisionKind.CORRECT],
        waived_rows=dict(waived),
        waivers=groups[DecisionKind.WAIVE],
        discarded_rows={one.row_id: str(one.id) for one in own if one.kind is DecisionKind.DISCARD},
        discards=groups[DecisionKind.DISCARD],
        records={one.row_id: _typed_values(one.values, cells) for one in whole},
    )


def _new_cells(
    corrections: Sequence[Decision], cells: Mapping[str, pl.DataType]
) -> dict[str, dict[str, object]]:
    by_column: defaultdict[str, dict[str, str | None]] = defaultdict(dict)
    for one in corrections:
        for column, value in one.values.items():
            by_column[column][one.row_id] = value
    return {
        column: dict(zip(rows, typed(list(rows.values()), cells[column]).to_list(), strict=True))
        for column, rows in by_column.items()
    }


def _typed_values(values: Mapping[str, str | None], cells: Mapping[str, pl.DataType]) -> dict[str, object]:
    return {column: typed([value], cells[column])[0] for column, value in values.items()}


def _group(pipeline: DatasetPipeline, table: TableId, decision: Decision) -> RowGroup:
    partitioned = pipeline.tables[table].partitioned
    return RowGroup(
        decision=str(decision.id),
        deliveries=decision.deliveries,
        # Rows of a table without partitions come with those of the table that they are made of.
        periods=decision.periods if partitioned else None,
        where=decision.where,
        rules=decision.rules,
        values=_typed_values(decision.values, cell_columns(pipeline, table)),
    )
