"""Upkeep of a dataset: its tables, its scratch folders, and what the ledger need not remember."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from etl_assets.errors import LakeError, LeaseHeldError
from etl_assets.lake.tables import LakeTable
from etl_assets.lake.upkeep import TableUpkeep, keep_table
from etl_assets.ledger.records import Lease
from etl_assets.ledger.retention import Forgotten
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.hop_keys import tidy
from etl_assets.pipeline.leases import held_lease
from etl_assets.pipeline.scratch import attempt_prefix, clear_abandoned

Keep = Callable[[LakeTable], TableUpkeep]


@dataclass
class Upkeep:
    """What upkeep of a dataset has done.

    Attributes:
        tables: `silver/sales`, or `quarantine of silver/sales` -> what was done there.
        forgotten: Rows of the ledger that were deleted.
        skipped: Why nothing was done: somebody works on the dataset; '' where it was done.
    """

    dataset: str
    tables: dict[str, TableUpkeep] = field(default_factory=dict)
    forgotten: Forgotten = field(default_factory=Forgotten)
    skipped: str = ""

    @property
    def removed(self) -> int:
        """Files that were removed."""
        return sum(one.removed for one in self.tables.values())

    @property
    def removed_bytes(self) -> int:
        """Their size."""
        return sum(one.removed_bytes or 0 for one in self.tables.values())

    @property
    def errors(self) -> dict[str, str]:
        """The tables that could not be kept, and why."""
        return {name: one.error for name, one in self.tables.items() if one.error}


def keep_dataset(
    pipeline: DatasetPipeline,
    owner: str,
    *,
    retention: timedelta,
    details: timedelta,
    dry_run: bool = False,
) -> Upkeep:
    """Do the upkeep of a dataset under its lease; one that is being built is left for the next time.

    Args:
        pipeline: The dataset.
        owner: Who takes the lease: a run's id.
        retention: How long old versions of its tables can be read.
        details: How long the ledger keeps the details of what was replaced, and runs.
        dry_run: Change nothing, take no lease, and say what would be done.
    """
    upkeep = Upkeep(pipeline.name)
    if dry_run:
        nobody = Lease(pipeline.name, owner, 0)
        _keep_tables(pipeline, upkeep, _keeping(nobody, retention, dry_run=True), nobody)
        return upkeep
    try:
        with held_lease(pipeline.ledger, pipeline.name, owner, pipeline.limits.lease_seconds) as lease:
            clear_abandoned(pipeline.scratch, lease)
            _keep_tables(pipeline, upkeep, _keeping(lease, retention), lease)
            for table in pipeline.tables:
                tidy(pipeline, table, f"{attempt_prefix(lease)}upkeep", all_=True)
            upkeep.forgotten = pipeline.ledger.forget(pipeline.name, pipeline.now() - details)
    except LeaseHeldError as error:
        upkeep.skipped = error.what
    return upkeep


def _keeping(lease: Lease, retention: timedelta, *, dry_run: bool = False) -> Keep:
    return lambda table: keep_table(
        table, writer=lease.dataset, token=lease.token, retention=retention, dry_run=dry_run
    )


def _keep_tables(pipeline: DatasetPipeline, upkeep: Upkeep, keep: Keep, lease: Lease) -> None:
    for name, table in _tables(pipeline):
        if lease.token:
            pipeline.ledger.check_lease(lease)
        try:
            upkeep.tables[name] = keep(table)
        except LakeError as error:
            # One damaged table keeps no other from its upkeep.
            upkeep.tables[name] = TableUpkeep(error=error.what)


def _tables(pipeline: DatasetPipeline) -> Iterator[tuple[str, LakeTable]]:
    for table in pipeline.tables:
        yield str(table), pipeline.accepted(table)
        yield f"quarantine of {table}", pipeline.quarantine(table)
