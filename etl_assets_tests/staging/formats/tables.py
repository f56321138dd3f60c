"""What reading a file in some format comes to, in plain values."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import xlsxwriter

from etl_assets.staging.breaches import Breach
from etl_assets.staging.content import Content
from etl_assets.staging.readers import read_delivery
from etl_assets.staging.source import Source
from etl_assets_tests.staging.desk import Desk

Cells = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Read:
    """Rows as (line, cells...), unreadable records as (line, reason) and as (line, raw)."""

    content: Content
    rows: Cells
    reasons: dict[int, str]
    raw: dict[int, str]
    breach: Breach | None

    @property
    def cells(self) -> Cells:
        return [row[1:] for row in self.rows]


def read(desk: Desk, data: bytes, columns: Sequence[str], /, **format: Any) -> Read:
    name = "x"
    source = Source.model_validate({"pattern": "x", "format": format})
    file = desk.drop(name, data, source)
    reading = read_delivery(file, source, columns, desk.scratch)
    found = reading.frame.collect()
    assert found.height == reading.rows
    assert found["_delivery"].unique().to_list() in ([], [f"id-{name}"])
    assert found["_row_id"].to_list() == [f"id-{name}:{line}" for line in found["_line"]]
    assert found.columns == [*columns, "_delivery", "_line", "_row_id"] or reading.breach
    assert reading.records == reading.rows + reading.unreadable.height
    lines = reading.unreadable["_line"].to_list()
    assert lines == sorted(lines)
    return Read(
        file.content,
        [] if reading.breach else found.select("_line", *columns).rows(),
        dict(zip(lines, reading.unreadable["_reasons"], strict=True)),
        dict(zip(lines, reading.unreadable["_raw"], strict=True)),
        reading.breach,
    )


def broken(desk: Desk, data: bytes, columns: Sequence[str], /, **format: Any) -> str:
    """Read a file of which nothing can be read, and return why: code and message."""
    found = read(desk, data, columns, **format)
    assert found.breach is not None
    assert found.rows == []
    assert found.reasons == {}
    return f"{found.breach.code}: {found.breach.message}"


def workbook(rows: Sequence[Sequence[Any]], **more: Sequence[Sequence[Any]]) -> bytes:
    """A workbook with the sheet Sheet1, and more sheets by name."""
    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_numbers": False, "strings_to_formulas": False}
    with xlsxwriter.Workbook(out, options | {"strings_to_urls": False}) as book:
        formats = {
            "date": book.add_format({"num_format": "dd.mm.yyyy"}),
            "datetime": book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss.000"}),
            "time": book.add_format({"num_format": "hh:mm:ss"}),
            "timedelta": book.add_format({"num_format": "[h]:mm:ss"}),
        }
        for name, cells in {"Sheet1": rows, **more}.items():
            sheet = book.add_worksheet(name)
            for y, row in enumerate(cells):
                for x, value in enumerate(row):
                    if isinstance(value, str):
                        sheet.write_string(y, x, value)
                    elif value is not None:
                        sheet.write(y, x, value, formats.get(type(value).__name__))
    return out.getvalue()
