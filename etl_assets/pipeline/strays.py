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
from etl_assets.ledger.records import PartitionKey, Validation
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
