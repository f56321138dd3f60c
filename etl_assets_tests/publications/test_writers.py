"""Several writers at once: whatever their order, the newest one's rows are what is there in the end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from etl_assets.connections import Connection
from etl_assets.object_storage import ObjectStorage, Place
from etl_assets.publications.destination import Destination, StalePublisherError
from etl_assets.publications.files.destination import FileDestination
from etl_assets.publications.files.formats import Csv
from etl_assets_tests.publications.material import ask, content, days, destination
from etl_assets_tests.publications.test_files import Reader

pytestmark = pytest.mark.slow

NEWEST = 6


def write_all(to: Destination) -> None:
    """Writers of all tokens, two at a time, each with as many rows; a stale one may be told so."""

    def write(token: int) -> None:
        made = content(days(d01=token), token=token, key=("shop",), required=frozenset({"shop", "_period"}))
        while True:
            try:
                to.write(made)
                return
            except StalePublisherError:
                if token < NEWEST:
                    return
                # The newest is refused only while another one writes: its next try goes through.

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, [3, 1, NEWEST, 2, 5, 4]))


def test_writers_of_a_table(warehouse: Connection) -> None:
    write_all(destination(warehouse))

    assert ask(warehouse, "SELECT count(*) FROM reporting.daily") == [(NEWEST,)]
    assert ask(warehouse, "SELECT token, row_count FROM reporting.etl_publications") == [(NEWEST, NEWEST)]


@pytest.mark.parametrize("where", ["folder", "bucket"])
def test_writers_of_a_file(where: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url, storage = str(tmp_path / "daily.csv"), ObjectStorage()
    if where == "bucket":
        make_place: Callable[[str], Place] = request.getfixturevalue("make_place")
        url, storage = f"{make_place('out')}/daily.csv", request.getfixturevalue("storage")
    to = FileDestination(url, Csv(), storage, single_file=True)
    write_all(to)

    reader = Reader(to)
    assert reader.frame().height == NEWEST
    assert reader.single().height == NEWEST
    assert reader.manifest()["token"] == NEWEST
