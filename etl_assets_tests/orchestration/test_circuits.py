"""A sick staging area or lake, as Dagster's sensor and runs meet it."""

from __future__ import annotations

import errno
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from etl_assets.errors import Circuit, ErrorKind, StagingUnreachableError
from etl_assets.ledger.circuit_records import CircuitStanding
from etl_assets.orchestration import assets, circuits
from etl_assets.orchestration import pipelines as opening
from etl_assets.pipeline import looking, quiet
from etl_assets.pipeline.pending import Pending
from etl_assets.staging.area import StagingFolder
from etl_assets_tests.orchestration.fixtures import MakeHouse
from etl_assets_tests.orchestration.house import House
from etl_assets_tests.orchestration.later import Later
from etl_assets_tests.orchestration.shop import BRONZE, DAILY, day_of_orders

DAY, NEXT = "2024-01-01", "2024-01-02"


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "FIRST_RETRY_SECONDS", 0.001)


@pytest.fixture
def later(house: House) -> Later:
    # Somebody's folder: one of our own would be made anew.
    house.set(staging=str(house.staging))
    house.drop(f"{DAY}.csv", day_of_orders(DAY))
    return Later(house)


def circuit(house: House, which: Circuit = Circuit.STAGING) -> CircuitStanding:
    (found,) = [one for one in house.ledger.circuits() if one.circuit == which]
    return found


def sick_area(house: House, kind: ErrorKind = ErrorKind.TRANSIENT) -> type[StagingFolder]:
    """A staging area that lists, but can't be read from."""

    class Sick(StagingFolder):
        def fetch(self, *_: object, **__: object) -> StagingFolder:
            raise StagingUnreachableError("The object storage does not answer as it should", kind=kind)

    return Sick


# -- the staging area -------------------------------------------------------------------------


def test_a_folder_that_is_gone_stops_runs_says_so_and_work_goes_on_when_it_is_back(
    house: House, later: Later
) -> None:
    away = house.staging.with_name("away")
    house.staging.rename(away)

    told = later.skipped()
    assert "the circuit of the staging area is open since 20" in told
    assert "(configuration, no_area: the staging folder does not exist)" in told
    assert "probed again at 20" in told
    opened = circuit(house)

    away.rename(house.staging)
    assert "the staging folder does not exist" in later.skipped(1), "not asked again before its time"
    result = later.tick(40)
    assert result.run_requests, "no person was needed"
    assert circuit(house).is_closed
    assert house.execute(result.run_requests[0]).success
    assert house.rows(DAILY).height == 1
    assert opened.opened_at is not None


def test_opening_and_closing_are_seen_in_dagster(house: House, later: Later) -> None:
    away = house.staging.with_name("away")
    house.staging.rename(away)
    (opened,) = later.tick().asset_events
    assert isinstance(opened, dg.AssetObservation)
    assert opened.asset_key.path == ["shop", "bronze", "orders"]
    told = {name: one.value for name, one in opened.metadata.items()}
    # Anything else Dagster refuses, but only between code server and daemon.
    assert {type(one) for one in told.values()} == {str, int}
    assert (told["circuit"], told["circuit_state"], told["error_kind"]) == (
        "staging",
        "open",
        "configuration",
    )
    assert later.tick(1).asset_events == []
    away.rename(house.staging)
    (closed,) = later.tick(40).asset_events
    assert isinstance(closed, dg.AssetObservation)
    assert closed.metadata["circuit_state"].value == "closed"


def test_probes_come_ever_later(house: House, later: Later) -> None:
    shutil.rmtree(house.staging)
    later.skipped()
    waits = []
    for probe in range(7):
        at = circuit(house).probe_at
        assert at is not None
        waits.append((at - later.start).total_seconds() - later.seconds)
        later.skipped(waits[-1])
        assert circuit(house).probes == probe + 1
    assert waits[:4] == sorted(waits[:4])
    assert all(480 <= wait <= 600 for wait in waits[5:])


def test_a_listing_that_hangs_is_given_up_and_opens_the_circuit(
    house: House, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "LISTING_SECONDS", 0.05)
    monkeypatch.setattr(quiet, "LISTING_SECONDS", 0.05)
    release = threading.Event()

    class Hanging(StagingFolder):
        def list(self, **_: object) -> Any:
            release.wait(60)
            return super().list()

    later.changes["area"] = Hanging(house.staging)
    for _ in range(2):
        later.skipped()
    told = later.skipped()
    release.set()
    assert "(transient, failed: it gives no answer within 0 s)" in told
    assert circuit(house).failures == 3


# -- runs -------------------------------------------------------------------------------------


def run_with(
    house: House, monkeypatch: pytest.MonkeyPatch, area: StagingFolder, request: dg.RunRequest
) -> Any:
    """A run whose staging area is another one, as the daemon would start it."""
    with monkeypatch.context() as patch:
        patch.setattr(opening, "open_area", lambda *_: area)
        return house.execute(request)


def test_an_outage_does_not_count_as_a_try_of_the_delivery(
    make_house: MakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = make_house(retry={"max_attempts": 1}, circuit={"failures": 3})
    house.drop(f"{DAY}.csv", day_of_orders(DAY))
    later = Later(house)
    sick = sick_area(house)(house.staging)
    for _ in range(3):
        (request,) = later.tick().run_requests or []
        result = run_with(house, monkeypatch, sick, request)
        assert not result.success
        later.seconds += 1

    latest = house.latest(BRONZE, DAY)
    assert (latest.error_kind, latest.circuit) == ("transient", "staging")
    assert "the circuit of the staging area is open" in later.skipped()

    # It lists again; one run has to show that it can be read, then the rest goes on.
    (request,) = later.tick(60).run_requests or []
    assert circuit(house).state == "half_open"
    assert house.execute(request).success
    assert circuit(house).is_closed
    assert house.rows(DAILY).height == 1
    assert Pending.of(house.pipeline).troubles() == []


def test_only_one_run_tries_what_was_sick(make_house: MakeHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    house = make_house(schedule={"max_periods_per_run": 1}, circuit={"failures": 1})
    for day in (DAY, NEXT):
        house.drop(f"{day}.csv", day_of_orders(day))
    later = Later(house)
    first, _ = later.tick().run_requests or []
    run_with(house, monkeypatch, sick_area(house)(house.staging), first)
    assert "is open" in later.skipped(1)
    assert len(later.tick(60).run_requests or []) == 1
    assert "a probe is under way" in later.skipped(1)


def test_the_kind_of_an_error_is_in_its_failure_its_runs_tags_and_the_ledger(
    house: House, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    (request,) = later.tick().run_requests or []
    refused = sick_area(house, ErrorKind.CONFIGURATION)(house.staging)
    result = run_with(house, monkeypatch, refused, request)

    (failed,) = [event for event in result.all_events if event.is_step_failure]
    told = failed.step_failure_data.user_failure_data.metadata
    assert {name: one.value for name, one in told.items()} == {
        "error_kind": "configuration",
        "error_class": "StagingUnreachableError",
        "circuit": "staging",
        "what_now": "somebody has to set it right; it is tried now and then until somebody has",
    }
    with house.instance() as instance:
        run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags["etl/error_kind"] == "configuration"
    assert house.ledger.run(result.run_id).error_kind == "configuration"
    counted = [(one.origin, one.error_kind, one.count) for one in house.ledger.error_counts()]
    assert counted == [("staging", "configuration", 1)]


def test_what_is_for_a_person_is_not_tried_again_within_the_run(
    house: House, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    (request,) = later.tick().run_requests or []
    tries = []

    def refused(*_: object, **__: object) -> None:
        tries.append(1)
        raise PermissionError(errno.EACCES, "no permission")

    monkeypatch.setattr(assets, "run_hop", refused)
    assert not house.execute(request).success
    assert len(tries) == 1


# -- the lake ---------------------------------------------------------------------------------


def test_a_disk_without_room_stops_runs_until_there_is_some(
    house: House, later: Later, monkeypatch: pytest.MonkeyPatch
) -> None:
    (request,) = later.tick().run_requests or []
    full = failing_commit(OSError(errno.ENOSPC, "No space left on device"))
    with monkeypatch.context() as patch:
        patch.setattr("etl_assets.lake.tables.LakeTable.commit", full)
        assert not house.execute(request).success
    found = circuit(house, Circuit.LAKE)
    assert (found.state, found.error_kind, found.error_class) == ("open", "resource", "LakeUnreachableError")
    assert "The disk is full" in later.skipped()

    with monkeypatch.context() as patch:
        patch.setattr("etl_assets.lake.probing.SPARE_BYTES", 1 << 60)
        assert "The disk is full" in later.skipped(60), "the probe finds no room"
    (request,) = later.tick(120).run_requests or []
    assert house.execute(request).success
    assert circuit(house, Circuit.LAKE).is_closed
    assert house.rows(DAILY).height == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of its own with next to no room; needs the right to mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no right to mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.slow
def test_a_real_disk_that_is_full(house: House, later: Later, small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"0" * (256 * 1024 - 28_672))
    house.settings = house.settings.model_copy(update={"lake_url": str(small_disk / "lake")})

    (request,) = later.tick().run_requests or []
    assert not house.execute(request).success
    found = circuit(house, Circuit.LAKE)
    assert (found.state, found.error_kind) == ("open", "resource")
    assert "The disk is full" in found.error
    assert "The disk is full" in later.skipped()

    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    (request,) = later.tick(60).run_requests or []
    assert house.execute(request).success
    assert all(one.is_closed for one in house.ledger.circuits())
    assert house.materialized(DAILY) == {DAY}


def failing_commit(error: Exception) -> Callable[..., int]:
    def commit(*_: object, **__: object) -> int:
        raise error

    return commit


def test_a_lake_that_hangs_is_given_up(house: House, later: Later, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(circuits, "LAKE_SECONDS", 0.05)
    monkeypatch.setattr(circuits, "check_reachable", lambda _: release.wait(60))
    for _ in range(3):
        later.tick()
    told = later.skipped()
    release.set()
    assert "the circuit of the lake is open" in told
    assert "no answer within 0 s" in told
