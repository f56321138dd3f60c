from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl_assets.scaffolding.code import (
    Text,
    call,
    comment,
    docstring,
    listing,
    literal,
    mapping,
    pattern,
    statement,
)
from etl_assets.scaffolding.names import (
    class_name,
    column_names,
    field_names,
    function_name,
    is_plain,
    method_name,
    snake_case,
)

HOSTILE = [
    '"); import os; os.system("x")#',
    "'''\"\"\"",
    "a\nb\r\n\tc",
    "{x} {{y}} %s",
    "\u202eabc\u2066",
    "\\",
    "\\\"'",
    "both \" and '",
    "\x00\x1b[31m",
    "😀",
    "",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_a_literal(text: str) -> None:
    for written in (literal(text), pattern(text)):
        assert ast.literal_eval(written) == text
        assert "\n" not in written
        assert written.isprintable()


@given(st.text())
def test_any_text_stays_a_literal(text: str) -> None:
    assert ast.literal_eval(literal(text)) == text
    assert ast.literal_eval(pattern(text)) == text


@given(st.text(), st.integers(0, 8))
def test_any_text_stays_a_comment_and_a_docstring(text: str, indent: int) -> None:
    assert all(line.lstrip().startswith("#") and line.isprintable() for line in comment(text, indent=indent))
    lines = docstring(text, indent=indent)
    (only,) = ast.parse("\n".join(["if True:", *docstring(text, indent=4)])).body
    assert isinstance(only, ast.If)
    assert len(only.body) == 1
    assert all(line.isprintable() for line in lines)


# How wide a character of a rare script is, ruff and we take from different editions of Unicode.
LETTERS = st.sampled_from("abcxyz ABCÄÖÜßéñçøł0123456789 .,;:-_/()[]{}<>#'\"\\\\\n\t€%&")


def texts(longest: int) -> st.SearchStrategy[str]:
    return st.text(LETTERS, max_size=longest)


VALUES = st.recursive(
    st.one_of(
        texts(120).map(Text),
        texts(120).map(literal),
        st.integers().map(literal),
        st.sampled_from(["COMPUTED", "True"]),
    ),
    lambda inner: st.one_of(
        st.builds(lambda items: call("function", *items), st.lists(inner, min_size=1, max_size=4)),
        st.builds(
            lambda items: call("pa.Field", **{f"argument_{n}": item for n, item in enumerate(items)}),
            st.lists(inner, min_size=1, max_size=5),
        ),
        st.lists(texts(30), max_size=8).map(listing),
        st.dictionaries(texts(10), texts(30), min_size=1, max_size=4).map(mapping),
    ),
    max_leaves=12,
)


@pytest.mark.slow
def test_the_layout_is_that_of_ruff(tmp_path: Path) -> None:
    """Many statements in one file: a process for each would take minutes."""
    written: list[str] = []

    @given(VALUES, st.integers(1, 60))
    def collect(value: object, length: int) -> None:
        written.extend(statement("x" * length + ": str = ", value, indent=4))  # type: ignore[arg-type]

    collect()
    file = tmp_path / "layout.py"
    file.write_text("\n".join(["class A:", *written]) + "\n", encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", str(file)]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout[:3000]


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Größe (cm)", "groesse_cm"),
        ("CustomerID", "customer_id"),
        ("HTTPStatus", "http_status"),
        ("Kunden-Nr.", "kunden_nr"),
        ("Umsatz %", "umsatz_percent"),
        ("Дата", "data"),
        ("客户", "ke_hu"),
        ("Prénom", "prenom"),
        ("customer's name", "customers_name"),
        ("1st_col", "1st_col"),
        ("***", ""),
    ],
)
def test_snake_case(header: str, name: str) -> None:
    assert snake_case(header) == name


def test_columns_are_names_that_mean_nothing_else() -> None:
    headers = [
        "class",
        "1st_col",
        "",
        "a",
        "A",
        "a ",
        "a_2",
        "str",
        "validate",
        "pa",
        "😀",
        "datetime",
        "_id",
    ]
    assert column_names(headers) == [
        "class_", "x1st_col", "column_3", "a", "a_2", "a_3", "a_2_2", "str_", "validate_", "pa_",
        "grinning", "datetime_", "id",
    ]  # fmt: skip


def test_bronze_fields_are_the_headers_where_python_takes_them() -> None:
    headers = ["Kunden Nr", "kunden_nr", "class", "InvoiceNo", "Größe"]
    assert field_names(headers) == ["kunden_nr_2", "kunden_nr", "class_", "InvoiceNo", "groesse"]
    assert [is_plain(header) for header in headers] == [False, True, False, True, False]


@given(st.lists(st.text(), max_size=30))
def test_any_headers_have_names(headers: list[str]) -> None:
    for names in (column_names(headers), field_names(headers)):
        assert len({*names}) == len(names) == len(headers)
        for name in names:
            assert name.isidentifier()
            assert name.isascii()
            assert not name.startswith("_")


def test_three_thousand_columns_have_names() -> None:
    assert len({*column_names(["value"] * 3_000)}) == 3_000


def test_tables_and_checks_hide_nothing() -> None:
    assert function_name("sales") == "sales"
    assert function_name("text") == "text_rows"
    assert function_name("list") == "list_rows"
    assert class_name("silver", "order_lines") == "SilverOrderLines"
    assert method_name("paid <= total", {"paid_total"}) == "paid_total_2"
