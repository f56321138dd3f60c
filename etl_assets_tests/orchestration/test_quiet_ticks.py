"""Ticks that end early, and everything that makes the next one look again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import dagster as dg
import pytest

from etl_assets.ledger.records import DeliveryState
from etl_assets.orchestration import automation
from etl_assets.orchestration.circuits import Health
from etl_assets.orchestration.pipelines import build_pipeline, open_ledger
from etl_assets.orchestration.quiet_ticks import FULL_LOOK, QuietTick
from etl_assets.pipeline import quiet
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.intake import Intake
from etl_assets.pipeline.pending import Pending
from etl_assets.pipeline.state import RETRY_ASKED
from etl_assets.staging.extracts.log import ExtractLog
from etl_assets_tests.orchestration.fixtures import MakeHouse
from etl_assets_tests.orchestration.house import House
from etl_assets_tests.orchestration.shop import SHOP, day_of_orders

DAYS = ["2024-01-01", "2024-01-02"]


class Desk:
    """A house whose sensor goes on from its cursor, as the daemon's does."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.cursor: str | None = None
        self.full_looks = 0

    def tick(self, pipeline: DatasetPipeline | None = None) -> dg.SensorResult:
        result = self.house.tick(pipeline, cursor=self.cursor)
        self.cursor = result.cursor or self.cursor
        return result

    def looks(self, pipeline: DatasetPipeline | None = None) -> bool:
        """Whether a tick looks at everything."""
        before = self.full_looks
        self.tick(pipeline)
        return self.full_looks > before

    def pipeline(self) -> DatasetPipeline:
        settings = self.house.settings
        return build_pipeline(self.house.dataset, settings, open_ledger(settings.ledger.get_secret_value()))


@pytest.fixture
def desk(make_house: MakeHouse, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk with nothing left to do, whose last tick has found so."""
    desk = Desk(make_house(SHOP))

    class CountedHealth(Health):
        def look(self) -> Intake:
            desk.full_looks += 1
            return super().look()

    monkeypatch.setattr(automation, "Health", CountedHealth)
    for day in DAYS:
        desk.house.drop(f"{day}.csv", day_of_orders(day))
    (request,) = desk.tick().run_requests or ()
    assert desk.cursor is None  # there was something to do
    assert desk.house.execute(request).success
    assert desk.looks()
    assert desk.cursor is not None
    return desk


def test_a_tick_looks_at_everything_only_if_something_may_have_changed(desk: Desk) -> None:
    """One installation for all: each change is followed by a look, and by quiet once it is settled."""
    ledger = desk.pipeline().ledger
    (first, *_) = ledger.deliveries("shop")
    table = desk.pipeline().accepted(SHOP.tables[0].id)

    def calm() -> None:
        assert desk.tick().run_requests in (None, [])
        assert not desk.looks()

    changes: dict[str, Callable[[], object]] = {
        "a new file that is no table's": lambda: desk.house.drop("notes.txt", b"?"),
        "it is gone": lambda: (desk.house.staging / "notes.txt").unlink(),
        "a touched file": lambda: (desk.house.staging / f"{DAYS[0]}.csv").touch(),
        "the lake was written": lambda: table.commit(
            [], ["2024-01-31"], desk.pipeline().contract(SHOP.tables[0].id).schema, writer="else", token=1
        ),
        "a setting": lambda: desk.house.set(tolerances={"silver/orders": 0.11}),
        "a delivery on hold": lambda: ledger.set_delivery_state(
            [first.id], DeliveryState.ON_HOLD, "somebody said so"
        ),
    }
    for what, change in changes.items():
        assert not desk.looks(), f"before {what}"
        change()
        if what == "a touched file":
            continue_until_settled(desk)
            continue
        assert desk.looks(), what
        calm()


def continue_until_settled(desk: Desk) -> None:
    """A file that was written just now may still grow: each tick looks, until it has settled."""
    assert desk.looks()
    assert desk.looks()
    path = desk.house.staging / f"{DAYS[0]}.csv"
    desk.house.drop(path.name, path.read_bytes())
    assert desk.looks()


def test_a_retry_is_seen_by_the_next_tick(desk: Desk) -> None:
    assert not desk.looks()
    ledger = desk.pipeline().ledger
    ledger.set_delivery_state(
        [one.id for one in ledger.deliveries("shop")], DeliveryState.PENDING, RETRY_ASKED
    )
    assert len(desk.tick().run_requests or ()) == 1
    # Until a run has done it, each tick asks for it.
    assert len(desk.tick().run_requests or ()) == 1


def test_everything_is_looked_at_every_now_and_then(desk: Desk) -> None:
    pipeline = desk.pipeline()
    now = pipeline.now()
    assert not desk.looks(replace(pipeline, now=lambda: now + FULL_LOOK / 2))
    assert desk.looks(replace(pipeline, now=lambda: now + FULL_LOOK + timedelta(seconds=1)))


def test_a_clock_that_was_put_back_makes_no_tick_quiet_for_long(desk: Desk) -> None:
    pipeline = desk.pipeline()
    before = pipeline.now() - timedelta(days=1)
    assert desk.looks(replace(pipeline, now=lambda: before))


def test_work_that_is_tried_again_later_is_not_forgotten(desk: Desk) -> None:
    cursor = desk.cursor
    desk.house.drop("2024-01-03.csv", day_of_orders("2024-01-03"))
    desk.tick()
    (desk.house.staging / "2024-01-03.csv").unlink()
    desk.house.run()  # its file is away: it is tried again after a while
    for _ in range(2):
        assert desk.looks()
    assert desk.cursor == cursor


def test_sources_in_a_database_are_asked_at_each_tick(desk: Desk) -> None:
    settings = desk.house.settings
    log = ExtractLog(settings.extracts("shop"), settings.object_storage)
    assert quiet.listed(desk.pipeline()) is not None
    assert quiet.listed(replace(desk.pipeline(), extracts=log)) is None


def test_a_quiet_tick_says_what_the_last_look_said(desk: Desk) -> None:
    said = [one.skip_reason.skip_message for _ in range(2) if (one := desk.tick()).skip_reason]
    assert said == ["everything is up to date"] * 2


@pytest.mark.parametrize("cursor", [None, "", "{}", "42", "[]", "null", '{"marker": "x"}', "left by another"])
def test_a_cursor_of_another_kind_is_none(cursor: str | None) -> None:
    assert QuietTick.of(cursor) is None


def test_where_looks_are_short_what_is_pending_is_found_out_only_after_a_change(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Databases are asked, and buckets listed in slices, at each tick; what they bring is in the ledger."""
    settings, full_looks = desk.house.settings, 0

    class CountedPending(Pending):
        @classmethod
        def of(cls, pipeline: DatasetPipeline) -> Pending:
            nonlocal full_looks
            full_looks += 1
            return super().of(pipeline)

    def asks() -> bool:
        before = full_looks
        log = ExtractLog(settings.extracts("shop"), settings.object_storage)
        assert desk.looks(replace(desk.pipeline(), extracts=log))
        return full_looks > before

    monkeypatch.setattr(automation, "Pending", CountedPending)
    assert [asks() for _ in range(3)] == [True, False, False]
    desk.house.drop("2024-01-03.csv", day_of_orders("2024-01-03"))
    assert [asks() for _ in range(2)] == [True, True], "until a run has done it"
