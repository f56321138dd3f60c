from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from etl_assets.ledger.ledger import Ledger
from etl_assets_tests.end_to_end.deaf import deaf_server
from etl_assets_tests.end_to_end.live_dagster import ROOT, LiveDagster, live_dagster

pytestmark = pytest.mark.slow

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveDagster]:
    """Two datasets; the staging area of one, flights, never answers."""
    home = tmp_path_factory.mktemp("home")
    (home / "staging" / "retail").mkdir(parents=True)
    with deaf_server() as deaf:
        settings = {
            "ETL_DATASETS__RETAIL__SCHEDULE__SENSOR_SECONDS": "5",
            "ETL_DATASETS__FLIGHTS__STAGING": "s3://drop/flights",
            "ETL_DATASETS__FLIGHTS__CIRCUIT__FAILURES": "1",
            "ETL_DATASETS__FLIGHTS__CIRCUIT__FIRST_PROBE_SECONDS": "600",
            "ETL_STORAGE__ENDPOINT": deaf,
            "ETL_STORAGE__ACCESS_KEY_ID": "key",
            "ETL_STORAGE__SECRET_ACCESS_KEY": "canary-word",
        }
        with live_dagster(home, settings) as running:
            yield running


def deliver(live: LiveDagster, day: str, *lines: str) -> None:
    target = live.home / "staging" / "retail" / f"{day}.csv"
    unfinished = live.home / f"{day}.part"
    unfinished.write_text(HEADER + "".join(f"{line}\n" for line in lines))
    os.utime(unfinished, (unfinished.stat().st_mtime - 60,) * 2)
    unfinished.replace(target)


def line(invoice: str, quantity: int, price: str, day: str) -> str:
    return f"{invoice},85123A,T-LIGHT HOLDER,{quantity},{day} 08:26:00,{price},17850.0,United Kingdom"


def rows_in(materialization: dict[str, object]) -> int:
    entries = materialization["metadataEntries"]
    assert isinstance(entries, list)
    return next(entry["intValue"] for entry in entries if entry["label"] == "rows_in")


def test_a_dropped_file_reaches_gold_without_a_hand(live: LiveDagster) -> None:
    deliver(live, "2010-12-01", line("536365", 6, "2.55", "2010-12-01"))

    gold = live.wait_for(
        "gold of the dropped day",
        lambda: live.materializations("retail", "gold", "daily_revenue", partition="2010-12-01"),
    )

    silver = live.materializations("retail", "silver", "sales", partition="2010-12-01")
    assert rows_in(silver[0]) == 1
    assert rows_in(gold[0]) == 1


def test_a_changed_file_opens_its_day_again_and_no_other(live: LiveDagster) -> None:
    deliver(live, "2010-12-02", line("536366", 1, "1.85", "2010-12-02"))
    live.wait_for(
        "the second day",
        lambda: live.materializations("retail", "gold", "daily_revenue", partition="2010-12-02"),
    )
    first_day = live.materializations("retail", "silver", "sales", partition="2010-12-01")

    deliver(
        live,
        "2010-12-02",
        line("536366", 1, "1.85", "2010-12-02"),
        line("536367", 2, "2.10", "2010-12-02"),
    )

    def rebuilt() -> bool:
        found = live.materializations("retail", "silver", "sales", partition="2010-12-02")
        return rows_in(found[0]) == 2

    live.wait_for("the changed day", rebuilt)
    assert live.materializations("retail", "silver", "sales", partition="2010-12-01") == first_day


def test_dq_run_and_the_sensors_run_on_one_day_end_in_the_same_tables(live: LiveDagster) -> None:
    day = "2010-12-03"
    lines = [line(f"5364{n:02}", n, "1.25", day) for n in range(1, 60)]
    deliver(live, day, *lines, lines[7], line("536499", 0, "1.25", day))
    command = [str(Path(sys.executable).parent / "dq"), "run", "retail"]
    by_hand = [
        subprocess.Popen(
            command, cwd=ROOT, env=live.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for process in by_hand:
        _, said = process.communicate(timeout=240)
        assert process.returncode == 0, said.decode()
    live.wait_for("no run under way", lambda: not live.active_runs())

    silver = pl.read_delta(str(live.home / "lake/retail/silver/sales")).filter(_period=day)
    refused = pl.read_delta(str(live.home / "lake/retail/quarantine/silver_sales")).filter(_period=day)
    gold = pl.read_delta(str(live.home / "lake/retail/gold/daily_revenue")).filter(_period=day)

    assert (silver.height, silver["_row_id"].n_unique(), refused.height) == (59, 59, 1)
    assert gold["gross"].to_list() == [Decimal("1.25") * sum(range(1, 60))]


def test_the_ui_shows_what_it_needs(live: LiveDagster) -> None:
    data = live.query(
        """{ assetNodes(assetKeys: [{path: ["retail", "silver", "sales"]}]) {
               description groupName kinds assetChecksOrError { ... on AssetChecks { checks { name } } } }
             sensorsOrError(repositorySelector:
               {repositoryName: "__repository__", repositoryLocationName: "etl_assets"}) {
               ... on Sensors { results { name sensorState { status } } } } }"""
    )

    node = data["assetNodes"][0]
    assert node["description"].startswith("One invoice line")
    assert {check["name"] for check in node["assetChecksOrError"]["checks"]} >= {"gate", "row_reconciliation"}
    statuses = {one["name"]: one["sensorState"]["status"] for one in data["sensorsOrError"]["results"]}
    assert statuses["retail_deliveries"] == "RUNNING"


def test_a_source_that_hangs_stops_itself_and_no_other(live: LiveDagster) -> None:
    def told() -> str | None:
        data = live.query(
            """{ sensorOrError(sensorSelector: {sensorName: "flights_deliveries",
                   repositoryName: "__repository__", repositoryLocationName: "etl_assets"}) {
                 ... on Sensor { sensorState {
                   ticks(limit: 20) { status skipReason error { message } } } } } }"""
        )
        ticks = data["sensorOrError"]["sensorState"]["ticks"]
        assert not [one["error"] for one in ticks if one["error"]], "a tick was killed"
        found = [one["skipReason"] or "" for one in ticks]
        return next((one for one in found if "the circuit of the staging area is open" in one), None)

    reason = live.wait_for("flights' circuit", told)
    assert "transient" in reason
    assert "no answer within 15 s" in reason
    assert "probed again at" in reason
    assert "canary" not in reason

    deliver(live, "2010-12-05", line("536900", 6, "2.55", "2010-12-05"))
    live.wait_for(
        "gold of the other dataset",
        lambda: live.materializations("retail", "gold", "daily_revenue", partition="2010-12-05"),
    )
    with Ledger.open(f"sqlite:///{live.home}/ledger.db") as ledger:
        (sick,) = ledger.circuits()
    assert (sick.dataset, sick.circuit, sick.error_kind) == ("flights", "staging", "transient")
    assert not sick.is_closed


def test_nothing_listens_beyond_loopback(live: LiveDagster) -> None:
    listening = [
        fields[1].split(":")[0]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        if Path(table).exists()
        for fields in (row.split() for row in Path(table).read_text().splitlines()[1:])
        if fields[3] == "0A" and int(fields[1].split(":")[1], 16) == live.port
    ]

    assert listening == ["0100007F"]
