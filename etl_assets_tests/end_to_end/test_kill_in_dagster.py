from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from dagster import DagsterRunStatus

from etl_assets.datasets.retail import DATASET as RETAIL
from etl_assets.ledger.ledger import Ledger
from etl_assets.ledger.records import RunStatus
from etl_assets.orchestration.local_run import open_instance
from etl_assets.orchestration.pipelines import build_pipeline
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.settings import AppSettings
from etl_assets_tests.end_to_end import desk, leaky, tiny
from etl_assets_tests.end_to_end.arena import ROOT, Victim, copy_home, two_at_a_time
from etl_assets_tests.end_to_end.test_kill import second_time
from etl_assets_tests.end_to_end.works import retail_settings
from etl_assets_tests.orchestration.homes import quick_folder

pytestmark = pytest.mark.slow

REAL_DAYS = ROOT.parent / "shared" / "data" / "retail" / "by-day"
KILLS = 5
SEED = 20240302


@dataclass
class Play:
    """A dataset that is run through Dagster: its deliveries, its settings, the worker."""

    work: str
    prepare: Callable[[Path], None]
    settings: Callable[[Path], AppSettings]
    pipeline: Callable[[Path], DatasetPipeline]


def retail_days(home: Path) -> None:
    target = home / "staging" / "retail"
    target.mkdir(parents=True)
    for path in sorted(REAL_DAYS.glob("*.csv"))[:12]:
        shutil.copy2(path, target)


def retail_pipeline(home: Path) -> DatasetPipeline:
    settings = retail_settings(home)
    return build_pipeline(RETAIL, settings, Ledger.open(settings.ledger.get_secret_value()))


TINY = Play(
    "etl_assets_tests.end_to_end.works:tiny_days_in_dagster", second_time, leaky.settings, tiny.open_pipeline
)
REAL = Play(
    "etl_assets_tests.end_to_end.works:retail_days_in_dagster", retail_days, retail_settings, retail_pipeline
)


@pytest.fixture
def folder() -> Iterator[Path]:
    with quick_folder() as folder:
        yield folder


@pytest.mark.parametrize(
    "play",
    [
        pytest.param(TINY, id="tiny"),
        pytest.param(
            REAL, id="retail", marks=pytest.mark.skipif(not REAL_DAYS.is_dir(), reason="the data is not here")
        ),
    ],
)
def test_killed_in_dagster(play: Play, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    template = folder / "template"
    play.prepare(template)
    undisturbed = copy_home(template, folder / "undisturbed")
    boundaries = Victim.start(play.work).wait_ready().go(undisturbed).end()
    assert boundaries is not None
    expected = desk.tables(play.pipeline(undisturbed))

    def kill(number: int) -> Path:
        home = copy_home(template, folder / f"killed after write {number} of {boundaries}")
        assert Victim.start(play.work, kill_at=number).wait_ready().go(home).end() is None
        assert Victim.start(play.work).wait_ready().go(home).end() is not None
        return home

    chance = random.Random(SEED)
    # One kill in each part of the run.
    numbers = [round((part + chance.random()) * (boundaries - 1) / KILLS) + 1 for part in range(KILLS)]
    for home in two_at_a_time(kill, numbers):
        pipeline = play.pipeline(home)
        desk.assert_same(desk.tables(pipeline), expected)
        desk.assert_rows_add_up(pipeline)
        desk.assert_settled(pipeline)
        states = {run.status for run in pipeline.ledger.runs(pipeline.name)}
        assert RunStatus.RUNNING not in states, home.name
        monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
        with open_instance(play.settings(home)) as instance:
            statuses = {record.dagster_run.status for record in instance.get_run_records()}
        assert statuses <= {DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE}, home.name
