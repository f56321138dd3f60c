"""Keys of published partitions that the index has lost, read from the table itself.

A partition that can be built is built again, and its keys are known then. One whose newest delivery is held
is not, while its last good rows stay in the table: their keys are taken all the same.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from etl_assets.contracts.dataset import TableId
from etl_assets.lake.segment import SCHEMA, Entry
from etl_assets.ledger.records import Validation
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.referenced_keys import whole_periods
from etl_assets.pipeline.ties import UNIQUE, TiePlan, index_of
from etl_assets.quality.stable_hash import hashed


def restore(
    pipeline: DatasetPipeline,
    table: TableId,
    plan: TiePlan,
    published: Mapping[str, Validation],
    attempt: str,
) -> None:
    """Add to the index the keys of some published partitions that it does not have.

    Of rows as they were delivered the table does not know the cells: their keys are not found.
    """
    if not plan.unique:
        return
    index = index_of(pipeline, table)
    indexed = {(one.period, one.attempt) for one in index.entries() if one.name == UNIQUE + plan.unique[0]}
    lacking = {period: one for period, one in published.items() if (period, one.attempt) not in indexed}
    whole = whole_periods(pipeline, table, lacking) if lacking else ()
    lost = {period: lacking[period].attempt for period in whole}
    if not lost:
        return
    contract = pipeline.contract(table)
    built = pl.DataFrame(list(lost.items()), schema=["period", "attempt"], orient="row")
    keys = [pl.DataFrame(schema=SCHEMA)]
    for rule in plan.unique:
        columns = contract.rule(rule).columns
        if not set(columns) <= contract.schema.keys():
            continue
        schema = {name: contract.schema[name] for name in columns}
        rows = pipeline.accepted(table).scan(schema, list(lost)).drop_nulls(columns)
        found = hashed(rows, columns, "_period").unique().collect(engine="streaming")
        named = found.rename({"_period": "period"}).join(built, on="period")
        keys.append(named.with_columns(name=pl.lit(UNIQUE + rule)).select(*SCHEMA))
    entries = [Entry(name, *one) for name in plan.names for one in lost.items()]
    index.add(f"{attempt}-restored", pl.concat(keys), entries)
