"""Tables of the lake: Delta tables whose partitions are replaced, never added to.

A commit replaces the named partitions by files that were staged before, in one transaction that
carries the writer's fencing token: a writer whose lease was taken over is refused.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from uuid import uuid4

import polars as pl
from deltalake import DeltaTable, TableFeatures
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from deltalake.schema import Schema
from deltalake.transaction import AddAction, CommitProperties, Transaction

from etl_assets.errors import ErrorKind, LakeError, StaleWriterError
from etl_assets.lake.files import PERIOD, LakeFile, StagedFile, scan_files
from etl_assets.lake.log_errors import log_errors_told
from etl_assets.lake.places import (
    LakePath,
    delete,
    delta_options,
    lake_path,
    lost,
    make_folder,
    polars_options,
    relative,
    scannable,
    size,
    storage_errors_told,
)
from etl_assets.lake.recasting import differing, recast, uncastable
from etl_assets.lake.schema import delta_schema
from etl_assets.lake.stage import COMPRESSION_LEVEL, ROW_GROUP_ROWS, Stage
from etl_assets.object_storage import ObjectStorage

SHOWN = 10
"""Partitions that a message names."""

_CARRIED = "-carried-"


@dataclass(frozen=True)
class LakeTable:
    """One Delta table of the lake.

    Attributes:
        path: Its folder.
        partitioned: Whether its rows are partitioned by `_period`.
    """

    path: LakePath
    partitioned: bool

    @cached_property
    def _uri(self) -> str:
        return str(self.path)

    def _delta(self, version: int | None = None) -> DeltaTable | None:
        try:
            with self._errors_told("read"):
                return DeltaTable(self._uri, version, storage_options=delta_options(self.path))
        except TableNotFoundError:
            return None

    def exists(self) -> bool:
        """Whether anything was ever committed."""
        with self._errors_told("list"):
            return DeltaTable.is_deltatable(self._uri, delta_options(self.path))

    def lost(self, files: Iterable[LakeFile]) -> set[LakePath]:
        """Those of some live files that are not where the log says."""
        return lost(self.path, [file.path for file in files])

    @contextmanager
    def _errors_told(self, doing: str) -> Iterator[None]:
        with storage_errors_told(self.path, doing), log_errors_told(self._uri):
            yield

    def version(self) -> int | None:
        """The newest version, None where the table does not exist."""
        delta = self._delta()
        return None if delta is None else delta.version()

    def files(self, periods: Collection[str] | None = None, *, version: int | None = None) -> list[LakeFile]:
        """The live files, of some periods or of all, in the order of their periods; now or at a version."""
        delta = self._delta(version)
        if delta is None:
            return []
        wanted = None if periods is None or not self.partitioned else set(periods)
        return [file for file in self._live(delta) if wanted is None or file.period in wanted]

    def _live(self, delta: DeltaTable) -> list[LakeFile]:
        with self._errors_told("read"):
            actions = pl.DataFrame(delta.get_add_actions(flatten=True))
        period = f"partition.{PERIOD}"
        found = [
            LakeFile(self.path / row["path"], row.get(period) or "", row["num_records"], row["size_bytes"])
            for row in actions.iter_rows(named=True)
        ]
        return sorted(found, key=lambda file: (file.period, str(file.path)))

    def scan(self, schema: Mapping[str, pl.DataType], periods: Collection[str] | None = None) -> pl.LazyFrame:
        """The rows of some periods or of all, with `_period` ('' where the table has none).

        Args:
            schema: The columns and dtypes that the caller relies on.
            periods: Partition keys; None for all.
        """
        return scan_files(self.files(periods), schema)

    def stage(self, attempt: str) -> Stage:
        """Begin to write; the attempt's name must be unique for ever."""
        return Stage(self, attempt)

    def commit(
        self,
        files: Sequence[StagedFile],
        periods: Collection[str],
        schema: Mapping[str, pl.DataType],
        *,
        writer: str,
        token: int,
    ) -> int:
        """Replace partitions by staged files, in one transaction.

        Partitions that are not replaced keep their rows, whatever becomes of the columns: where a dtype
        has changed they are cast to the new one, a new column is null in them, a dropped one is gone.

        Args:
            files: What the partitions consist of afterwards.
            periods: The partitions that are replaced; one without files becomes empty. Ignored for
                an unpartitioned table, which is replaced as a whole.
            schema: The columns, without `_period`.
            writer: Whose tokens are compared, such as the dataset.
            token: The writer's fencing token; higher is newer.

        Returns:
            The table's new version.

        Raises:
            StaleWriterError: A newer token has written already, or wrote meanwhile.
            LakeError: The rows of another partition can't be cast to the new dtypes, or the commit failed
                otherwise; nothing was committed.
        """
        with self._errors_told("write"):
            delta = self._delta() or self._create(self._wanted(schema))
            _enable_times_without_zone(delta, schema)
            transaction = self._fenced(delta, writer, token)
            return self._commit(delta, files, set(periods), schema, transaction)

    def _fenced(self, delta: DeltaTable, writer: str, token: int) -> Transaction:
        newest = delta.transaction_version(writer)
        if newest is not None and newest > token:
            raise StaleWriterError(
                f"a newer writer (token {newest}) has written this table, ours is {token}",
                where={"table": self._uri},
                hint="nothing was committed; the newer run does the work",
            )
        return Transaction(writer, token)

    def put_back(self, version: int, periods: Collection[str], *, writer: str, token: int) -> int:
        """Make partitions what they were at an earlier version, in one transaction; returns the new version.

        Raises:
            StaleWriterError: A newer token has written already, or wrote meanwhile.
            LakeError: Files of that version are gone, or the table's columns have other dtypes by now.
        """
        with self._errors_told("write"):
            delta, old = self._delta(), self._delta(version)
            files = self.files(periods, version=version)
            if delta is None or old is None or self.lost(files) or not _same_types(old, delta):
                raise LakeError(
                    f"the rows of version {version} can't be put back: their files or dtypes are gone",
                    where={"table": self._uri, "partitions": ", ".join(sorted(periods)[:SHOWN])},
                )
            staged = [
                StagedFile(relative(one.path, self.path), one.period, one.rows, one.bytes) for one in files
            ]
            transaction = self._fenced(delta, writer, token)
            return self._overwrite(delta, staged, sorted(periods), delta.schema(), transaction)

    def check_commit(self, periods: Collection[str], schema: Mapping[str, pl.DataType]) -> None:
        """Raise what would make `commit` refuse rows of this schema; nothing is written.

        Tables that belong together are all checked before the first of them is committed. Writers that are
        too old are left to `commit`.

        Raises:
            LakeError: The rows of another partition can't be cast to the new dtypes, or the log is damaged.
        """
        with self._errors_told("read"):
            wanted = self._wanted(schema)
            delta = self._delta()
            if delta is not None:
                self._check_castable(self._stale_files(delta, wanted, schema, set(periods)), schema)

    def _wanted(self, schema: Mapping[str, pl.DataType]) -> Schema:
        return delta_schema({**schema, PERIOD: pl.String()} if self.partitioned else schema)

    def _commit(
        self,
        delta: DeltaTable,
        files: Sequence[StagedFile],
        periods: Set[str],
        schema: Mapping[str, pl.DataType],
        transaction: Transaction,
    ) -> int:
        wanted = self._wanted(schema)
        carried = self._carry_over(delta, wanted, schema, periods)
        replaced = sorted({*periods, *(file.period for file in carried)})
        try:
            return self._overwrite(delta, [*files, *carried], replaced, wanted, transaction)
        except StaleWriterError:
            # Only here: after any other error the commit may have gone through, and needs them.
            self._forget(carried)
            raise

    def _overwrite(
        self,
        delta: DeltaTable,
        files: Sequence[StagedFile],
        replaced: Sequence[str],
        schema: Schema,
        transaction: Transaction,
    ) -> int:
        try:
            delta.create_write_transaction(
                [_add(file, self.partitioned) for file in files],
                "overwrite",
                schema,
                [PERIOD] if self.partitioned else None,
                partition_filters=[(PERIOD, "in", list(replaced))] if self.partitioned else None,
                commit_properties=CommitProperties(app_transactions=[transaction]),
            )
        except CommitFailedError as error:
            raise StaleWriterError(
                f"another writer committed meanwhile: {error}",
                where={"table": self._uri},
                hint="nothing was committed; run again",
            ) from error
        delta.update_incremental()
        return delta.version()

    def _carry_over(
        self, delta: DeltaTable, wanted: Schema, schema: Mapping[str, pl.DataType], replaced: Set[str]
    ) -> list[StagedFile]:
        """Write the rows of the other partitions anew where a file's dtypes are no longer the table's.

        Old files can't be read beside new ones then, and what they hold is published: it stays so until
        somebody replaces it. One file is read at a time, in a stream.
        """
        stale_files = self._stale_files(delta, wanted, schema, replaced)
        self._check_castable(stale_files, schema)
        carried: list[StagedFile] = []
        try:
            for file in stale_files:
                target = file.path.with_name(_carried_name(file.path))
                carried.append(StagedFile(relative(target, self.path), file.period, file.rows, 0))
                recast(file.path, schema).sink_parquet(
                    scannable(target),
                    compression="zstd",
                    compression_level=COMPRESSION_LEVEL,
                    row_group_size=ROW_GROUP_ROWS,
                    **polars_options(target),
                )
                carried[-1] = replace(carried[-1], bytes=size(target))
        except BaseException:
            self._forget(carried)
            raise
        return carried

    def _stale_files(
        self, delta: DeltaTable, wanted: Schema, schema: Mapping[str, pl.DataType], replaced: Set[str]
    ) -> list[LakeFile]:
        """The files of the other partitions whose dtypes are no longer the table's."""
        before = {field.name: field.type for field in delta.schema().fields}
        if not self.partitioned or all(before.get(field.name) == field.type for field in wanted.fields):
            return []
        others = [file for file in self._live(delta) if file.period not in replaced]
        stale = {file.period for file in others if differing(file.path, schema)}
        return [file for file in others if file.period in stale]

    def _check_castable(self, files: Iterable[LakeFile], schema: Mapping[str, pl.DataType]) -> None:
        broken: dict[str, set[str]] = {}
        for file in files:
            for column in uncastable(file.path, schema):
                broken.setdefault(column, set()).add(file.period)
        if broken:
            columns = ", ".join(f"{name} to {schema[name]}" for name in sorted(broken))
            periods = sorted(set().union(*broken.values()))
            more = f" and {len(periods) - SHOWN} more" if len(periods) > SHOWN else ""
            raise LakeError(
                f"rows of other partitions can't be cast to a column's new dtype without loss: {columns}",
                where={"table": self._uri, "partitions": ", ".join(periods[:SHOWN]) + more},
                hint="nothing was committed, the table is as it was; build these partitions in the same run "
                "(if one is held by its gate, settle that first), or delete the table's folder: the next run "
                "builds it anew from what was delivered",
                kind=ErrorKind.CONFIGURATION,
            )

    def _forget(self, files: Iterable[StagedFile]) -> None:
        for file in files:
            delete(self.path / file.path)

    def _create(self, schema: Schema) -> DeltaTable:
        make_folder(self.path)
        partition_by = [PERIOD] if self.partitioned else None
        return DeltaTable.create(
            self._uri,
            schema,
            partition_by=partition_by,
            mode="ignore",
            storage_options=delta_options(self.path),
        )


def _same_types(old: DeltaTable, new: DeltaTable) -> bool:
    """Whether rows of an older version can be read beside those of a newer one."""
    before = {field.name: field.type for field in old.schema().fields}
    return all(before.get(field.name, field.type) == field.type for field in new.schema().fields)


def _enable_times_without_zone(delta: DeltaTable, schema: Mapping[str, pl.DataType]) -> None:
    """Delta keeps such times only in a table that says so; one that begins with them does by itself."""
    wanted = any("timestamp_ntz" in str(field.type) for field in delta_schema(schema).fields)
    if wanted and "timestampNtz" not in (delta.protocol().writer_features or []):
        feature = TableFeatures.TimestampWithoutTimezone
        delta.alter.add_feature(feature, allow_protocol_versions_increase=True)
        delta.update_incremental()


def _carried_name(path: LakePath) -> str:
    """A name of its own that still begins as the old one: with the token of whoever built these rows."""
    return f"{path.stem.partition(_CARRIED)[0]}{_CARRIED}{uuid4().hex[:16]}{path.suffix}"


def _add(file: StagedFile, partitioned: bool) -> AddAction:
    return AddAction(
        path=file.path,
        size=file.bytes,
        partition_values={PERIOD: file.period} if partitioned else {},
        modification_time=int(time.time() * 1000),
        data_change=True,
        stats=json.dumps({"numRecords": file.rows}),
    )


class Lake:
    """All tables below one folder.

    `<dataset>/<layer>/<table>` holds accepted rows, `<dataset>/quarantine/<layer>_<table>` the rows
    in quarantine, `<dataset>/held/<layer>_<table>/<period>` what a closed gate stopped.
    """

    def __init__(self, root: LakePath) -> None:
        self.root = root

    def table(self, dataset: str, layer: str, name: str, *, partitioned: bool) -> LakeTable:
        """The accepted rows of a table."""
        return LakeTable(self.root / dataset / layer / name, partitioned)

    def quarantine(self, dataset: str, layer: str, name: str, *, partitioned: bool) -> LakeTable:
        """The rows of a table that are in quarantine."""
        return LakeTable(self.root / dataset / "quarantine" / f"{layer}_{name}", partitioned)

    def held(self, dataset: str, layer: str, name: str, period: str) -> LakePath:
        """The folder of what a closed gate stopped of one period."""
        return self.root / dataset / "held" / f"{layer}_{name}" / (period or "all")


def open_lake(url: str, storage: ObjectStorage) -> Lake:
    """Open the lake at a folder or at `s3://bucket/prefix`; nothing is asked of it yet."""
    return Lake(lake_path(url, storage))
