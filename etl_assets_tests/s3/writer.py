"""Commits partitions of one table, again and again where another writer was first.

Started as `python -m etl_assets_tests.s3.writer URL ENDPOINT NAME COUNT`; it begins after a line on stdin.
"""

from __future__ import annotations

import sys

import polars as pl

from etl_assets.errors import StaleWriterError
from etl_assets.lake.places import lake_path
from etl_assets.lake.tables import LakeTable
from etl_assets.object_storage import ObjectStorage
from etl_assets_tests.s3.server import KEY, SECRET

SCHEMA: dict[str, pl.DataType] = {"value": pl.Int64()}


def main() -> None:
    url, endpoint, name, count = sys.argv[1:]
    storage = ObjectStorage(endpoint=endpoint, access_key_id=KEY, secret_access_key=SECRET)
    table = LakeTable(lake_path(url, storage), partitioned=True)
    print("ready", flush=True)
    sys.stdin.readline()
    refused = 0
    for number in range(int(count)):
        period = f"{name}{number}"
        stage = table.stage(f"00000001-{name}{number}")
        pl.collect_all([stage.sink(pl.LazyFrame({"value": [number] * 10, "_period": [period] * 10}))])
        while True:
            try:
                table.commit(stage.files, [period], SCHEMA, writer=name, token=number)
                break
            except StaleWriterError:
                refused += 1
    print(f"done {refused}", flush=True)


if __name__ == "__main__":
    main()
