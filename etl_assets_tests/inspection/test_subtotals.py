from __future__ import annotations

import re
from pathlib import Path

from etl_assets.inspection.inspect import inspect_file
from etl_assets.inspection.records import Inspection

ROWS = [f"T{n:04};2024-05-0{n % 9 + 1};{'AB'[n > 30]};{n}.50;x{n}" for n in range(60)]
HEADER = "ticket;sold;block;price;buyer"


def inspected(folder: Path, lines: list[str]) -> Inspection:
    path = folder / "tickets_2024-05-01.csv"
    path.write_text("\n".join([HEADER, *lines]) + "\n", encoding="utf-8")
    return inspect_file(path)


def test_lines_of_totals_among_the_rows_are_no_rows(tmp_path: Path) -> None:
    lines = [
        *ROWS[:31],
        "Total block A;;;480.50;",
        *ROWS[31:],
        "Total block B;;;1319.50;",
        "Grand total;;;1800;",
    ]
    found = inspected(tmp_path, lines)
    pattern = found.format.skip_pattern
    assert pattern is not None
    assert [line for line in lines if re.search(pattern, line)] == [
        "Total block A;;;480.50;",
        "Total block B;;;1319.50;",
        "Grand total;;;1800;",
    ]
    assert found.sample.height == len(ROWS)
    assert next(one.value for one in found.proposals if one.aspect == "subtotals") == 3


def test_rows_that_are_merely_called_so_stay_rows(tmp_path: Path) -> None:
    lines = [*ROWS, "Total wipeout;2024-05-02;A;7.50;x7", "Totals;2024-05-02;A;7.50;x7", ROWS[3]]
    found = inspected(tmp_path, lines)
    assert not [one for one in found.proposals if one.aspect == "subtotals"]
    assert found.sample.height == len(lines)
