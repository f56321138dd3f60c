from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from etl_assets_tests.cli import shop
from etl_assets_tests.cli.conftest import Dq


def dq(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `dq` as a user does: a process of its own."""
    values = {name: value for name, value in os.environ.items() if not name.startswith(("ETL_", "DAGSTER"))}
    config = str(shop.PROJECT / "config")
    values |= {
        "ETL_HOME": str(home),
        "ETL_CONFIG_DIR": config,
        "PYTHONPATH": str(shop.PROJECT),
        **environment,
    }
    return subprocess.run(
        [sys.executable, "-m", "etl_assets.cli.main", *arguments],
        env=values,
        cwd=home.parent,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def test_help_is_there_without_loading_anything(tmp_path: Path) -> None:
    result = dq(tmp_path / "home", "--help")

    assert result.returncode == 0
    assert "dq run retail" in result.stdout
    assert loaded_by(tmp_path, "['--help']") == []


def test_status_does_without_dagster(filled: Path) -> None:
    assert loaded_by(filled, "['status', 'retail', '--json']", "dagster") == []
    assert loaded_by(filled, "['deliveries', 'list']", "dagster", "polars", "pandera") == []


def loaded_by(home: Path, arguments: str, *watched: str) -> list[str]:
    modules = watched or ("dagster", "pandera", "polars", "pydantic", "sqlalchemy")
    code = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from etl_assets.cli.main import app\n"
        f"result = CliRunner().invoke(app, {arguments})\n"
        "assert result.exit_code == 0, result.output\n"
        f"print([name for name in {modules!r} if name in sys.modules])"
    )
    values = os.environ | {"ETL_HOME": str(home), "PYTHONPATH": str(shop.PROJECT)}
    values["ETL_CONFIG_DIR"] = str(shop.PROJECT / "config")
    told = subprocess.run(
        [sys.executable, "-c", code], env=values, capture_output=True, text=True, timeout=120, check=False
    )
    assert told.returncode == 0, told.stderr
    return list(eval(told.stdout.strip().splitlines()[-1]))


@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "nope"),
        ("run",),
        ("run", "nope"),
        ("nope",),
        ("status", "--nope"),
        ("deliveries", "show", "nope"),
        ("runs", "list", "--status", "nope"),
        ("retail", "split", "nope.csv"),
    ],
)
def test_wrong_use_is_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    result = dq(tmp_path / "home", *arguments)

    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr
    assert "Traceback" not in result.stderr


def test_wrong_settings_are_2(tmp_path: Path) -> None:
    result = dq(tmp_path / "home", "status", ETL_LOG__LEVEL="loud")

    assert result.returncode == 2
    assert "ETL_LOG__LEVEL" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_ledger_that_can_not_be_read_is_3(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "ledger.db").write_bytes(b"no database" * 1000)
    result = dq(home, "status", "--json")

    assert (result.returncode, result.stdout) == (3, "")
    assert "ledger" in result.stderr
    assert "hint" in result.stderr
    assert "Traceback" not in result.stderr


def test_nobody_reads_any_more(filled: Path) -> None:
    code = f"{sys.executable} -m etl_assets.cli.main quarantine list retail --held | true"
    values = os.environ | {"ETL_HOME": str(filled), "PYTHONPATH": str(shop.PROJECT)}
    values["ETL_CONFIG_DIR"] = str(shop.PROJECT / "config")
    told = subprocess.run(
        ["sh", "-c", code], env=values, capture_output=True, text=True, timeout=60, check=False
    )

    assert "Traceback" not in told.stderr
    assert "Exception" not in told.stderr


def test_what_nobody_expected_is_one_line_and_a_log(
    own_home: Path, dq: Dq, monkeypatch: pytest.MonkeyPatch
) -> None:
    from etl_assets.cli import context

    # Put together, since a traceback quotes the code.
    secret = "-".join(["canary", "secret"])

    def broken(*_: object) -> None:
        raise ConnectionError(f"postgresql://etl:{secret}@db refused\nsecond line")

    monkeypatch.setattr(context, "open_pipelines", broken)
    result = dq("status")
    log = (own_home / "logs" / "dq.log").read_text(encoding="utf-8")

    assert result.exit_code == 3
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1
    assert "ConnectionError: postgresql://etl:" in result.stderr
    assert str(own_home / "logs" / "dq.log") in result.stderr
    assert "in broken" in log
    assert secret not in result.stderr + log


@pytest.mark.parametrize(
    ("name", "fail"),
    [
        ("InvalidOperationError", lambda: pl.Series([shop.CANARY]).str.to_date("%Y", strict=True)),
        ("ValueError", lambda: int(shop.CANARY + "x")),
    ],
)
def test_messages_that_may_quote_rows_are_left_out(
    own_home: Path, dq: Dq, monkeypatch: pytest.MonkeyPatch, name: str, fail: Callable[[], object]
) -> None:
    from etl_assets.cli import context

    def broken(*_: object) -> None:
        fail()

    monkeypatch.setattr(context, "open_pipelines", broken)
    result = dq("status")

    assert result.exit_code == 3
    assert name in result.stderr
    assert shop.CANARY not in result.stderr + (own_home / "logs" / "dq.log").read_text(encoding="utf-8")


# -- dq run ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_run_from_delivery_to_gold_and_again_and_with_a_broken_file(tmp_path: Path) -> None:
    home = tmp_path / "home"
    staging = home / "staging" / "retail"
    for day in ("2010-12-01", "2010-12-02"):
        shop.deliver(staging, f"{day}.csv", shop.lines(day, 20))

    first = dq(home, "run", "retail", "--json")
    assert first.returncode == 0, first.stderr
    done = json.loads(first.stdout)
    assert [one["success"] for one in done["runs"]] == [True]
    assert {one["rows_in"] for one in done["tables"] if one["layer"] != "gold"} == {40}

    again = dq(home, "run", "retail")
    assert again.returncode == 0
    assert "nothing to do" in again.stdout
    assert "product_performance" in again.stdout

    shop.deliver(staging, "2010-12-03.csv", shop.lines("2010-12-03", 20), header="A,B")
    broken = dq(home, "run", "retail", "--json")
    assert broken.returncode == 1, broken.stderr
    bronze = json.loads(broken.stdout)["tables"][0]
    assert (bronze["gates_closed"], bronze["partitions"]) == (1, 2)
    assert dq(home, "run", "retail").returncode == 1

    runs = json.loads(dq(home, "runs", "list", "--json").stdout)
    assert {one["id"] for one in done["runs"]} <= {one["id"] for one in runs["runs"]}
    assert runs["counts"]["completed"] == 1
    assert "Traceback" not in first.stderr + again.stderr + broken.stderr
