from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from etl_assets.ledger.processes import this_host
from etl_assets.ledger.records import ProcessIdentity, RunStatus
from etl_assets_tests.cli import shop
from etl_assets_tests.cli.conftest import Dq, data


def test_runs_with_status_times_and_rows(own_home: Path, dq: Dq) -> None:
    ledger = shop.pipeline_of(own_home).ledger
    ledger.start_run("11aa", "retail")
    ledger.finish_run("11aa", RunStatus.COMPLETED, rows=84)
    ledger.start_run("22bb", "retail")
    ledger.finish_run("22bb", RunStatus.FAILED, error_class="LakeError", error="[red]disk is full\x1b[2J")
    found = data(dq("runs", "list", "retail", "--json"))
    by_id = {one["id"]: one for one in found["runs"]}

    assert by_id["11aa"]["rows"] == 84
    assert datetime.fromisoformat(by_id["11aa"]["started_at"]).utcoffset() == timedelta(0)
    assert by_id["11aa"]["duration_seconds"] >= 0
    assert (by_id["22bb"]["status"], by_id["22bb"]["error_class"]) == ("failed", "LakeError")
    assert (found["counts"]["completed"], found["counts"]["failed"]) == (1, 1)
    assert [one["id"] for one in data(dq("runs", "list", "--status", "failed", "--json"))["runs"]] == ["22bb"]
    shown = dq("runs", "show", "22").stdout
    assert "[red]disk is full\\x1b[2J" in shown


def test_a_run_whose_process_is_gone_is_unfinished(own_home: Path, dq: Dq) -> None:
    ledger = shop.pipeline_of(own_home).ledger
    ledger.start_run("dead", "retail", ProcessIdentity(this_host(), 1, 1.0))
    ledger.start_run("alive", "retail")
    found = {one["id"]: one for one in data(dq("runs", "list", "--json"))["runs"]}

    assert (found["dead"]["status"], found["alive"]["status"]) == ("unfinished", "running")
    only = data(dq("runs", "list", "--status", "unfinished", "--json"))["runs"]
    assert [one["id"] for one in only] == ["dead"]


def test_show_adds_up_what_a_run_did_to_each_table(home: Path, dq: Dq) -> None:
    tables: dict[str, dict[str, int]] = {}
    for run in data(dq("runs", "list", "--json"))["runs"]:
        for one in data(dq("runs", "show", run["id"], "--json"))["tables"]:
            sums = tables.setdefault(one["table"], {"published": 0, "held": 0, "rows_in": 0})
            for key in sums:
                sums[key] += one[key]

    assert tables["bronze/sales"] == {"published": 3, "held": 1, "rows_in": 84}
    assert tables["silver/sales"] == {"published": 2, "held": 1, "rows_in": 73}


def test_unknown_runs(own_home: Path, dq: Dq) -> None:
    shop.pipeline_of(own_home).ledger.start_run("run-2", "retail")
    result = dq("runs", "show", "nope")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "dq runs list" in result.stderr
    assert dq("runs", "show", "run-").exit_code == 2  # more than one
