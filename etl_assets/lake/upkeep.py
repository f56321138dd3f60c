"""Upkeep of a table: what nobody reads any more goes, small files become one, the log stays short.

What the table holds stays the same, row for row, and so does every version of the stated retention.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import CommitProperties, Transaction

from etl_assets.errors import StaleWriterError
from etl_assets.lake.files import PERIOD, LakeFile, StagedFile
from etl_assets.lake.log_errors import log_errors_told
from etl_assets.lake.places import storage_errors_told
from etl_assets.lake.tables import LakeTable

COMPACTED_BYTES = 256_000_000
"""Partitions of several files that are larger than this together are not rewritten: it would help nobody."""

_COMPACTED = "-compacted-"
_RETENTION = ("delta.deletedFileRetentionDuration", "delta.logRetentionDuration")


@dataclass(frozen=True)
class TableUpkeep:
    """What upkeep found of one table, and did.

    Attributes:
        files: Live files, before.
        bytes: Their size.
        files_after: Live files, afterwards.
        bytes_after: Their size.
        compacted: Partitions whose files became one.
        removed: Files that nobody reads any more, of old versions and of killed runs.
        removed_bytes: Their size; None where the files only would have been removed.
        error: Why nothing was done, '' where something was.
    """

    files: int = 0
    bytes: int = 0
    files_after: int = 0
    bytes_after: int = 0
    compacted: int = 0
    removed: int = 0
    removed_bytes: int | None = 0
    error: str = ""


def keep_table(
    table: LakeTable, *, writer: str, token: int, retention: timedelta, dry_run: bool = False
) -> TableUpkeep:
    """Compact a table, write a checkpoint, and remove what is older than the retention.

    Removed are files of versions that were replaced longer ago than `retention`, and files older than
    that which no version names: killed runs leave them behind.

    Args:
        table: The table; one that was never written is left alone.
        writer: Whose tokens are compared, such as the dataset.
        token: The fencing token of the dataset's lease, which the caller holds.
        retention: How long every version of the table can be read.
        dry_run: Change nothing; say what would be done.

    Raises:
        StaleWriterError: A newer token has written already, or writes meanwhile.
        LakeError: The table's log is damaged.
    """
    with storage_errors_told(table.path, "write"), log_errors_told(str(table.path)):
        delta = table._delta()
        if delta is None:
            return TableUpkeep()
        live = table.files()
        small = _small(live)
        report = TableUpkeep(
            files=len(live),
            bytes=sum(file.bytes for file in live),
            files_after=len(live) - sum(len(files) - 1 for files in small.values()),
            bytes_after=sum(file.bytes for file in live),
            compacted=len(small),
            removed=len(_removable(delta, retention)),
            removed_bytes=None,
        )
        if dry_run:
            return report
        _check_token(table, delta, writer, token)
        try:
            return _keep(table, report, small, Transaction(writer, token), retention)
        except CommitFailedError as error:
            raise StaleWriterError(
                f"another writer committed meanwhile: {error}",
                where={"table": str(table.path)},
                hint="nothing is lost; the next upkeep goes on",
            ) from error


def _keep(
    table: LakeTable,
    report: TableUpkeep,
    small: dict[str, list[LakeFile]],
    mine: Transaction,
    retention: timedelta,
) -> TableUpkeep:
    if small:
        _compact(table, small, mine)
    delta = _opened(table)
    _state_retention(delta, retention)
    if removable := _removable(delta, retention):
        # From this commit on no older writer gets one through: none of these files can come to life any more.
        _fence(delta, mine)
        delta = _opened(table)
        removable = delta.vacuum(
            _hours(retention), dry_run=False, enforce_retention_duration=False, full=True
        )
    removed_bytes = _removed_bytes(delta) if removable else 0
    delta = _opened(table)
    delta.create_checkpoint()
    delta.cleanup_metadata()
    live = table.files()
    return replace(
        report,
        files_after=len(live),
        bytes_after=sum(file.bytes for file in live),
        removed=len(removable),
        removed_bytes=removed_bytes,
    )


def _check_token(table: LakeTable, delta: DeltaTable, writer: str, token: int) -> None:
    newest = delta.transaction_version(writer)
    if newest is not None and newest > token:
        raise StaleWriterError(
            f"a newer writer (token {newest}) has written this table, ours is {token}",
            where={"table": str(table.path)},
            hint="nothing was done; the next upkeep does the work",
        )


def _opened(table: LakeTable) -> DeltaTable:
    """The table as it is now: each step begins with what the one before has written."""
    delta = table._delta()
    assert delta is not None
    return delta


def _hours(retention: timedelta) -> int:
    return int(retention.total_seconds() // 3600)


def _removable(delta: DeltaTable, retention: timedelta, *, dry_run: bool = True) -> list[str]:
    return delta.vacuum(_hours(retention), dry_run=dry_run, enforce_retention_duration=False, full=True)


def _state_retention(delta: DeltaTable, retention: timedelta) -> None:
    """Write the retention into the table: other programs keep to it, and so do checkpoints.

    A removed file that a checkpoint forgets too early would count as one that no version ever named.
    """
    stated = f"interval {_hours(retention)} hours"
    held = delta.metadata().configuration
    if any(held.get(name) != stated for name in _RETENTION):
        delta.alter.set_table_properties(dict.fromkeys(_RETENTION, stated))


def _fence(delta: DeltaTable, mine: Transaction) -> None:
    delta.create_write_transaction(
        [],
        "append",
        delta.schema(),
        delta.metadata().partition_columns or None,
        commit_properties=CommitProperties(app_transactions=[mine]),
    )


def _removed_bytes(delta: DeltaTable) -> int:
    """What the vacuum that just ended has freed, as it wrote into the log."""
    for commit in delta.history(5):
        if commit.get("operation") == "VACUUM START":
            return int(commit.get("operationMetrics", {}).get("sizeOfDataToDelete", 0))
    return 0


# -- compaction -------------------------------------------------------------------------------


def _small(live: Sequence[LakeFile]) -> dict[str, list[LakeFile]]:
    """The files of each partition that would be better off as one."""
    found: defaultdict[str, list[LakeFile]] = defaultdict(list)
    for file in live:
        found[file.period].append(file)
    return {
        period: files
        for period, files in found.items()
        # Of one attempt only: the name of the new file says who built its rows.
        if len(files) > 1
        and len({_attempt(file) for file in files}) == 1
        and sum(file.bytes for file in files) <= COMPACTED_BYTES
    }


def _attempt(file: LakeFile) -> str:
    """The attempt that a file's rows are of: what its name begins with, token and digest."""
    return "-".join(str(file.path).rpartition("/")[2].split("-")[:2])


def _compact(table: LakeTable, small: dict[str, list[LakeFile]], mine: Transaction) -> None:
    """Write the files of each partition as one, and replace them in one commit."""
    columns = pl.Schema(_opened(table).schema().to_arrow())
    schema = {name: dtype for name, dtype in columns.items() if name != PERIOD}
    staged: list[StagedFile] = []
    for period, files in small.items():
        stage = table.stage(f"{_attempt(files[0])}{_COMPACTED}{uuid4().hex[:16]}")
        pl.collect_all([stage.sink(table.scan(schema, [period]))], engine="streaming")
        staged += stage.files
    table.commit(staged, list(small), schema, writer=mine.app_id, token=mine.version)
