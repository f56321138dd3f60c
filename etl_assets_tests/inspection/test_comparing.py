from __future__ import annotations

from pathlib import Path

import pytest

from etl_assets.inspection.comparing import Comparison, inspect_files
from etl_assets.inspection.records import Certainty, Kind

HEADER = "order_id;city;day;amount\n"


def compared(folder: Path, files: dict[str, str], **more: int) -> Comparison:
    paths = []
    for name, content in files.items():
        path = folder / name
        path.write_text(content, encoding="utf-8")
        paths.append(path)
    return inspect_files(paths, **more)


def rows(
    day: int, *, start: int = 0, count: int = 20, text: str = "{n};Bonn;{day:02}/03/2024;{n},5\n"
) -> str:
    return "".join(text.format(n=n, day=day) for n in range(start, start + count))


def test_files_of_one_header_are_one_table(tmp_path: Path) -> None:
    found = compared(tmp_path, {f"{day}.csv": HEADER + rows(day, start=day * 100) for day in (1, 2, 3)})

    (group,) = found.groups
    assert len(group.paths) == 3
    assert group.together.rows == 60
    assert group.findings == found.findings == ()
    assert group.together.keys[0].columns == ("order_id",)


def test_one_file_tells_what_the_others_leave_open(tmp_path: Path) -> None:
    files = {f"{day}.csv": HEADER + rows(day) for day in (3, 4, 25)}

    alone = compared(tmp_path, {"3.csv": files["3.csv"]}).groups[0].together.column("day")
    together = compared(tmp_path, files).groups[0].together.column("day")

    assert alone.certainty is Certainty.UNSURE
    assert together.formats == ("%d/%m/%Y",)
    assert together.certainty is Certainty.SURE


def test_a_column_that_looks_otherwise_file_by_file(tmp_path: Path) -> None:
    letters = HEADER + "".join(f"C{n};Bonn;01/03/2024;1,5\n" for n in range(100, 120))
    files = {"1.csv": HEADER + rows(1, start=100), "2.csv": HEADER + rows(2, start=120), "3.csv": letters}

    column = compared(tmp_path, files).groups[0].together.column("order_id")

    assert column.kind is Kind.TEXT
    assert "integer in 2, text in 1 files" in column.hints[-1]


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("order_id;city;day", "missing: amount"),
        ("order_id;city;day;amount;tax", "extra: tax"),
        ("order_id;city;day;Amount", "renamed? amount is Amount here"),
        ("order_id;city;day;total", "renamed? amount is total here"),
        ("city;order_id;day;amount", "the same columns in another order"),
        ("sku;colour;weight", "another table, with 3 columns of its own"),
    ],
)
def test_how_another_header_differs(header: str, told: str, tmp_path: Path) -> None:
    width = header.count(";") + 1
    other = (
        header
        + "\n"
        + "".join(";".join([str(n), "Bonn", "2024-03-01", "1", "2"][:width]) + "\n" for n in range(9))
    )

    found = compared(tmp_path, {"1.csv": HEADER + rows(1), "2.csv": HEADER + rows(2), "3.csv": other})

    assert found.findings == (f"3.csv: {told}",)


def test_files_that_are_not_read_alike(tmp_path: Path) -> None:
    comma = (HEADER + rows(2, text="{n};Bonn;{day:02}/03/2024;{n}\n")).replace(";", ",")

    (group,) = compared(tmp_path, {"1.csv": HEADER + rows(1), "2.csv": comma}).groups

    assert group.findings == ("They are not read alike, separator: ';' in 1.csv; ',' in 2.csv",)


def test_of_many_files_most_are_only_asked_for_their_header(tmp_path: Path) -> None:
    files = {f"{n:03}.csv": HEADER + rows(1, start=n * 100) for n in range(40)}
    files["017.csv"] = files["017.csv"].replace("amount", "price")

    found = compared(tmp_path, files, whole_files=5)

    assert [(len(one.files), len(one.only_header)) for one in found.groups] == [(5, 34), (1, 0)]
    assert found.findings == ("017.csv: renamed? amount is price here",)


def test_a_file_that_is_no_table_stops_no_other(tmp_path: Path) -> None:
    found = compared(tmp_path, {"1.csv": HEADER + rows(1), "2.csv": ""})

    assert [one.what for one in found.failures] == ["The file is empty"]
    assert len(found.groups) == 1
