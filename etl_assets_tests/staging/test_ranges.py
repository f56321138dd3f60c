from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_assets.staging.area import KeyRange
from etl_assets.staging.matching import Match, match
from etl_assets.staging.ranges import expected_range
from etl_assets.staging.source import Source

IN_ORDER = [
    "sales/{period:%Y-%m-%d}.csv",
    "{period:%Y%m%d}_sales.csv",
    "sales/{period:%Y}/{period:%m}/{period:%d}/{part}.csv",
    "sales/{period:%Y}/{period:%Y-%m-%d}-{part}.csv",
    "sales/{period:%Y-%m}/*.{period:%d}.csv",
    "sales-{period:%y%m%d}",
]
DAYS = st.dates(date(2001, 1, 1), date(2097, 11, 1))


@pytest.mark.parametrize("pattern", IN_ORDER)
@given(since=DAYS, days=st.integers(0, 400))
def test_every_key_from_the_day_on_is_in_the_range(pattern: str, since: date, days: int) -> None:
    source = Source(pattern=pattern, files_per_period="many")
    key = key_of(pattern, since + timedelta(days))
    assert isinstance(match(key, {"sales": source}), Match)

    found = expected_range(source, since)

    assert found is not None
    assert key.startswith(found.prefix)
    # A key that ends with its date is its day's beginning itself.
    assert key > found.after or key == found.after


@pytest.mark.parametrize("pattern", IN_ORDER[:4])
@given(since=DAYS)
def test_keys_of_the_months_before_are_not(pattern: str, since: date) -> None:
    found = expected_range(Source(pattern=pattern, files_per_period="many"), since)

    assert found is not None
    assert not key_of(pattern, since - timedelta(40)) > found.after


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("**/{period:%Y-%m-%d}.csv", None),
        ("*/{period:%Y-%m-%d}.csv", None),
        ("{part}/{period:%Y-%m-%d}.csv", None),
        ("sales/{period:%d-%m-%Y}.csv", None),
        ("sales/{period:%Y-%d-%m}.csv", KeyRange("sales/", "sales/2024")),
        ("sales/{period:%G-W%V}.csv", KeyRange("sales/", "sales/2024-W10")),
        ("sales/{period:%b-%Y}.csv", None),
        ("shops*.csv", KeyRange("shops")),
        ("lists/shops.csv", KeyRange("lists/shops.csv")),
        ("*.csv", None),
    ],
)
def test_only_what_orders_keys_counts(pattern: str, expected: KeyRange | None) -> None:
    found = expected_range(Source(pattern=pattern, files_per_period="many"), date(2024, 3, 6))

    assert found == expected


def key_of(pattern: str, day: date) -> str:
    out = pattern.replace("{part}", "a").replace("*", "x")
    while "{period:" in out:
        before, _, rest = out.partition("{period:")
        format, _, after = rest.partition("}")
        out = before + day.strftime(format) + after
    return out
