"""Functional dependencies: who is in the minority of his group, and what becomes of it."""

import itertools
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl_assets.contracts.contract import Contract, RowContract
from etl_assets.contracts.declare import Dependency, about, about_table, rule, warn
from etl_assets.contracts.vocabulary import Dimension, Severity
from etl_assets.quality import dependencies
from etl_assets.quality.score import score_outcome
from etl_assets_tests.quality.desk import DAYS, MONDAY, TUESDAY, Verdict, judge

BY_ZIP = "city.determined_by(zip)"
BY_BOTH = "fee.determined_by(zip,city)"


class Addresses(RowContract):
    """A city is known by its zip; what a delivery costs by both."""

    zip: int = pa.Field(nullable=True)
    city: str = pa.Field(nullable=True, ne="?", metadata=about(ne=rule()))
    fee: float = pa.Field(nullable=True, le=100, metadata=about(le=warn()))

    class Config:
        metadata = about_table(
            dependencies=[Dependency("zip", "city", rule("error")), Dependency(("zip", "city"), ("fee",))]
        )


class Suspicious(RowContract):
    """The same, told and no more."""

    zip: str = pa.Field(nullable=True)
    city: str = pa.Field(nullable=True, unique=True)

    class Config:
        metadata = about_table(dependencies=[Dependency("zip", "city")])


class Routes(RowContract):
    """Keys are decided among those whose dependencies hold."""

    id: int = pa.Field(unique=True)
    zip: str = pa.Field()
    city: str = pa.Field()

    class Config:
        metadata = about_table(dependencies=[Dependency("zip", "city", rule("error"))])


class Totals(Contract):
    """Without provenance."""

    zip: str = pa.Field(nullable=True)
    city: str = pa.Field(nullable=True)

    class Config:
        metadata = about_table(dependencies=[Dependency("zip", "city")])


def address(line: int, zip: str | None, city: str | None, **cells: Any) -> dict[str, Any]:
    given = {"zip": zip, "city": city, "_delivery": "d1", "_line": line, "_period": MONDAY}
    return {**given, **cells}


def addresses(*pairs: tuple[str | None, str | None]) -> list[dict[str, Any]]:
    return [address(line, *pair, fee=None) for line, pair in enumerate(pairs, start=1)]


# -- who breaks it ----------------------------------------------------------------------------------


def test_rows_that_differ_from_the_most_frequent_value_break_the_rule(tmp_path: Path) -> None:
    rows = addresses(("1", "Ulm"), ("1", "Ulm"), ("1", "Uhm"), ("2", "Kiel"), ("3", "Ulm"))
    found = judge(rows, tmp_path, Addresses)

    assert found.reasons == {"d1:3": BY_ZIP}
    assert (found.tally(BY_ZIP).evaluated, found.tally(BY_ZIP).failed) == (5, 1)


def test_where_no_value_leads_the_whole_group_breaks_it(tmp_path: Path) -> None:
    rows = addresses(("1", "Ulm"), ("1", "Ulm"), ("1", "Köln"), ("1", "Köln"), ("1", "Uhm"), ("2", "Kiel"))

    assert set(judge(rows, tmp_path, Addresses).reasons) == {"d1:1", "d1:2", "d1:3", "d1:4", "d1:5"}


def test_missing_values_neither_vote_nor_break_it(tmp_path: Path) -> None:
    rows = addresses(("1", None), ("1", None), ("1", "Ulm"), (None, "Ulm"), (None, "Kiel"))
    found = judge(rows, tmp_path, Addresses)

    assert found.reasons == {}
    assert found.tally(BY_ZIP).evaluated == 1


@pytest.mark.parametrize(
    ("zip", "city", "reason"), [("x1", "Kiel", "zip.castable"), ("1", "?", "city.not_equal_to")]
)
def test_cells_that_another_rule_refuses_have_no_vote(
    zip: str, city: str, reason: str, tmp_path: Path
) -> None:
    found = judge(addresses(("1", "Ulm"), (zip, city)), tmp_path, Addresses)

    assert found.reasons == {"d1:2": reason}
    assert found.tally(BY_ZIP).evaluated == 1


def test_a_row_that_breaks_a_rule_on_other_columns_keeps_its_vote(tmp_path: Path) -> None:
    rows = [
        address(1, "1", "Ulm", fee="many"),
        address(2, "1", "Ulm", fee="many"),
        address(3, "1", "Uhm", fee="many"),
    ]

    assert judge(rows, tmp_path, Addresses).reasons["d1:3"] == f"fee.castable;{BY_ZIP}"


def test_groups_of_different_periods_are_different_groups(tmp_path: Path) -> None:
    rows = [address(1, "1", "Ulm", fee=None), address(2, "1", "Kiel", fee=None, _period=TUESDAY)]

    assert judge(rows, tmp_path, Addresses, periods=(MONDAY, TUESDAY)).reasons == {}


def test_values_of_the_typed_column_are_compared(tmp_path: Path) -> None:
    rows = [address(n, "1", "Ulm", fee=fee) for n, fee in enumerate(["1", "1.0", "-0.0", "0", "1e0"])]
    found = judge(rows, tmp_path, Addresses)

    assert (found.tally(BY_BOTH).evaluated, found.tally(BY_BOTH).failed) == (5, 2)


# -- what becomes of it -----------------------------------------------------------------------------


def test_by_default_it_warns_and_counts_for_consistency(tmp_path: Path) -> None:
    rows = addresses(("1", "Ulm"), ("1", "Ulm "), ("2", "Kiel"))
    found = judge(rows, tmp_path, Suspicious)

    assert (found.reasons, len(found.kept)) == ({}, 3)
    tally = found.tally(BY_ZIP)
    assert (tally.dimension, tally.severity, tally.failed) == (Dimension.CONSISTENCY, Severity.WARN, 2)
    scores = {one.dimension: one.score for one in score_outcome(found[MONDAY]).dimensions}
    assert scores[Dimension.CONSISTENCY] == pytest.approx(1 / 3)


def test_a_row_that_it_quarantines_is_no_first_row_of_a_key(tmp_path: Path) -> None:
    rows = [
        address(1, "1", "Uhm", id="7"),
        address(2, "1", "Ulm", id="7"),
        address(3, "1", "Ulm", id="7"),
    ]
    found = judge(rows, tmp_path, Routes)

    assert (found.reasons, found.kept) == ({"d1:1": BY_ZIP}, ["d1:2"])
    assert found[MONDAY].duplicates == 1


def test_rows_that_repeat_a_key_keep_their_warning(tmp_path: Path) -> None:
    found = judge(addresses(("1", "Ulm"), ("1", "Kiel"), ("1", "Ulm")), tmp_path, Suspicious)

    assert found[MONDAY].duplicates == 1
    assert found.tally(BY_ZIP).failed == 1


def test_tables_without_provenance_have_them_too(tmp_path: Path) -> None:
    rows = pl.DataFrame({"zip": ["1", "1", "1"], "city": ["Ulm", "Ulm", "Uhm"], "_period": [MONDAY] * 3})

    assert judge(rows, tmp_path, Totals).tally(BY_ZIP).failed == 1


def test_equal_hashes_are_only_a_suspicion(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seven = property(lambda one: pl.lit(7, dtype=pl.UInt64) + pl.col("_line").cast(pl.UInt64) * 0)
    monkeypatch.setattr(dependencies.DependencyColumns, "group", seven)
    rows = addresses(("1", "Ulm"), ("1", "Ulm"), ("1", "Uhm"), ("2", "Kiel"))

    assert judge(rows, tmp_path, Addresses).reasons == {"d1:3": BY_ZIP}


def test_spilled_hashes_find_the_same_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = addresses(*((str(n % 70), "Ulm" if n % 9 else "Kiel") for n in range(300)))
    in_memory = judge(rows, tmp_path / "memory", Addresses)
    monkeypatch.setattr(dependencies, "SPILL_ROWS", 10)
    spilled = judge(rows, tmp_path / "disk", Addresses, expected_rows=300)

    assert list((tmp_path / "disk" / "scratch").rglob("bucket=*")), "nothing was spilled"
    assert spilled.outcomes == in_memory.outcomes
    assert spilled.reasons == in_memory.reasons != {}


# -- promises ---------------------------------------------------------------------------------------


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    zips, cities = st.sampled_from(["1", "2", "01", "x", None]), st.sampled_from(["Ulm", "Kiel", "?", None])
    fees = st.sampled_from(["1", "1.0", "2", "200", "free", None])
    drawn = draw(st.lists(st.tuples(zips, cities, fees, st.sampled_from(DAYS)), max_size=20))
    return [
        address(line, zip, city, fee=fee, _period=day) for line, (zip, city, fee, day) in enumerate(drawn)
    ]


@contextmanager
def judged(rows: list[dict[str, Any]], periods: tuple[str, ...] = DAYS) -> Iterator[Verdict]:
    with tempfile.TemporaryDirectory() as folder:
        yield judge(rows, Path(folder) / "it", Addresses, periods=periods)


def number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


def voters(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> list[tuple[int, tuple[Any, ...]]]:
    """The rows that vote, written as slowly and plainly as possible."""
    found = []
    for row in rows:
        cells = {
            "zip": number(row["zip"]),
            "city": None if row["city"] == "?" else row["city"],
            "fee": number(row["fee"]),
        }
        values = tuple(cells[name] for name in columns)
        if None not in values:
            found.append((row["_line"], (row["_period"], *values)))
    return found


def expected(rows: list[dict[str, Any]], *columns: str) -> tuple[int, set[int]]:
    votes = voters(rows, columns)
    broken = set()
    for line, (*group, value) in votes:
        counts = Counter(other for _, (*its, other) in votes if its == group)
        most = max(counts.values())
        if counts[value] < most or list(counts.values()).count(most) > 1:
            broken.add(line)
    return len(votes), broken


@given(tables())
@settings(max_examples=80)
def test_it_agrees_with_a_plain_count(rows: list[dict[str, Any]]) -> None:
    evaluated, broken = expected(rows, "zip", "city")
    warned, failed = expected(rows, "zip", "city", "fee")
    with judged(rows) as found:
        assert {id for id, why in found.reasons.items() if BY_ZIP in why} == {f"d1:{n}" for n in broken}
        for name, counts in ((BY_ZIP, (evaluated, len(broken))), (BY_BOTH, (warned, len(failed)))):
            tallies = [found.tally(name, day) for day in DAYS]
            assert (sum(t.evaluated for t in tallies), sum(t.failed for t in tallies)) == counts
        accepted = found.accepted.drop_nulls(["zip", "city"]).group_by("_period", "zip")
        assert accepted.agg(pl.col("city").n_unique() == 1)["city"].all(), "of accepted rows it is true"


@given(tables())
@settings(max_examples=30)
def test_a_range_of_periods_gives_what_its_periods_give_alone(rows: list[dict[str, Any]]) -> None:
    with judged(rows) as together:
        reasons: dict[str, str] = {}
        for day in DAYS:
            with judged([row for row in rows if row["_period"] == day], (day,)) as alone:
                assert alone[day] == together[day]
                reasons |= alone.reasons
        assert reasons == together.reasons


@given(tables(), st.randoms(use_true_random=False))
@settings(max_examples=30)
def test_the_order_in_which_rows_come_does_not_matter(rows: list[dict[str, Any]], random: Any) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)
    with judged(rows) as one, judged(shuffled) as other:
        assert (one.outcomes, one.reasons, one.kept) == (other.outcomes, other.reasons, other.kept)


def test_the_rows_of_the_main_pass_are_scanned_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[str] = []
    collect_all = pl.collect_all

    def explained(frames: list[pl.LazyFrame], **options: Any) -> list[pl.DataFrame]:
        plans.append(pl.explain_all(frames))
        return collect_all(frames, **options)

    monkeypatch.setattr(pl, "collect_all", explained)
    source = tmp_path / "rows.parquet"
    pairs = itertools.repeat(("1", "Ulm"), 9)
    typed = pl.DataFrame(addresses(*pairs, ("1", "Uhm"))).with_columns(
        _row_id=pl.lit("d1:1"), zip=pl.col("zip").cast(pl.Int64), fee=pl.col("fee").cast(pl.Float64)
    )
    typed.write_parquet(source)

    judge(pl.scan_parquet(source), tmp_path / "out", Addresses)

    counting, main, *_ = plans
    assert main.count("Parquet SCAN") == counting.count("Parquet SCAN") == 1
    assert "fee" not in counting.partition("PROJECT")[2].partition("\n")[0]
