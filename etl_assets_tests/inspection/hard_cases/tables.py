"""Files that are not delimited text, and keys and personal data."""

from __future__ import annotations

import io
import json

import polars as pl
import xlsxwriter

from etl_assets_tests.inspection.hard_cases.case import (
    CITIES,
    FIRST_NAMES,
    GOODS_HEADER,
    Case,
    Collection,
    goods,
    text,
)

CASES = Collection()
WIDTHS = (12, 6, 10, 12, 10)
FAMILY_NAMES = (
    "Müller",
    "Smith",
    "García",
    "Rossi",
    "Nowak",
    "Jensen",
    "Dubois",
    "O'Brien",
    "Weber",
    "Silva",
)


def _records() -> list[dict[str, object]]:
    return [dict(zip(GOODS_HEADER, row, strict=True)) for row in goods()]


def _frame() -> pl.DataFrame:
    return pl.DataFrame(goods(), schema=GOODS_HEADER, orient="row")


def _fixed(rows: list[list[object]]) -> str:
    lines = []
    for row in rows:
        cells = zip(row, WIDTHS, "<>><<", strict=True)
        lines.append("".join(f"{cell!s:{side}{width}}" + " " for cell, width, side in cells))
    return "\n".join(lines) + "\n"


@CASES.add
def fixed_width() -> Case:
    return Case(_fixed([list(GOODS_HEADER), *goods()]).encode(), name="goods.txt", format="fixed_width")


@CASES.add
def fixed_width_without_header() -> Case:
    content = _fixed(goods()).encode()
    return Case(content, name="goods.dat", format="fixed_width", header_line=0)


@CASES.add
def fixed_width_without_gaps() -> Case:
    # Nothing between 00042 and 20240131: where a column ends is a guess.
    body = "".join(f"{n:05}2024{n % 12 + 1:02}{n % 28 + 1:02}{n * 37 % 999:06}EUR\n" for n in range(60))
    return Case(body.encode(), header_line=None, unsure=("format",), told=("fixed width",))


@CASES.add
def json_lines() -> Case:
    content = "".join(json.dumps(one) + "\n" for one in _records()).encode()
    return Case(content, name="goods.jsonl", format="jsonl", header_line=None, rows=40)


@CASES.add
def json_lines_called_csv() -> Case:
    content = "".join(json.dumps({**one, "at": {"zip": "0123"}}) + "\n" for one in _records()).encode()
    return Case(content, format="jsonl", header_line=None, rows=40)


@CASES.add
def json_array() -> Case:
    content = json.dumps(_records(), indent=2, ensure_ascii=False).encode()
    return Case(content, name="goods.json", format="json", header_line=None, rows=40)


@CASES.add
def parquet() -> Case:
    out = io.BytesIO()
    _frame().write_parquet(out)
    return Case(out.getvalue(), name="goods.parquet", format="parquet", header_line=None, rows=40)


@CASES.add
def arrow_file() -> Case:
    out = io.BytesIO()
    _frame().write_ipc(out)
    return Case(out.getvalue(), name="goods.arrow", format="arrow", header_line=None, rows=40)


@CASES.add
def arrow_stream() -> Case:
    out = io.BytesIO()
    _frame().write_ipc_stream(out)
    return Case(out.getvalue(), name="goods.arrows", format="arrow", header_line=None, rows=40)


def _excel(**sheets: list[list[object]]) -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for line, row in enumerate(rows):
                sheet.write_row(line, 0, row)
    return out.getvalue()


@CASES.add
def excel() -> Case:
    content = _excel(Goods=[list(GOODS_HEADER), *goods()])
    return Case(content, name="goods.xlsx", format="excel", names=tuple(GOODS_HEADER), rows=40)


@CASES.add
def excel_with_title_rows() -> Case:
    rows: list[list[object]] = [["Article list"], ["as of", "2024-02-01"], [], list(GOODS_HEADER), *goods()]
    content = _excel(Goods=rows)
    return Case(content, name="goods.xlsx", format="excel", header_line=4, names=tuple(GOODS_HEADER))


@CASES.add
def excel_with_a_last_column_that_few_rows_fill() -> Case:
    header = [*GOODS_HEADER, "returned", "reason"]
    gone = [[*row, "2024-03-01", "broken"] if n == 7 else row for n, row in enumerate(goods())]
    content = _excel(Goods=[["Article list"], ["as of", "2024-02-01"], [], header, *gone])
    return Case(content, name="goods.xlsx", format="excel", header_line=4, names=tuple(header), rows=40)


@CASES.add
def excel_with_a_remark_beside_the_table() -> Case:
    beside = [[*row, "", "ask Anna"] if n == 7 else row for n, row in enumerate(goods())]
    content = _excel(Goods=[["Article list"], [], list(GOODS_HEADER), *beside])
    names = tuple(GOODS_HEADER)
    return Case(content, name="goods.xlsx", format="excel", header_line=3, names=names, proof="partly")


@CASES.add
def excel_with_two_sheets() -> Case:
    content = _excel(Read_me=[["This is the list of articles"]], Goods=[list(GOODS_HEADER), *goods()])
    read = {"sheet": "Goods"}
    return Case(content, name="goods.xlsx", format="excel", read=read, names=tuple(GOODS_HEADER))


@CASES.add
def excel_called_csv() -> Case:
    content = _excel(Goods=[list(GOODS_HEADER), *goods()])
    return Case(content, name="goods.csv", format="excel", told=("ending",))


@CASES.add
def people() -> Case:
    # Check digits of IBAN and card are right; nobody has them.
    cards = ("4111111111111111", "5500005555555559", "340000000000009", "30000000000004")
    ibans = ("DE89370400440532013000", "GB82WEST12345698765432", "FR1420041010050500013M02606")
    rows = [
        [
            1000 + n,
            f"{FIRST_NAMES[n % 10]} {FAMILY_NAMES[n * 7 % 10]}",
            f"user{n}@example.org",
            f"+49 221 55{n * 7919 % 100000:05}",
            ibans[n % 3],
            cards[n % 4],
            f"{1950 + n % 50}-{n % 12 + 1:02}-{n % 28 + 1:02}",
            f"{CITIES[n % 10]}er Straße {n}",
            n * 37 % 91,
        ]
        for n in range(60)
    ]
    header = ["nr", "kunde", "kontakt", "tel", "konto", "c1", "geburtsdatum", "anschrift", "menge"]
    kinds = ("name", "email", "phone", "iban", "card number", "birth date", "address", None)
    columns = {name: {"personal": kind} for name, kind in zip(header[1:], kinds, strict=True)}
    return Case(text([header, *rows], ";").encode(), read={"separator": ";"}, columns=columns)


@CASES.add
def a_key_of_two_columns() -> Case:
    rows = [[5000 + n // 4, n % 4 + 1, n * 37 % 11, f"{n * 7 % 13}.5"] for n in range(200)]
    return Case(text([["order_id", "line", "amount", "price"], *rows]).encode(), rows=200)
