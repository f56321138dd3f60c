"""A law of the data becomes a rule, with just the rows that break it; noise becomes none."""

from __future__ import annotations

import json
import re

import numpy as np
import polars as pl
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from etl_assets.inspection.records import Kind
from etl_assets.profiling.evidence import wilson_lower_bound
from etl_assets.profiling.records import SuggestionKind
from etl_assets.profiling.suggest import suggest
from etl_assets_tests.profiling.samples import dependents, described, of_kind, places, spoilt, suggested, the

K = SuggestionKind

# Each example takes a tenth of a second; the seed tells enough.
NO_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)

CELL = st.one_of(st.none(), st.text(max_size=6), st.from_regex(r"[0-9a-z:./ -]{0,9}", fullmatch=True))


def test_rules_of_a_clean_table_are_its_laws_and_have_no_exceptions():
    found = suggested(places())
    assert dependents(found) == {("code",): ["region", "town"], ("town",): ["region"]}
    assert {one.columns for one in of_kind(found, K.NOT_NULL)} == {(name,) for name in places().columns}
    assert the(found, K.STR_MATCHES, "code").parameters == {"pattern": r"^\d{5}$"}
    assert set(the(found, K.ISIN, "grade").parameters["values"]) == {"low", "middle", "high"}
    assert the(found, K.CASTABLE, "amount").parameters["kind"] == Kind.DECIMAL.value
    assert not of_kind(found, K.ROW_CHECK)
    assert not of_kind(found, K.UNIQUE)
    assert [one for one in found if one.exceptions] == []


@pytest.mark.parametrize("seed", range(4))
def test_noise_is_not_turned_into_rules_between_columns(seed: int):
    random = np.random.default_rng(seed)
    rows = 1_500
    whole = {f"whole_{n}": [str(one) for one in random.integers(0, 10**n, rows)] for n in range(1, 6)}
    real = {f"real_{n}": [f"{one:.2f}" for one in random.normal(50, 10, rows)] for n in range(4)}
    letter = {f"letter_{n}": random.choice(list("abcdef"), rows).tolist() for n in range(5)}
    found = suggested(pl.DataFrame({**whole, **real, **letter}))
    assert not of_kind(found, K.DEPENDENCY)
    assert not of_kind(found, K.ROW_CHECK)
    assert not of_kind(found, K.NOTIN)
    assert not [one for one in of_kind(found, K.UNIQUE) if len(one.columns) == 1]
    assert [one for one in found if one.exceptions] == []


def test_a_rule_that_3_of_10000_rows_break_names_those_rows():
    sample = spoilt(places(10_000), "region", {17: "Nowhere", 4_000: "Nowhere", 9_999: "Elsewhere"})
    rule = the(suggested(sample), K.DEPENDENCY, "code")
    assert rule.rows == (17, 4_000, 9_999)
    assert (rule.support, rule.exceptions) == (10_000, 3)
    assert rule.lower_bound == wilson_lower_bound(9_997, 10_000)
    assert 0.999 < rule.lower_bound < 0.9997
    assert "9,997 of 10,000" in rule.why
    assert "Nowhere" not in rule.why


@settings(max_examples=15, deadline=None, phases=NO_SHRINKING)
@given(st.sets(st.integers(0, 1_199), min_size=1, max_size=10))
def test_the_exceptions_of_a_rule_are_just_the_rows_that_were_spoilt(rows: set[int]):
    sample = spoilt(places(), "amount", dict.fromkeys(rows, "much"))
    assert the(suggested(sample), K.CASTABLE, "amount").rows == tuple(sorted(rows))
    sample = spoilt(places(), "code", dict.fromkeys(rows, "1-2"))
    assert the(suggested(sample), K.STR_MATCHES, "code").rows == tuple(sorted(rows))
    sample = spoilt(places(), "grade", dict.fromkeys(rows, None))
    assert the(suggested(sample), K.NOT_NULL, "grade").rows == tuple(sorted(rows))


def test_what_only_one_file_keeps_is_not_suggested():
    one, other = places(seed=1), places(seed=2).with_columns(pl.col("region").shuffle(seed=3))
    together = pl.concat([one, other])
    files = ["a.csv"] * one.height + ["b.csv"] * other.height
    alone = suggested(one, files=["a.csv"] * one.height)
    assert "region" in the(alone, K.DEPENDENCY, "code").parameters["dependents"]
    for rule in of_kind(suggested(together, files=files), K.DEPENDENCY):
        assert "region" not in rule.parameters["dependents"]


def test_a_rule_broken_in_one_short_file_is_broken_however_many_rows_the_others_have():
    long, short = places(5_000), places(60, seed=5)
    short = spoilt(short, "grade", dict.fromkeys(range(0, 60, 2)))
    together = pl.concat([long, short])
    files = pl.Series(["long"] * 5_000 + ["short"] * 60)
    assert of_kind(suggested(together), K.NOT_NULL, "grade")
    assert not of_kind(suggested(together, files=files), K.NOT_NULL, "grade")
    with pytest.raises(ValueError, match="2 files for 5060 rows"):
        suggest(together, files=["a", "b"])


def test_order_of_rows_and_columns_does_not_matter():
    sample = spoilt(places(), "region", {3: "Nowhere", 8: "South"})
    order = np.random.default_rng(1).permutation(sample.height)
    shuffled = sample[order.tolist()].select(sorted(sample.columns, reverse=True))

    def told(sample: pl.DataFrame) -> set[tuple[object, ...]]:
        return {
            (one.kind, one.columns, one.support, one.exceptions, json.dumps(one.parameters, sort_keys=True))
            for one in suggested(sample)
            if one.kind is not K.DEPENDENCY
        }

    assert told(sample) == told(shuffled)
    assert dependents(suggested(sample)) == dependents(suggested(shuffled))


def test_parameters_survive_json_and_patterns_mean_the_same_in_python():
    sample = places().with_columns(
        mail=pl.Series([f"person{n}@example.org" for n in range(1_200)]),
        odd=pl.Series([f"a.b|{n % 7}-x" for n in range(1_200)]),
        price=pl.Series([f"{n % 90 + 10} €" for n in range(1_200)]),
    )
    for one in suggested(sample):
        assert json.loads(json.dumps(one.parameters)) == one.parameters
        if one.kind is K.STR_MATCHES:
            pattern = re.compile(one.parameters["pattern"])
            cells = sample[one.columns[0]]
            assert sum(bool(pattern.search(cell)) for cell in cells) == one.support - one.exceptions


def test_keys_of_one_and_of_two_columns():
    rows = 600
    sample = pl.DataFrame(
        {
            "number": [str(n) for n in range(1, rows + 1)],
            "shop": [f"S{n % 12:02d}" for n in range(rows)],
            "day": [f"2024-03-{n // 12 % 30 + 1:02d}" for n in range(rows)],
            "slot": [str(n // 360) for n in range(rows)],
            "takings": [f"{n * 7 % 500 / 10:.2f}" for n in range(rows)],
        }
    )
    assert the(suggested(sample), K.UNIQUE).columns == ("number",)
    assert the(suggested(sample.drop("number")), K.UNIQUE).columns == ("shop", "day", "slot")
    assert not of_kind(suggested(places()), K.UNIQUE)


def test_values_that_another_table_holds_refer_to_it():
    shops = pl.DataFrame({"id": [f"S{n:02d}" for n in range(40)], "city": ["A", "B"] * 20})
    random = np.random.default_rng(0)
    sales = places().with_columns(shop=pl.Series([f"S{n:02d}" for n in random.integers(40, size=1_200)]))
    sales = spoilt(sales, "shop", {5: "S99"})
    rule = the(suggested(sales, others={"shops": shops}), K.REFERENCE)
    assert rule.columns == ("shop",)
    assert rule.parameters == {"table": "shops", "column": ["id"]}
    assert rule.rows == (5,)
    assert not of_kind(suggested(sales, others={"prices": pl.DataFrame({"n": ["1", "2", "3"]})}), K.REFERENCE)


def test_small_numbers_are_found_in_every_counter_and_refer_to_nothing():
    counter = pl.DataFrame({"id": [str(n) for n in range(1, 500)]})
    sample = places().with_columns(pieces=pl.Series([str(n % 9 + 1) for n in range(1_200)]))
    assert not of_kind(suggested(sample, others={"counters": counter}), K.REFERENCE)


@pytest.mark.parametrize(
    "sample",
    [
        pl.DataFrame(),
        pl.DataFrame(schema={"a": pl.String, "b": pl.String}),
        pl.DataFrame({"a": ["1"], "b": ["x"]}),
        pl.DataFrame({"a": [None] * 100, "b": ["x"] * 100}, schema={"a": pl.String, "b": pl.String}),
        pl.DataFrame({"a": [" ", ""] * 50, "b": ["?"] * 100}),
        pl.DataFrame({"a": ["\0", "a\nb", "(", "[a-", "\\", "😀", "ß", "İ", "١٢٣", "\U0001d518"] * 30}),
        pl.DataFrame(
            {"a": ["9" * 400] * 50 + ["1e400"] * 5 + ["-1e308"] * 30 + [str(n) for n in range(100)]}
        ),
        pl.DataFrame({"a": ["inf", "-inf", "nan", "1e308"] * 40 + [str(n) for n in range(400)]}),
    ],
    ids=["nothing", "no rows", "one row", "empty column", "blanks", "signs", "endless numbers", "infinite"],
)
def test_hostile_samples_give_rules_or_none_but_no_traceback(sample: pl.DataFrame):
    suggested(sample)
    suggest(sample)


@settings(max_examples=40, deadline=None, phases=NO_SHRINKING)
@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=20, max_size=60))
def test_any_cells_are_survived_and_exceptions_never_exceed_support(rows: list[tuple[str | None, ...]]):
    sample = pl.DataFrame(rows, schema=dict.fromkeys("abc", pl.String), orient="row")
    for one in suggest(sample, described(sample)):
        assert 0 <= one.exceptions <= one.support <= sample.height
        assert 0 <= one.lower_bound <= 1
        assert len(one.rows) == min(one.exceptions, 1_000)


@pytest.mark.slow
def test_of_thousands_of_columns_it_says_what_was_left_out():
    random = np.random.default_rng(0)
    sample = pl.DataFrame({f"c{n}": [str(one) for one in random.integers(0, 30, 200)] for n in range(400)})
    found = suggest(sample)
    assert any(told.startswith("dependencies: ") for told in found.left_out)
    assert any(told.startswith("sums and products: ") for told in found.left_out)
    assert suggest(sample.select("c0", "c1", "c2")).left_out == ()


def test_digits_that_are_a_code_by_their_name_are_of_a_form():
    random = np.random.default_rng(5)
    numbers = [f"978{one:010}" for one in random.integers(0, 10**10, 300)]
    found = suggested(pl.DataFrame({"isbn": numbers, "copies": [str(n % 9) for n in range(300)]}))
    assert the(found, K.STR_MATCHES, "isbn").parameters == {"pattern": r"^\d{13}$"}
    assert the(found, K.CASTABLE, "copies").parameters["kind"] == Kind.INTEGER.value
