"""What is kept must be the same for ever: these hashes are those that were written first."""

import datetime as dt

import polars as pl

from etl_assets.quality.stable_hash import hashed

ROWS = pl.DataFrame(
    {
        "text": ["a", "", None],
        "number": [1, -1, None],
        "day": [dt.date(2024, 2, 29), dt.date(1970, 1, 1), None],
    }
)

KEPT = [
    (3912936416964207328, 16456998296869297119),
    (8236365148986353458, 18079388083425908714),
    (14500938501243441752, 4868516836200507686),
]


def test_hashes_are_what_they_always_were() -> None:
    found = hashed(ROWS.lazy(), ["text", "number", "day"]).collect()
    assert found.rows() == KEPT


def test_equal_values_of_other_dtypes_have_one_hash() -> None:
    small = ROWS.select(number=pl.col("number").cast(pl.Int8))
    text = ROWS.select(text=pl.col("text").cast(pl.Enum(["", "a"])))
    assert hashed(small.lazy(), ["number"]).collect().equals(hashed(ROWS.lazy(), ["number"]).collect())
    assert hashed(text.lazy(), ["text"]).collect().equals(hashed(ROWS.lazy(), ["text"]).collect())


def test_no_two_keys_are_written_alike() -> None:
    pairs = [("ab", "c"), ("a", "bc"), ("", "abc"), ("abc", ""), ("abc", None), (None, "abc"), ("1", "1")]
    frame = pl.DataFrame(pairs, schema={"a": pl.String, "b": pl.String}, orient="row")
    assert hashed(frame.lazy(), ["a", "b"]).collect().unique().height == len(pairs)
