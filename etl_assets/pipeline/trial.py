"""A trial: what a run would make of one file, found out with a run's own code, and without a trace.

Tables are built from the file alone, in a folder that the caller throws away. The ledger is neither read
nor written; of the lake only the tables that rows refer to are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from etl_assets.contracts.dataset import Layer, Table, TableId
from etl_assets.contracts.rules import CompiledContract
from etl_assets.lake.files import LakeFile, scan_files
from etl_assets.lake.stage import Stage
from etl_assets.lake.tables import Lake, LakeTable
from etl_assets.ledger.records import Delivery
from etl_assets.pipeline.bronze import BronzeReader
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.hop_result import Built
from etl_assets.pipeline.reading import Input, Reader, UpstreamReader
from etl_assets.pipeline.table_validation import TableValidation

IN_PERIOD = "in_period"


@dataclass(frozen=True)
class TriedTable:
    """What came of one table.

    Attributes:
        contract: The contract without the rules that could not be checked.
        built: Period -> what it came to.
        refused: The files of the rows that broke rules.
        unchecked: Rules that could not be checked, with the reason.
        failed: Period -> why it can't be built at all.
    """

    table: TableId
    contract: CompiledContract
    built: Mapping[str, Built]
    refused: Sequence[LakeFile] = ()
    unchecked: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, Exception] = field(default_factory=dict)

    @property
    def held(self) -> dict[str, str]:
        """The periods whose gate would close, with the reason."""
        return {key: one.validation.gate_reason for key, one in self.built.items() if not one.published}


@dataclass(frozen=True)
class Trial:
    """What a run would make of a file.

    Attributes:
        tables: Upstream before downstream.
        not_built: Tables that the file would go into, and why this trial does not build them.
    """

    delivery: Delivery
    tables: Sequence[TriedTable]
    not_built: Mapping[TableId, str]

    @property
    def sound(self) -> bool:
        """Whether no gate would close and nothing failed."""
        return not any(one.held or one.failed for one in self.tables)


class NoLedger:
    """Stands where the ledger is in a run; a trial that asks it anything is a mistake of ours."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a trial has no ledger, and asks for {name}")


def try_delivery(
    pipeline: DatasetPipeline, delivery: Delivery, current: Lake, *, period_known: bool = True
) -> Trial:
    """Build what can be built from one delivery alone.

    Args:
        pipeline: The dataset; its staging area, lake and scratch are the trial's own.
        delivery: The file.
        current: The lake as it is, for references and for other inputs; it is only read.
        period_known: False if the delivery's period is only assumed: whether rows lie in it is not checked.
    """
    return _Trial(pipeline, delivery, current, period_known).run()


class _Trial:
    def __init__(
        self, pipeline: DatasetPipeline, delivery: Delivery, current: Lake, period_known: bool
    ) -> None:
        self.pipeline = pipeline
        self.delivery = delivery
        self.current = current
        self.period_known = period_known
        self.bronze = TableId(Layer.BRONZE, delivery.table)
        self.tried: dict[TableId, TriedTable] = {}
        self.files: dict[TableId, list[LakeFile]] = {}
        self.not_built: dict[TableId, str] = {}

    def run(self) -> Trial:
        for table in self.pipeline.dataset.tables:
            if table.id == self.bronze:
                self._build(table)
            elif any(one in self.tried or one in self.not_built for one in table.inputs.values()):
                if why := self._why_not(table):
                    self.not_built[table.id] = why
                else:
                    self._build(table)
        return Trial(self.delivery, list(self.tried.values()), self.not_built)

    def _why_not(self, table: Table) -> str:
        for upstream in table.inputs.values():
            if upstream in self.tried and upstream not in self.files:
                return f"{upstream} would be held back"
            if upstream not in self.tried and upstream in self.not_built:
                return f"{upstream} is not built"
            if upstream not in self.tried and table.id.layer is Layer.GOLD:
                return f"it is built from {upstream} too"
            if upstream not in self.tried and not self.lake_table(upstream).exists():
                return f"it needs {upstream}, which is not there yet"
            if self.pipeline.tables[upstream].partitioned and not table.partitioned:
                return "it is built from all periods"
        return ""

    def lake_table(self, table: TableId) -> LakeTable:
        """A table as it is published now."""
        partitioned = self.pipeline.tables[table].partitioned
        return self.current.table(self.pipeline.name, table.layer, table.name, partitioned=partitioned)

    # -- one table ----------------------------------------------------------------------------

    def _build(self, table: Table) -> None:
        scratch = self.pipeline.scratch / str(table.id).replace("/", "-")
        scratch.mkdir(parents=True)
        pass_ = _TrialValidation(self, table.id, scratch)
        accepted = self.pipeline.accepted(table.id).stage("trial")
        quarantined = self.pipeline.quarantine(table.id).stage("trial")
        built = pass_.validate(self._reader(table, scratch), accepted, quarantined)
        failed = {key: given.error for key, given in pass_.inputs.items() if given.error is not None}
        self.tried[table.id] = TriedTable(
            table.id, pass_.contract, built, _files(quarantined), pass_.unchecked, failed
        )
        if any(one.published for one in built.values()):
            stopped = {key for key, one in built.items() if not one.published}
            self.files[table.id] = [file for file in _files(accepted) if file.period not in stopped]

    def _reader(self, table: Table, scratch: Path) -> Reader:
        if table.id == self.bronze:
            deliveries = {period: [self.delivery] for period in self.delivery.periods or ("",)}
            return BronzeReader(self.pipeline, table.id, deliveries, scratch)
        files = {name: self._files_of(upstream) for name, upstream in table.inputs.items()}
        first = next(iter(table.inputs.values()))
        published = self.tried[first].built if first in self.tried else {}
        inputs = [
            Input(
                period,
                rows=one.outcome.accepted,
                bytes=sum(file.bytes for found in files.values() for file in found.get(period, ())),
                deliveries=(self.delivery.id,),
                keeps_rows=table.id.layer is Layer.SILVER,
            )
            for period, one in published.items()
            if one.published
        ]
        return UpstreamReader(self.pipeline, table, files, inputs)

    def _files_of(self, table: TableId) -> dict[str, list[LakeFile]]:
        found: dict[str, list[LakeFile]] = {}
        for file in self.files[table] if table in self.files else self.lake_table(table).files():
            found.setdefault(file.period, []).append(file)
        return found


class _TrialValidation(TableValidation):
    """Leaves out the rules that can't be checked here, and says so."""

    def __init__(self, trial: _Trial, table: TableId, scratch: Path) -> None:
        pipeline = trial.pipeline
        super().__init__(pipeline, table, scratch, run_id="trial", attempt="trial", started=pipeline.now())
        self.trial = trial
        self.ranks = {trial.delivery.id: 0}
        self.unchecked = self._unchecked()
        rules = tuple(rule for rule in self.contract.rules if rule.name not in self.unchecked)
        period_column = None if IN_PERIOD in self.unchecked else self.contract.period_column
        self.contract = replace(self.contract, rules=rules, period_column=period_column)

    def _unchecked(self) -> dict[str, str]:
        unchecked = {
            name: f"{table} is not there yet"
            for name, table in self.pipeline.references(self.table).items()
            if table not in self.trial.files and not self.trial.lake_table(table).exists()
        }
        if self.contract.period_column is not None and not self.trial.period_known:
            unchecked[IN_PERIOD] = "the file's name gives no period"
        return unchecked

    def published(self, table: TableId, schema: Mapping[str, pl.DataType]) -> pl.LazyFrame:
        """The file's own rows of a table where it has some, else the lake's."""
        if table in self.trial.files:
            return scan_files(self.trial.files[table], schema)
        return self.trial.lake_table(table).scan(schema)


def _files(stage: Stage) -> list[LakeFile]:
    return [
        LakeFile(stage.table.path / file.path, file.period, file.rows, file.bytes) for file in stage.files
    ]
