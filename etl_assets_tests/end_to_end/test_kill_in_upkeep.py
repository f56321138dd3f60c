"""Upkeep that is killed at any of its writes, and upkeep beside a run: the tables are the same in the end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from etl_assets.lake.files import PERIOD
from etl_assets.pipeline.leases import held_lease
from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.end_to_end.arena import Victim, copy_home, two_at_a_time
from etl_assets_tests.end_to_end.test_kill import lay_out_first, lay_out_second
from etl_assets_tests.end_to_end.works import keep_tiny
from etl_assets_tests.orchestration.homes import quick_folder

pytestmark = pytest.mark.slow

KEEP = "etl_assets_tests.end_to_end.works:tiny_upkeep"
WORK = "etl_assets_tests.end_to_end.works:tiny_days"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with quick_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def template(folder: Path) -> Path:
    """Old versions, files of a killed run, and a partition of several small files."""
    home = folder / "template"
    lay_out_first(home)
    pipeline = tiny.open_pipeline(home)
    desk.work(pipeline)
    lay_out_second(home)
    desk.work(pipeline)
    table = pipeline.accepted(tiny.ORDERS)
    stage = table.stage("00000001-dead")
    pl.collect_all([stage.sink(pl.LazyFrame({"order_id": ["O9"], PERIOD: ["2024-03-01"]}))])
    _split(home)
    pipeline.ledger.close()
    return home


def _split(home: Path) -> None:
    """Make several files of each partition of orders, as one attempt that wrote in pieces would."""
    pipeline = tiny.open_pipeline(home)
    table, schema = pipeline.accepted(tiny.ORDERS), pipeline.contract(tiny.ORDERS).schema
    files = []
    for file in table.files():
        rows = table.scan(schema, [file.period]).collect()
        stage = table.stage("-".join(file.path.name.split("-")[:2]) + "-piece")
        for piece in (rows[:1], rows[1:]):
            pl.collect_all([stage.sink(piece.lazy())], engine="streaming")
        files += stage.files
    with held_lease(pipeline.ledger, "tiny", "a splitter", 60) as lease:
        periods = {file.period for file in files}
        table.commit(files, periods, schema, writer="tiny", token=lease.token)
    pipeline.ledger.close()


def assert_kept(home: Path, expected: dict[str, desk.Rows]) -> None:
    """Upkeep comes to its end, nothing superfluous is left, and nothing is to be built."""
    pipeline = tiny.open_pipeline(home)
    desk.assert_same(desk.tables(pipeline), expected)
    keep_tiny(pipeline)
    desk.assert_same(desk.tables(pipeline), expected)
    for table in pipeline.tables:
        lake = pipeline.accepted(table)
        parts = {path for path in lake.path.rglob("*.parquet") if "_delta_log" not in path.parts}
        assert parts == {file.path for file in lake.files()}
        assert len({file.period for file in lake.files()}) == len(parts)
    assert desk.work(pipeline) == []
    desk.assert_settled(pipeline)
    pipeline.ledger.close()


def fresh(template: Path, folder: Path) -> Path:
    return copy_home(template, Path(tempfile.mkdtemp(dir=folder)) / "home")


def test_killed_after_every_write(template: Path, folder: Path) -> None:
    pipeline = tiny.open_pipeline(fresh(template, folder))
    expected = desk.tables(pipeline)
    assert max(len(pipeline.accepted(tiny.ORDERS).files([day])) for day in ("2024-03-01", "2024-03-02")) > 1
    undisturbed = fresh(template, folder)
    boundaries = Victim.start(KEEP).wait_ready().go(undisturbed).end()
    assert boundaries is not None
    assert boundaries > 30
    assert_kept(undisturbed, expected)

    def kill(number: int) -> bool:
        victim = Victim.start(KEEP, kill_at=number)
        home = fresh(template, folder)
        survived = victim.wait_ready().go(home).end() is not None
        try:
            assert_kept(home, expected)
        except AssertionError as error:
            raise AssertionError(f"killed after write {number} of {boundaries}: {error}") from error
        return survived

    numbers = range(1, boundaries + 2)
    assert two_at_a_time(kill, numbers) == [number > boundaries for number in numbers]


def test_upkeep_beside_a_run(folder: Path) -> None:
    """While a process builds, another one asks for upkeep all the time."""
    home = Path(tempfile.mkdtemp(dir=folder)) / "home"
    lay_out_first(home)
    alone = copy_home(home, Path(tempfile.mkdtemp(dir=folder)) / "home")
    for day in ("2024-03-08", "2024-03-09", "2024-03-11"):
        for one in (home, alone):
            tiny.put(one, f"orders/{day}.csv", [tiny.line(n, day) for n in range(5)])
    quiet = tiny.open_pipeline(alone)
    desk.work(quiet)

    worker = Victim.start(WORK).wait_ready().go(home)
    pipeline = tiny.open_pipeline(home)
    outcomes = []
    while worker.process.poll() is None:
        outcomes.append(keep_tiny(pipeline).skipped == "")
    left = worker.process.wait()

    assert True in outcomes
    # A run that finds the lease taken waits, or says so and is started again.
    if left:
        worker.process.communicate()
    else:
        worker.end()
    desk.work(pipeline)
    desk.assert_same(desk.tables(pipeline), desk.tables(quiet))
    desk.assert_settled(pipeline)
    desk.assert_rows_add_up(pipeline)
