from __future__ import annotations

from pathlib import Path

import pytest

from etl_assets.errors import ErrorKind
from etl_assets.ledger.circuit_records import Failed
from etl_assets.ledger.ledger import Ledger
from etl_assets.ledger.records import RunStatus
from etl_assets_tests.cli.conftest import Dq, data

SICK = Failed("staging", ErrorKind.TRANSIENT, "StagingUnreachableError", "it does not [bold]answer\x1b[2J")


@pytest.fixture
def ledger(own_home: Path) -> Ledger:
    return Ledger.open(f"sqlite:///{own_home}/ledger.db")


def fail(ledger: Ledger, times: int, failure: Failed = SICK) -> None:
    for _ in range(times):
        ledger.circuit_failed("retail", failure, 3, lambda _: 60.0)


def test_while_all_is_well(home: Path, dq: Dq) -> None:
    assert dq("circuits", "list").stdout.strip() == "no circuit has ever failed"


def test_what_is_sick_is_listed_with_errors_by_kind(ledger: Ledger, dq: Dq) -> None:
    fail(ledger, 3)
    result = dq("circuits", "list", "retail")
    assert result.exit_code == 0
    assert "StagingUnreachableError: it does not [bold]answer" in result.stdout
    assert "\x1b[2J" not in result.stdout

    told = data(dq("circuits", "list", "--json"))
    (circuit,), (count,) = told["circuits"], told["errors"]
    assert (circuit["state"], circuit["failures"], circuit["error_kind"]) == ("open", 3, "transient")
    assert circuit["since"]
    assert circuit["next_probe"] > circuit["since"]
    assert (count["origin"], count["error_kind"], count["count"]) == ("staging", "transient", 3)


def test_status_shows_it_and_a_monitor_is_told(ledger: Ledger, dq: Dq) -> None:
    fail(ledger, 2)
    assert data(dq("status", "retail", "--json"))[0]["circuits"] == []
    fail(ledger, 1)
    result = dq("status", "retail")
    assert "1 circuit not closed" in result.stdout
    assert "3 errors so far" in result.stdout
    bronze, *others = data(dq("status", "retail", "--json"))
    assert bronze["circuits"][0]["circuit"] == "staging"
    assert all(one["circuits"] == [] for one in others)
    assert dq("status", "retail", "--check").exit_code == 1


def test_reset_closes_it(ledger: Ledger, dq: Dq) -> None:
    fail(ledger, 3)
    assert data(dq("circuits", "reset", "retail", "--circuit", "lake", "--json"))["closed"] == []
    assert "closed: staging" in dq("circuits", "reset", "retail").stdout
    assert ledger.circuits() == []
    assert "nothing to close" in dq("circuits", "reset", "retail").stdout
    assert dq("circuits", "reset", "retial").exit_code == 2


def test_runs_tell_the_kind_of_their_error(ledger: Ledger, dq: Dq) -> None:
    ledger.start_run("77cc", "retail")
    ledger.finish_run("77cc", RunStatus.FAILED, error_class="LakeError", error="away", error_kind="resource")
    result = dq("runs", "list", "retail")
    assert "LakeError (resource)" in result.stdout
    assert "errors: 1 resource" in result.stdout
    assert data(dq("runs", "list", "--json"))["error_kinds"] == {"resource": 1}
    assert "resource" in dq("runs", "show", "77cc").stdout
