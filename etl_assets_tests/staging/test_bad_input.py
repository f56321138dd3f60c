from __future__ import annotations

import gzip
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import zstandard

from etl_assets.contracts.provenance import PROVENANCE
from etl_assets.staging import unreadable
from etl_assets.staging.area import ChangedError, VanishedError
from etl_assets.staging.breaches import Breach, BreachCode, find_breach, shown_header
from etl_assets.staging.content import Encoding
from etl_assets.staging.readers import read_deliveries, read_delivery
from etl_assets_tests.staging.desk import Desk, csv_source

COLUMNS = ["id", "name", "city"]
GOOD = b"id,name,city\n1,Ada,London\n2,Grace,New York\n"


def rows(
    desk: Desk, data: bytes, **options: object
) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    reading = desk.read(data, COLUMNS, **options)
    assert reading.breach is None
    found = reading.frame.collect()
    assert found.height == reading.rows
    assert reading.records == reading.rows + reading.unreadable.height
    return found.select("_line", *COLUMNS).rows(), reading.unreadable.select("_line", "_reasons").rows()


def breach(desk: Desk, data: bytes, **options: object) -> Breach:
    reading = desk.read(data, COLUMNS, **options)
    assert reading.breach is not None
    assert reading.frame.collect().is_empty()
    assert reading.frame.collect_schema().names() == [*COLUMNS, "_delivery", "_line", "_row_id"]
    assert reading.records == 0
    return reading.breach


def test_a_good_file_is_read_with_its_provenance(desk: Desk) -> None:
    found = desk.read(GOOD, COLUMNS).frame.collect()
    assert found.rows() == [
        ("1", "Ada", "London", "id-x.csv", 2, "id-x.csv:2"),
        ("2", "Grace", "New York", "id-x.csv", 3, "id-x.csv:3"),
    ]
    assert found.schema["_line"] == pl.Int64


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"id,name", ["missing", "'city'"]),
        (b"id,name,city,zip", ["extra", "'zip'"]),
        (b"id,nom,city", ["renamed?", "'name' is now 'nom'"]),
        (b"id,city,name", ["other order"]),
        (b"id,name,name", ["missing: 'city'", "repeated: 'name'"]),
        (b"id,name,CITY", ["'city' is now 'CITY'"]),
        (b"id,name,city ", ["'city' is now 'city '"]),
        (b"id,name,zip,area", ["missing: 'city'", "extra: 'zip', 'area'"]),
        (b"id,name,city,", ["extra: ''"]),
        (b"ann@example.com,9", ["is there a header?", "2 cells, not shown", "missing: 'id', 'name', 'city'"]),
        (b"\nid,name,city", ["missing"]),
    ],
)
def test_another_header_is_a_breach_that_says_how_it_differs(
    desk: Desk, header: bytes, words: list[str]
) -> None:
    found = breach(desk, header + b"\n1,2,3\n")
    assert found.code is BreachCode.HEADER
    assert found.lines == (1,)
    for word in words:
        assert word in found.message
    assert "ann@" not in found.message


@pytest.mark.parametrize(
    ("first_line", "words"),
    [
        (b"7,Ada Secret,Secret Town", ["is there a header?", "3 cells, not shown"]),
        (b"name,Ada Secret,Secret Town", ["missing: 'id', 'city'", "2 of 3 cells are other ones, not shown"]),
        (b"Secret@x.org,name,city", ["missing: 'id'", "1 of 3 cells"]),
        (b"id,name,Secret (0)", ["missing: 'city'", "1 of 3 cells"]),
        (b"id,name," + b"Secret" * 11, ["missing: 'city'", "1 of 3 cells"]),
        (b"7;Ada Secret;Secret Town", ["';'"]),
        (b"id;name;Secret@x.org", ["';'"]),
        (b"Secret", ["there is one column only; expected 3"]),
    ],
)
def test_a_first_line_that_may_be_a_row_is_neither_shown_nor_kept(
    desk: Desk, first_line: bytes, words: list[str]
) -> None:
    file = desk.drop("x.csv", first_line + b"\n1,2,3\n", csv_source())
    kept = replace(file.content, header=shown_header(file.content.header or (), [*PROVENANCE, *COLUMNS]))
    for content in (file.content, kept):
        again = replace(file, content=content)
        found = read_delivery(again, csv_source(), COLUMNS, desk.scratch).breach
        assert found is not None
        assert "Secret" not in found.message
        assert find_breach(content, csv_source(), COLUMNS) == found
        for word in words:
            assert word in found.message
    assert "Secret" not in str(kept.to_json())


def test_a_header_that_was_not_kept_is_read_again_when_the_contract_was_mended(desk: Desk) -> None:
    file = desk.drop("x.csv", b"a,b,c\n1,2,3\n", csv_source())
    header = shown_header(file.content.header or (), COLUMNS)
    assert header == ("…", "…", "…")
    kept = replace(file, content=replace(file.content, header=header))
    assert read_delivery(kept, csv_source(), COLUMNS, desk.scratch).breach is not None
    assert read_delivery(kept, csv_source(), ["a", "b", "c"], desk.scratch).frame.collect().height == 1


@pytest.mark.parametrize(("mark", "shown"), [(b";", "';'"), (b"\t", "a tab"), (b"|", "'|'")])
def test_a_wrong_separator_is_named(desk: Desk, mark: bytes, shown: str) -> None:
    found = breach(desk, GOOD.replace(b",", mark))
    assert found.code is BreachCode.SEPARATOR
    assert shown in found.message
    assert rows(desk, GOOD.replace(b",", mark), separator=mark.decode())[0][0] == (2, "1", "Ada", "London")


def test_a_file_without_a_byte_is_a_breach_and_one_without_rows_is_not(desk: Desk) -> None:
    assert breach(desk, b"").code is BreachCode.EMPTY
    for data in (b"id,name,city\n", b"id,name,city", b"id,name,city\r\n", b"\xef\xbb\xbfid,name,city\n"):
        assert rows(desk, data) == ([], [])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_recognised_and_can_be_declared(desk: Desk, encoding: str) -> None:
    data = GOOD.decode().encode(encoding)
    found = breach(desk, data)
    assert found.code is BreachCode.ENCODING
    assert "UTF-16" in found.message
    assert rows(desk, data, encoding=encoding) == rows(desk, GOOD)


def test_utf16_that_was_declared_and_is_not_there_is_a_breach(desk: Desk) -> None:
    assert breach(desk, GOOD, encoding="utf-16").code is BreachCode.DAMAGED


def test_latin1_bytes_make_their_own_records_unreadable(desk: Desk) -> None:
    data = GOOD + "3,Zoé,Paris\n4,Bob,Rome\n".encode("latin-1")
    good, bad = rows(desk, data)
    assert [line for line, *_ in good] == [2, 3, 5]
    assert bad == [(4, "encoding: bytes that are not utf-8")]
    assert rows(desk, data, encoding="latin-1")[0][2] == (4, "3", "Zoé", "Paris")


def test_what_a_declared_encoding_lacks_is_unreadable(desk: Desk) -> None:
    good, bad = rows(desk, GOOD + b"3,\x80uro,\x81\n", encoding="cp1252")
    assert len(good) == 2
    assert bad == [(4, "encoding: bytes that are not cp1252")]


def test_a_nul_makes_its_own_record_unreadable(desk: Desk) -> None:
    good, bad = rows(desk, GOOD + b"3,a\0b,c\n4,d,e\n")
    assert [line for line, *_ in good] == [2, 3, 5]
    assert bad == [(4, "nul: a NUL byte")]


def test_nul_bytes_everywhere_are_a_breach(desk: Desk) -> None:
    assert breach(desk, b"id,name,city\n" + b"\0" * 4000).code is BreachCode.ENCODING


def test_a_truncated_last_line_is_unreadable(desk: Desk) -> None:
    good, bad = rows(desk, GOOD + b"3,Lin")
    assert len(good) == 2
    assert bad == [(4, "ragged: 2 cells, the header has 3")]


def test_a_last_line_without_an_end_is_read_and_noted(desk: Desk) -> None:
    file = desk.drop("x.csv", GOOD + b"3,Linus,Hels", csv_source())
    assert not file.content.final_newline
    assert file.content.proven
    assert rows(desk, GOOD + b"3,Linus,Hels")[0][2] == (4, "3", "Linus", "Hels")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"3,b", "ragged: 2 cells, the header has 3"),
        (b"3,b,c,d", "ragged: 4 cells, the header has 3"),
        (b"", "blank: an empty line"),
        (b'3,"b,c', "open_quote: a quote is opened and not closed"),
        (b'3,"b"x,c', "after_quote: text follows a closing quote"),
    ],
)
def test_one_bad_line_leaves_the_others_alone(desk: Desk, line: bytes, reason: str) -> None:
    good, bad = rows(desk, GOOD + line + b"\n4,Bob,Rome\n")
    assert [number for number, *_ in good] == [2, 3, 5]
    assert bad == [(4, reason)]


def test_an_unreadable_record_is_kept_as_delivered(desk: Desk) -> None:
    reading = desk.read(GOOD + b'3,"caf\xe9,x\r\n', COLUMNS)
    assert reading.unreadable.rows() == [
        ("id-x.csv", 4, "id-x.csv:4", '3,"caf\ufffd,x', "open_quote: a quote is opened and not closed")
    ]


def test_a_quoted_line_end_keeps_record_and_line_together(desk: Desk) -> None:
    data = b'id,name,city\n1,"Ada\nLovelace",London\n2,"a\r\nb\n\nc",x\n3,c,d\n'
    expected = [(2, "1", "Ada\nLovelace", "London"), (4, "2", "a\r\nb\n\nc", "x"), (8, "3", "c", "d")]
    assert rows(desk, data) == (expected, [])
    assert rows(desk, data + b"bad\n")[0] == expected


def test_a_quote_within_a_cell_is_text(desk: Desk) -> None:
    good, bad = rows(desk, GOOD + b'3,5" pipe,x\n')
    assert good[2] == (4, "3", '5" pipe', "x")
    assert bad == []


def test_without_a_quote_character_quotes_are_text(desk: Desk) -> None:
    good, _ = rows(desk, GOOD + b'3,"a,b"\n4,"x,y\n', quote=None)
    assert good[2:] == [(4, "3", '"a', 'b"'), (5, "4", '"x', "y")]


def test_empty_cells_are_null_however_they_are_written(desk: Desk) -> None:
    assert rows(desk, b'id,name,city\n,"",\n"", ,""\n')[0] == [(2, None, None, None), (3, None, " ", None)]


def test_a_carriage_return_alone_ends_no_line(desk: Desk) -> None:
    assert breach(desk, GOOD.replace(b"\n", b"\r")).code is BreachCode.LINE_ENDS
    assert rows(desk, GOOD + b"3\r,b,c\n")[0][2] == (4, "3\r", "b", "c")
    good, bad = rows(desk, GOOD + b"3,a\rb,c\r\n")
    assert good[2] == (4, "3", "a\rb", "c")
    assert bad == []


def test_a_single_line_of_10_mb_is_unreadable_and_cut(desk: Desk) -> None:
    good, bad = rows(desk, GOOD + b"3," + b"x" * 10_000_000 + b",y\n4,Bob,Rome\n")
    assert [line for line, *_ in good] == [2, 3, 5]
    assert bad == [(4, "too_long: a record of more than 1000000 bytes")]
    quoted, bad = rows(desk, GOOD + b'3,"' + b"x\n" * 50_000 + b'",y\n4,Bob,Rome\n', max_record_bytes=10_000)
    assert quoted[-1] == (50_005, "4", "Bob", "Rome")
    reading = desk.read(GOOD + b"3," + b"x" * 10_000_000, COLUMNS)
    assert len(reading.unreadable["_raw"].item()) == unreadable.MAX_RAW_BYTES


def test_a_first_line_without_an_end_is_a_breach(desk: Desk) -> None:
    assert breach(desk, b"x" * 10_000_000).code is BreachCode.HEADER


def test_more_unreadable_records_than_can_be_held_are_a_breach(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unreadable, "MAX_UNREADABLE", 100)
    found = breach(desk, GOOD + b"x\n" * 1000)
    assert found.code is BreachCode.UNREADABLE
    assert found.lines[0] == 4


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress], ids=["gzip", "zstd"])
def test_packed_files_are_unpacked_and_damaged_ones_are_a_breach(desk: Desk, pack: object) -> None:
    assert callable(pack)
    data = pack(GOOD)
    assert rows(desk, data) == rows(desk, GOOD)
    assert breach(desk, data[:-5]).code is BreachCode.DAMAGED
    assert breach(desk, data[:20] + b"\xff" + data[21:] + b"junk").code is BreachCode.DAMAGED
    assert "more than 30 bytes" in breach(desk, data, max_decompressed_bytes=30).message


def test_a_file_that_is_not_packed_as_declared_is_a_breach(desk: Desk) -> None:
    assert breach(desk, GOOD, compression="gzip").code is BreachCode.DAMAGED
    assert breach(desk, gzip.compress(GOOD), compression="none").code is not None


def test_a_file_that_vanishes_or_changes_is_tried_again_later(desk: Desk) -> None:
    source = csv_source()
    file = desk.drop("x.csv", GOOD, source)
    (desk.root / "x.csv").write_bytes(GOOD + b"3,a,b\n")
    with pytest.raises(ChangedError):
        read_delivery(file, source, COLUMNS, desk.scratch)
    (desk.root / "x.csv").unlink()
    with pytest.raises(VanishedError):
        read_delivery(file, source, COLUMNS, desk.scratch)


def test_a_file_that_changes_after_it_was_read_is_noticed(desk: Desk) -> None:
    source = csv_source()
    file = desk.drop("x.csv", GOOD, source)
    reading = read_delivery(file, source, COLUMNS, desk.scratch)
    (desk.root / "x.csv").write_bytes(GOOD + b"3,a,b\n")
    assert reading.frame.collect().height != reading.rows
    with pytest.raises(ChangedError):
        file.check_unchanged()


def test_many_deliveries_are_read_as_each_alone(desk: Desk) -> None:
    source = csv_source()
    texts = [
        GOOD,
        b"id,name,city\n",
        b'id,name,city\n1,"a\nb",c\n2,d,e\n',
        b"",
        b"\xef\xbb\xbf" + GOOD,
        GOOD + b"ragged\n3,x,y\n",
        gzip.compress(GOOD),
        b"other,header\n1,2\n",
        b'id,name,city\r\n"","x",1\r\n',
        b'id,name,city\n1,a,"b\n"\n',
        b"id,name,city\nragged\n",
        GOOD,
    ]
    files = [desk.drop(f"[{n}]*.csv", text, source) for n, text in enumerate(texts)]
    gone = desk.drop("gone.csv", GOOD, source)
    (desk.root / "gone.csv").unlink()
    together = read_deliveries([*files[:3], gone, *files[3:]], source, COLUMNS, desk.scratch)
    alone = [read_delivery(file, source, COLUMNS, desk.scratch) for file in files]
    assert isinstance(together.accounts[gone.delivery_id].error, VanishedError)
    assert together.frame.collect().rows() == [row for one in alone for row in one.frame.collect().rows()]
    assert together.unreadable.rows() == [row for one in alone for row in one.unreadable.rows()]
    for file, one in zip(files, alone, strict=True):
        account = together.accounts[file.delivery_id]
        assert (account.rows, account.records, account.breach) == (one.rows, one.records, one.breach)


def test_a_yaml_that_was_changed_is_obeyed(desk: Desk) -> None:
    file = desk.drop("x.csv", GOOD.replace(b",", b";"), csv_source())
    now = csv_source(separator=";")
    assert read_delivery(file, now, COLUMNS, desk.scratch).frame.collect().height == 2


def test_oddities_name_the_line(desk: Desk) -> None:
    content = desk.drop("x.csv", GOOD + b"3\n4,\xff,x\n", csv_source()).content
    assert [(oddity.line, oddity.reason) for oddity in content.oddities] == [
        (4, "not as many cells as in the header"),
        (5, "bytes that are not utf-8"),
    ]
    assert content.encoding is Encoding.INVALID


def test_nothing_in_staging_is_touched(desk: Desk) -> None:
    path = desk.root / "x.csv"
    desk.read(GOOD + b"bad\n", COLUMNS)
    before = (path.read_bytes(), path.stat().st_mtime_ns, sorted(desk.root.iterdir()))
    desk.area.list()
    read_delivery(desk.drop("y.csv", b"x", csv_source()), csv_source(), COLUMNS, desk.scratch)
    (desk.root / "y.csv").unlink()
    assert (path.read_bytes(), path.stat().st_mtime_ns, sorted(desk.root.iterdir())) == before


@pytest.mark.parametrize("piece", ["x", "x,", '"x', "x\0", "x\r"])
def test_memory_is_bounded_whatever_the_line(tmp_path: Path, piece: str) -> None:
    script = f"""
        import resource, sys
        from pathlib import Path
        from etl_assets_tests.staging.desk import Desk, csv_source
        from etl_assets.staging.examination import examine
        from etl_assets.staging.mending import Mender
        desk = Desk(Path({str(tmp_path)!r}))
        with (desk.root / "big.csv").open("wb") as out:
            out.write(b"id,name\\n1,2\\n")
            for _ in range(200):
                out.write({piece!r}.encode() * (1_000_000 // len({piece!r})))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        content = examine(desk.root / "big.csv", csv_source().format)
        with (desk.root / "big.csv").open("rb") as data:
            mended = Mender(csv_source().format, 2, None).run(iter(lambda: data.read(1 << 18), b""))
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(content.proven, mended.rows, len(mended.unreadable), (after - before) // 1024)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    proven, good, bad, grown = done.stdout.split()
    assert (proven, good, bad) == ("False", "1", "1")
    assert int(grown) < 60
