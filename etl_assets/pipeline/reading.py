"""What a partition is built from: deliveries for bronze, published upstream partitions otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import polars as pl

from etl_assets.contracts.dataset import Layer, Table, TableId
from etl_assets.contracts.provenance import PROVENANCE
from etl_assets.errors import ContractError, LakeError, StagingError
from etl_assets.lake.files import PERIOD, LakeFile, scan_files
from etl_assets.ledger.records import PartitionKey, Validation
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.faults import told
from etl_assets.pipeline.state import States
from etl_assets.quality.decided import Decided
from etl_assets.quality.flags import DELIVERED
from etl_assets.quality.outcome import PeriodOutcome


@dataclass(frozen=True)
class Input:
    """What one period of a table is built from.

    Attributes:
        period: The partition key, '' for an unpartitioned table.
        rows: How many rows go in, as the deliveries or the ledger say.
        bytes: About how much there is to read.
        deliveries: Ids, in the order in which their rows count as earlier and later.
        unreadable: Records that could not be read (bronze).
        breach: Why the partition can't be read as its settings say (bronze): the gate closes.
        broken_deliveries: The deliveries that are to blame: id -> reason.
        error: What kept it from being built just now; it will be tried again.
        keeps_rows: Whether each row in must come out as a row: true but for gold.
    """

    period: str
    rows: int
    bytes: int
    deliveries: tuple[str, ...] = ()
    unreadable: pl.DataFrame | None = None
    breach: str | None = None
    broken_deliveries: Mapping[str, str] = field(default_factory=dict)
    error: Exception | None = None
    keeps_rows: bool = True

    @property
    def readable(self) -> bool:
        """Whether there are rows to validate."""
        return self.breach is None and self.error is None

    def miscount(self, outcome: PeriodOutcome) -> str | None:
        """Say how many rows are missing or too many; None if all that went in came out."""
        if not self.keeps_rows or outcome.rows_in == self.rows:
            return None
        return f"rows do not add up: {self.rows} to read, {outcome.rows_in} validated"


@dataclass(frozen=True)
class Opened:
    """Some periods, ready to be read in one scan.

    Attributes:
        inputs: The periods, with what is known of them by now.
        frame: The rows of those that are readable, before validation, with `_period`.
        changed: To be called after the scan: the periods whose source changed meanwhile.
    """

    inputs: Sequence[Input]
    frame: pl.LazyFrame
    changed: Callable[[], Mapping[str, StagingError]] = dict


class Reader(Protocol):
    """Where the rows of a table come from."""

    def inputs(self) -> list[Input]:
        """What each period is built from, before anything is read."""

    def open(self, inputs: Sequence[Input]) -> Opened:
        """Prepare to read some periods at once."""

    def deciding(self, decided: Decided | None) -> Reader:
        """The same, with what people corrected."""


@dataclass(frozen=True)
class UpstreamReader:
    """Reads published upstream partitions and transforms them.

    Attributes:
        files: Argument name -> period -> live files; '' holds all of an unpartitioned table.
        found: What each period is built from.
        decided: What people decided of the rows.
    """

    pipeline: DatasetPipeline
    table: Table
    files: Mapping[str, Mapping[str, list[LakeFile]]]
    found: list[Input]
    decided: Decided | None = None

    def inputs(self) -> list[Input]:
        """What each period is built from."""
        return self.found

    def open(self, inputs: Sequence[Input]) -> Opened:
        """The rows of some periods, as the table's transformation gives them."""
        return Opened(inputs, self._frame([one for one in inputs if one.readable]))

    def deciding(self, decided: Decided | None) -> UpstreamReader:
        """The same, with what people corrected."""
        return replace(self, decided=decided)

    def _frame(self, inputs: Sequence[Input]) -> pl.LazyFrame:
        arguments = {}
        for name, upstream in self.table.inputs.items():
            schema = self.pipeline.contract(upstream).schema
            arguments[name] = scan_files(self._files(name, inputs), schema)
        if self.table.id.layer is Layer.SILVER:
            first = next(iter(self.table.inputs))
            cells = [
                column
                for column in self.pipeline.contract(self.table.inputs[first]).schema
                if column not in PROVENANCE
            ]
            arguments[first] = arguments[first].with_columns(
                pl.col(column).alias(DELIVERED + column) for column in cells
            )
            if self.decided is not None:
                arguments[first] = arguments[first].with_columns(
                    self.decided.new_cell(column).alias(column) for column in self.decided.corrected_columns
                )
        if self.table.transform is None:
            raise ContractError("the table has no transformation", where={"table": str(self.table.id)})
        rows = self.table.transform(**arguments)
        if not self.table.partitioned:
            rows = rows.with_columns(pl.lit("").alias(PERIOD))
        return self._checked(rows)

    def _files(self, name: str, inputs: Sequence[Input]) -> list[LakeFile]:
        by_period = self.files[name]
        if not self.table.partitioned:
            return [file for files in by_period.values() for file in files]
        periods = ["", *(one.period for one in inputs)]
        return [file for period in periods for file in by_period.get(period, ())]

    def _checked(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Refuse a transformation whose columns are not the contract's."""
        wanted = self.pipeline.contract(self.table.id).schema
        function = getattr(self.table.transform, "__name__", "the transformation")
        where = {"dataset": self.pipeline.name, "table": str(self.table.id), "function": function}
        try:
            schema = rows.collect_schema()
        except pl.exceptions.PolarsError as error:
            # Polars shows its plan, with the values that it compares with.
            raise ContractError(f"the transformation can't be planned: {told(error)}", where=where) from None
        if missing := [name for name in (*wanted, PERIOD) if name not in schema]:
            hint = "columns that start with _ must be kept: select pl.col('^_.*$') as well"
            raise ContractError(
                f"the transformation does not give {', '.join(missing)}", where=where, hint=hint
            )
        if extra := [name for name in schema if name not in wanted and not name.startswith("_")]:
            hint = "add them to the contract, or leave them out"
            raise ContractError(f"the contract does not have {', '.join(extra)}", where=where, hint=hint)
        return rows


def read_upstream(
    pipeline: DatasetPipeline,
    id: TableId,
    periods: Sequence[str],
    states: States,
    published: Mapping[PartitionKey, Validation],
) -> UpstreamReader:
    """Find what each period of a silver or gold table is built from.

    A period of which the lake does not hold the rows that the ledger says were published is an
    error of that period alone.
    """
    table = pipeline.tables[id]
    files: dict[str, dict[str, list[LakeFile]]] = {}
    for name, upstream in table.inputs.items():
        wanted = periods if table.partitioned else None
        files[name] = {}
        for file in pipeline.accepted(upstream).files(wanted):
            if (upstream.layer, upstream.name, file.period) in published:
                files[name].setdefault(file.period, []).append(file)
    inputs = []
    for period in periods:
        rows, size, error = 0, 0, None
        for name, upstream in table.inputs.items():
            keys = _periods_read(pipeline, table, upstream, period, published)
            expected = sum(published[upstream.layer, upstream.name, key].accepted for key in keys)
            found = [file for key in keys for file in files[name].get(key, ())]
            error = error or _lake_error(
                pipeline, upstream, period, expected, sum(file.rows for file in found)
            )
            size += sum(file.bytes for file in found)
            rows += expected if name == next(iter(table.inputs)) else 0
        order = _delivery_order(pipeline, table, period, states)
        keeps_rows = id.layer is Layer.SILVER
        inputs.append(Input(period, rows, size, deliveries=order, error=error, keeps_rows=keeps_rows))
    return UpstreamReader(pipeline, table, files, inputs)


def _periods_read(
    pipeline: DatasetPipeline,
    table: Table,
    upstream: TableId,
    period: str,
    published: Mapping[PartitionKey, Validation],
) -> list[str]:
    if not pipeline.tables[upstream].partitioned:
        return [""]
    if table.partitioned:
        return [period]
    return [key for layer, name, key in published if (layer, name) == (upstream.layer, upstream.name)]


def _lake_error(
    pipeline: DatasetPipeline, table: TableId, period: str, expected: int, found: int
) -> LakeError | None:
    if expected == found:
        return None
    return LakeError(
        f"the lake holds {found} rows, the ledger says that {expected} were published",
        where={"dataset": pipeline.name, "table": str(table), "partition": period or "all"},
        hint=f"run it again: `dq deliveries retry {pipeline.name}`, or materialize {table}",
    )


def _delivery_order(pipeline: DatasetPipeline, table: Table, period: str, states: States) -> tuple[str, ...]:
    first = next(iter(table.inputs.values()))
    while first.layer is not Layer.BRONZE:
        first = next(iter(pipeline.tables[first].inputs.values()))
    return states.order(first, period)
