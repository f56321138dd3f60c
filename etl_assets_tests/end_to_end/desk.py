"""Doing the work of a dataset without Dagster, and counting what came of it in the tables themselves."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

import polars as pl

from etl_assets.contracts.dataset import Layer, TableId
from etl_assets.errors import EtlError
from etl_assets.lake.files import PERIOD
from etl_assets.lake.places import polars_options, scannable
from etl_assets.ledger.records import Lease, Outcome, RunStatus
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.hop import HopResult, run_hop
from etl_assets.pipeline.intake import take_in
from etl_assets.pipeline.leases import held_lease
from etl_assets.pipeline.pending import Pending, Stretch
from etl_assets.pipeline.publishing import publish
from etl_assets.pipeline.settling import settle

Rows = Counter[tuple[object, ...]]


def work(pipeline: DatasetPipeline, *, rounds: int = 50) -> list[Stretch]:
    """Look into the staging area and build what is pending until nothing is, as `dq run` does."""
    pipeline.ledger.reap_runs(silent_seconds=3600)
    take_in(pipeline)
    done = []
    for _ in range(rounds):
        pending = Pending.of(pipeline)
        stretches = pending.stretches()
        if not stretches:
            settle(pipeline, pending)
            return done
        build(pipeline, stretches[0])
        done.append(stretches[0])
    raise AssertionError(f"there is always something left to do: {stretches[0]}")


def build(pipeline: DatasetPipeline, stretch: Stretch) -> list[HopResult]:
    """One run: the stretch's tables, one after the other; what a stopped partition stops is skipped."""
    run_id = str(uuid.uuid4())
    results = []
    pipeline.ledger.start_run(run_id, pipeline.name)
    with held_lease(pipeline.ledger, pipeline.name, run_id, pipeline.limits.lease_seconds) as lease:
        for table in stretch.tables:
            periods = stretch.periods if pipeline.tables[table].partitioned else ("",)
            results.append(run_hop(pipeline, table, periods, run_id=run_id, lease=lease))
            if results[-1].held or results[-1].failed:
                break
        stopped = any(one.held or one.failed for one in results)
        for name in () if stopped else stretch.publications:
            with suppress(EtlError):  # the ledger knows
                publish(pipeline, name, run_id=run_id, lease=lease)
    pipeline.ledger.finish_run(run_id, RunStatus.FAILED if stopped else RunStatus.COMPLETED)
    return results


def hop(pipeline: DatasetPipeline, table: TableId, periods: Iterable[str], lease: Lease) -> HopResult:
    return run_hop(pipeline, table, list(periods), run_id=lease.owner, lease=lease)


# -- the tables -------------------------------------------------------------------------------


def accepted(pipeline: DatasetPipeline, table: TableId) -> pl.DataFrame:
    return pipeline.accepted(table).scan(pipeline.contract(table).schema).collect()


def quarantined(pipeline: DatasetPipeline, table: TableId) -> pl.DataFrame:
    delta = pipeline.quarantine(table)
    files = delta.files()
    if not files:
        return pl.DataFrame()
    path = files[0].path
    schema = pl.scan_parquet(scannable(path), **polars_options(path)).collect_schema()
    return delta.scan({name: schema[name] for name in schema if name != PERIOD}).collect()


def tables(pipeline: DatasetPipeline) -> dict[str, Rows]:
    """Every table's rows as a multiset: accepted and quarantine, provenance and period included."""
    found: dict[str, Rows] = {}
    for table in pipeline.tables:
        for name, frame in (
            (str(table), accepted(pipeline, table)),
            (f"quarantine of {table}", quarantined(pipeline, table)),
        ):
            found[name] = Counter(frame.select(sorted(frame.columns)).rows())
    return found


def assert_same(one: dict[str, Rows], other: dict[str, Rows]) -> None:
    for name in one.keys() | other.keys():
        missing, extra = one[name] - other[name], other[name] - one[name]
        assert not missing, f"{name}: {len(missing)} rows are missing, such as {next(iter(missing))}"
        assert not extra, f"{name}: {len(extra)} rows too many, such as {next(iter(extra))}"


def assert_rows_add_up(pipeline: DatasetPipeline, records: dict[str, int] | None = None) -> None:
    """Count in the Delta tables: every record delivered is somewhere, once.

    `records` says how many records each current delivery of orders has, by its key in staging.
    """
    published = pipeline.ledger.published_validations(pipeline.name)
    for table, definition in pipeline.tables.items():
        if table.layer is not Layer.SILVER:
            continue
        bronze = accepted(pipeline, definition.inputs["bronze"])
        good, bad = accepted(pipeline, table), quarantined(pipeline, table)
        assert bronze["_row_id"].is_unique().all()
        told = [
            one for (layer, name, _), one in published.items() if (layer, name) == (table.layer, table.name)
        ]
        built = {one.period for one in told}
        source = Counter(id for id, period in bronze.select("_row_id", PERIOD).iter_rows() if period in built)
        placed = Counter(good["_row_id"].to_list())
        placed.update(bad["_row_id"].to_list() if bad.height else [])
        assert max(placed.values(), default=1) == 1, f"{table}: a row is in two places"
        assert not placed - source, f"{table}: rows that bronze does not have"
        duplicates = source - placed
        assert duplicates.total() == sum(one.duplicates for one in told)
        assert good.height == sum(one.accepted for one in told)
        assert bad.height == sum(one.quarantined for one in told)
        _assert_repeated(bronze.filter(pl.col("_row_id").is_in(list(duplicates))), good)
    if records is not None:
        _assert_delivered(pipeline, records)


def _assert_repeated(duplicates: pl.DataFrame, good: pl.DataFrame) -> None:
    """A duplicate is one of something: its key is among the accepted rows of its period."""
    key = good.columns[0]
    if key not in duplicates.columns:
        return
    kept = set(good.select(PERIOD, key).iter_rows())
    for period, value in duplicates.select(PERIOD, pl.col(key).str.strip_chars()).iter_rows():
        assert (period, value) in kept


def _assert_delivered(pipeline: DatasetPipeline, records: dict[str, int]) -> None:
    table = TableId(Layer.BRONZE, "orders")
    found: Counter[str] = Counter()
    for frame in (accepted(pipeline, table), quarantined(pipeline, table)):
        found.update(frame["_delivery"].to_list() if frame.height else [])
    keys = {one.id: one.key for one in pipeline.ledger.deliveries(pipeline.name, "orders")}
    by_key = Counter({keys[id]: count for id, count in found.items()})
    assert by_key == Counter({key: count for key, count in records.items() if count})


def assert_settled(pipeline: DatasetPipeline) -> None:
    """The ledger says of itself that all is done, and says what the lake says."""
    ledger, name = pipeline.ledger, pipeline.name
    # A dead process's lease is as good as none.
    ledger.release_lease(ledger.acquire_lease(name, "anybody", 1.0))
    assert not ledger.runs(name, RunStatus.RUNNING)
    assert not Pending.of(pipeline).stretches()
    published = ledger.published_validations(name)
    latest = ledger.latest_validations(name)
    for key, one in published.items():
        assert one.outcome is Outcome.PUBLISHED
        assert one.rows_in == one.accepted + one.quarantined + one.duplicates
        assert latest[key].id >= one.id
    for table in pipeline.tables:
        in_lake: Counter[str] = Counter()
        for file in pipeline.accepted(table).files():
            in_lake[file.period] += file.rows
        in_ledger = Counter(
            {
                p: v.accepted
                for (layer, t, p), v in published.items()
                if (layer, t) == (table.layer, table.name)
            }
        )
        assert +in_lake == +in_ledger, table
