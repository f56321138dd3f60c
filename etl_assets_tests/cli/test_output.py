from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from etl_assets.cli.output import listed, percent, plain
from etl_assets.pipeline.personal import comparable


@given(st.text())
def test_whatever_text_becomes_printable(text: str) -> None:
    assert plain(text).isprintable()


@given(st.text().filter(str.isprintable))
def test_what_is_printable_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


def test_what_does_not_print_is_spelled_out() -> None:
    assert plain("a\x1b[2J\u202eb\udc80\n") == "a\\x1b[2J\\u202eb\\udc80\\n"


@given(st.floats(0, 1))
def test_percents_are_rounded_down(share: float) -> None:
    assert (percent(share) == "100") == (share >= 1 - 1e-9)


def test_percents() -> None:
    assert [percent(share) for share in (0.95, 0.9499, 0.9999, 1.0, 0.0, None)] == [
        "95.0", "94.9", "99.9", "100", "0.0", "?",
    ]  # fmt: skip


def test_long_lists_say_how_much_is_left_out() -> None:
    assert listed(["a", "b", "c", "d"], 3) == "a, b, c and 1 more"


def test_names_of_one_column_in_two_layers_are_the_same() -> None:
    assert comparable("CustomerID") == comparable("customer_id")
