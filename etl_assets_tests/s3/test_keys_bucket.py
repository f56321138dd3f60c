"""The index of keys in a bucket: the same tables as in a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from etl_assets.lake import key_index
from etl_assets.lake.key_index import KeyIndex
from etl_assets.lake.places import BucketPath
from etl_assets.lake.tables import Lake
from etl_assets.object_storage import ObjectStorage, Place
from etl_assets_tests.pipeline.club import Club, order
from etl_assets_tests.pipeline.shop import FRI, MON, SAT, TUE

pytestmark = pytest.mark.slow


def test_keys_of_the_whole_table_are_exact_in_a_bucket(
    tmp_path: Path,
    storage: ObjectStorage,
    make_place: Callable[..., Place],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(key_index, "FANOUT", 2)
    folder = BucketPath(make_place("lake"), storage)
    clubs = Club(tmp_path / "s3", lake=Lake(folder)), Club(tmp_path / "local")
    ends = []
    for club in clubs:
        club.customers(SAT, ["ann"])
        club.orders(MON, [order("1", "r1"), order("2", customer="bob"), order("3", "r2")])
        club.work()
        club.orders(FRI, [order("1", "r2"), order("4")])
        club.work()
        club.orders(FRI, [order("5")])
        club.customers(TUE, ["bob"])
        club.work()
        assert club.work() == []
        ends.append((club.accepted(), club.refused(), club.states()))

    assert ends[0] == ends[1]
    assert ends[0][0] == {FRI: ["5"], MON: ["1", "2", "3"]}
    index = clubs[0].index()
    assert isinstance(index.folder, BucketPath)
    assert index.segments()
    assert KeyIndex(folder / "nothing").segments() == []
