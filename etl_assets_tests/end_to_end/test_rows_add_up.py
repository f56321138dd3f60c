from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from etl_assets.pipeline.dataset_pipeline import DatasetPipeline, Limits
from etl_assets.pipeline.intake import take_in
from etl_assets.staging.source import Source
from etl_assets_tests.end_to_end import desk, tiny

pytestmark = pytest.mark.slow

DAYS = ("2024-03-01", "2024-03-02", "2024-03-04", "2024-03-05")
OLD = 1_700_000_000

slow_examples = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    # Shrinking costs minutes; the seed is printed, and a failing example is small as it is.
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)


@dataclass(frozen=True)
class Sent:
    """One file: where it goes, its records as lines, and when it was written."""

    key: str
    lines: tuple[str, ...]
    age: int

    def put(self, home: Path) -> None:
        path = tiny.put(home, self.key, self.lines)
        os.utime(path, (OLD + self.age, OLD + self.age))


@st.composite
def records(draw: st.DrawFn, day: str) -> str:
    number = draw(st.integers(1, 4))
    good = tiny.line(number, day)
    return draw(
        st.sampled_from(
            [
                good,
                good,
                good,
                tiny.line(number, day, amount="x7"),
                tiny.line(number, day, amount="-1"),
                tiny.line(number, day, amount=str(number * 10)),
                tiny.line(number, day, amount=" 3 "),
                tiny.line(number, day, order_id=""),
                tiny.line(number, day, customer="nobody"),
                tiny.line(number, day, customer='"a ""quoted"", b@c"'),
                tiny.line(number, day, shop="nowhere"),
                tiny.line(number, day, shop=""),
                tiny.line(number, "2024-03-06"),
                tiny.line(number, "1999-01-01"),
                tiny.line(number, "tomorrow"),
                tiny.line(number, day, amount="0", customer=""),
                "only,three,cells",
                good + ",one,too,many",
                'O9,north,"never closed',
                ",,,,",
            ]
        )
    )


def days_of(min_size: int = 1) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(DAYS), min_size=min_size, max_size=len(DAYS), unique=True)


@st.composite
def one_a_day(draw: st.DrawFn) -> list[Sent]:
    """Files, the later of two with one key being its newer version."""
    sent = []
    for version in range(draw(st.integers(1, 2))):
        for day in draw(days_of()):
            lines = draw(st.lists(records(day), max_size=8))
            sent.append(Sent(f"orders/{day}.csv", tuple(lines), version))
    return sent


@st.composite
def many_a_day(draw: st.DrawFn) -> list[Sent]:
    sent = []
    for day in draw(days_of()):
        for part in draw(st.permutations("abc"))[: draw(st.integers(1, 3))]:
            lines = draw(st.lists(records(day), max_size=6))
            sent.append(Sent(f"orders/{day}-{part}.csv", tuple(lines), draw(st.integers(0, 3))))
    return sent


@st.composite
def by_column(draw: st.DrawFn) -> list[Sent]:
    sent = []
    for part in draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True)):
        lines = [draw(records(draw(st.sampled_from(DAYS)))) for _ in range(draw(st.integers(1, 12)))]
        sent.append(Sent(f"orders/{part}.csv", tuple(lines), draw(st.integers(0, 3))))
    return sent


CASES = {
    "one": (tiny.ONE_A_DAY, one_a_day()),
    "many": (tiny.MANY_A_DAY, many_a_day()),
    "correction": (tiny.CORRECTIONS, many_a_day()),
    "column": (tiny.BY_COLUMN, by_column()),
}


def open_shop(home: Path, source: Source, **limits: int) -> DatasetPipeline:
    tiny.put_shops(home)
    os.utime(home / "staging" / "tiny" / "shops.csv", (OLD, OLD))
    pipeline = tiny.open_pipeline(home, source, tolerance=1.0)
    return replace(pipeline, limits=Limits(**limits))


def newest(sent: list[Sent]) -> dict[str, int]:
    """Key -> records of its newest version."""
    return {one.key: len(one.lines) for one in sent}


@pytest.mark.parametrize("case", CASES)
@slow_examples
@given(data=st.data())
def test_rows_add_up_whatever_comes_in_whatever_order(case: str, data: st.DataObject) -> None:
    source, files = CASES[case]
    sent = data.draw(files)
    with tempfile.TemporaryDirectory() as folder:
        calm, busy = Path(folder, "calm"), Path(folder, "busy")
        at_once = open_shop(calm, source)
        for one in sent:
            one.put(calm)
        desk.work(at_once)
        desk.assert_rows_add_up(at_once, newest(sent))
        desk.assert_settled(at_once)
        assert desk.work(at_once) == []

        # The same files in another order (versions of one file stay in theirs), in small runs and groups.
        bit_by_bit = open_shop(
            busy,
            source,
            periods_per_run=data.draw(st.integers(1, 2)),
            group_periods=data.draw(st.integers(1, 2)),
            group_bytes=data.draw(st.sampled_from([1, 1_000_000])),
        )
        order = data.draw(st.permutations(range(len(sent))))
        for place in order:
            one = sent[place]
            later = [
                other for other in order[: order.index(place)] if sent[other].key == one.key and other > place
            ]
            if not later:
                one.put(busy)
            step = data.draw(st.sampled_from(["look", "work", "wait"]))
            if step == "look":
                take_in(bit_by_bit)
            elif step == "work":
                desk.work(bit_by_bit)
        desk.work(bit_by_bit)
        desk.assert_rows_add_up(bit_by_bit, newest(sent))
        desk.assert_settled(bit_by_bit)
        desk.assert_same(desk.tables(bit_by_bit), desk.tables(at_once))
        for pipeline in (at_once, bit_by_bit):
            pipeline.ledger.close()
