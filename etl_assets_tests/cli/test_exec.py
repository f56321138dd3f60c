"""`dq exec`: Dagster's commands as the settings say."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


def dq(home: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ETL_", "DAGSTER_", "POLARS_"))}
    return subprocess.run(
        [Path(sys.executable).parent / "dq", *words],
        cwd=ROOT,
        env=kept | {"ETL_HOME": str(home)} | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_a_command_gets_home_secrets_and_its_share_of_the_cores(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "DAGSTER_PG_URL").write_text("postgresql://u:p@h/d\n")

    done = dq(
        tmp_path,
        *("exec", "env"),
        ETL_SECRETS_DIR=str(secrets),
        ETL_CONCURRENCY__POLARS_THREADS="3",
        ETL_CONCURRENCY__MAX_RUNS="7",
    )

    told = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    assert told["DAGSTER_HOME"] == str(tmp_path / "dagster")
    assert told["DAGSTER_PG_URL"] == "postgresql+psycopg2://u:p@h/d"
    assert told["POLARS_MAX_THREADS"] == "3"
    written = yaml.safe_load((tmp_path / "dagster" / "dagster.yaml").read_text())
    assert written["concurrency"]["runs"]["max_concurrent_runs"] == 7


def test_its_words_and_its_exit_code_are_the_commands_own(tmp_path: Path) -> None:
    done = dq(tmp_path, "exec", "python", "-c", "import sys; print(sys.argv); sys.exit(7)", "--help", "-x")

    assert done.returncode == 7
    assert done.stdout.strip() == "['-c', '--help', '-x']"


def test_a_port_in_use_is_told_with_whose_it_is_and_what_to_do(tmp_path: Path, listener: int) -> None:
    done = dq(tmp_path, "exec", "--listen", f"127.0.0.1:{listener}", "env")

    assert done.returncode == 2
    assert f"Port {listener} of 127.0.0.1 is in use by process {os.getpid()}" in done.stderr
    assert f"make ui PORT={listener + 1}" in done.stderr
    assert "POLARS" not in done.stdout


@pytest.mark.parametrize("address", ["3000", "127.0.0.1:", "127.0.0.1:99999", "203.0.113.7:3000"])
def test_an_address_that_is_none_is_told(tmp_path: Path, address: str) -> None:
    done = dq(tmp_path, "exec", "--listen", address, "env")

    assert done.returncode == 2
    assert "hint:" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_command_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = dq(tmp_path, "exec", "no-such-command")
    assert done.returncode == 2
    assert "no-such-command can't be run" in done.stderr


def test_a_home_that_may_not_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = dq(tmp_path / "var", "exec", "env", DAGSTER_HOME=str(tmp_path / "file"))

    assert done.returncode == 2
    assert "Dagster's settings can't be written" in done.stderr


def test_a_file_of_somebody_elses_is_left_and_doctor_says_so(tmp_path: Path) -> None:
    home = tmp_path / "dagster"
    home.mkdir()
    (home / "dagster.yaml").write_text("concurrency: {runs: {max_concurrent_runs: 25}}\n")

    done = dq(tmp_path, "exec", "true")
    told = dq(tmp_path, "doctor").stdout

    assert done.returncode == 0
    assert "left as it is" in done.stderr
    assert "max_concurrent_runs is 25, concurrency wants 2" in " ".join(told.split())


def test_make_ui_with_a_busy_port_says_what_to_do(tmp_path: Path, listener: int) -> None:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ETL_", "DAGSTER_", "MAKE"))}
    recipe = subprocess.run(
        ["make", "--just-print", "ui", f"PORT={listener}"],
        cwd=ROOT, env=kept | {"ETL_HOME": str(tmp_path)}, capture_output=True, text=True, check=True,
    ).stdout.splitlines()[-1]  # fmt: skip
    words = recipe.split()
    assert words[0].endswith("dq")

    done = dq(tmp_path, *words[1:])

    assert done.returncode == 2
    assert "is in use" in done.stderr
