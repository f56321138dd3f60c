"""Arrow IPC, as a file and as a stream: types stay as they are."""

from __future__ import annotations

import datetime
import io
from decimal import Decimal

import polars as pl
import pytest

from etl_assets.staging.content import Content, type_name
from etl_assets.staging.formats import arrow_stream
from etl_assets_tests.staging.desk import Desk
from etl_assets_tests.staging.formats.tables import broken, read

FRAME = pl.DataFrame(
    {
        "id": pl.Series([1, 2, None], dtype=pl.UInt16),
        "name": ["Ada", None, ""],
        "price": pl.Series([Decimal("1.10"), None, Decimal("-2.00")], dtype=pl.Decimal(10, 2)),
        "at": pl.Series([datetime.datetime(2024, 1, 31, 6), None, None], dtype=pl.Datetime("ns", "UTC")),
        "kind": pl.Series(["a", "b", "a"], dtype=pl.Categorical),
        "tags": [["x"], [], None],
        "raw": [b"\xff", None, b""],
    }
)


def written(frame: pl.DataFrame, form: str, compression: str = "uncompressed") -> bytes:
    out = io.BytesIO()
    if form == "file":
        frame.write_ipc(out, compression=compression)  # type: ignore[call-overload]
    else:
        frame.write_ipc_stream(out, compression=compression)  # type: ignore[arg-type]
    return out.getvalue()


@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
@pytest.mark.parametrize("form", ["file", "stream"])
def test_types_and_values_stay_as_they_are(desk: Desk, form: str, compression: str) -> None:
    columns = list(reversed(FRAME.columns))
    found = read(desk, written(FRAME, form, compression), columns, type="arrow")
    assert found.cells == FRAME.select(columns).rows()
    assert [row[0] for row in found.rows] == [1, 2, 3]
    assert found.content.types == tuple(map(str, FRAME.dtypes))
    assert found.content.records == 3


@pytest.mark.parametrize("form", ["file", "stream"])
def test_a_file_of_many_batches_and_one_without_rows(desk: Desk, form: str) -> None:
    many = pl.concat([FRAME, FRAME.reverse(), FRAME], rechunk=False)
    assert read(desk, written(many, form), FRAME.columns, type="arrow").cells == many.rows()
    assert read(desk, written(FRAME.clear(), form), FRAME.columns, type="arrow").rows == []


@pytest.mark.parametrize("form", ["file", "stream"])
def test_what_is_damaged_or_something_else_is_a_breach(desk: Desk, form: str) -> None:
    data = written(FRAME, form)
    for bad in (
        data[: len(data) // 2],
        data[:30],
        b"id,name\n1,2\n",
        b"\xff\xff\xff\xff\xff\xff\xff\x7f" * 9,
    ):
        assert broken(desk, bad, FRAME.columns, type="arrow").startswith(
            "damaged: it is no intact Arrow file"
        )
    assert "missing: 'tags'" in broken(desk, written(FRAME.drop("tags"), form), FRAME.columns, type="arrow")
    assert broken(desk, b"", FRAME.columns, type="arrow") == "empty: the file is empty"


def test_a_message_that_claims_too_much_is_not_allocated(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow_stream, "MAX_MESSAGE_BYTES", 100)
    told = broken(desk, written(FRAME, "stream"), FRAME.columns, type="arrow")
    assert told == "damaged: it is no intact Arrow file: a message claims an impossible size"


@pytest.mark.parametrize("form", ["file", "stream"])
@pytest.mark.parametrize("rows", [0, 3])
def test_what_follows_the_end_is_not_ignored(desk: Desk, form: str, rows: int) -> None:
    data, other = written(FRAME, form), written(FRAME.head(rows), form)
    for joined in (data + other, other + data, data + b"garbage"):
        told = broken(desk, joined, FRAME.columns, type="arrow")
        assert told.startswith("damaged: it is no intact Arrow file: ")


def test_two_streams_without_a_mark_of_their_end_are_two(desk: Desk) -> None:
    data = written(FRAME, "stream").removesuffix(b"\xff\xff\xff\xff\0\0\0\0")
    assert read(desk, data, FRAME.columns, type="arrow").cells == FRAME.rows()
    told = broken(desk, data * 2, FRAME.columns, type="arrow")
    assert told == "damaged: it is no intact Arrow file: another stream follows its end"


def test_two_parquet_files_in_one_are_a_breach(desk: Desk) -> None:
    # Of the same layout, so that the places of the last footer fit the first file too.
    files = []
    for cells in (["a", "b"], ["c", "d"]):
        out = io.BytesIO()
        pl.DataFrame({"id": cells}).write_parquet(out)
        files.append(out.getvalue())
    assert read(desk, files[0], ["id"], type="parquet").cells == [("a",), ("b",)]
    told = broken(desk, files[0] + files[1], ["id"], type="parquet")
    assert told == "damaged: it is no intact Parquet file: another file follows its end"
    told = broken(desk, files[0][:-1], ["id"], type="parquet")
    assert told.endswith("it does not end as such a file does: it may be cut off")


def test_types_are_named_without_their_categories() -> None:
    secret = pl.Enum(["ada@example.com"])
    nested = pl.Struct({"a": pl.List(secret), "b": pl.Array(secret, 2), "c": pl.Int8()})
    assert type_name(secret) == "Enum"
    assert type_name(nested) == "Struct({'a': List(Enum), 'b': Array(Enum, shape=(2,)), 'c': Int8})"
    kept = Content(types=(str(secret),), header=("a",)).to_json()
    assert Content.from_json(kept).types == ("Enum",)
