"""A shop's home with a bit of everything: good days, a held one, a file on hold, hostile cells."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from etl_assets.contracts.dataset import Dataset
from etl_assets.datasets.retail import DATASET
from etl_assets.orchestration.pipelines import load_pipelines
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.hop import run_hop
from etl_assets.pipeline.intake import take_in
from etl_assets.pipeline.leases import held_lease
from etl_assets.pipeline.pending import Pending
from etl_assets.settings import AppSettings, load_settings

PROJECT = Path(__file__).parents[2]
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"

CANARY = "48151"
"""A customer's number: personal, and never to be seen."""
HOSTILE = "[bold red]evil[/]\x1b]0;owned\x07\x1b[2J"

GOOD, HELD, ON_HOLD, RAGGED = "2010-12-01", "2010-12-02", "2010-12-03", "2010-12-05"


def line(number: int, day: str, *, quantity: str = "6", customer: str = CANARY) -> str:
    goods = f"{536000 + number},{22000 + number},A LAMP"
    return f"{goods},{quantity},{day} 08:26:00,2.55,{customer}.0,United Kingdom"


def lines(day: str, count: int) -> list[str]:
    return [line(number, day) for number in range(count)]


def deliver(staging: Path, name: str, rows: Sequence[str], *, header: str = HEADER) -> Path:
    staging.mkdir(parents=True, exist_ok=True)
    file = staging / name
    file.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    # Old enough to have settled.
    os.utime(file, (1_300_000_000, 1_300_000_000))
    return file


def settings_of(home: Path) -> AppSettings:
    return load_settings(PROJECT / "config", {"ETL_HOME": str(home)})


def pipeline_of(home: Path, dataset: Dataset = DATASET) -> DatasetPipeline:
    return load_pipelines(settings_of(home), {dataset.name: dataset})[dataset.name]


def build(home: Path, dataset: Dataset = DATASET) -> DatasetPipeline:
    """Take in what was delivered and build it, without Dagster."""
    pipeline = pipeline_of(home, dataset)
    take_in(pipeline)
    done: set[str] = set()
    while stretches := [one for one in Pending.of(pipeline).stretches() if one.key not in done]:
        one = stretches[0]
        done.add(one.key)
        run_id = f"run-{len(done)}"
        pipeline.ledger.start_run(run_id, dataset.name)
        with held_lease(pipeline.ledger, dataset.name, run_id, 60) as lease:
            for table in one.tables:
                periods = one.periods if pipeline.tables[table].partitioned else ("",)
                run_hop(pipeline, table, periods, run_id=run_id, lease=lease)
    return pipeline


def fill(home: Path) -> DatasetPipeline:
    staging = home / "staging" / "retail"
    good = [*lines(GOOD, 40), line(3, GOOD), line(90, GOOD, quantity=HOSTILE), line(91, GOOD, quantity="0")]
    deliver(staging, f"{GOOD}.csv", good)
    held = [*lines(HELD, 5), *(line(50 + n, HELD, quantity="none") for n in range(5))]
    deliver(staging, f"{HELD}.csv", held)
    header = HEADER.replace("InvoiceNo", HOSTILE)
    deliver(staging, f"{ON_HOLD}.csv", lines(ON_HOLD, 5), header=header)
    ragged = [*lines(RAGGED, 30), line(60, RAGGED) + ",one cell too many"]
    deliver(staging, f"{RAGGED}.csv", ragged)
    return build(home)
