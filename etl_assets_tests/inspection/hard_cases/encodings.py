"""Encodings: what the bytes say."""

from __future__ import annotations

import codecs

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
SWEDISH_PLACES = ("Malmö", "Göteborg", "Västerås", "Örebro", "Åre", "Umeå", "Växjö")


def _goods(separator: str = ",", end: str = "\n") -> str:
    return text([GOODS_HEADER, *goods()], separator, end=end).replace("Łódź", "Bern")


@CASES.add
def ascii_only() -> Case:
    rows = [["a", "b"], *([n, n * 2] for n in range(30))]
    return Case(text(rows).encode(), read={"encoding": "utf-8", "separator": ","}, rows=30)


@CASES.add
def utf_8() -> Case:
    return Case(_goods().encode(), read={"encoding": "utf-8"}, names=tuple(GOODS_HEADER), rows=40)


@CASES.add
def utf_8_with_bom() -> Case:
    content = codecs.BOM_UTF8 + _goods().encode()
    return Case(content, read={"encoding": {"utf-8", "utf-8-sig"}}, names=tuple(GOODS_HEADER))


@CASES.add
def utf_8_only_at_the_end() -> Case:
    rows = [["id", "place"], *([n, "Bern"] for n in range(9000)), [9001, "Zürich"]]
    return Case(text(rows).encode(), read={"encoding": "utf-8"})


@CASES.add
def latin_1() -> Case:
    content = _goods(";").encode("latin-1")
    return Case(content, read={"encoding": {"cp1252", "iso8859-1"}, "separator": ";"}, rows=40)


@CASES.add
def latin_1_only_at_the_end() -> Case:
    rows = [["id", "place"], *([n, "Bern"] for n in range(9000)), [9001, "Zürich"]]
    return Case(text(rows).encode("latin-1"), read={"encoding": {"cp1252", "iso8859-1"}})


@CASES.add
def cp1252_with_euro_and_quotes() -> Case:
    rows = [["Bezeichnung", "Preis"], *([f"Größe „{n}“", f"{n},50 €"] for n in range(30))]
    return Case(text(rows, ";").encode("cp1252"), read={"encoding": "cp1252", "separator": ";"})


@CASES.add
def latin_9_with_euro() -> Case:
    rows = [["Libellé", "Prix"], *([f"Été n° {n}", f"{n},50 €"] for n in range(30))]
    return Case(text(rows, ";").encode("iso8859-15"), read={"separator": ";"}, unsure=("encoding",))


@CASES.add
def cp850_of_dos() -> Case:
    rows = [["Kunde", "Ort"], *([f"Müller & Söhne {n}", "Gräfenhausen über Köln"] for n in range(30))]
    return Case(text(rows, ";").encode("cp850"), read={"encoding": {"cp850", "cp437", "cp858"}})


@CASES.add
def mac_roman() -> Case:
    rows = [["namn", "ort"], *([FIRST_NAMES[n % 10], SWEDISH_PLACES[n % 7]] for n in range(60))]
    content = text(rows, ";").replace("Mária", "Maria").encode("mac_roman")
    return Case(content, read={"encoding": "mac-roman"}, unsure=("encoding",))


@CASES.add
def cp1250_polish() -> Case:
    words = ("Łódź", "Wrocław", "Gdańsk", "Częstochowa", "Rzeszów", "Świnoujście", "Białystok", "Żary")
    rows = [["nazwa", "województwo"], *([words[n % 8], "śląskie i łódzkie"] for n in range(60))]
    return Case(text(rows, ";").encode("cp1250"), read={"encoding": "cp1250"}, unsure=("encoding",))


@CASES.add
def cp1251_russian() -> Case:
    rows = [["город", "улица"], *(["Санкт-Петербург", f"Большая Морская улица {n}"] for n in range(60))]
    return Case(text(rows, ";").encode("cp1251"), read={"encoding": "cp1251"})


@CASES.add
def shift_jis() -> Case:
    rows = [["都市", "商品名"], *(["東京都渋谷区", f"お茶のカップ {n} 個入り"] for n in range(60))]
    return Case(text(rows).encode("shift_jis"), read={"encoding": {"shift_jis", "cp932"}})


@CASES.add
def utf_16_with_bom() -> Case:
    return Case(_goods().encode("utf-16"), read={"encoding": "utf-16", "separator": ","}, rows=40)


@CASES.add
def utf_16_big_endian_with_bom() -> Case:
    content = codecs.BOM_UTF16_BE + _goods("\t").encode("utf-16-be")
    return Case(content, format="tsv", read={"encoding": "utf-16"}, rows=40)


@CASES.add
def utf_16_without_bom() -> Case:
    return Case(_goods(";").encode("utf-16-le"), read={"encoding": "utf-16-le", "separator": ";"})


@CASES.add
def utf_8_with_a_few_latin_1_bytes() -> Case:
    rows = [["id", "place"], *([n, CITIES[n % 10]] for n in range(400))]
    content = text(rows).encode() + "401,Zürich\n".encode("latin-1")
    return Case(content, read={"encoding": "utf-8"}, unsure=("encoding",), proof="partly")


@CASES.add
def letters_lost_on_the_way() -> Case:
    # Whoever wrote it could not read it: each umlaut is U+FFFD for good.
    rows = [["Kunde", "Preis"], *([f"M\ufffdller \ufffd S\ufffdhne {n}", f"{n},50"] for n in range(40))]
    return Case(text(rows, ";").encode(), read={"encoding": "utf-8", "separator": ";"}, told=("U+FFFD",))


@CASES.add
def utf_8_twice() -> Case:
    twice = _goods().encode().decode("cp1252", "replace").replace("\ufffd", "").encode()
    return Case(twice, read={"encoding": "utf-8"}, told=("encoded twice",))
