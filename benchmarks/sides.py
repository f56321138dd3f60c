"""What is measured: each side runs in a process of its own and prints what it took as JSON."""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from benchmarks.deliveries import START
from benchmarks.orders import (
    BRONZE_COUNTRIES,
    BRONZE_LINES,
    COUNTRIES,
    DATASET,
    LINES,
    BronzeLines,
    SilverLines,
)
from etl_assets.contracts.dataset import TableId
from etl_assets.contracts.provenance import PROVENANCE
from etl_assets.contracts.rules import compile_contract
from etl_assets.lake.files import PERIOD
from etl_assets.lake.stage import COMPRESSION_LEVEL, ROW_GROUP_ROWS
from etl_assets.lake.tables import Lake
from etl_assets.ledger.ledger import Ledger
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.hop import run_hop
from etl_assets.pipeline.intake import take_in
from etl_assets.pipeline.leases import held_lease
from etl_assets.quality.casting import cast_column
from etl_assets.staging.area import StagingFolder
from etl_assets.staging.calendar import Calendar
from etl_assets.staging.source import Mode, Source

SOURCES = {
    "lines": Source(pattern="lines-{period:%Y-%m-%d}.csv"),
    "countries": Source(pattern="countries.csv", mode=Mode.SNAPSHOT),
}


def pipeline_of(folder: Path) -> DatasetPipeline:
    """The benchmark's dataset, with all state below `folder`."""
    home = folder / "home"
    home.mkdir(exist_ok=True)
    return DatasetPipeline(
        DATASET,
        SOURCES,
        Calendar(start=START),
        StagingFolder(folder / "staging"),
        Lake(home / "lake"),
        Ledger.open(f"sqlite:///{home / 'ledger.db'}"),
        home / "scratch",
    )


# -- through the pipeline -------------------------------------------------------------------------


def delivery(folder: Path) -> dict[str, float]:
    """From staging to silver: look, checksum, shape, bronze, ledger, silver."""
    pipeline = pipeline_of(folder)
    parts = {
        "intake": _timed(lambda: take_in(pipeline)),
        "bronze": _timed(lambda: _hop(pipeline, BRONZE_COUNTRIES), lambda: _hop(pipeline, BRONZE_LINES)),
        "silver": _timed(lambda: _hop(pipeline, COUNTRIES), lambda: _hop(pipeline, LINES)),
    }
    total = {key: sum(part[key] for part in parts.values()) for key in ("seconds", "cpu")}
    return {**total, **{name: part["seconds"] for name, part in parts.items()}}


def hop(folder: Path) -> dict[str, float]:
    """From bronze to silver, once more."""
    pipeline = pipeline_of(folder)
    return _timed(lambda: _hop(pipeline, LINES))


def _hop(pipeline: DatasetPipeline, table: TableId) -> None:
    deliveries = pipeline.ledger.deliveries(pipeline.name, table=table.name)
    periods = sorted(period for one in deliveries for period in one.periods) or [""]
    with held_lease(pipeline.ledger, pipeline.name, "benchmark", 60) as lease:
        result = run_hop(pipeline, table, periods, run_id="benchmark", lease=lease)
    if result.held or result.failed or len(result.built) < len(periods):
        raise SystemExit(f"{table} was not published: {result.held or result.failed or result.without_data}")


# -- plain copies -----------------------------------------------------------------------------


def copy_bronze(folder: Path) -> dict[str, float]:
    """The rows of bronze, cast and written by Polars alone."""
    bronze = folder / "home/lake/orders/bronze/lines"
    files = sorted(bronze.glob("_period=*/*.parquet"))
    rows = pl.scan_parquet(files, hive_partitioning=True, hive_schema={PERIOD: pl.String})
    return _timed(lambda: _write(rows.with_columns(_casts()), folder / "plain"))


def copy_delivery(folder: Path) -> dict[str, float]:
    """The delivered rows, cast and written by Polars alone."""
    files = sorted((folder / "staging").glob("lines-*.csv"))
    names = [name for name in compile_contract(BronzeLines).schema if name not in PROVENANCE]
    rows = pl.scan_csv(files, schema=dict.fromkeys(names, pl.String()), include_file_paths="path")
    rows = rows.with_columns(*_casts(), pl.col("path").str.slice(-14, 10).alias(PERIOD)).drop("path")
    return _timed(lambda: _write(rows, folder / "plain"))


def _casts() -> list[pl.Expr]:
    silver = compile_contract(SilverLines)
    return [
        cast_column(name, pl.String(), dtype, silver.casts.get(name))
        for name, dtype in silver.schema.items()
        if name not in PROVENANCE
    ]


def _write(rows: pl.LazyFrame, target: Path) -> None:
    rows.sink_parquet(
        pl.PartitionBy(target, key=PERIOD, include_key=False),
        mkdir=True,
        compression="zstd",
        compression_level=COMPRESSION_LEVEL,
        row_group_size=ROW_GROUP_ROWS,
    )


# -- measuring --------------------------------------------------------------------------------


def _timed(*work: Callable[[], object]) -> dict[str, float]:
    """Seconds of wall time and of processor time: of the work alone, without imports and migrations."""
    started, cpu = time.perf_counter(), time.process_time()
    for one in work:
        one()
    return {"seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu}


def _peak_rss() -> float:
    """Peak memory of this process in MB, mapped files included."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2  # bytes on macOS


SIDES = {side.__name__: side for side in (delivery, hop, copy_bronze, copy_delivery)}

if __name__ == "__main__":
    pl.LazyFrame({"a": [1]}).select(pl.col("a") + 1).collect(engine="streaming")  # threads have started
    gc.collect()
    took = SIDES[sys.argv[1]](Path(sys.argv[2]))
    print(json.dumps({**took, "rss": _peak_rss()}))
