"""Promises P1, P2 and P4 on rows that nobody thought of."""

import itertools
import tempfile
import warnings
from pathlib import Path
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_assets_tests.quality.desk import DAYS, Sales, Verdict, judge, sale

CELLS = {
    "order_id": st.sampled_from(["1", "2", "3", "4", "x", None]),
    "line_no": st.sampled_from(["1", "2", None, "1.0"]),
    "sold_on": st.sampled_from([*DAYS, *DAYS, "2023-12-31", "yesterday", None]),
    "country": st.sampled_from(["DE", "FR", "XX", None]),
    "quantity": st.sampled_from(["20", "1", "0", "101", "-5", "", "1e9"]),
    "customer": st.sampled_from(["ann", None]),
}


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    rows = []
    for line in range(draw(st.integers(0, 12))):
        cells = draw(st.fixed_dictionaries({}, optional=CELLS))
        where = {"_period": draw(st.sampled_from(DAYS)), "_delivery": draw(st.sampled_from(["d1", "d2"]))}
        rows.append(sale(line, **where, **cells))
    return rows


def verdict(rows: list[dict[str, Any]], periods: tuple[str, ...] = DAYS) -> Verdict:
    with tempfile.TemporaryDirectory() as folder:
        return judge(rows, Path(folder) / "it", periods=periods, delivery_rank={"d2": 0, "d1": 1})


@given(tables())
@settings(max_examples=60)
def test_rows_add_up(rows: list[dict[str, Any]]) -> None:
    found = verdict(rows)

    for period, outcome in found.outcomes.items():
        assert outcome.adds_up
        assert outcome.rows_in == sum(row["_period"] == period for row in rows)
        assert outcome.accepted == found.accepted.filter(pl.col("_period") == period).height
        assert outcome.quarantined == found.quarantined.filter(pl.col("_period") == period).height
        for tally in outcome.tallies:
            assert 0 <= tally.failed <= tally.evaluated
    named = [*found.accepted["_row_id"], *found.quarantined["_row_id"]]
    assert len(set(named)) == len(named), "a row is one of accepted and quarantined"
    assert set(named) <= {f"{row['_delivery']}:{row['_line']}" for row in rows}


@given(tables())
@settings(max_examples=40)
def test_a_range_of_periods_gives_what_its_periods_give_alone(rows: list[dict[str, Any]]) -> None:
    together = verdict(rows)
    alone = [verdict([row for row in rows if row["_period"] == day], (day,)) for day in DAYS]

    assert together.outcomes == {day: one[day] for day, one in zip(DAYS, alone, strict=True)}
    assert together.kept == sorted(itertools.chain.from_iterable(one.kept for one in alone))
    assert together.reasons == {id: why for one in alone for id, why in one.reasons.items()}


@given(tables(), st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_the_order_in_which_rows_come_does_not_matter(rows: list[dict[str, Any]], random: Any) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)

    one, other = verdict(rows), verdict(shuffled)
    assert one.outcomes == other.outcomes
    assert (one.kept, one.reasons) == (other.kept, other.reasons)


@given(tables())
@settings(max_examples=40)
def test_pandera_accepts_what_was_accepted(rows: list[dict[str, Any]]) -> None:
    found = verdict(rows)

    for period in DAYS:
        outcome = found[period]
        if not outcome.accepted or outcome.broken_aggregates:
            continue  # the gate stops what an aggregate rule speaks against
        frame = found.accepted.filter(pl.col("_period") == period)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # rules of severity warn only warn
            Sales.validate(frame, lazy=True)
