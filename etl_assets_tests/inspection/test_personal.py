import re

import pytest

from etl_assets.inspection.dialects import Record
from etl_assets.inspection.personal import find_personal
from etl_assets.inspection.surroundings import footer_pattern

NAMES = ["Müller, Jörg", "Schäfer, Änne", "Weiß, Uwe", "Böhm, Eva"]
PLACES = ["Portland, Maine", "Springfield, Ohio", "Salem, Oregon", "Austin, Texas"]


@pytest.mark.parametrize("header", ["Patient", "kunde", "customer", "remark"])
def test_names_with_a_comma_are_personal_whatever_the_column_is_called(header: str) -> None:
    found = find_personal(header, [(name, 3) for name in NAMES])
    assert found is not None
    assert found.kind == "name"


def test_unknown_names_are_personal_in_a_column_of_persons() -> None:
    strange = [("Xochitl Ñamandu", 1), ("Oyelaran Adébáyò", 1), ("Þorgerður Ösp", 1)]
    assert find_personal("employee", strange) is not None
    assert find_personal("brand", strange) is None


@pytest.mark.parametrize("header", ["place", "city", "where"])
def test_places_are_no_persons(header: str) -> None:
    assert find_personal(header, [(place, 3) for place in PLACES]) is None


def test_codes_of_customers_are_no_names() -> None:
    assert find_personal("customer", [(f"C{n:05}", 1) for n in range(20)]) is None


@pytest.mark.parametrize(
    ("seen", "other"),
    [
        ("Summe: 401 Befunde", "Summe: 1.406 Befunde"),
        ("Total 12", "Total 1,234.50"),
        ("Total (net)", "Total (net)"),
    ],
)
def test_the_footer_of_one_file_tells_that_of_the_next(seen: str, other: str) -> None:
    rows = [Record(1, ["a", "1"]), Record(2, [seen, ""])]
    pattern = footer_pattern(rows, 1, ";")
    assert pattern is not None
    assert re.match(pattern, f"{other};")
    assert re.match(pattern, f'"{other}";')
    assert not re.match(pattern, "a;1")


@pytest.mark.parametrize("word", ["a", "a.-", "a@", "1,", "rue "])
def test_endless_cells_come_to_an_end(word: str) -> None:
    assert find_personal("note", [(word * 20_000 + str(n), 1) for n in range(50)]) is None
