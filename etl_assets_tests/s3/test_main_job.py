"""`dq run retail` with staging and lake in buckets: as in folders, killed or cut off from its server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from etl_assets.object_storage import ObjectStorage, Place
from etl_assets.settings import AppSettings, load_settings
from etl_assets_tests.s3.server import NOBODY_SECRET, SECRET, Server

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DAYS = 20
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
GOLD = ("gold/daily_revenue", "gold/customer_rfm", "gold/product_performance")
TABLES = ("bronze/sales", "silver/sales", *GOLD, "quarantine/bronze_sales", "quarantine/silver_sales")
RETRY = "ETL_DATASETS__RETAIL__RETRY__"


def trading_days(count: int) -> list[date]:
    days = (date(2011, 1, 4) + timedelta(n) for n in range(1000))
    return [day for day in days if day.weekday() != 5][:count]


def day_file(day: date) -> bytes:
    """Sales, a cancellation, a repetition, a row that breaks rules and one that is none."""
    number = 540000 + day.toordinal() % 1000 * 10
    lines = [
        f"{number},2{n:04},THING {n},{n % 5 + 1},{day} 10:{n % 60:02}:00,{n % 9 + 1}.25,1{n % 7:04}.0,France"
        for n in range(60)
    ]
    lines.append(f"C{number + 1},20001,THING 1,-1,{day} 11:00:00,2.25,10001.0,France")
    lines += [lines[3], f"A{number},B,Adjust bad debt,1,{day} 14:50:00,-11.0,,United Kingdom", "cut,off"]
    return "\n".join([HEADER, *lines, ""]).encode()


@dataclass
class Home:
    """An installation: with everything in folders, or with staging and lake in a bucket."""

    path: Path
    server: Server | None = None
    place: Place | None = None
    # A run that was killed is tried again at once.
    retry: dict[str, str] = field(default_factory=lambda: {f"{RETRY}FIRST_DELAY_SECONDS": "0.01"})

    @property
    def environment(self) -> dict[str, str]:
        own = {"ETL_HOME": str(self.path), "ETL_CONFIG_DIR": str(ROOT / "config"), **self.retry}
        if self.server and self.place:
            own |= self.server.environment() | {
                "ETL_LAKE_URL": f"s3://{self.place.bucket}/lake",
                "ETL_DATASETS__RETAIL__STAGING": str(self.place),
            }
        return own

    @property
    def settings(self) -> AppSettings:
        return load_settings(ROOT / "config", self.environment)

    def deliver(self, days: list[date]) -> None:
        for day in days:
            if self.server and self.place:
                key = f"{self.place.prefix}/{day}.csv"
                self.server.client().put_object(Bucket=self.place.bucket, Key=key, Body=day_file(day))
            else:
                path = self.path / "staging" / "retail" / f"{day}.csv"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(day_file(day))
                os.utime(path, (1_700_000_000, 1_700_000_000))

    def start(self, *words: str) -> subprocess.Popen[str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("ETL_", "DAGSTER_", "AWS_"))}
        return subprocess.Popen(
            [Path(sys.executable).parent / "dq", *words],
            env=inherited | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def dq(self, *words: str, code: int | None = 0) -> str:
        process = self.start(*words)
        out, _ = process.communicate(timeout=300)
        assert code is None or process.returncode == code, out
        assert SECRET not in out
        return out

    def tables(self) -> dict[str, Counter[tuple[object, ...]]]:
        found = {}
        for name in TABLES:
            url = f"{self.settings.lake}/retail/{name}"
            options = self.storage.delta_options(self.place.bucket) if self.place else None
            frame = pl.scan_delta(url, storage_options=options).collect()
            found[name] = Counter(frame.select(sorted(frame.columns)).rows())
        return found

    @property
    def storage(self) -> ObjectStorage:
        return self.settings.object_storage

    def wait_for(self, table: str, process: subprocess.Popen[str]) -> None:
        """Wait until a table was committed once."""
        assert self.server is not None
        assert self.place is not None
        prefix, deadline = f"lake/retail/{table}/_delta_log/", time.monotonic() + 90
        while time.monotonic() < deadline and process.poll() is None:
            listed = self.server.client().list_objects_v2(Bucket=self.place.bucket, Prefix=prefix)
            if listed["KeyCount"] > 1:
                return
            time.sleep(0.02)
        raise AssertionError(f"{table} was not committed")


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Counter[tuple[object, ...]]]:
    """What the tables are when everything is in folders."""
    home = Home(tmp_path_factory.mktemp("local"))
    home.deliver(trading_days(DAYS))
    home.dq("run", "retail")
    return home.tables()


@pytest.fixture
def home(tmp_path: Path, server: Server, make_place: Callable[..., Place]) -> Iterator[Home]:
    home = Home(tmp_path / "home", server, make_place("drop/retail"))
    home.deliver(trading_days(DAYS))
    yield home
    if server.process is None:
        server.start()


def assert_all_is_there(home: Home, expected: dict[str, Counter[tuple[object, ...]]]) -> None:
    found = home.tables()
    for name in TABLES:
        assert found[name] == expected[name], name
    rows = {name: sum(found[name].values()) for name in TABLES}
    delivered = DAYS * 64
    assert rows["bronze/sales"] + rows["quarantine/bronze_sales"] == delivered
    # One repetition a day is a duplicate.
    assert rows["silver/sales"] + rows["quarantine/silver_sales"] + DAYS == rows["bronze/sales"]
    assert "nothing to do" in home.dq("run", "retail")


def test_the_same_tables_as_in_folders(home: Home, expected: dict[str, Counter[tuple[object, ...]]]) -> None:
    home.dq("run", "retail")

    assert_all_is_there(home, expected)
    assert not (home.path / "lake").exists()
    assert not (home.path / "staging").exists()
    shown = home.dq("config", "show") + home.dq("doctor", code=None)
    assert home.settings.lake in shown
    for file in home.path.rglob("*"):
        if file.is_file():
            assert SECRET.encode() not in file.read_bytes(), file


@pytest.mark.parametrize("table", ["bronze/sales", "gold/daily_revenue"])
def test_killed_and_run_again(
    home: Home, expected: dict[str, Counter[tuple[object, ...]]], table: str
) -> None:
    process = home.start("run", "retail")
    try:
        home.wait_for(table, process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()

    home.dq("run", "retail")

    assert_all_is_there(home, expected)


def test_the_server_is_stopped_in_the_middle_of_a_backlog_and_comes_back(
    home: Home, server: Server, expected: dict[str, Counter[tuple[object, ...]]]
) -> None:
    home.retry = {f"{RETRY}FIRST_DELAY_SECONDS": "15", f"{RETRY}FACTOR": "1"}
    process = home.start("run", "retail")
    home.wait_for("bronze/sales", process)
    server.stop()
    out, _ = process.communicate(timeout=300)

    assert process.returncode != 0, out
    assert "Traceback" not in out
    server.start()
    time.sleep(15)
    home.dq("run", "retail")
    assert_all_is_there(home, expected)


def test_wrong_credentials_stop_the_run_with_a_hint(home: Home) -> None:
    process = subprocess.run(
        [Path(sys.executable).parent / "dq", "run", "retail"],
        env={**os.environ, **home.environment, "ETL_STORAGE__SECRET_ACCESS_KEY": NOBODY_SECRET},
        capture_output=True,
        text=True,
        timeout=120,
    )

    said = process.stdout + process.stderr
    assert "does not accept the credentials" in " ".join(said.split())
    assert NOBODY_SECRET not in said
    assert "Traceback" not in said
