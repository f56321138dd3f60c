from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.end_to_end.arena import Victim, copy_home, two_at_a_time
from etl_assets_tests.orchestration.homes import quick_folder

pytestmark = pytest.mark.slow

TINY_DAYS = "etl_assets_tests.end_to_end.works:tiny_days"
RANDOM_MOMENTS = 50
SEED = 20240301


def lay_out_first(home: Path) -> None:
    friday, saturday = "2024-03-01", "2024-03-02"
    tiny.put_shops(home)
    good = [tiny.line(n, friday) for n in range(1, 8)]
    bad = [tiny.line(20, friday, shop="nowhere"), tiny.line(21, friday, amount="-4"), "only,two"]
    tiny.put(home, f"orders/{friday}.csv", [*good, good[2], tiny.line(4, friday, amount="44"), *bad])
    tiny.put(home, f"orders/{saturday}.csv", [tiny.line(n, saturday) for n in range(30, 36)])


def lay_out_second(home: Path) -> None:
    """One day is delivered anew, one is new, one is broken."""
    friday, monday, tuesday = "2024-03-01", "2024-03-04", "2024-03-05"
    tiny.put(home, f"orders/{friday}.csv", [tiny.line(n, friday, amount="7") for n in range(1, 6)] + ["x"])
    tiny.put(home, f"orders/{monday}.csv", [tiny.line(n, monday) for n in (40, 41, 41)])
    tiny.put(
        home, f"orders/{tuesday}.csv", [tiny.line(50, tuesday)], header="order_id,shop,who,amount,placed_on"
    )


@dataclass
class Scene:
    """What lies in a home before the kill, and what the tables must be in the end."""

    template: Path
    expected: dict[str, desk.Rows]
    boundaries: int
    seconds: float


def first_time(home: Path) -> None:
    lay_out_first(home)


def second_time(home: Path) -> None:
    lay_out_first(home)
    pipeline = tiny.open_pipeline(home)
    desk.work(pipeline)
    pipeline.ledger.close()
    lay_out_second(home)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with quick_folder() as folder:
        yield folder


@pytest.fixture(scope="module", params=[first_time, second_time], ids=["first", "second"])
def scene(request: pytest.FixtureRequest, folder: Path) -> Scene:
    template = folder / f"template of {request.param.__name__}"
    request.param(template)
    home = copy_home(template, folder / f"undisturbed {request.param.__name__}")
    victim = Victim.start(TINY_DAYS).wait_ready()
    began = time.monotonic()
    boundaries = victim.go(home).end()
    assert boundaries is not None
    seconds = time.monotonic() - began
    pipeline = tiny.open_pipeline(home)
    desk.assert_settled(pipeline)
    desk.assert_rows_add_up(pipeline)
    return Scene(template, desk.tables(pipeline), boundaries, seconds)


def scene_folder(folder: Path) -> Path:
    """A folder of its own for the homes of one test."""
    return Path(tempfile.mkdtemp(dir=folder))


def assert_mended(home: Path, scene: Scene) -> None:
    """Run again to the end: all is as if nothing had happened, and nothing is left to do."""
    pipeline = tiny.open_pipeline(home)
    left = desk.work(pipeline)
    desk.assert_same(desk.tables(pipeline), scene.expected)
    desk.assert_rows_add_up(pipeline)
    desk.assert_settled(pipeline)
    assert desk.work(pipeline) == []
    if left:
        assert not list((pipeline.scratch / "tiny").iterdir()), (
            "the killed run's scratch was not cleared away"
        )
    pipeline.ledger.close()


def test_killed_after_every_write(scene: Scene, folder: Path) -> None:
    def kill(number: int) -> bool:
        victim = Victim.start(TINY_DAYS, kill_at=number)
        home = copy_home(scene.template, scene_folder(folder) / "home")
        survived = victim.wait_ready().go(home).end() is not None
        try:
            assert_mended(home, scene)
        except AssertionError as error:
            raise AssertionError(f"killed after write {number} of {scene.boundaries}: {error}") from error
        return survived

    numbers = range(1, scene.boundaries + 2)
    survived = two_at_a_time(kill, numbers)
    assert survived == [number > scene.boundaries for number in numbers]


def test_killed_at_random_moments(scene: Scene, folder: Path) -> None:
    chance = random.Random(SEED)
    moments = [chance.uniform(0, scene.seconds) for _ in range(RANDOM_MOMENTS // 2)]

    def kill(number: int) -> None:
        victim = Victim.start(TINY_DAYS)
        home = copy_home(scene.template, scene_folder(folder) / "home")
        victim.wait_ready().go(home).kill_after(moments[number])
        try:
            assert_mended(home, scene)
        except AssertionError as error:
            raise AssertionError(f"killed after {moments[number]:.3f} s: {error}") from error

    two_at_a_time(kill, range(len(moments)))
