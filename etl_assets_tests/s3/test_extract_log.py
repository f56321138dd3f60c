"""The log of extracts in a bucket: of two entries of one number one counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from etl_assets.errors import StagingError
from etl_assets.object_storage import ObjectStorage, Place
from etl_assets.staging.extracts.log import Entry, ExtractLog

pytestmark = pytest.mark.slow


def test_a_log_in_a_bucket_is_as_one_in_a_folder(
    storage: ObjectStorage, make_place: Callable[..., Place], tmp_path: Path
) -> None:
    log = ExtractLog(f"{make_place()}/_extracts/erp", storage)
    assert log.objects("orders") == {}
    file = tmp_path / "rows.parquet"
    pl.DataFrame({"id": [1, 2]}).write_parquet(file)
    entry = Entry(1, 1, "", 2, {"id": "int4"}, "id int4", "2", "1")

    extract = log.put_extract("orders", entry.place, file)
    window = log.put_window("orders", entry.place, b"0123456789abcdef")
    entry = replace(entry, extract=extract, window=window)
    assert log.commit("orders", entry)
    assert not log.commit("orders", replace(entry, rows=3))

    objects = log.objects("orders")
    assert [log.entry(key) for key in log.entries(objects).values()] == [entry]
    assert log.window(entry) == b"0123456789abcdef"
    assert log.objects("orders", entry.place) == {}
    folder = log.area.fetch(extract, objects[extract].fingerprint, tmp_path / "fetched")
    assert pl.read_parquet(folder.local_path(extract))["id"].to_list() == [1, 2]
    assert not file.exists()
    log.forget(window, None)
    with pytest.raises(StagingError):
        log.window(entry)
