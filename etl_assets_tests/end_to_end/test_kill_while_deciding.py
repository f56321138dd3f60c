from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from etl_assets_tests.end_to_end import decided_days, desk, tiny
from etl_assets_tests.end_to_end.arena import Victim, copy_home, two_at_a_time
from etl_assets_tests.end_to_end.decided_days import decide_and_replay, undo_and_replay
from etl_assets_tests.end_to_end.victim import Boundaries
from etl_assets_tests.orchestration.homes import quick_folder

pytestmark = pytest.mark.slow

KILLS = 3


@dataclass
class Scene:
    """A person's work on a home, and what the tables must be in the end."""

    work: Callable[[Path, Boundaries], None]
    template: Path
    expected: dict[str, desk.Rows]
    boundaries: int


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with quick_folder() as folder:
        yield folder


@pytest.fixture(scope="module", params=[decide_and_replay, undo_and_replay])
def scene(request: pytest.FixtureRequest, folder: Path) -> Scene:
    work = request.param
    template = folder / f"template of {work.__name__}"
    decided_days.lay_out(template)
    pipeline = tiny.open_pipeline(template)
    former = desk.tables(pipeline)
    if work is undo_and_replay:
        decided_days.decide(pipeline)
        desk.work(pipeline)
        assert desk.tables(pipeline) != former
    pipeline.ledger.close()
    home = copy_home(template, folder / f"undisturbed {work.__name__}")
    boundaries = Victim.start(name_of(work)).wait_ready().go(home).end()
    assert boundaries is not None
    pipeline = tiny.open_pipeline(home)
    desk.assert_settled(pipeline)
    desk.assert_rows_add_up(pipeline)
    expected = desk.tables(pipeline)
    assert (expected == former) == (work is undo_and_replay)
    return Scene(work, template, expected, boundaries)


def name_of(work: Callable[[Path, Boundaries], None]) -> str:
    return f"{work.__module__}:{work.__name__}"


def test_killed_while_deciding_and_replaying(scene: Scene, folder: Path) -> None:
    def kill(number: int) -> None:
        victim = Victim.start(name_of(scene.work), kill_at=number)
        home = copy_home(scene.template, Path(tempfile.mkdtemp(dir=folder)) / "home")
        assert victim.wait_ready().go(home).end() is None
        # The same person, who can't know how far it came, does it again.
        scene.work(home, Boundaries(0, ""))
        pipeline = tiny.open_pipeline(home)
        try:
            desk.assert_same(desk.tables(pipeline), scene.expected)
            desk.assert_rows_add_up(pipeline)
            desk.assert_settled(pipeline)
        except AssertionError as error:
            raise AssertionError(f"killed after write {number} of {scene.boundaries}: {error}") from error
        pipeline.ledger.close()

    step = max(1, scene.boundaries // KILLS)
    two_at_a_time(kill, range(1, scene.boundaries + 1, step))
