"""Reads rows in quarantine: a page at a time, from the partitions that have any, personal values masked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from etl_assets.contracts.dataset import TableId
from etl_assets.contracts.provenance import PROVENANCE
from etl_assets.lake.files import PERIOD, LakeFile, scan_files
from etl_assets.ledger.decision_records import Decision, DecisionKind
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.personal import comparable, hidden_columns
from etl_assets.pipeline.refused import RAW, held_files, quarantine_files, refused_schema, scan_held
from etl_assets.quality.decided import DECISION, UNREADABLE
from etl_assets.quality.flags import REASONS

MASK = "***"
"""Stands for a value of a column marked `pii`; a null stays null, since it may be the very reason."""


@dataclass(frozen=True)
class Selection:
    """Which rows are wanted; None for no restriction.

    Attributes:
        delivery: A delivery's full id.
        periods: Partition keys.
        line: The line of the delivery on which the record starts.
        held: The rows of partitions that a closed gate holds back, instead of those in quarantine.
    """

    table: TableId | None = None
    rule: str | None = None
    delivery: str | None = None
    periods: tuple[str, ...] | None = None
    line: int | None = None
    held: bool = False


@dataclass(frozen=True)
class QuarantinedRow:
    """One row as delivered, where it came from, and every rule that it broke.

    Attributes:
        delivery: Its delivery's id; None in gold, whose rows come from many.
        cells: Column -> value as delivered, masked where it is personal.
        raw: An unreadable record as far as it can be shown; None for any other row.
        held: Whether it belongs to a partition that a closed gate holds back.
        decisions: The ids of the decisions that concern it.
        corrected: Column -> its value after the corrections among them, masked where it is personal.
    """

    dataset: str
    table: TableId
    partition: str
    delivery: str | None
    line: int | None
    reasons: tuple[str, ...]
    cells: Mapping[str, object] = field(default_factory=dict)
    raw: str | None = None
    held: bool = False
    decisions: tuple[int, ...] = ()
    corrected: Mapping[str, object] = field(default_factory=dict)

    @property
    def row_id(self) -> str | None:
        """`delivery:line`; None in gold."""
        return None if self.delivery is None else f"{self.delivery}:{self.line}"


def read_rows(pipeline: DatasetPipeline, wanted: Selection, count: int) -> list[QuarantinedRow]:
    """Read the first rows of a selection, in the order of tables, partitions and files.

    Args:
        pipeline: The dataset.
        wanted: Which rows.
        count: How many at most; no more than these are held in memory.
    """
    rows: list[QuarantinedRow] = []
    for table, files in _files(pipeline, wanted):
        if len(rows) >= count:
            break
        rows += _read(pipeline, table, files, wanted, count - len(rows))
    return rows


def read_refused(
    pipeline: DatasetPipeline, table: TableId, files: Sequence[LakeFile], count: int
) -> list[QuarantinedRow]:
    """Read the first rows of files that hold refused rows of a table, wherever they are."""
    return _read(pipeline, table, files, Selection(table, held=True), count) if files else []


def _files(pipeline: DatasetPipeline, wanted: Selection) -> Iterator[tuple[TableId, list[LakeFile]]]:
    """Tables with the files that may hold such rows; the ledger knows which partitions have any."""
    files_of = held_files if wanted.held else quarantine_files
    for table in _tables(pipeline, wanted):
        if files := files_of(pipeline, table, wanted.periods):
            yield table, files


def _tables(pipeline: DatasetPipeline, wanted: Selection) -> Sequence[TableId]:
    return [wanted.table] if wanted.table else list(pipeline.tables)


def _read(
    pipeline: DatasetPipeline, table: TableId, files: Sequence[LakeFile], wanted: Selection, count: int
) -> list[QuarantinedRow]:
    schema = refused_schema(pipeline, table)
    if "_delivery" not in schema and (wanted.delivery or wanted.line is not None):
        return []
    if RAW not in schema and wanted.rule == UNREADABLE:
        return []
    scan = scan_held(files, schema) if wanted.held else scan_files(files, schema)
    found = scan.filter(_condition(wanted)).head(count).collect(engine="streaming")
    hidden = hidden_columns(pipeline)
    rows = [_row(pipeline, table, values, hidden, held=wanted.held) for values in found.iter_rows(named=True)]
    if not any(row.decisions for row in rows):
        return rows
    known = {one.id: one for one in pipeline.ledger.decisions(pipeline.name)}
    return [replace(row, corrected=_corrected(row, known, hidden)) for row in rows]


def _corrected(
    row: QuarantinedRow, known: Mapping[int, Decision], hidden: frozenset[str]
) -> dict[str, object]:
    """The new cells of a row: its own correction goes before those of many rows."""
    decisions = [known[id] for id in row.decisions if id in known]
    corrections = [one for one in decisions if one.kind is DecisionKind.CORRECT]
    cells: dict[str, object] = {}
    for one in sorted(corrections, key=lambda one: (bool(one.row_id), one.id)):
        cells |= {name: _shown(name, value, hidden) for name, value in one.values.items()}
    return cells


def _condition(wanted: Selection) -> pl.Expr:
    conditions = [pl.lit(True)]
    if wanted.delivery:
        conditions.append(pl.col("_delivery") == wanted.delivery)
    if wanted.line is not None:
        conditions.append(pl.col("_line") == wanted.line)
    if wanted.rule == UNREADABLE:
        conditions.append(pl.col(RAW).is_not_null())
    elif wanted.rule:
        conditions.append(pl.col(REASONS).str.split(";").list.contains(wanted.rule))
    return pl.all_horizontal(conditions)


def _row(
    pipeline: DatasetPipeline,
    table: TableId,
    values: Mapping[str, object],
    hidden: frozenset[str],
    *,
    held: bool,
) -> QuarantinedRow:
    raw = values.get(RAW)
    reasons = str(values.get(REASONS) or "")
    line = values.get("_line")
    return QuarantinedRow(
        dataset=pipeline.name,
        table=table,
        partition=str(values.get(PERIOD) or ""),
        delivery=None if values.get("_delivery") is None else str(values["_delivery"]),
        line=line if isinstance(line, int) else None,
        # An unreadable record's reason is a sentence, which may have a semicolon.
        reasons=(reasons,) if raw is not None else tuple(part for part in reasons.split(";") if part),
        cells={
            name: _shown(name, value, hidden)
            for name, value in values.items()
            if name not in (*PROVENANCE, PERIOD, REASONS, DECISION, RAW) and raw is None
        },
        raw=None if raw is None else _shown_raw(str(raw), hidden),
        held=held,
        decisions=tuple(map(int, str(values[DECISION]).split(";"))) if values.get(DECISION) else (),
    )


# -- personal values --------------------------------------------------------------------------


def _shown(name: str, value: object, hidden: frozenset[str]) -> object:
    return MASK if value is not None and comparable(name) in hidden else value


def _shown_raw(raw: str, hidden: frozenset[str]) -> str:
    # A record that could not be read can't be told apart into columns.
    return f"{MASK} ({len(raw):,} characters; the dataset has personal columns)" if hidden else raw
