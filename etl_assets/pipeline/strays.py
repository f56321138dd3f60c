"""Partitions whose rows are not those of their publication.

A run leaves them that is killed between lake and ledger. Usually its inputs are still pending and they are
built again all the same; but where the old inputs came back meanwhile (content A, then B, then A), what is
published would look up to date. And so do lost files leave them, and a lake or a ledger that was restored
from an older copy than the other.
"""

from __future__ import annotations

from collections.abc import Mapping

from etl_assets.contracts.dataset import TableId
from etl_assets.errors import LakeError
from etl_assets.lake.places import LakeUnreachableError
from etl_assets.lake.tables import LakeTable
from etl_assets.ledger.records import Lease, PartitionKey, Validation
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline


def strays(
    pipeline: DatasetPipeline, published: Mapping[PartitionKey, Validation]
) -> frozenset[tuple[TableId, str]]:
    """Find the partitions whose rows are not those of their publication.

    It costs one look at each table's log, some 10 ms for 500 files.
    """
    found: set[tuple[TableId, str]] = set()
    for table in pipeline.tables:
        own = {
            period: one
            for (layer, name, period), one in published.items()
            if (layer, name) == (table.layer, table.name)
        }
        try:
            found |= {(table, period) for period in _strays_of(pipeline, table, own)} if own else set()
        except LakeUnreachableError:
            break  # so are the other tables: each would wait for it once more
        except LakeError:
            continue  # its log is damaged: its own hops say so; the other tables go on
    return frozenset(found)


def put_back(pipeline: DatasetPipeline, table: TableId, own: Mapping[str, Validation], lease: Lease) -> None:
    """Make partitions what their publications say, from the versions of the lake that these wrote.

    Args:
        pipeline: The dataset.
        table: Whose partitions.
        own: Period -> the validation behind its publication.
        lease: The right to write the dataset's tables.

    Raises:
        LakeError: The files of such a version are gone, or the storage can't be reached.
        StaleWriterError: The lease was lost.
    """
    for period, one in own.items():
        parts = (
            (pipeline.quarantine(table), one.quarantine_version, one.quarantined),
            (pipeline.accepted(table), one.lake_version, one.accepted),
        )
        if all(_is_whole(lake, period, one, version, rows) for lake, version, rows in parts):
            for lake, version, _ in parts:
                lake.put_back(version or 0, [period], writer=pipeline.name, token=lease.token)


def _is_whole(lake: LakeTable, period: str, one: Validation, version: int | None, rows: int) -> bool:
    """Whether a version of the lake holds the very rows of a publication, of that partition."""
    if version is None:
        return False
    files = lake.files([period], version=version)
    ours = all(file.path.name.startswith(f"{one.attempt}-") for file in files)
    return ours and not lake.lost(files) and sum(file.rows for file in files) == rows


def _strays_of(pipeline: DatasetPipeline, table: TableId, own: Mapping[str, Validation]) -> set[str]:
    accepted = {period: one.accepted for period, one in own.items()}
    quarantined = {period: one.quarantined for period, one in own.items()}
    return _changed(pipeline.accepted(table), own, accepted) | _changed(
        pipeline.quarantine(table), own, quarantined
    )


def _changed(lake: LakeTable, own: Mapping[str, Validation], rows: Mapping[str, int]) -> set[str]:
    counted = dict.fromkeys(own, 0)
    changed = set()
    files = [file for file in lake.files() if file.period in own]
    lost = lake.lost(files)
    for file in files:
        # A file that the log names and the disk has lost counts as lost rows.
        counted[file.period] += 0 if file.path in lost else file.rows
        # Of an earlier attempt too: the lake may have been restored from an older copy.
        if not file.path.name.startswith(f"{own[file.period].attempt}-"):
            changed.add(file.period)
    return changed | {period for period, count in counted.items() if count != rows[period]}
