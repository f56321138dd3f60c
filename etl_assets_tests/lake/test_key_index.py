"""The index of keys: what it finds is what is there, for a few bytes; what is damaged is not there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_assets.lake import key_index, places, segment
from etl_assets.lake.key_index import KeyIndex
from etl_assets.lake.segment import SCHEMA, Entry

HASHES = {"h1": pl.UInt64, "h2": pl.UInt64}

NAME = "unique:a"

# Few values, so that they repeat, and the ends of the range.
halves = st.one_of(st.integers(0, 12), st.sampled_from([2**64 - 1, 2**63]))
hashes = st.lists(st.tuples(halves, st.integers(0, 1)), max_size=60)


def keys(of: Sequence[tuple[int, int]], period: str, attempt: str = "1", name: str = NAME) -> pl.DataFrame:
    found = pl.DataFrame(list(of), schema=HASHES, orient="row")
    return found.with_columns(name=pl.lit(name), period=pl.lit(period), attempt=pl.lit(attempt)).select(
        *SCHEMA
    )


def asked(of: Sequence[tuple[int, int]]) -> pl.DataFrame:
    return pl.DataFrame(list(of), schema=HASHES, orient="row")


def add(index: KeyIndex, file: str, frame: pl.DataFrame) -> None:
    entries = {Entry(*one) for one in frame.select("name", "period", "attempt").unique().rows()}
    index.add(file, frame, entries)


def spread(count: int, of: int = 0) -> list[tuple[int, int]]:
    """Hashes all over the range."""
    return [((number * 0x9E3779B97F4A7C15 + of) % 2**64, number) for number in range(count)]


@given(parts=st.lists(hashes, min_size=1, max_size=4), wanted=hashes)
@settings(max_examples=60, deadline=None)
def test_it_finds_exactly_what_is_there(
    parts: list[list[tuple[int, int]]],
    wanted: list[tuple[int, int]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    index = KeyIndex(tmp_path_factory.mktemp("index"))
    for number, part in enumerate(parts):
        add(index, f"{number}", keys(part, f"p{number}"))

    found = index.find(asked(wanted), [NAME])

    there = {(*one, f"p{number}") for number, part in enumerate(parts) for one in part if one in wanted}
    assert set(found.select("h1", "h2", "period").rows()) == there
    assert index.find(asked(wanted), ["unique:b"]).is_empty()


def test_a_hash_that_fills_many_pages_is_found_in_all_of_them(tmp_path: Path) -> None:
    index = KeyIndex(tmp_path)
    days = [f"{day:03}" for day in range(5 * segment.PAGE)]
    add(index, "all", pl.concat([keys([(7, 1), (9, 1), (11, 1)], day) for day in days]))

    assert sorted(index.find(asked([(9, 1)]), [NAME])["period"]) == days


def test_a_look_reads_a_small_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = KeyIndex(tmp_path)
    add(index, "all", keys(spread(100_000), "old"))
    new = [*spread(50, of=12345), *spread(3)]
    size = next(tmp_path.glob("*.keys")).stat().st_size
    read: list[int] = []

    def counted(path: places.LakePath, start: int, length: int) -> bytes:
        read.append(length)
        return places.read_bytes(path, start, length)

    monkeypatch.setattr(segment, "read_bytes", counted)
    assert index.find(asked(new), [NAME]).height == 3
    assert sum(read) < size / 20
    assert index.read(None, [NAME]).height == 100_000
    assert sum(read) > size


@pytest.mark.parametrize("damage", ["empty", "cut off", "other"])
def test_a_damaged_file_says_nothing(damage: str, tmp_path: Path) -> None:
    index = KeyIndex(tmp_path)
    add(index, "good", keys([(1, 1)], "mon"))
    add(index, "bad", keys([(1, 1), (2, 2)], "tue"))
    bad = tmp_path / "bad.keys"
    content = {"empty": b"", "cut off": bad.read_bytes()[:-1], "other": b"PAR1" * 20}[damage]
    bad.write_bytes(content)

    assert index.find(asked([(1, 1)]), [NAME])["period"].to_list() == ["mon"]
    assert index.entries() == {Entry(NAME, "mon", "1")}


def test_partitions_without_keys_are_known(tmp_path: Path) -> None:
    index = KeyIndex(tmp_path)
    index.add("none", keys([], "mon"), [Entry(NAME, "mon", "1")])

    assert index.entries() == {Entry(NAME, "mon", "1")}
    assert index.find(asked([(1, 1)]), [NAME]).is_empty()


def test_small_files_are_merged_and_what_nobody_is_built_from_is_forgotten(tmp_path: Path) -> None:
    index = KeyIndex(tmp_path)
    days = [f"{day:02}" for day in range(key_index.FANOUT)]
    for day in days:
        add(index, day, keys([(int(day), 1), (99, 9)], day))
    live = [(day, "1") for day in days[1:]]

    index.merge("x", live)

    assert len(list(tmp_path.glob("*.keys"))) == 1
    assert sorted(index.find(asked([(99, 9)]), [NAME])["period"]) == days[1:]
    assert index.find(asked([(0, 1)]), [NAME]).is_empty()
    assert {entry.built for entry in index.entries()} == set(live)


def test_what_was_merged_twice_is_there_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = KeyIndex(tmp_path)
    for day in range(key_index.FANOUT):
        add(index, f"{day}", keys([(5, 5)], f"{day}"))
    with monkeypatch.context() as patch:
        patch.setattr(key_index, "delete", lambda path: None)  # killed before
        index.merge("x", [(f"{day}", "1") for day in range(key_index.FANOUT)])

    assert index.find(asked([(5, 5)]), [NAME]).height == key_index.FANOUT


def test_a_file_that_is_merged_while_it_is_read_is_looked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = KeyIndex(tmp_path)
    for day in range(key_index.FANOUT):
        add(index, f"{day}", keys([(day, 0)], f"{day}"))
    once = iter([True])

    def merged_meanwhile(path: places.LakePath, start: int, length: int) -> bytes:
        if next(once, False):
            index.merge("x", [(f"{day}", "1") for day in range(key_index.FANOUT)])
        return places.read_bytes(path, start, length)

    index.entries()  # all files are opened
    monkeypatch.setattr(segment, "read_bytes", merged_meanwhile)
    assert index.read(None, [NAME]).height == key_index.FANOUT


def test_upkeep_forgets_in_large_files_too(tmp_path: Path) -> None:
    index = KeyIndex(tmp_path)
    add(index, "one", pl.concat([keys([(1, 1)], "mon"), keys([(2, 2)], "tue")]))

    index.merge("x", [("tue", "1")])
    assert len(index.entries()) == 2
    index.merge("x", [("tue", "1")], all_=True)
    assert index.entries() == {Entry(NAME, "tue", "1")}
    assert not (tmp_path / "one.keys").exists()
