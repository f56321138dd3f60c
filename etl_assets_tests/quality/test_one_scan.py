"""Promise P3: rules, reasons, tallies and statistics cost one scan of the rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etl_assets.contracts.rules import compile_contract
from etl_assets_tests.quality.desk import MONDAY, TUESDAY, Sales, judge, sale, text_frame


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
@pytest.mark.parametrize("periods", [(MONDAY,), (MONDAY, TUESDAY)], ids=["one period", "two periods"])
def test_all_that_is_written_and_counted_comes_from_one_scan(
    periods: tuple[str, ...], twins: bool, plans: list[str], tmp_path: Path
) -> None:
    source = tmp_path / "rows.parquet"
    rows = [sale(1), sale(2, quantity="?"), sale(3, order_id="3" if twins else "9")]
    text_frame(rows, compile_contract(Sales).schema).write_parquet(source)

    found = judge(pl.scan_parquet(source), tmp_path / "out", periods=periods)

    assert found[MONDAY].rows_in == 3
    assert found[MONDAY].duplicates == int(twins)
    main, *others = plans
    assert main.count("SINK (") == 2, "what is accepted, and all other rows"
    assert main.count("Parquet SCAN") == 1
    # What comes after speaks of the other rows alone.
    assert others
    assert not any(source.name in plan for plan in others)
