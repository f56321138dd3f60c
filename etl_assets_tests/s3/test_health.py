"""Staging and lake in buckets that refuse, or whose server goes and comes: ticks, runs and `dq doctor`."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from pydantic import SecretStr

from etl_assets.cli import connection_checks
from etl_assets.cli.findings import Finding
from etl_assets.object_storage import ObjectStorage, Place
from etl_assets.orchestration import assets
from etl_assets.settings import StorageSettings
from etl_assets_tests.end_to_end.deaf import deaf_server
from etl_assets_tests.orchestration.fixtures import MakeHouse
from etl_assets_tests.orchestration.house import House
from etl_assets_tests.orchestration.later import Later
from etl_assets_tests.orchestration.shop import BRONZE, DAILY, day_of_orders
from etl_assets_tests.s3.relay import Relay
from etl_assets_tests.s3.server import KEY, NOBODY, NOBODY_SECRET, READER, READER_SECRET, SECRET, Server

pytestmark = pytest.mark.slow

DAY = "2024-01-01"
SOURCES = {"orders": {"pattern": "{period:%Y-%m-%d}.csv", "settle_seconds": 0}}
SECRETS = (SECRET, READER_SECRET, NOBODY_SECRET)


def storage_as(endpoint: str, key: str = KEY, secret: str = SECRET) -> StorageSettings:
    return StorageSettings(
        endpoint=endpoint,
        region="us-east-1",
        access_key_id=SecretStr(key),
        secret_access_key=SecretStr(secret),
    )


class Buckets:
    """A house whose staging area, and lake if wanted, are in a bucket."""

    def __init__(self, house: House, server: Server, place: Place, *, lake: bool = True) -> None:
        self.house, self.server, self.place, self.lake = house, server, place, lake
        self.use(KEY, SECRET)

    def use(self, key: str, secret: str, endpoint: str = "", *, max_attempts: int = 5) -> Later:
        """Go on as somebody else, or elsewhere."""
        self.house.set(
            staging=str(self.place),
            circuit={"failures": 1},
            sources=SOURCES,
            retry={"max_attempts": max_attempts},
        )
        changes = {"storage": storage_as(endpoint or self.server.endpoint, key, secret)}
        lake = {"lake_url": f"s3://{self.place.bucket}/lake"} if self.lake else {}
        self.house.settings = self.house.settings.model_copy(update=changes | lake)
        return Later(self.house)

    def deliver(self, day: str = DAY) -> None:
        self.server.client().put_object(
            Bucket=self.place.bucket, Key=f"{self.place.prefix}/{day}.csv", Body=day_of_orders(day)
        )


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assets, "FIRST_RETRY_SECONDS", 0.001)
    # What lasts longer than a moment is away, in these tests.
    real = StorageSettings.object_storage.fget  # type: ignore[attr-defined]
    quick = property(lambda self: replace(real(self), retries=1, retry_seconds=1))
    monkeypatch.setattr(StorageSettings, "object_storage", quick)


@pytest.fixture
def buckets(
    make_house: MakeHouse, server: Server, make_place: Callable[..., Place]
) -> Callable[..., Buckets]:
    def make(**options: bool) -> Buckets:
        return Buckets(make_house(), server, make_place("drop"), **options)

    return make


# -- refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "secret", "told"),
    [
        (KEY, "wrong-secret-9", "does not accept the credentials (SignatureDoesNotMatch)"),
        ("no-such-key", SECRET, "does not accept the credentials (InvalidAccessKeyId)"),
        (NOBODY, NOBODY_SECRET, "There is no permission to list in the bucket"),
    ],
)
def test_who_is_refused_opens_the_circuit_at_once_and_mended_it_goes_on(
    buckets: Callable[..., Buckets], key: str, secret: str, told: str
) -> None:
    home = buckets(lake=False)
    home.deliver()
    reason = home.use(key, secret).skipped()
    assert told in reason
    assert "the circuit of the staging area is open" in reason
    assert "configuration" in reason
    assert not any(one in reason for one in (*SECRETS, "wrong-secret-9"))

    assert home.use(KEY, SECRET).tick(60).run_requests


def test_a_bucket_that_is_not_there_is_told(buckets: Callable[..., Buckets]) -> None:
    home = buckets(lake=False)
    home.place = Place("no-such-bucket", "drop")
    assert "There is no bucket no-such-bucket" in home.use(KEY, SECRET).skipped()


def test_a_lake_that_may_not_be_written_to_stops_runs_until_it_may(buckets: Callable[..., Buckets]) -> None:
    home = buckets()
    home.deliver()
    later = home.use(READER, READER_SECRET)
    (request,) = later.tick().run_requests or []
    assert not home.house.execute(request).success
    failed = home.house.latest(BRONZE, DAY)
    assert (failed.error_kind, failed.circuit) == ("configuration", "lake")
    assert "There is no permission to read and write in the bucket" in failed.error
    assert "the circuit of the lake is open" in later.skipped()

    later.skipped(60)  # the probe may not write either
    (request,) = home.use(KEY, SECRET).tick(600).run_requests or []
    assert home.house.execute(request).success
    assert all(one.is_closed for one in home.house.ledger.circuits())


# -- away -------------------------------------------------------------------------------------


@pytest.fixture
def relay(server: Server) -> Iterator[Relay]:
    found = Relay(server.port)
    yield found
    found.cut()


def test_a_server_that_goes_and_comes_back_costs_no_delivery_a_try(
    buckets: Callable[..., Buckets], relay: Relay
) -> None:
    home = buckets()
    home.deliver()
    later = home.use(KEY, SECRET, relay.endpoint, max_attempts=1)
    (request,) = later.tick().run_requests or []
    relay.cut()

    assert not home.house.execute(request).success
    reasons = [later.skipped(1) for _ in range(3)]
    assert "the circuit of the" in reasons[-1]
    assert "does not answer as it should" in reasons[-1]
    assert home.house.latest(BRONZE, DAY).error_kind == "transient"

    relay.mend()
    for _ in range(4):
        # Without a person: the probes find it well, and one run shows it.
        if asked := later.tick(300).run_requests:
            assert home.house.execute(asked[0]).success
    assert all(one.is_closed for one in home.house.ledger.circuits())
    assert home.house.materialized(DAILY) == {DAY}


def test_a_tick_ends_in_time_though_the_server_never_answers(
    buckets: Callable[..., Buckets], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl_assets.pipeline.looking.LISTING_SECONDS", 1.0)
    home = buckets(lake=False)
    with deaf_server() as deaf:
        later = home.use(KEY, SECRET, deaf)
        begun = time.monotonic()
        later.skipped()
        told = later.skipped(1)
        assert time.monotonic() - begun < 20
    assert "no answer within 1 s" in told


# -- dq doctor --------------------------------------------------------------------------------


def found(look: Iterator[Finding]) -> list[tuple[str, str, str]]:
    return [(one.state.value, one.message, one.hint) for one in look]


def test_doctor_tells_what_may_be_done_and_what_not(buckets: Callable[..., Buckets]) -> None:
    home = buckets()
    settings = home.house.settings
    ((good, told, _),) = found(connection_checks.lake(settings))
    assert good == "ok"
    assert told == f"s3://{home.place.bucket}/lake can be written to; of two writers one is refused"
    assert "Contents" not in home.server.client().list_objects_v2(Bucket=home.place.bucket), "it left nothing"

    home.use(READER, READER_SECRET)
    ((state, told, _),) = found(connection_checks.staging_areas(home.house.settings))
    assert state == "ok"
    ((state, told, hint),) = found(connection_checks.lake(home.house.settings))
    assert state == "wrong"
    assert "There is no permission to write in the bucket" in told
    assert "Let the process's role or user write below" in hint

    home.use(NOBODY, NOBODY_SECRET)
    ((state, told, _),) = found(connection_checks.staging_areas(home.house.settings))
    assert state == "wrong"
    assert "There is no permission to list in the bucket" in told
    assert not any(one in told + hint for one in SECRETS)


def test_doctor_waits_no_longer_than_it_says(
    buckets: Callable[..., Buckets], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_checks, "PATIENCE_SECONDS", 0.5)
    home = buckets()
    with deaf_server() as deaf:
        home.use(KEY, SECRET, deaf)
        answers = [
            *found(connection_checks.staging_areas(home.house.settings)),
            *found(connection_checks.lake(home.house.settings)),
        ]
    assert [state for state, _, _ in answers] == ["wrong", "wrong"]
    assert all("no answer within" in told and "Is the server up" in hint for _, told, hint in answers)


@pytest.mark.parametrize(
    ("seconds", "state", "told"),
    [
        (0, "ok", "this machine and the object storage agree"),
        (60, "warning", "s behind that of the object storage"),
        (-60, "warning", "s ahead of that of the object storage"),
        (-3600, "wrong", "s ahead of that of the object storage"),
    ],
)
def test_doctor_compares_clocks(seconds: float, state: str, told: str) -> None:
    class Clock(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(403)
            at = datetime.now(UTC).timestamp() + seconds
            self.send_header("Date", email.utils.formatdate(at, usegmt=True))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Clock)
    Thread(target=lambda: server.serve_forever(0.01), daemon=True).start()
    try:
        storage = ObjectStorage(endpoint=f"http://127.0.0.1:{server.server_address[1]}")
        ((found_state, message, hint),) = found(connection_checks._storage_clock(storage))
    finally:
        server.shutdown()
        server.server_close()
    assert found_state == state
    assert told in message
    assert bool(hint) == (state != "ok")
    if hint:
        assert "NTP" in hint
