"""Which columns are found in another table."""

from __future__ import annotations

import polars as pl

from etl_assets.profiling.records import SuggestionKind
from etl_assets.profiling.suggest import suggest

TESTS = pl.DataFrame({"short": ["GLU", "HB", "CRP", "TSH"], "unit": ["mg/dl", "g/dl", "mg/l", "mU/l"]})


def references(values: list[str]) -> set[tuple[str, str]]:
    sample = pl.DataFrame({"what": values * 50})
    found = suggest(sample, others={"tests": TESTS})
    return {
        (one.columns[0], one.parameters["column"][0]) for one in found if one.kind is SuggestionKind.REFERENCE
    }


def test_a_few_words_that_are_just_those_of_a_list_refer_to_it() -> None:
    assert references(["GLU", "HB", "CRP", "TSH"]) == {("what", "short")}


def test_a_few_words_of_which_a_list_has_more_may_be_found_there_by_chance() -> None:
    assert references(["GLU", "HB"]) == set()
