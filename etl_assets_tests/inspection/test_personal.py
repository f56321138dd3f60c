import re

import pytest

from etl_assets.inspection.dialects import Record
from etl_assets.inspection.personal import find_personal, reveals_persons
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


@pytest.mark.parametrize("word", ["a", "a.-", "a.b", "Ab ", "Ab, ", "A.", "a@", "1,", "rue "])
def test_endless_cells_come_to_an_end(word: str) -> None:
    cells = [word * 20_000 + str(n) for n in range(50)]
    assert find_personal("note", [(cell, 1) for cell in cells]) is None
    find_personal("handled by", [(cell, 1) for cell in cells])
    assert not reveals_persons("column", cells)


PEOPLE = ["Emil Zatopek", "Ann Lee", "Xaver Quandt", "Oyelaran Adé", "Ilse Bilse", "Noor Quist"]


@pytest.mark.parametrize(
    "header",
    ["verantwortlich", "Bearbeiter", "seller", "handled_by", "assignedTo", "assignee", "contact", "column_7"],
)
@pytest.mark.parametrize("count", [2, 6])
def test_names_of_persons_are_found_whatever_the_heading(header: str, count: int) -> None:
    found = find_personal(header, [(name, 40) for name in PEOPLE[:count]])
    assert found is not None
    assert found.kind == "name"
    assert reveals_persons(header, PEOPLE[:count])


def test_logins_of_those_who_did_something_are_personal() -> None:
    assert find_personal("handled_by", [("ezatopek", 4), ("alee", 4), ("x.quandt2", 4)]) is not None
    assert find_personal("handled_by", [("17", 4), ("18", 4)]) is None


def test_a_note_that_names_somebody_makes_the_column_personal() -> None:
    quiet = [("paid late", 5), ("parcel was open", 4), ("Left at the door", 1)]
    assert find_personal("note", quiet) is None
    assert find_personal("note", [*quiet, ("Call Ann Lee back", 1)]) is not None
    assert reveals_persons("note", ["paid late"])  # nobody knows what else is written there


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("city", ["Ann Arbor", "San Jose", "Santa Maria", "Charlotte", "St. Paul"]),
        ("x", ["San Jose", "Santa Maria", "New York", "Los Angeles", "Fort Worth", "St. Paul", "El Paso"]),
        ("product", ["Jack Daniels", "Jim Beam", "Johnnie Walker", "Captain Morgan"]),
        ("airport", ["Bob Hope", "John Wayne", "John F Kennedy", "La Guardia"]),
        ("x", ["Dark Red", "Light Blue", "Pale Green"]),
        ("customer_type", ["New Customer", "Old Customer"]),
        ("seller_country", ["Costa Rica", "New Zealand", "South Africa"]),
        ("status", ["In Progress", "Not Started", "On Hold"]),
        ("warehouse", ["North Hall", "South Hall", "Old Harbour"]),
    ],
)
def test_places_products_and_words_are_no_persons(header: str, values: list[str]) -> None:
    assert find_personal(header, [(value, 9) for value in values]) is None


@pytest.mark.parametrize("header", ["city", "product", "status", "warehouse", "size"])
def test_what_names_nobody_may_be_listed(header: str) -> None:
    assert not reveals_persons(header, ["open", "North Hall", "XL", "Direct Mail", "12 oz"])


@pytest.mark.parametrize(
    ("name", "values", "kind"),
    [
        ("Konfession", ["rk", "ev", "--"], "religion"),
        ("Bruttogehalt", ["3.250,00", "4.100,50"], "pay"),
        ("Salary", ["3250", "4100"], "pay"),
        ("Personalnr.", ["1001", "1002"], "personnel number"),
        ("Diagnose", ["J06.9", "M54.5"], "health"),
    ],
)
def test_what_an_employer_or_a_clinic_knows_of_people_is_personal(
    name: str, values: list[str], kind: str
) -> None:
    found = find_personal(name, [(value, 10) for value in values])
    assert found is not None
    assert found.kind == kind
