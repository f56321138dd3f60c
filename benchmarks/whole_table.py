# No postponed annotations: Pandera reads them.
"""What a key costs that is unique in the whole table: `python -m benchmarks.whole_table [--days 1000]`.

Orders and customers, a file of each a day. Order ids are unique in the whole table, ten a day were there
before; each order refers to a customer of any day until then. After all days have been loaded but the orders
of one, a day is added, the one that was left out comes late, one is corrected, and so on: each step in a
process of its own, which tells its time, its memory and what it has read. `--scope partition` does the same
with nothing that looks beyond its day; `scan` reads the keys of the whole table, as one must without one.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandera.polars as pa
import polars as pl

from etl_assets.contracts.contract import RowContract
from etl_assets.contracts.dataset import Dataset, Layer, Table, TableId
from etl_assets.contracts.declare import Reference, about, rule
from etl_assets.lake.tables import Lake
from etl_assets.ledger.ledger import Ledger
from etl_assets.ledger.records import RunStatus
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline, Policy
from etl_assets.pipeline.hop import run_hop
from etl_assets.pipeline.intake import take_in
from etl_assets.pipeline.leases import held_lease
from etl_assets.pipeline.pending import Pending
from etl_assets.staging.area import StagingFolder
from etl_assets.staging.calendar import Calendar
from etl_assets.staging.source import Source

START = date(2020, 1, 1)
REPEATED = 10
"""Orders of a day whose ids an earlier day has."""

BRONZE_CUSTOMERS, BRONZE_ORDERS = TableId(Layer.BRONZE, "customers"), TableId(Layer.BRONZE, "orders")
CUSTOMERS, ORDERS = TableId(Layer.SILVER, "customers"), TableId(Layer.SILVER, "orders")


class BronzeCustomers(RowContract):
    customer: str = pa.Field(nullable=True)


class SilverCustomers(RowContract):
    customer: str = pa.Field(unique=True)


class BronzeOrders(RowContract):
    order_id: str = pa.Field(nullable=True)
    customer: str = pa.Field(nullable=True)
    amount: str = pa.Field(nullable=True)
    note: str = pa.Field(nullable=True)


class OfTable(RowContract):
    order_id: str = pa.Field(unique=True, metadata=about(unique=rule(scope="table")))
    customer: str = pa.Field(metadata=about(references=Reference("customers", "customer", waits=True)))
    amount: float = pa.Field(ge=0)
    note: str = pa.Field()


class OfPartition(RowContract):
    order_id: str = pa.Field(unique=True)
    customer: str = pa.Field()
    amount: float = pa.Field(ge=0)
    note: str = pa.Field()


def as_it_is(bronze: pl.LazyFrame) -> pl.LazyFrame:
    return bronze


def pipeline_in(home: Path, scope: str) -> DatasetPipeline:
    """The dataset, in a folder."""
    orders = OfTable if scope == "table" else OfPartition
    dataset = Dataset(
        name="shop",
        description="Orders and customers.",
        tables=(
            Table(BRONZE_CUSTOMERS, BronzeCustomers),
            Table(CUSTOMERS, SilverCustomers, as_it_is, {"bronze": BRONZE_CUSTOMERS}),
            Table(BRONZE_ORDERS, BronzeOrders),
            Table(ORDERS, orders, as_it_is, {"bronze": BRONZE_ORDERS}),
        ),
    )
    return DatasetPipeline(
        dataset=dataset,
        sources={
            name: Source(pattern=f"{name}/{{period:%Y-%m-%d}}.csv", settle_seconds=0)
            for name in ("customers", "orders")
        },
        calendar=Calendar(start=START, end=START + timedelta(days=5_000)),
        area=StagingFolder(home / "staging"),
        lake=Lake(home / "lake"),
        ledger=Ledger.open(f"sqlite:///{home / 'ledger.db'}"),
        scratch=home / "scratch",
        policies={ORDERS: Policy(0.05)},
    )


# -- deliveries -------------------------------------------------------------------------------


def write_orders(home: Path, day: int, rows: int, *, version: int = 0) -> None:
    """Write the orders of a day; another version has other ids for the orders that were repeated."""
    dice = np.random.default_rng([day, rows])
    ids = np.arange(day * rows, (day + 1) * rows)
    if day and not version:
        ids[:REPEATED] = dice.integers(0, day * rows, REPEATED)
    of_day = rows // 10
    buyers = dice.integers(0, (day + 1) * of_day, rows)
    orders = pl.DataFrame({"order": ids, "buyer": buyers, "amount": dice.integers(1, 99_999, rows) / 100})
    frame = orders.select(
        order_id=pl.format("O-{}", pl.col("order").cast(pl.String).str.zfill(10)),
        customer=pl.format("C-{}", pl.col("buyer").cast(pl.String).str.zfill(8)),
        amount=pl.col("amount"),
        note=pl.format("sent with parcel {} of that day", pl.col("order")),
    )
    _write(home, "orders", day, frame)


def write_customers(home: Path, day: int, rows: int, *, gone: int = 0) -> None:
    """Write the new customers of a day, a tenth as many as orders; the last of them may be gone."""
    names = pl.Series(range(day * rows // 10, (day + 1) * rows // 10 - gone)).cast(pl.String).str.zfill(8)
    _write(home, "customers", day, pl.DataFrame({"customer": "C-" + names}))


def _write(home: Path, table: str, day: int, frame: pl.DataFrame) -> None:
    path = home / "staging" / table / f"{START + timedelta(days=day)}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_csv(path)


# -- steps ------------------------------------------------------------------------------------


def work(pipeline: DatasetPipeline) -> Counter[str]:
    """Take in what was delivered and build until nothing is left; count the partitions that were built."""
    built: Counter[str] = Counter()
    take_in(pipeline)
    while stretches := Pending.of(pipeline).stretches():
        run_id = str(uuid.uuid4())
        pipeline.ledger.start_run(run_id, pipeline.name)
        with held_lease(pipeline.ledger, pipeline.name, run_id, 60) as lease:
            for table in stretches[0].tables:
                result = run_hop(pipeline, table, stretches[0].periods, run_id=run_id, lease=lease)
                built[str(table)] += len(result.built)
                if result.held or result.failed:
                    raise SystemExit(f"{table} was not published: {result.held or result.failed}")
        pipeline.ledger.finish_run(run_id, RunStatus.COMPLETED)
    return built


def scan(pipeline: DatasetPipeline) -> Counter[str]:
    """Count the keys that more than one row has, as one must who has no index."""
    rows = pipeline.accepted(ORDERS).scan({"order_id": pl.String()})
    keys = rows.group_by("order_id").len().filter(pl.col("len") > 1).collect(engine="streaming")
    return Counter({"keys that occur twice": keys.height})


def prepare(home: Path, step: str, days: int, rows: int) -> None:
    """Lay out the deliveries of a step."""
    middle = days // 2
    if step == "load":
        for day in range(days):
            write_customers(home, day, rows)
            if day != middle:
                write_orders(home, day, rows)
    elif step == "one day more":
        write_customers(home, days, rows)
        write_orders(home, days, rows)
    elif step == "a late day":
        write_orders(home, middle, rows)
    elif step == "a corrected day":
        write_orders(home, days // 3, rows, version=1)
    elif step == "a day before its customers":
        write_orders(home, days + 1, rows)
    elif step == "its customers":
        write_customers(home, days + 1, rows)
    elif step == "fewer customers":
        write_customers(home, days // 4, rows, gone=1)


STEPS = (
    "load",
    "nothing",
    "one day more",
    "a late day",
    "a corrected day",
    "a day before its customers",
    "its customers",
    "fewer customers",
    "scan",
)


def run_step(home: Path, step: str, scope: str) -> dict[str, object]:
    """Do one step and measure it; the interpreter's start is not counted."""
    pipeline = pipeline_in(home, scope)
    before, began, cpu = _read_so_far(), time.perf_counter(), time.process_time()
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    built = scan(pipeline) if step == "scan" else work(pipeline)
    return {
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "before": base * 1024,
        "read": _read_so_far() - before,
        "built": dict(built),
    }


def _read_so_far() -> int:
    """Bytes that this process has read, from the page cache too."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return int(dict(line.split(": ") for line in lines)["rchar"])


def main() -> None:
    arguments = _arguments()
    if arguments.step:
        print(json.dumps(run_step(arguments.home, arguments.step, arguments.scope)))
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        home = Path(folder)
        print(f"{arguments.days:,} days of {arguments.rows:,} orders, unique in the {arguments.scope}")
        for step in STEPS:
            prepare(home, step, arguments.days, arguments.rows)
            command = [sys.executable, "-m", "benchmarks.whole_table", "--step", step, "--home", str(home)]
            command += ["--scope", arguments.scope]
            done = subprocess.run(command, check=True, capture_output=True, text=True, env=dict(os.environ))
            _show(step, json.loads(done.stdout.splitlines()[-1]))
        sizes = {name: _size(home / "lake" / "shop" / name) for name in ("silver/orders", "keys")}
        print(", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in sizes.items()))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.whole_table", description=__doc__)
    parser.add_argument("--days", type=int, default=1_000)
    parser.add_argument("--rows", type=int, default=2_000, help="orders of a day")
    parser.add_argument("--scope", choices=("table", "partition"), default="table")
    parser.add_argument("--folder", type=Path, help="where to work; default: the folder for temporary files")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    parser.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def _show(step: str, found: dict[str, float]) -> None:
    built = ", ".join(f"{table} {count}" for table, count in dict(found["built"]).items())  # type: ignore[call-overload]
    print(
        f"{step:28} {found['seconds']:7.2f} s  cpu {found['cpu']:7.2f} s  peak {found['peak'] / 1e6:6.0f} MB "
        f"(+{(found['peak'] - found['before']) / 1e6:.0f})  read {found['read'] / 1e6:8.2f} MB  {built}",
        flush=True,
    )


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


if __name__ == "__main__":
    main()
