from __future__ import annotations

from pathlib import Path

import pytest

from etl_assets.pipeline import deciding
from etl_assets.pipeline.deciding import Author
from etl_assets.pipeline.decision_audit import audit, with_still_refused
from etl_assets.pipeline.still_refused import StillRefused
from etl_assets_tests.end_to_end import tiny
from etl_assets_tests.pipeline.deciders import (
    AMOUNT,
    ANNA,
    SHOP,
    correct,
    decide,
    row,
    rows,
    settle,
    three_days,
    undo,
)
from etl_assets_tests.pipeline.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return three_days(tmp_path)


def found(shop: Shop) -> dict[int, StillRefused]:
    audited = with_still_refused(shop.pipeline, audit(shop.pipeline))
    return {one.decision.id: one.still_refused for one in audited if one.still_refused}


def test_of_a_correction_that_does_not_help_the_rules_are_told_that_the_row_breaks_now(shop: Shop) -> None:
    helps = correct(shop, "O21", amount="4")
    fails = correct(shop, "O22", amount="-1")
    assert found(shop) == {}, "nothing is built yet"
    settle(shop)
    id = row(shop, "O22")
    assert found(shop) == {fails.id: StillRefused(fails.id, tiny.ORDERS, 1, id, (AMOUNT, SHOP))}
    assert helps.id not in found(shop)

    # Once its loss is accepted there is nothing to be told any more.
    again = Author(who="anna", why="never mind", beside=(fails.id,))
    decide(shop, deciding.discard(shop.pipeline, rows(shop, "O22"), again))
    settle(shop)
    assert found(shop) == {}


def test_of_many_rows_those_are_counted_that_are_still_refused(shop: Shop) -> None:
    [decision] = decide(
        shop, deciding.correct(shop.pipeline, rows(shop, rules=(SHOP,)), {"amount": "3"}, ANNA)
    )
    settle(shop)
    one = found(shop)[decision.id]
    assert (one.rows, one.reasons) == (3, (SHOP,))
    assert one.row_id == min(row(shop, order) for order in ("O20", "O22", "O31"))


def test_a_record_that_can_be_read_at_last_may_be_refused_by_the_next_table(shop: Shop) -> None:
    id = row(shop, "?")
    names = tiny.line(50, "2024-03-01", amount="-9").split(",")
    values = dict(zip(tiny.HEADER.split(","), names, strict=True))
    proposal = deciding.correct(shop.pipeline, rows(shop, "?", table=tiny.BRONZE_ORDERS), values, ANNA)
    [decision] = decide(shop, proposal)
    settle(shop)
    assert found(shop)[decision.id] == StillRefused(decision.id, tiny.ORDERS, 1, id, (AMOUNT,))


def test_undoing_says_what_holds_again_and_what_no_more(shop: Shop) -> None:
    first = correct(shop, "O21", amount="4")
    late = Author(who="ben", why="asked again", supersedes=(first.id,))
    second = correct(shop, "O21", late, amount="5")

    def turned(*ids: int) -> tuple[list[int], list[int]]:
        what = deciding.turned(shop.pipeline, deciding.undo(shop.pipeline, ids, ANNA))
        return [one.id for one in what.again], [one.id for one in what.no_more]

    assert turned(second.id) == ([first.id], [])
    assert turned(second.id, first.id) == ([], []), "both are taken back"
    [undoing] = undo(shop, second.id)
    assert turned(undoing.id) == ([second.id], [first.id])
    assert turned(first.id) == ([], [])
