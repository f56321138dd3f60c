"""A process that says all that it can of a dataset whose files are full of secrets."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
from pydantic import SecretStr

from etl_assets import logs
from etl_assets.contracts.dataset import Dataset, TableId
from etl_assets.orchestration.local_run import run_dataset
from etl_assets.orchestration.pipelines import build_pipeline, open_ledger
from etl_assets.pipeline.status import dataset_status
from etl_assets.settings import AppSettings, DatasetSettings
from etl_assets_tests.end_to_end import tiny


def strict_cast(bronze: pl.LazyFrame) -> pl.LazyFrame:
    """Polars' own error quotes the cells that it could not cast."""
    return tiny.orders(bronze).with_columns(pl.col("customer").cast(pl.Int64).cast(pl.String))


def raises(bronze: pl.LazyFrame) -> pl.LazyFrame:
    """So does what careless code raises."""

    def refuse(cells: pl.Series) -> pl.Series:
        raise ValueError(f"cannot read {cells.to_list()}")

    return tiny.orders(bronze).with_columns(pl.col("customer").map_batches(refuse, return_dtype=pl.String))


def literal(bronze: pl.LazyFrame) -> pl.LazyFrame:
    """A column that is not there, in a plan that holds a secret as a value."""
    known = pl.col("customer") != os.environ.get("PLANTED", "")
    return tiny.orders(bronze).filter(known).with_columns(pl.col("no_such_column"))


TRANSFORMS = {"orders": tiny.orders, "strict_cast": strict_cast, "raises": raises, "literal": literal}


def with_transform(table: TableId, transform: str) -> Dataset:
    tables = [
        replace(one, transform=TRANSFORMS[transform]) if one.id == table else one
        for one in tiny.DATASET.tables
    ]
    return replace(tiny.DATASET, tables=tuple(tables))


def settings(home: Path, **changes: object) -> AppSettings:
    orders = tiny.ONE_A_DAY.model_dump(mode="json")
    own = {
        "sources": {"orders": orders, "shops": tiny.SHOP_LIST.model_dump(mode="json")},
        "calendar": tiny.CALENDAR.model_dump(mode="json"),
        "tolerances": {"silver/orders": 0.6, "bronze/orders": 0.6},
        "retry": {"first_delay_seconds": 0.001, "max_attempts": 2},
        **changes,
    }
    secret = os.environ.get("ETL_LEDGER_URL")
    return AppSettings(
        home=home,
        ledger_url=SecretStr(secret) if secret else None,
        datasets={"tiny": DatasetSettings.model_validate(own)},
    )


def main() -> None:
    home, transform = Path(sys.argv[1]), sys.argv[2]
    said = settings(home)
    logs.configure("json", "debug", secrets=said.secrets)
    print(said, repr(said))
    chosen = with_transform(tiny.ORDERS, transform)
    done = run_dataset(chosen, said, progress=lambda *told: print(*told))
    print(done)
    pipeline = build_pipeline(chosen, said, open_ledger(said.ledger.get_secret_value()))
    print(dataset_status(pipeline))
    for one in pipeline.ledger.deliveries("tiny"):
        print(json.dumps(dict(one.content)), one)
    print(pipeline.ledger.validations("tiny"), pipeline.ledger.findings("tiny"), pipeline.ledger.runs("tiny"))


if __name__ == "__main__":
    main()
