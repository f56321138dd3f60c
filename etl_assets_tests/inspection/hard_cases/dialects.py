"""Separators, quotes, line ends."""

from __future__ import annotations

import gzip

import zstandard

from etl_assets_tests.inspection.hard_cases.case import (
    GOODS,
    GOODS_HEADER,
    Case,
    Collection,
    comma,
    goods,
    plain,
    text,
)

CASES = Collection()


@CASES.add
def semicolons_and_decimal_commas() -> Case:
    rows = [[a, b, comma(str(c)), d, e] for a, b, c, d, e in goods()]
    content = text([GOODS_HEADER, *rows], ";").encode()
    price = {"kind": "decimal", "decimal": ",", "thousands": None}
    return Case(content, read={"separator": ";"}, columns={"price": price}, rows=40)


@CASES.add
def only_decimal_commas_between_semicolons() -> Case:
    # As many commas as semicolons and one more: 1,5;2,5;3,5
    rows = [[f"{n},5", f"{n * 7 % 13},25", f"{n * 3 % 11},75"] for n in range(40)]
    return Case(plain([["x", "y", "z"], *rows], ";").encode(), read={"separator": ";"}, rows=40)


@CASES.add
def decimal_commas_without_header() -> Case:
    rows = [[f"{n},5", f"{n * 7 % 13},25", f"{n * 3 % 11},75"] for n in range(40)]
    return Case(plain(rows, ";").encode(), read={"separator": ";"}, header_line=0, rows=40)


@CASES.add
def commas_in_texts_between_semicolons() -> Case:
    rows = [[n, "red, blue, and green, mostly", f"{n} km, about"] for n in range(40)]
    return Case(plain([["id", "colours", "way"], *rows], ";").encode(), read={"separator": ";"}, rows=40)


@CASES.add
def tabs() -> Case:
    return Case(plain([GOODS_HEADER, *goods()], "\t").encode(), name="goods.txt", format="tsv", rows=40)


@CASES.add
def tabs_with_quotes() -> Case:
    rows = [[n, f'a "big" tray\nno {n}', f"{n}.5"] for n in range(40)]
    content = text([["id", "what", "price"], *rows], "\t").encode()
    return Case(content, name="goods.tsv", format="tsv", read={"quote": '"'}, rows=40)


@CASES.add
def pipes() -> Case:
    return Case(plain([GOODS_HEADER, *goods()], "|").encode(), read={"separator": "|"}, rows=40)


@CASES.add
def carets() -> Case:
    return Case(plain([GOODS_HEADER, *goods()], "^").encode(), read={"separator": "^"}, rows=40)


@CASES.add
def tildes() -> Case:
    return Case(plain([GOODS_HEADER, *goods()], "~").encode(), read={"separator": "~"}, rows=40)


@CASES.add
def colons_between_times() -> Case:
    # Colons are as regular as the separator is.
    rows = [[n, f"{n % 24:02}:{n * 7 % 60:02}:{n * 13 % 60:02}", f"gate {n}"] for n in range(40)]
    time = {"kind": "time", "formats": ("%H:%M:%S",)}
    return Case(
        plain([["id", "at", "where"], *rows]).encode(),
        read={"separator": ","},
        columns={"at": time},
    )


@CASES.add
def tabs_and_pipes_inside_quotes() -> Case:
    rows = [[n, f"a|b|c{n}|d", "x\ty\tz", f"{n}.5"] for n in range(40)]
    body = "".join(f'{a},"{b}","{c}",{d}\n' for a, b, c, d in rows)
    content = ("id,codes,path,price\n" + body).encode()
    return Case(content, read={"separator": ",", "quote": '"'}, rows=40)


@CASES.add
def newlines_inside_quotes() -> Case:
    rows = [[n, f"first line\nsecond; line {n}\n\nlast", n * 3] for n in range(40)]
    return Case(text([["id", "note", "x"], *rows]).encode(), read={"separator": ",", "quote": '"'}, rows=40)


@CASES.add
def all_quoted() -> Case:
    rows = "".join('"' + '","'.join(map(str, row)) + '"\n' for row in [GOODS_HEADER, *goods()])
    return Case(rows.encode(), read={"separator": ",", "quote": '"'}, names=tuple(GOODS_HEADER))


@CASES.add
def single_quotes() -> Case:
    rows = [[n, GOODS[n % 10] + ", the 'old' one", f"{n}.25"] for n in range(40)]
    content = text([["id", "what", "price"], *rows], quote="'").encode()
    return Case(content, read={"separator": ",", "quote": "'"}, rows=40)


@CASES.add
def apostrophes_are_no_quotes() -> Case:
    rows = [[n, "it's the baker's", "don't"] for n in range(40)]
    return Case(plain([["id", "note", "answer"], *rows]).encode(), read={"separator": ","}, rows=40)


@CASES.add
def inches_are_no_quotes() -> Case:
    rows = [[n, f'{n} 1/2" pipe', "steel"] for n in range(40)]
    content = plain([["id", "part", "of"], *rows], ";").encode()
    return Case(content, read={"separator": ";", "quote": None}, rows=40)


@CASES.add
def backslashes_before_quotes() -> Case:
    body = "".join(f'{n},"a \\"big\\" one, no {n}",{n}\n' for n in range(40))
    content = ("id,what,x\n" + body).encode()
    return Case(content, read={"separator": ","}, header_line=None, told=("backslash",), proof="partly")


@CASES.add
def spaces_after_commas() -> Case:
    rows = [[n, f" {GOODS[n % 10].replace(',', '')}", f" {n}.5"] for n in range(40)]
    content = plain([["id", " what", " price"], *rows]).encode()
    found = {"kind": "decimal", "padded": True}
    return Case(content, read={"separator": ","}, columns={"price": found}, rows=40)


@CASES.add
def carriage_returns_only() -> Case:
    content = plain([GOODS_HEADER, *goods()], end="\r").encode()
    return Case(content, read={"separator": ","}, told=("carriage return",), proof="failed")


@CASES.add
def crlf() -> Case:
    return Case(plain([GOODS_HEADER, *goods()], end="\r\n").encode(), read={"separator": ","}, rows=40)


@CASES.add
def mixed_line_ends() -> Case:
    rows = plain([GOODS_HEADER, *goods(20)]) + plain(goods(20), end="\r\n")
    return Case(rows.encode(), read={"separator": ","}, rows=40)


@CASES.add
def gzip_packed() -> Case:
    content = plain([GOODS_HEADER, *goods()], ";").encode("latin-1", "replace")
    read = {"separator": ";", "encoding": {"cp1252", "iso8859-1"}}
    return Case(gzip.compress(content), name="goods.csv.gz", read=read, rows=40)


@CASES.add
def zstd_packed() -> Case:
    content = plain([GOODS_HEADER, *goods()], ";").encode()
    return Case(zstandard.compress(content), name="goods.bin", read={"separator": ";"}, rows=40)


@CASES.add
def trailing_separators() -> Case:
    content = plain([[*row, ""] for row in [GOODS_HEADER, *goods()]], ";").encode()
    return Case(content, read={"separator": ";"}, told=("no name",), rows=40)


@CASES.add
def one_column_of_texts() -> Case:
    return Case(plain([["article"], *([row[0]] for row in goods())]).encode(), names=("article",), rows=40)


@CASES.add
def one_column_of_decimal_commas() -> Case:
    rows = [[f"{n * 37 % 100},{n % 10}5"] for n in range(40)]
    content = plain([["Messwert"], *rows]).encode()
    return Case(content, names=("Messwert",), unsure=("separator",), rows=40)


@CASES.add
def two_rows_only() -> Case:
    return Case(b"id;name;price\n1;cup;2,50\n2;tray, oak;12,00\n", read={"separator": ";"}, rows=2)


@CASES.add
def some_ragged_lines() -> Case:
    rows = goods(60)
    rows[17] = rows[17][:3]
    rows[44] = [*rows[44], "and one more"]
    content = plain([GOODS_HEADER, *rows]).encode()
    return Case(content, read={"separator": ","}, told=("2 records don't have 5 cells",), proof="partly")


@CASES.add
def json_in_cells() -> Case:
    body = "".join(
        f'{n},"{{""a"": {n}, ""tags"": [""x"",""y""]}}",2024-01-{n % 28 + 1:02}\n' for n in range(40)
    )
    content = ("id,payload,day\n" + body).encode()
    return Case(content, read={"separator": ",", "quote": '"'}, names=("id", "payload", "day"), rows=40)


@CASES.add
def a_log_of_requests() -> Case:
    lines = (
        f'10.0.{n % 9}.{n} - - [10/Oct/2024:13:{n:02}:36 +0000] "GET /page/{n} HTTP/1.1" 200 {n * 37}\n'
        for n in range(60)
    )
    return Case("".join(lines).encode(), header_line=0, unsure=("separator",))
