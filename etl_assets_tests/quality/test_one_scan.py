"""Promise P3: rules, reasons, tallies and statistics cost one scan of the rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etl_assets.contracts.rules import compile_contract
from etl_assets_tests.quality import desk
from etl_assets_tests.quality.desk import MONDAY, judge, sale


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The plans that were collected, each as Polars would run it."""
    seen: list[str] = []
    collect_all = pl.collect_all

    def explained(frames: Sequence[pl.LazyFrame], **options: Any) -> list[pl.DataFrame]:
        seen.append(pl.explain_all(frames))
        return collect_all(frames, **options)

    monkeypatch.setattr(pl, "collect_all", explained)
    return seen


@pytest.mark.parametrize("twins", [False, True], ids=["unique keys", "repeated keys"])
def test_all_that_is_written_and_counted_comes_from_one_scan(
    twins: bool, plans: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = tmp_path / "rows.parquet"
    rows = [sale(1), sale(2, quantity="?"), sale(3, order_id="3" if twins else "9")]
    desk.text_frame(rows, compile_contract(desk.Sales).schema).write_parquet(source)
    monkeypatch.setattr(desk, "text_frame", lambda rows, schema: pl.scan_parquet(source))

    found = judge([], tmp_path / "out")

    assert found[MONDAY].rows_in == 3
    assert found[MONDAY].duplicates == int(twins)
    main = plans[0]
    assert main.count("SINK (") == 2 + twins
    assert main.count("AGGREGATE") == 2, "tallies with statistics, and aggregate rules"
    assert main.count("Parquet SCAN") == 1
    # What comes after speaks of the rows in question alone, already in memory.
    assert not any("Parquet SCAN [" in plan and "SINK (" in plan for plan in plans[1:])
