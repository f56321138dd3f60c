"""What is drafted from files with known dirt, and what is told of it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import yaml

from etl_assets.scaffolding.dataset import draft_dataset
from etl_assets_tests.scaffolding.test_drafting import HEADER, csv


def test_a_bad_file_does_not_close_the_gate_in_silence(tmp_path: Path) -> None:
    """Two of twelve rows of one day: the day must go through, and the YAML says why it does."""
    files = []
    for n in range(20):
        day = dt.date(2024, 1, 1) + dt.timedelta(days=n)
        rows = [[f"O{n:02d}{m:03d}", str(day), str(day), f"{m}.50", "open"] for m in range(12)]
        if n == 4:
            rows[3][3] = rows[5][3] = "?!"
        files.append(csv(tmp_path / f"orders_{day}.csv", HEADER, rows))
    draft = draft_dataset("orders", files)
    settings = yaml.safe_load(draft.files["config/datasets/orders.yaml"])
    assert settings["tolerances"]["default"] == pytest.approx(0.25)
    assert any("orders_2024-01-05.csv" in doubt.text and "16.7%" in doubt.text for doubt in draft.doubts)


def test_what_is_tolerated_has_room_for_the_next_file(tmp_path: Path) -> None:
    """24 of 500 rows are 4.8 %: 5 % would let this very file pass, and hold back the next."""
    days = [dt.date(2024, 1, 1) + dt.timedelta(days=n) for n in range(8)]
    files = []
    for number, day in enumerate(days):
        rows = [[f"O{number}{m:03d}", str(day), str(day), f"{m}.50", "open"] for m in range(500)]
        for m in range(24):
            rows[20 * m][3] = f"?{m}!"
        files.append(csv(tmp_path / f"orders_{day}.csv", HEADER, rows))
    draft = draft_dataset("orders", files)
    assert draft.tables[0].worst[0] == pytest.approx(0.048)
    assert yaml.safe_load(draft.files["config/datasets/orders.yaml"])["tolerances"]["default"] == 0.1
    assert any("4.8% break a rule" in doubt.text for doubt in draft.doubts)


def test_rows_that_repeat_are_told(tmp_path: Path) -> None:
    """They are kept, for who knows what they mean; but what is to be looked at names them."""
    rows = [["O1", "2024-01-02", "2024-01-02", "5.00", "open"]] * 3
    rows += [[f"O{n}", "2024-01-02", "2024-01-02", f"{n}.50", "open"] for n in range(2, 40)]
    draft = draft_dataset("orders", [csv(tmp_path / "orders_2024-01-02.csv", HEADER, rows)])

    (told,) = [one for one in draft.doubts if "repeat another one in every cell" in one.text]
    assert told.text.startswith("2 of 41 rows")
    assert "unique_as_delivered=True" in told.text
    assert told.file == "datasets/orders/silver.py"


def test_a_second_way_to_write_dates_is_read_too(tmp_path: Path) -> None:
    """The names of the files decide between two readings of one cell, not between two ways of writing."""
    files = []
    for day in (dt.date(2024, 2, 5), dt.date(2024, 2, 12), dt.date(2024, 2, 19)):
        rows = [
            [f"O{day:%d}{n:03d}", f"{day + dt.timedelta(days=n % 5):%d.%m.%Y}", str(day), f"{n}.50", "open"]
            for n in range(60)
        ]
        if day.day != 5:
            rows[7][1] = "2024-02-07"  # a row of the first file's week
        files.append(csv(tmp_path / f"orders_{day:%G-W%V}.csv", HEADER, rows))
    code = draft_dataset("orders", files).files["datasets/orders/silver.py"]

    assert "%d.%m.%Y" in code
    assert "%Y-%m-%d" in code
    assert "%m.%d.%Y" not in code
