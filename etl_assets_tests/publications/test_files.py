"""Files in a folder and in a bucket of a real S3 server: what readers find, and what is refused."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etl_assets.object_storage import ObjectStorage, Place
from etl_assets.publications.destination import (
    DestinationChangedError,
    PublicationError,
    StalePublisherError,
)
from etl_assets.publications.files.destination import FileDestination
from etl_assets.publications.files.formats import Csv, Parquet
from etl_assets.publications.files.place import Folder, split_file
from etl_assets_tests.publications.material import FRI, MON, SAT, content, days
from etl_assets_tests.s3.server import READER, READER_SECRET

MakePlace = Callable[..., Place]
NOON = dt.datetime(2024, 3, 12, 12, tzinfo=dt.UTC)


class Reader:
    """Somebody who reads what was published, beginning with the manifest."""

    def __init__(self, to: FileDestination) -> None:
        folder, name = split_file(to.url) if to.single_file else (to.url, "")
        self.folder = Folder(folder, to.storage)
        self.name, self.manifest_key = name, f"{name}.manifest.json" if name else "manifest.json"

    def manifest(self) -> dict[str, Any]:
        found = self.folder.read(self.manifest_key)
        assert found is not None
        return dict(json.loads(found[0]))

    def frame(self) -> pl.DataFrame:
        return pl.concat([self._read(one["path"]) for one in self.manifest()["files"]]).sort(
            "_period", "shop"
        )

    def single(self) -> pl.DataFrame:
        return self._read(self.name).sort("_period", "shop")

    def found(self) -> list[str]:
        return sorted(key for key in self.folder.sizes() if not key.endswith(".lock"))

    def _read(self, key: str) -> pl.DataFrame:
        found = self.folder.read(key)
        assert found is not None
        return pl.read_csv(found[0]) if key.endswith("csv") else pl.read_parquet(BytesIO(found[0]))


@pytest.fixture(params=["folder", pytest.param("bucket", marks=pytest.mark.slow)])
def to(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FileDestination]:
    if request.param == "folder":
        yield FileDestination(str(tmp_path / "out" / "daily"), Parquet())
        return
    place = request.getfixturevalue("make_place")("out/daily")
    yield FileDestination(str(place), Parquet(), request.getfixturevalue("storage"))


def as_single(to: FileDestination, format: Parquet | Csv | None = None) -> FileDestination:
    format = format or to.format  # type: ignore[assignment]
    assert format is not None
    return replace(to, url=f"{to.url}.{format.name}", single_file=True, format=format)


def test_the_manifest_names_the_table(to: FileDestination) -> None:
    written = to.write(content(days(d01=3, d02=2)))

    reader = Reader(to)
    manifest = reader.manifest()
    assert (written.rows, written.rows_written, manifest["rows"]) == (5, 5, 5)
    assert [(one["partition"], one["rows"]) for one in manifest["files"]] == [(FRI, 3), (SAT, 2)]
    assert reader.frame().rows()[0] == ("s0", 0, FRI)
    assert reader.frame().height == 5


def test_again_writes_nothing(to: FileDestination) -> None:
    to.write(content(days(d01=3, d02=2)))
    before = Reader(to).manifest()

    written = to.write(content(days(d01=3, d02=2), token=2))

    assert (written.rows, written.rows_written) == (5, 0)
    assert Reader(to).manifest() == before | {"token": 2}


def test_only_changed_partitions_are_written_and_old_files_stay_for_a_while(to: FileDestination) -> None:
    to = replace(to, now=lambda: NOON)
    to.write(content(days(d01=3, d02=2, d04=1)))
    before = Reader(to).manifest()["files"]

    written = to.write(content(days(d01=3, d02=4), token=2))

    files = Reader(to).manifest()["files"]
    assert (written.rows, written.rows_written, written.replaced) == (7, 4, (SAT, MON))
    assert files[0] == before[0]
    assert {before[1]["path"], before[2]["path"]} <= set(Reader(to).found())

    later = replace(to, now=lambda: NOON + dt.timedelta(days=8))
    later.write(content(days(d01=1, d02=4), token=3))
    assert not {before[1]["path"], before[2]["path"]} & set(Reader(to).found())
    assert before[0]["path"] in Reader(to).found()
    assert Reader(to).frame().height == 5


def test_a_file_whose_name_stays(to: FileDestination) -> None:
    to = as_single(to)
    to.write(content(days(d01=3, d02=2)))
    to.write(content(days(d01=3, d02=4), token=2))

    assert Reader(to).single().height == 7
    assert Reader(to).frame().equals(Reader(to).single())


def test_readers_that_poll_never_see_a_half(to: FileDestination) -> None:
    single = as_single(to)
    sizes = (300, 500)
    for one in (to, single):
        one.write(content(days(d01=sizes[0], d02=sizes[0])))
    seen: set[tuple[int, int]] = set()
    stop = threading.Event()

    def counts(frame: pl.DataFrame) -> tuple[int, int]:
        return tuple(frame.filter(_period=day).height for day in (FRI, SAT))  # type: ignore[return-value]

    def poll() -> None:
        while not stop.is_set():
            seen.add(counts(Reader(to).frame()))
            seen.add(counts(Reader(single).single()))

    reader = threading.Thread(target=poll)
    reader.start()
    for token in range(2, 14):
        size = sizes[token % 2]
        for one in (to, single):
            one.write(content(days(d01=size, d02=size), token=token))
    stop.set()
    reader.join()

    assert seen <= {(size, size) for size in sizes}
    assert len(seen) == 2


def test_an_older_writer_is_refused(to: FileDestination) -> None:
    to.write(content(days(d01=2), token=7))
    with pytest.raises(StalePublisherError, match="newer run"):
        to.write(content(days(d01=1), token=6))

    # One that was stopped between its look and its manifest.
    def meanwhile() -> None:
        folder = Folder(to.url, to.storage)
        found = folder.read("manifest.json")
        assert found is not None
        folder.swap("manifest.json", found[0] + b" ", found[1])

    if to.url.startswith("s3://"):
        with pytest.raises(StalePublisherError, match="meanwhile"):
            to.write(content(days(d01=1), token=8, check=meanwhile))
    assert Reader(to).frame().height == 2


def test_a_writer_that_lost_its_lease_publishes_nothing(to: FileDestination) -> None:
    to.write(content(days(d01=2)))

    def lost() -> None:
        raise RuntimeError("the lease was taken over")

    with pytest.raises(RuntimeError, match="taken over"):
        to.write(content(days(d01=1), token=2, check=lost))
    assert Reader(to).frame().height == 2

    # What it left behind goes with the next publication.
    to.write(content(days(d01=5), token=3))
    assert not [key for key in Reader(to).found() if "-2-" in key]


def test_files_of_somebody_else_are_never_touched(to: FileDestination) -> None:
    folder = Folder(to.url, to.storage)
    folder.swap("notes.txt", b"mine", None)
    with pytest.raises(DestinationChangedError, match="not written, such as notes"):
        to.write(content(days(d01=3)))
    assert Reader(to).found() == ["notes.txt"]

    folder.delete(["notes.txt"])
    to.write(content(days(d01=3)))
    with pytest.raises(DestinationChangedError, match=r"belongs to the publication tiny\.daily"):
        to.write(content(days(d01=3), name="tiny.other", token=2))
    found = folder.read("manifest.json")
    assert found is not None
    folder.swap("manifest.json", b"{}", found[1])
    with pytest.raises(DestinationChangedError, match="not as etl_assets writes it"):
        to.write(content(days(d01=3), token=2))


def test_a_single_file_that_somebody_changed_is_kept(to: FileDestination) -> None:
    to = as_single(to, Csv())
    folder, name = split_file(to.url)
    there = Folder(folder, to.storage)
    there.swap(name, b"theirs", None)
    with pytest.raises(DestinationChangedError, match="not written, such as daily"):
        to.write(content(days(d01=3)))
    there.delete([name])
    to.write(content(days(d01=3)))
    there.delete([name])
    there.swap(name, b"edited", None)

    with pytest.raises(DestinationChangedError, match="Somebody has changed the file"):
        to.write(content(days(d01=4), token=2))

    there.delete([name])
    assert to.write(content(days(d01=4), token=2)).rows == 4
    assert Reader(to).single().height == 4


def test_a_file_that_is_lost_is_written_anew(to: FileDestination) -> None:
    to.write(content(days(d01=3, d02=2)))
    Folder(to.url, to.storage).delete([Reader(to).manifest()["files"][0]["path"]])

    written = to.write(content(days(d01=3, d02=2), token=2))

    assert (written.rows, written.rows_written) == (5, 3)
    assert Reader(to).frame().height == 5


def test_another_format_takes_the_place_of_the_first(to: FileDestination) -> None:
    to.write(content(days(d01=3)))
    as_csv = replace(to, format=Csv())

    assert as_csv.write(content(days(d01=3), token=2)).rows_written == 3
    assert Reader(to).manifest()["files"][0]["path"].endswith(".csv")
    assert Reader(to).frame().height == 3


HOSTILE = pl.DataFrame(
    {
        "text": ["=1+1", 'a "quoted", one\r\nline', "", None, "-5 €", "\ttab", "plain;"],
        "money": pl.Series(["1.10", "-2.00", None, "0.01", "3.00", "4.00", "5.00"]).str.to_decimal(scale=2),
        "float": [1.5, None, 5e-324, -0.0, 1e300, 2.0, 3.0],
        "at": pl.Series([dt.datetime(2024, 3, 31, 1, 30, 0, 1, tzinfo=dt.UTC)] * 7),
        "list": pl.Series([[1, None], [], None, [2], [3], [4], [5]], dtype=pl.List(pl.Int64)),
    }
)


@pytest.mark.parametrize(
    "format",
    [
        Csv(),
        Csv(separator=";", decimal=","),
        Csv(quoting="always"),
        Csv(encoding="utf-8-bom"),
        Csv(separator="\t"),
    ],
    ids=repr,
)
def test_csv_is_read_back_as_it_was(tmp_path: Path, format: Csv) -> None:
    to = FileDestination(str(tmp_path / "a.csv"), format, single_file=True)
    written = to.write(content({"": HOSTILE}, partitioned=False))

    assert written.rows == HOSTILE.height
    data = (tmp_path / "a.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf") == (format.encoding == "utf-8-bom")
    back = pl.read_csv(
        data,
        separator=format.separator,
        decimal_comma=format.decimal == ",",
        schema_overrides={"money": pl.String, "float": pl.Float64},
    )
    texts, lists = HOSTILE["text"], ["[1,null]", "[]", None]
    if format.quoting == "always":  # a null can't be told from an empty text then
        texts, lists = texts.fill_null(""), ["[1,null]", "[]", ""]
        back = back.with_columns(pl.col("text").fill_null(""))
    assert back["text"].to_list() == texts.to_list()
    money = back["money"].str.replace(",", ".", literal=True).str.to_decimal(scale=2)
    assert money.to_list() == HOSTILE["money"].to_list()
    assert back["float"].to_list() == HOSTILE["float"].to_list()
    assert back["at"][0] == "2024-03-31 01:30:00.000001+00:00"
    assert back["list"].to_list()[:3] == lists


def test_formulas_are_escaped_where_that_is_asked_for(tmp_path: Path) -> None:
    to = FileDestination(str(tmp_path / "a.csv"), Csv(formulas="escaped"), single_file=True)
    to.write(content({"": HOSTILE}, partitioned=False))

    back = pl.read_csv(tmp_path / "a.csv")["text"].to_list()
    assert back == ["'=1+1", HOSTILE["text"][1], "", None, "'-5 €", "'\ttab", "plain;"]


def test_one_column_of_nulls_keeps_its_rows(tmp_path: Path) -> None:
    frame = pl.DataFrame({"a": [None, "", "x\n", None]}, schema={"a": pl.String})
    to = FileDestination(str(tmp_path / "a.csv"), Csv(), single_file=True)

    assert to.write(content({"": frame}, partitioned=False)).rows == 4
    assert pl.read_csv(tmp_path / "a.csv").height == 4


def test_parquet_keeps_all_dtypes(tmp_path: Path) -> None:
    frame = HOSTILE.with_columns(amount=pl.lit(Decimal("1.5")).cast(pl.Decimal(38, 10)))
    to = FileDestination(str(tmp_path / "out"), Parquet())
    to.write(content({"": frame}, partitioned=False))

    path = tmp_path / "out" / json.loads((tmp_path / "out" / "manifest.json").read_text())["files"][0]["path"]
    assert pl.read_parquet(path).equals(frame)


def test_a_place_that_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PublicationError, match="can't be used to") as caught:
        FileDestination(str(tmp_path / "file" / "below"), Parquet()).write(content(days(d01=1)))
    assert caught.value.kind != "bug"


@pytest.mark.slow
def test_a_bucket_that_refuses_is_told(make_place: MakePlace, storage: ObjectStorage) -> None:
    place = make_place("out")
    nowhere = FileDestination("s3://there-is-no-such-bucket/out", Parquet(), storage)
    with pytest.raises(PublicationError, match="There is no bucket") as caught:
        nowhere.write(content(days(d01=1)))
    assert caught.value.kind == "configuration"

    reader = replace(storage, access_key_id=READER, secret_access_key=READER_SECRET)
    with pytest.raises(PublicationError, match="no permission to write") as caught:
        FileDestination(str(place), Parquet(), reader).write(content(days(d01=1)))
    assert READER_SECRET not in str(caught.value)
