"""Keys are judged within a partition, as the pipeline judges them."""

from __future__ import annotations

import polars as pl

from etl_assets.profiling.records import Suggestion, SuggestionKind
from etl_assets.profiling.suggest import suggest

DAYS, ARTICLES = 6, 200


def stock() -> tuple[pl.DataFrame, pl.Series]:
    rows = [(f"{n:05}", "ABC"[n % 3], f"{n * 7 % 91 + day}") for day in range(DAYS) for n in range(ARTICLES)]
    days = pl.Series([f"2024-01-0{day + 1}" for day in range(DAYS) for _ in range(ARTICLES)])
    return pl.DataFrame(rows, schema=["sku", "class", "on_hand"], orient="row"), days


def keys(found: list[Suggestion]) -> dict[tuple[str, ...], int]:
    return {one.columns: one.exceptions for one in found if one.kind is SuggestionKind.UNIQUE}


def test_what_comes_again_every_day_is_a_key_of_each_day() -> None:
    sample, days = stock()
    assert ("sku",) not in keys(suggest(sample, files=days))
    assert keys(suggest(sample, files=days, partitions=days)) == {("sku",): 0}


def test_rows_that_repeat_a_key_within_a_day_are_its_exceptions() -> None:
    sample, days = stock()
    twice = sample.with_row_index("n").with_columns(
        sku=pl.when(pl.col("n") == 205).then(pl.lit("00004")).otherwise("sku")
    )
    found = suggest(twice.drop("n"), files=days, partitions=days)
    key = next(one for one in found if one.kind is SuggestionKind.UNIQUE and one.columns == ("sku",))
    assert (key.exceptions, key.rows) == (2, (204, 205))
    assert "of one partition" in key.why
