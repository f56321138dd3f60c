from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from etl_assets_tests.cli import shop
from etl_assets_tests.cli.conftest import Dq, data

VERBS = (
    ("status", "retail"),
    ("quarantine", "list", "retail"),
    ("quarantine", "list", "retail", "--held"),
    ("quarantine", "list", "retail", "--table", "silver/sales"),
    ("deliveries", "list", "retail"),
    ("runs", "list"),
    ("runs", "show", "run-1"),
    ("doctor",),
)


def rows(dq: Dq, *options: str) -> list[dict[str, Any]]:
    return list(data(dq("quarantine", "list", "retail", "--json", *options))["rows"])


def test_each_row_comes_with_delivery_line_and_reasons(home: Path, dq: Dq) -> None:
    found = rows(dq)

    told = [(one["table"], one["partition"], one["line"], one["reasons"]) for one in found]
    assert told[0][:3] == ("bronze/sales", shop.RAGGED, 32)
    assert told[1] == ("silver/sales", shop.GOOD, 43, ["quantity.castable"])
    assert told[2][:3] == ("silver/sales", shop.GOOD, 44)
    assert "quantity.not_equal_to" in told[2][3]
    assert len(told) == 3
    assert all(one["row_id"] == f"{one['delivery']}:{one['line']}" for one in found)
    assert found[2]["row"]["StockCode"] == "22091"


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        (["--rule", "quantity.castable"], [43]),
        (["--rule", "unreadable"], [32]),
        (["--table", "silver/sales", "--partition", shop.GOOD], [43, 44]),
        (["--partition", shop.HELD], []),
        (["--held"], [7, 8, 9, 10, 11]),
        (["--held", "--partition", shop.GOOD], []),
    ],
)
def test_filters(home: Path, dq: Dq, options: list[str], lines: list[int]) -> None:
    assert [one["line"] for one in rows(dq, *options)] == lines


def test_a_delivery_is_named_by_the_beginning_of_its_id(home: Path, dq: Dq) -> None:
    delivery = next(str(one["delivery"]) for one in rows(dq) if one["partition"] == shop.GOOD)

    assert [one["line"] for one in rows(dq, "--delivery", delivery[:6])] == [43, 44]


def test_pages(home: Path, dq: Dq) -> None:
    first = data(dq("quarantine", "list", "retail", "--limit", "2", "--json"))
    second = data(dq("quarantine", "list", "retail", "--limit", "2", "--offset", "2", "--json"))

    assert (first["more"], second["more"]) == (True, False)
    assert [*first["rows"], *second["rows"]] == rows(dq)


def test_show_gives_every_cell_and_the_reason_in_words(home: Path, dq: Dq) -> None:
    row = str(rows(dq, "--rule", "quantity.not_equal_to")[0]["row_id"])
    told = dq("quarantine", "show", row)

    assert told.exit_code == 0
    assert "a line about nothing is a mistake of the till" in told.stdout
    assert "22091" in told.stdout
    assert data(dq("quarantine", "show", row, "--json"))[0]["rules"][0]["dimension"] == "validity"


def test_personal_values_are_never_shown(home: Path, dq: Dq) -> None:
    ids = [str(one["row_id"]) for one in [*rows(dq), *rows(dq, "--held")]]
    verbs = [*VERBS, *(("quarantine", "show", id) for id in ids)]
    for verb in verbs:
        for told in (dq(*verb), dq(*verb, "--json")):
            assert told.exit_code == 0, verb
            assert shop.CANARY not in told.output, verb
    # It is there: the rows were read.
    assert all(one["row"]["CustomerID"] == "***" for one in rows(dq, "--table", "silver/sales"))
    assert "***" in str(rows(dq, "--rule", "unreadable")[0]["raw"])


def test_cells_and_names_can_not_command_the_terminal(home: Path, dq: Dq) -> None:
    ids = [str(one["row_id"]) for one in rows(dq, "--table", "silver/sales")]
    shown = [dq("quarantine", "show", id).output for id in ids]
    for told in (*shown, *(dq(*verb).output for verb in VERBS), dq("deliveries", "list").output):
        assert "\x1b" not in told
        assert "\x07" not in told
    # Shown as it is, and not read as markup.
    assert any("[bold red]evil[/]\\x1b]0;owned\\x07\\x1b[2J" in told for told in shown)
    assert rows(dq, "--rule", "quantity.castable")[0]["row"]["Quantity"] == shop.HOSTILE


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["list", "retail", "--rule", "quantity.castble"], "Did you mean quantity.castable?"),
        (["list", "retail", "--table", "silver/sale"], "Did you mean silver/sales?"),
        (["list", "retial"], "Did you mean retail?"),
        (["list", "--delivery", "zzzz"], "dq deliveries list"),
        (["show", "zzzz:3"], "dq deliveries list"),
        (["show", "nonsense"], "delivery:line"),
        (["list", "--limit", "0"], "--limit"),
    ],
)
def test_wrong_use_is_told_with_what_would_be_right(
    home: Path, dq: Dq, arguments: list[str], hint: str
) -> None:
    result = dq("quarantine", *arguments)

    assert result.exit_code == 2
    assert hint in result.stderr
    assert result.stdout == ""


def test_a_row_that_is_not_in_quarantine(home: Path, dq: Dq) -> None:
    delivery = rows(dq, "--table", "silver/sales")[0]["delivery"]
    result = dq("quarantine", "show", f"{delivery}:2")

    assert result.exit_code == 2
    assert "not in quarantine" in result.stderr


def test_nothing_in_quarantine(empty_home: Path, dq: Dq) -> None:
    assert rows(dq) == []
    assert "no such rows" in dq("quarantine", "list", "retail").stdout


def test_the_hint_names_a_row_that_can_be_shown(home: Path, dq: Dq) -> None:
    told = dq("quarantine", "list", "retail").stdout
    row = told.partition("one in full: dq quarantine show ")[2].split()[0]
    assert dq("quarantine", "show", row).exit_code == 0
