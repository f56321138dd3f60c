from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from etl_assets.cli.decision_options import conditions
from etl_assets.cli.problems import WrongUseError, without_cells
from etl_assets.contracts.row_filter import Condition, Operator
from etl_assets_tests.cli import shop
from etl_assets_tests.cli.conftest import Dq, data

WHY = ("--why", "asked the shop", "--who", "anna")


def refused(dq: Dq, *options: str) -> list[dict[str, Any]]:
    return list(data(dq("quarantine", "list", "retail", "--json", *options))["rows"])


def row(dq: Dq, line: int, *options: str) -> str:
    return next(str(one["row_id"]) for one in refused(dq, *options) if one["line"] == line)


def test_a_row_is_corrected_waived_discarded_and_all_is_undone(own_home: Path, dq: Dq) -> None:
    before = refused(dq)
    corrected = data(dq("quarantine", "correct", row(dq, 44), "--set", "Quantity=3", *WHY, "--json"))[
        "decisions"
    ][0]
    assert (corrected["id"], corrected["values"], corrected["rows"]) == (1, {"Quantity": "3"}, 1)
    told = dq("quarantine", "discard", "retail", "-t", "bronze/sales", "-r", "unreadable", *WHY)
    assert "decision 2: discard for 1 row of 1 delivery" in told.stdout
    assert "dq quarantine replay retail" in told.stdout

    shop.build(own_home)
    left = {one["line"]: one["decisions"] for one in refused(dq)}
    assert left == {32: [2], 43: []}
    audited = data(dq("audit", "retail", "--json"))["decisions"]
    assert [(one["id"], one["who"], one["state"], one["rows"]) for one in audited] == [
        (2, "anna", "in force", 1),
        (1, "anna", "in force", 1),
    ]

    assert dq("quarantine", "undo", "1", "2", *WHY).exit_code == 0
    shop.build(own_home)
    assert refused(dq) == before
    assert "undone" in dq("audit").stdout


def test_a_gate_is_opened_and_a_delivery_rejected(own_home: Path, dq: Dq) -> None:
    assert dq("gate", "open", "retail", "silver/sales", shop.HELD, *WHY).exit_code == 0
    pipeline = shop.build(own_home)
    published = pipeline.ledger.published_validations("retail")["silver", "sales", shop.HELD]
    assert (published.accepted, published.quarantined) == (5, 5)

    delivery = next(one.id for one in pipeline.ledger.deliveries("retail") if one.period == shop.RAGGED)
    told = dq("gate", "reject", delivery[:8], *WHY)
    assert f"reject delivery {delivery}" in told.stdout
    for verb in (("list", "retail"), ("show", delivery)):
        assert "rejected by anna (decision 2)" in " ".join(dq("deliveries", *verb).stdout.split())
    pipeline = shop.build(own_home)
    emptied = pipeline.ledger.published_validations("retail")["silver", "sales", shop.RAGGED]
    assert emptied.rows_in == 0


def test_a_second_opinion_is_told_of_the_first(own_home: Path, dq: Dq) -> None:
    dq("quarantine", "correct", row(dq, 44), "--set", "Quantity=3", *WHY)
    late = dq("quarantine", "correct", row(dq, 44), "--set", "Quantity=4", "--why", "no", "--who", "ben")
    assert late.exit_code == 2
    assert "anna has decided on it" in late.stderr
    assert "--supersedes 1" in late.stderr


def test_a_dry_run_decides_nothing(own_home: Path, dq: Dq) -> None:
    told = dq("quarantine", "correct", row(dq, 44), "--set", "Quantity=3", *WHY, "--dry-run")
    assert told.stdout.startswith("would be decided: correct Quantity=3 for row ")
    assert "nobody decided anything yet" in dq("audit", "retail").stdout


def test_a_correction_that_does_not_help_is_told_wherever_one_looks(own_home: Path, dq: Dq) -> None:
    id = row(dq, 44)
    secret = "99887"
    new = ("--set", "Quantity=six", "--set", f"CustomerID={secret}.0")
    assert dq("quarantine", "correct", id, *new, *WHY).exit_code == 0
    assert "to replay" in dq("quarantine", "show", id).stdout
    replayed = dq("quarantine", "replay", "retail")
    shown = dq("quarantine", "show", id)
    told = [replayed, shown, dq("quarantine", "list", "retail"), dq("audit", "retail")]
    texts = [" ".join(one.stdout.split()) for one in told]
    assert "decision 1: the row is still refused by silver/sales: quantity.castable" in texts[0]
    assert f"dq quarantine show {id}" in texts[0]
    assert "corrected, and still refused: quantity.castable" in texts[1]
    assert "Quantity 0, corrected to six" in texts[1]
    assert "CustomerID ***, corrected to ***" in texts[1]
    assert "quantity.castable (still refused after decision 1)" in texts[2]
    assert "still refused by silver/sales: quantity.castable" in texts[3]
    machines = [
        dq("quarantine", "replay", "retail", "--json"),
        dq("audit", "retail", "--json"),
        dq("quarantine", "show", id, "--json"),
    ]
    refusal = data(machines[0])["still_refused"][0]
    assert (refusal["decision"], refusal["row_id"], refusal["reasons"]) == (1, id, ["quantity.castable"])
    assert data(machines[1])["decisions"][0]["still_refused"] == refusal
    assert data(machines[2])[0]["corrected"] == {"Quantity": "six", "CustomerID": "***"}
    assert not any(secret in one.output for one in (*told, *machines))


def test_undoing_says_which_decision_holds_again(own_home: Path, dq: Dq) -> None:
    id = row(dq, 44)
    dq("quarantine", "correct", id, "--set", "Quantity=3", *WHY)
    dq("quarantine", "correct", id, "--set", "Quantity=4", *WHY, "--supersedes", "1")
    tried = dq("quarantine", "undo", "2", *WHY, "--dry-run").stdout
    assert f"decision 1 would hold again: correct Quantity=3 for row {id}" in tried
    assert (
        f"decision 1 holds again: correct Quantity=3 for row {id}"
        in dq("quarantine", "undo", "2", *WHY).stdout
    )
    back = data(dq("quarantine", "undo", "3", *WHY, "--json"))
    assert [[one["id"] for one in back[key]] for key in ("hold_again", "hold_no_more")] == [[2], [1]]
    assert "again" not in dq("quarantine", "undo", "1", *WHY).stdout


def test_of_a_row_that_was_accepted_its_decisions_are_told(own_home: Path, dq: Dq) -> None:
    id = row(dq, 44)
    dq("quarantine", "correct", id, "--set", "Quantity=3", "--set", "CustomerID=99887.0", *WHY)
    shop.build(own_home)
    gone = dq("quarantine", "show", id)
    assert gone.exit_code == 2
    assert "Decision 1 of anna holds on it: correct CustomerID=***, Quantity=3" in gone.stderr
    assert "99887" not in gone.output
    never = dq("quarantine", "show", id.replace(":44", ":5"))
    assert "It was accepted, declared a duplicate" in never.stderr


def test_personal_values_are_masked_wherever_a_decision_is_shown(own_home: Path, dq: Dq) -> None:
    secret = "99887"
    where = f"CustomerID = {shop.CANARY}.0"
    id = row(dq, 44)
    shown = [
        dq("quarantine", "correct", id, "--set", f"CustomerID={secret}.0", "--set", "Quantity=2", *WHY),
        dq("quarantine", "discard", "retail", "-t", "silver/sales", "--where", where, *WHY, "--json"),
        dq("audit", "retail"),
        dq("audit", "retail", "--json"),
    ]
    assert all(one.exit_code == 0 for one in shown)
    text = "".join(one.stdout + one.stderr for one in shown)
    assert "CustomerID=***" in text
    assert secret not in text
    assert shop.CANARY not in text
    shop.build(own_home)
    for file in own_home.rglob("*.log"):
        assert secret not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("quarantine", "correct", "zzz:1", "--set", "Quantity=1", *WHY), "no such delivery"),
        (("quarantine", "correct", "retail", "--set", "Quantity=1", *WHY), "Say the table"),
        (("quarantine", "undo", "99", *WHY), "There is no decision 99"),
        (("gate", "open", "retail", "silver/sales", shop.GOOD, *WHY), "The gate is not closed"),
        (("gate", "open", "retail", "silver/nothing", shop.GOOD, *WHY), "no table silver/nothing"),
        (
            ("quarantine", "discard", "retail", "-t", "silver/sales", "--where", "Quantity", *WHY),
            "can't be understood",
        ),
        (
            ("quarantine", "discard", "retail", "-t", "silver/sales", "--until", "soon", *WHY),
            "soon is no date",
        ),
    ],
)
def test_what_makes_no_sense_is_told_and_ends_with_2(
    home: Path, dq: Dq, arguments: tuple[str, ...], told: str
) -> None:
    result = dq(*arguments)
    assert result.exit_code == 2
    assert told in result.stderr


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("Country = U.K.", Condition("Country", Operator.EQUALS, ("U.K.",))),
        ("Country=", Condition("Country", Operator.EQUALS, ("",))),
        ("the amount != =1+1", Condition("the amount", Operator.DIFFERS, ("=1+1",))),
        ("name is not null", Condition("name", Operator.IS_NOT_NULL)),
        ("name is  null ", Condition("name", Operator.IS_NULL)),
        ("name starts with  a b", Condition("name", Operator.STARTS_WITH, (" a b",))),
        ("name contains is null", Condition("name", Operator.CONTAINS, ("is null",))),
    ],
)
def test_conditions_are_read_as_they_are_typed(text: str, condition: Condition) -> None:
    assert conditions([text]) == (condition,)


@pytest.mark.parametrize("text", ["", "name", "name > 3", "1; drop table decisions"])
def test_nothing_else_is_a_condition(text: str) -> None:
    with pytest.raises(WrongUseError):
        conditions([text])


def test_what_was_typed_for_a_cell_is_in_no_log_of_a_breakdown() -> None:
    typed = ["quarantine", "correct", "a:1", "--set", "CustomerID=48151", "--where=Name = Eve", "--why", "x"]
    assert without_cells(typed) == [*typed[:4], "***", "--where=***", "--why", "x"]
