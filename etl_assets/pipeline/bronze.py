"""Reads the deliveries that bronze partitions consist of."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from etl_assets.contracts.dataset import TableId
from etl_assets.contracts.provenance import PROVENANCE
from etl_assets.errors import StagingError, StagingUnreachableError
from etl_assets.lake.files import PERIOD
from etl_assets.ledger.records import Delivery
from etl_assets.lookup import looked_up
from etl_assets.pipeline.column_periods import NO_PERIOD, period_expression
from etl_assets.pipeline.corrected_bronze import Originals, as_delivered, corrected_records, originals
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.reading import Input, Opened
from etl_assets.pipeline.state import States
from etl_assets.quality.decided import Decided
from etl_assets.quality.flags import REASONS
from etl_assets.staging.area import VanishedError
from etl_assets.staging.content import Content
from etl_assets.staging.delivery_file import DeliveryFile
from etl_assets.staging.readers import Account, read_deliveries
from etl_assets.staging.source import PeriodFrom
from etl_assets.staging.unreadable import UNREADABLE_SCHEMA

FETCHES = 8
"""Objects that are fetched at the same time: most are small, and each costs a round trip."""


@dataclass(frozen=True)
class BronzeReader:
    """Reads the current deliveries of bronze partitions."""

    pipeline: DatasetPipeline
    table: TableId
    deliveries: Mapping[str, Sequence[Delivery]]
    scratch: Path
    _sick: list[StagingUnreachableError] = field(default_factory=list)

    originals: Originals | None = None
    decided: Decided | None = None

    @classmethod
    def of(
        cls, pipeline: DatasetPipeline, table: TableId, periods: Sequence[str], states: States, scratch: Path
    ) -> BronzeReader:
        """A reader for some periods, as the ledger has their deliveries now."""
        current = {period: states.current[table, period].deliveries for period in periods}
        return cls(pipeline, table, current, scratch, originals=originals(pipeline, table))

    def deciding(self, decided: Decided | None) -> BronzeReader:
        """The same, with what people corrected."""
        return replace(self, decided=decided)

    def inputs(self) -> list[Input]:
        """What each period consists of, before a byte is read."""
        return [
            Input(
                period,
                rows=sum(_records(one) for one in found),
                bytes=sum(one.size for one in found),
                deliveries=tuple(one.id for one in found),
            )
            for period, found in self.deliveries.items()
        ]

    def open(self, inputs: Sequence[Input]) -> Opened:
        """Prepare to read some periods: shapes are proven, what can't be read is named."""
        by_id, unfetched = self._fetch(inputs)
        source = self.pipeline.sources[self.table.name]
        columns = [name for name in self.pipeline.contract(self.table).schema if name not in PROVENANCE]
        readings = read_deliveries(list(by_id.values()), source, columns, self.scratch)
        accounts, kept = self._from_lake({**readings.accounts, **unfetched}, inputs)
        frame = self._with_period(self._with_columns(readings.frame))
        unreadable = self._with_period(readings.unreadable.lazy()).collect()
        by_column = source.period_from is PeriodFrom.COLUMN
        if by_column and source.period_column in frame.collect_schema():
            unreadable = pl.concat([unreadable, self._orphans(frame, columns)], how="diagonal")
        if kept:
            frame = pl.concat([frame, *(rows for rows, _ in kept)])
            unreadable = pl.concat([unreadable, *(lost for _, lost in kept)], how="diagonal")
        if self.decided is not None:
            frame, unreadable = corrected_records(frame, unreadable, self.decided)
        counts = self._counts(frame) if by_column else None
        opened = [self._account(given, accounts, unreadable, counts) for given in inputs]
        good = [one.period for one in opened if one.readable]
        if by_column or len(good) < len(opened):
            # A delivery may have rows of periods that are built another time.
            frame = frame.filter(pl.col(PERIOD).is_in(good))
        return Opened(opened, frame, lambda: self._changed(opened, by_id))

    def _with_columns(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """The rows as read, or none of the contract's columns where no file is left that tells them.

        So it is where a newer version has no rows of the period, and where typed files are gone.
        """
        if {*rows.collect_schema()} <= {*PROVENANCE}:
            return pl.LazyFrame(schema=self.pipeline.contract(self.table).schema)
        return rows

    def _fetch(self, inputs: Sequence[Input]) -> tuple[dict[str, DeliveryFile], dict[str, Account]]:
        """Have the deliveries on this machine, by id; copies of what was read before are cleared away."""
        folder = self.scratch / "fetched"
        shutil.rmtree(folder, ignore_errors=True)
        wanted = {one.id: one for given in inputs for one in self.deliveries[given.period]}
        with ThreadPoolExecutor(FETCHES) as pool:
            found = list(pool.map(lambda one: self._file(one, folder), wanted.values()))
        files = {one.delivery_id: one for one in found if isinstance(one, DeliveryFile)}
        errors = zip(wanted, found, strict=True)
        return files, {id: Account(error=one) for id, one in errors if isinstance(one, StagingError)}

    def _file(self, delivery: Delivery, folder: Path) -> DeliveryFile | StagingError:
        if self._sick:
            return self._sick[0]  # each would wait for it once more
        try:
            area = self.pipeline.area_of(self.table.name).fetch(
                delivery.key, delivery.fingerprint, folder, sha256=delivery.sha256
            )
        except StagingUnreachableError as error:
            self._sick.append(error)
            return error
        except StagingError as error:
            return error
        content = Content.from_json(delivery.content)
        return DeliveryFile(area, delivery.key, delivery.id, content, delivery.fingerprint)

    # -- periods ------------------------------------------------------------------------------

    def _with_period(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """Add `_period`: the delivery's, or the one that the row's own column names."""
        source = self.pipeline.sources[self.table.name]
        if not self.pipeline.tables[self.table].partitioned:
            return rows.with_columns(pl.lit("").alias(PERIOD))
        first = {one.id: min(one.periods) for found in self.deliveries.values() for one in found}
        by_delivery = looked_up(pl.col("_delivery"), first, pl.String())
        schema = rows.collect_schema()
        if source.period_from is PeriodFrom.COLUMN and source.period_column in schema:
            dtype = schema[source.period_column or ""]
            return rows.with_columns(self._registered(period_expression(self.pipeline, self.table, dtype)))
        return rows.with_columns(by_delivery.alias(PERIOD))

    def _registered(self, period: pl.Expr) -> pl.Expr:
        """The row's period if its delivery was registered for it, else null.

        Which periods have begun was asked once, when the delivery came: asked again later, the clock
        would move rows between quarantine and partitions that nobody builds.
        """
        deliveries = {one.id: one for found in self.deliveries.values() for one in found}
        known = [f"{id}:{key}" for id, one in deliveries.items() for key in one.periods]
        own = pl.concat_str("_delivery", pl.lit(":"), period)
        return pl.when(own.is_in(known)).then(period).alias(PERIOD)

    def _counts(self, frame: pl.LazyFrame) -> Mapping[str, int]:
        counted = frame.group_by(PERIOD).len().collect(engine="streaming")
        return dict(counted.iter_rows())

    def _orphans(self, frame: pl.LazyFrame, columns: Sequence[str]) -> pl.DataFrame:
        """Rows that name no period of the calendar: in quarantine of the delivery's first period."""
        first = {one.id: min(one.periods) for found in self.deliveries.values() for one in found}
        cells = pl.concat_str(
            [pl.col(name).cast(pl.String).fill_null("") for name in columns], separator="\t"
        )
        return (
            frame.filter(pl.col(PERIOD).is_null())
            .select(
                *PROVENANCE,
                cells.alias("_raw"),
                pl.lit(NO_PERIOD).alias(REASONS),
                looked_up(pl.col("_delivery"), first, pl.String()).alias(PERIOD),
            )
            .collect(engine="streaming")
        )

    # -- accounts -----------------------------------------------------------------------------

    def _account(
        self,
        given: Input,
        accounts: Mapping[str, Account],
        unreadable: pl.DataFrame,
        counts: Mapping[str, int] | None,
    ) -> Input:
        own = {id: accounts[id] for id in given.deliveries}
        broken = {id: f"{one.breach.code}: {_told(one)}" for id, one in own.items() if one.breach}
        errors = [one.error for one in own.values() if one.error]
        lost = unreadable.filter(pl.col(PERIOD) == given.period)
        rows = sum(one.records for one in own.values())
        if counts is not None:
            rows = counts.get(given.period, 0) + lost.height
        return replace(
            given,
            rows=rows,
            unreadable=lost,
            breach="; ".join(f"{self._key(id)}: {reason}" for id, reason in broken.items()) or None,
            broken_deliveries=broken,
            error=errors[0] if errors else None,
        )

    def _key(self, id: str) -> str:
        return next(one.key for found in self.deliveries.values() for one in found if one.id == id)

    def _from_lake(
        self, accounts: Mapping[str, Account], inputs: Sequence[Input]
    ) -> tuple[dict[str, Account], list[tuple[pl.LazyFrame, pl.DataFrame]]]:
        """Rows of deliveries that were ingested and are gone from staging since: bronze has kept them."""
        merged = dict(accounts)
        kept = []
        for given in inputs:
            for one in self.deliveries[given.period]:
                if not isinstance(accounts[one.id].error, VanishedError) or one.ingested_at is None:
                    continue
                rows, lost = self._kept(one, given.period)
                found = rows.select(pl.len()).collect().item()
                if found or lost.height or not _records(one):
                    merged[one.id] = Account(rows=found, unreadable=lost.height)
                    kept.append((rows, lost))
        return merged, kept

    def _kept(self, delivery: Delivery, period: str) -> tuple[pl.LazyFrame, pl.DataFrame]:
        """What bronze has of a delivery: its rows, those in quarantine too, and its unreadable records."""
        mine = pl.col("_delivery") == delivery.id
        schema = self.pipeline.contract(self.table).schema
        rows = self.pipeline.accepted(self.table).scan(schema, [period]).filter(mine)
        unreadable = pl.col("_raw").is_not_null()
        quarantine = self.pipeline.quarantine(self.table).scan({**schema, **UNREADABLE_SCHEMA}, [period])
        refused = quarantine.filter(mine, ~unreadable)
        lost = quarantine.filter(mine, unreadable).select(*UNREADABLE_SCHEMA, PERIOD).collect()
        columns = [*_in_order(schema), PERIOD]
        cells = {name: dtype for name, dtype in schema.items() if name not in PROVENANCE}
        kept = pl.concat([rows.select(columns), refused.select(columns)])
        return as_delivered(kept, lost, self.originals or {}, cells)

    def _changed(self, inputs: Sequence[Input], files: Mapping[str, DeliveryFile]) -> dict[str, StagingError]:
        """Periods whose files changed or vanished while they were read: period -> error."""
        changed: dict[str, StagingError] = {}
        for given in inputs:
            for id in given.deliveries if given.readable else ():
                try:
                    if id in files and files[id].area.local_path(files[id].key).exists():
                        files[id].check_unchanged()
                except StagingError as error:
                    changed[given.period] = error
        return changed


def _in_order(schema: Mapping[str, pl.DataType]) -> list[str]:
    return [*(name for name in schema if name not in PROVENANCE), *PROVENANCE]


def _records(delivery: Delivery) -> int:
    records = delivery.content.get("records")
    return records if isinstance(records, int) else 0


def _told(account: Account) -> str:
    if account.breach is None:
        return ""
    lines = f" (line {', '.join(map(str, account.breach.lines))})" if account.breach.lines else ""
    return account.breach.message + lines
