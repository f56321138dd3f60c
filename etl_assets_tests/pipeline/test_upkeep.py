from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from etl_assets.pipeline.leases import held_lease
from etl_assets.pipeline.upkeep import Upkeep, keep_dataset
from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.pipeline.shop import FRI, MON, SAT, Shop

NOW = timedelta(0)
WEEK = timedelta(days=7)


def keep(shop: Shop, *, details: timedelta = WEEK, dry_run: bool = False) -> Upkeep:
    return keep_dataset(shop.pipeline, "upkeep", retention=NOW, details=details, dry_run=dry_run)


@pytest.fixture
def worked(shop: Shop) -> Shop:
    """Two days, of which the first was corrected: its first version is in no table any more."""
    shop.day(FRI)
    shop.day(SAT, [7, 8])
    shop.work()
    shop.clock.pass_(3600)
    shop.day(FRI, [1, 2, 3, 4])
    shop.work()
    return shop


def dead_file(shop: Shop) -> Path:
    """What a killed run leaves: a file that no version names."""
    stage = shop.pipeline.accepted(tiny.ORDERS).stage("00000001-dead")
    rows = pl.LazyFrame({"order_id": ["O9"], "_period": [FRI]})
    pl.collect_all([stage.sink(rows)], engine="streaming")
    return shop.pipeline.accepted(tiny.ORDERS).path / stage.files[0].path


def test_tables_are_the_same_afterwards_and_nothing_is_left_to_do(worked: Shop) -> None:
    before = desk.tables(worked.pipeline)
    dead = dead_file(worked)

    done = keep(worked)

    desk.assert_same(desk.tables(worked.pipeline), before)
    assert not dead.exists()
    assert done.removed > 1
    assert done.removed_bytes > 0
    assert done.errors == {}
    assert worked.work() == []
    assert keep(worked).removed == 0


def test_each_table_and_its_quarantine_is_named(worked: Shop) -> None:
    names = {str(table) for table in worked.pipeline.tables}
    assert keep(worked).tables.keys() == names | {f"quarantine of {name}" for name in names}


def test_a_dataset_that_is_being_built_is_left_alone(worked: Shop) -> None:
    dead = dead_file(worked)
    with held_lease(worked.pipeline.ledger, "tiny", "a run", 60):
        done = keep(worked)

    assert "Another run works on this dataset" in done.skipped
    assert done.tables == {}
    assert dead.exists()
    assert keep(worked).skipped == ""


def test_a_dry_run_needs_no_lease_and_changes_nothing(worked: Shop) -> None:
    dead = dead_file(worked)
    with held_lease(worked.pipeline.ledger, "tiny", "a run", 60):
        told = keep(worked, dry_run=True)

    assert dead.exists()
    assert told.removed == keep(worked).removed > 0


def test_one_damaged_table_keeps_no_other_from_its_upkeep(worked: Shop) -> None:
    log = worked.pipeline.accepted(tiny.SHOPS).path / "_delta_log"
    for path in log.glob("*.json"):
        path.write_text("{")
    dead = dead_file(worked)

    done = keep(worked)

    assert done.errors.keys() == {"silver/shops"}
    assert "log can't be read" in done.errors["silver/shops"]
    assert not dead.exists()


def test_scratch_of_dead_runs_goes(worked: Shop) -> None:
    left = worked.pipeline.scratch / "tiny" / "00000001-dead"
    left.mkdir(parents=True)
    keep(worked)
    assert not left.exists()


def test_details_of_what_was_replaced_go_and_scores_stay(worked: Shop) -> None:
    ledger = worked.pipeline.ledger
    first, second = (
        next(one for one in ledger.validations("tiny", "silver", "orders", FRI) if one.rows_in == rows)
        for rows in (3, 4)
    )
    scores = ledger.scores_for([first.id])
    history = ledger.validations("tiny")

    worked.clock.pass_(8 * 86_400)
    done = keep(worked)

    assert ledger.validations("tiny") == history
    assert ledger.scores_for([first.id]) == scores
    assert ledger.tallies_for([first.id])[first.id] == ()
    assert ledger.statistics_for([first.id])[first.id] == ()
    assert ledger.tallies_for([second.id])[second.id]
    assert done.forgotten.tallies > 0
    assert done.forgotten.runs > 0
    assert worked.work() == []


def test_what_is_young_stays_in_the_ledger(worked: Shop) -> None:
    done = keep(worked)
    assert (done.forgotten.tallies, done.forgotten.statistics, done.forgotten.runs) == (0, 0, 0)


def test_work_goes_on_after_upkeep(worked: Shop) -> None:
    keep(worked)
    worked.day(MON, [20, 21])
    worked.day(SAT, [7])
    worked.work()
    keep(worked)

    assert worked.order_ids() == {FRI: ["O1", "O2", "O3", "O4"], SAT: ["O7"], MON: ["O20", "O21"]}
    desk.assert_settled(worked.pipeline)
