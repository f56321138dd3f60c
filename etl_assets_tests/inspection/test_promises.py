"""What holds for any file: it is read back as it was written, and nothing makes it stumble."""

from __future__ import annotations

import contextlib
import csv
import io
import string
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from etl_assets.errors import EtlError
from etl_assets.inspection.inspect import inspect_file
from etl_assets.inspection.personal import is_card, is_iban, masked
from etl_assets.inspection.records import Inspection
from etl_assets.inspection.told import inspection_json

WORDS = st.text(st.sampled_from(string.ascii_letters + "äöüéß"), min_size=1, max_size=8)
NUMBERS = st.integers(0, 99_999)


def inspected(content: bytes, name: str = "delivery.csv") -> Inspection:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        return inspect_file(path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.lists(
        st.tuples(NUMBERS, WORDS, st.dates().map(str), st.text(st.sampled_from('ab ,;|"\n'), max_size=6)),
        min_size=5,
        max_size=30,
    ),
    separator=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_written_is_read_back(
    rows: list[tuple[int, str, str, str]], separator: str, encoding: str, end: str
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator=end)
    writer.writerow(["order_id", "customer", "day", "note"])
    writer.writerows(rows)

    found = inspected(out.getvalue().encode(encoding))

    assert found.format.separator == separator  # type: ignore[union-attr]
    written = [tuple(cell or None for cell in map(str, row)) for row in rows]
    # What a byte above 0x7f means in a short text is a guess, and said to be one.
    sure = next(one for one in found.proposals if one.aspect == "encoding").certainty != "unsure"
    if sure or encoding != "cp1252":
        assert found.sample.rows() == written
    assert found.rows == len(rows)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=600) | st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")))
@example(b"\0")
@example(b"\xff\xfe")
@example(b"\x1f\x8b")
@example(b"PK\x03\x04")
@example(b"PAR1PAR1")
@example(b'{"a": ')
@example(b"[1, 2]")
@example(b'"' * 301)
@example(b"a,b\n" + b'"' + b"x" * 300_000)
@example(b",,,\n,,,\n")
@example(b"\n\n\n")
def test_nothing_but_an_error_for_people(content: bytes) -> None:
    with contextlib.suppress(EtlError):
        assert inspection_json(inspected(content))["columns"]


@given(WORDS, WORDS, NUMBERS)
def test_a_masked_cell_shows_none_of_its_letters_and_digits(one: str, other: str, number: int) -> None:
    shown = masked(f"{one} {other}, {number}")

    assert set(shown) <= set("xX9 ,")


@given(st.integers(10**13, 10**14 - 1), st.integers(1, 9))
def test_a_wrong_digit_is_no_card(number: int, change: int) -> None:
    right = [digits for digits in (f"4{number}{last}" for last in range(10)) if is_card(digits)]

    assert len(right) == 1
    assert not is_card(right[0][:5] + str((int(right[0][5]) + change) % 10) + right[0][6:])


def test_check_digits_of_an_iban() -> None:
    assert is_iban("DE89 3704 0044 0532 0130 00")
    assert not is_iban("DE88 3704 0044 0532 0130 00")
