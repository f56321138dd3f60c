"""Promise P3 with decisions: one scan stays one scan. And what a decision says of rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etl_assets.contracts.row_filter import Condition, Operator
from etl_assets.contracts.rules import compile_contract
from etl_assets.quality.decided import Decided, RowGroup, fulfils, typed
from etl_assets.quality.flags import Surroundings
from etl_assets.quality.validation import Sinks, validate
from etl_assets_tests.quality.desk import MONDAY, Sales, sale, text_frame, windows

CELLS = {name: pl.String() for name in compile_contract(Sales).schema if not name.startswith("_")}


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    seen: list[str] = []
    collect_all = pl.collect_all

    def explained(frames: Sequence[pl.LazyFrame], **options: Any) -> list[pl.DataFrame]:
        seen.append(pl.explain_all(frames))
        return collect_all(frames, **options)

    monkeypatch.setattr(pl, "collect_all", explained)
    return seen


def test_decisions_cost_no_further_scan(plans: list[str], tmp_path: Path) -> None:
    source = tmp_path / "rows.parquet"
    rows = [sale(1), sale(2, quantity="-1"), sale(3, quantity="?"), sale(4, country="XX")]
    text_frame(rows, compile_contract(Sales).schema).write_parquet(source)
    row = {number: f"{one['_delivery']}:{one['_line']}" for number, one in enumerate(rows, 1)}
    deliveries = tuple({str(one["_delivery"]) for one in rows})
    decided = Decided(
        cells=CELLS,
        corrected_rows={row[3]: "1"},
        new_cells={"quantity": {row[3]: "7"}},
        waivers=[RowGroup("2", deliveries, rules=("country.in_countries",))],
        discarded_rows={row[2]: "3"},
    )
    frame = pl.scan_parquet(source).with_columns(decided.new_cell("quantity").alias("quantity"))
    countries = {str(one["country"]) for one in rows} - {"XX"}
    (tmp_path / "scratch").mkdir()
    around = Surroundings(
        periods=windows([MONDAY]),
        scratch=tmp_path / "scratch",
        references={"country.in_countries": pl.DataFrame({"code": sorted(countries)})},
        decided=decided,
    )

    def sink(name: str) -> Any:
        return lambda rows: rows.sink_parquet(tmp_path / f"{name}-{len(plans)}.parquet", lazy=True)

    found = validate(frame, compile_contract(Sales), around, Sinks(sink("good"), sink("bad")))[MONDAY]

    assert (found.rows_in, found.accepted, found.quarantined) == (4, 3, 1)
    assert (found.corrected, found.waived, found.discarded) == (1, 1, 1)
    assert found.effects == {1: 1, 2: 1, 3: 1}
    failed = {one.rule: one.failed for one in found.tallies if one.failed}
    assert failed["country.in_countries"] == 1
    main, *others = plans
    assert main.count("Parquet SCAN") == 1
    assert not any(source.name in plan for plan in others)


@pytest.mark.parametrize(
    ("operator", "values", "expected"),
    [
        (Operator.EQUALS, ("a", "b."), [True, False, False, True]),
        (Operator.DIFFERS, ("a",), [False, True, True, True]),
        (Operator.IS_NULL, (), [False, False, True, False]),
        (Operator.IS_NOT_NULL, (), [True, True, False, True]),
        (Operator.STARTS_WITH, ("a", "x"), [True, True, False, False]),
        (Operator.CONTAINS, (".",), [False, True, False, True]),
    ],
)
def test_conditions_are_true_or_false_and_nothing_of_them_is_run(
    operator: Operator, values: tuple[str, ...], expected: list[bool]
) -> None:
    frame = pl.DataFrame({"c": ["a", "a.", None, "b."]})
    found = frame.select(fulfils(Condition("c", operator, values), pl.String()))
    assert found.to_series().to_list() == expected


def test_values_are_read_in_the_dtype_of_their_column() -> None:
    assert typed(["1", None, "x", "1.5"], pl.Int64()).to_list() == [1, None, None, None]
    frame = pl.DataFrame({"n": [1, 2, None]})
    equal = fulfils(Condition("n", Operator.EQUALS, ("2",)), pl.Int64())
    assert frame.select(equal).to_series().to_list() == [False, True, False]
