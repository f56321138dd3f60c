import itertools
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etl_assets.quality import uniqueness
from etl_assets.quality.uniqueness import KeyColumns
from etl_assets_tests.quality.desk import MONDAY, TUESDAY, Delivered, Quarantining, judge, sale

TWINS = [
    sale(7, order_id="5", _delivery="d1"),
    sale(2, order_id="5", _delivery="d2"),
    sale(9, order_id="5", _delivery="d2"),
]


def row(line: int, **cells: Any) -> dict[str, Any]:
    return {"_delivery": "d1", "_line": line, "_period": MONDAY, **cells}


@pytest.mark.parametrize(
    ("rank", "kept"), [({"d1": 0, "d2": 1}, "d1:7"), ({"d2": 0, "d1": 1}, "d2:2")], ids=["d1", "d2"]
)
def test_the_first_row_by_delivery_and_line_is_kept(rank: dict[str, int], kept: str, tmp_path: Path) -> None:
    for number, rows in enumerate(itertools.permutations(TWINS)):
        found = judge(rows, tmp_path / str(number), delivery_rank=rank)
        assert found.kept == [kept]
        assert found[MONDAY].duplicates == 2


def test_the_first_row_is_the_first_that_survives_its_own_rules(tmp_path: Path) -> None:
    rows = [sale(1, order_id="5", country="XX"), sale(2, order_id="5"), sale(3, order_id="5")]
    found = judge(rows, tmp_path)

    assert found.reasons == {"d1:1": "country.in_countries"}
    assert found.kept == ["d1:2"]
    tally = found.tally("unique(order_id,line_no)")
    assert (tally.evaluated, tally.failed) == (2, 1)


def test_keys_with_a_null_never_repeat(tmp_path: Path) -> None:
    found = judge([sale(n, order_id="5", line_no=None) for n in (1, 2)], tmp_path)

    assert found.kept == ["d1:1", "d1:2"]


def test_keys_of_different_periods_never_repeat(tmp_path: Path) -> None:
    rows = [sale(1, order_id="5"), sale(2, order_id="5", _period=TUESDAY)]

    assert judge(rows, tmp_path, periods=(MONDAY, TUESDAY)).kept == ["d1:1", "d1:2"]


def test_rows_repeat_as_delivered_if_every_cell_does_empty_ones_included(tmp_path: Path) -> None:
    rows = [row(1, a=None, b="1"), row(2, a=None, b="1"), row(3, a="x", b="1"), row(4, a=None, b="01")]
    found = judge(rows, tmp_path, Delivered)

    assert found.kept == ["d1:1", "d1:3", "d1:4"]
    assert found[MONDAY].duplicates == 1


def test_a_rule_that_quarantines_goes_before_one_that_declares_duplicates(tmp_path: Path) -> None:
    rows = [row(1, a="1", b="1"), row(2, a="1", b="2"), row(3, a="3", b="1"), row(4, a="4", b="2")]
    found = judge(rows, tmp_path, Quarantining)

    # Row 2 repeats a and is out, so row 4 is the first with its b.
    assert found.reasons == {"d1:2": "a.unique"}
    assert found.kept == ["d1:1", "d1:4"]
    assert found[MONDAY].duplicates == 1
    assert found.tally("a.unique").failed == found.tally("b.unique").failed == 1


def test_equal_hashes_are_only_a_suspicion(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(
        KeyColumns, "hash", property(lambda key: pl.when(key.takes_part).then(pl.lit(7, dtype=pl.UInt64)))
    )
    rows = [sale(n) for n in range(1, 6)] + [sale(8, order_id="3"), sale(9, line_no=None)]
    found = judge(rows, tmp_path)

    assert found.kept == ["d1:1", "d1:2", "d1:3", "d1:4", "d1:5", "d1:9"]
    assert found[MONDAY].duplicates == 1
    assert found.tally("unique(order_id,line_no)").evaluated == 7


def test_spilled_hashes_find_the_same_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = [sale(n, order_id=str(2 * (n % 150) + 1)) for n in range(200)]
    in_memory = judge(rows, tmp_path / "memory")
    monkeypatch.setattr(uniqueness, "SPILL_ROWS", 10)
    spilled = judge(rows, tmp_path / "disk", expected_rows=200)

    assert list((tmp_path / "disk" / "scratch").rglob("hashes")), "nothing was spilled"
    assert spilled.kept == in_memory.kept
    assert spilled.outcomes == in_memory.outcomes
    assert in_memory[MONDAY].duplicates == 50
