"""A staging area in a bucket, against a real server."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from etl_assets import object_storage
from etl_assets.errors import ErrorKind, StagingError, StagingUnreachableError
from etl_assets.object_storage import ObjectStorage, Place
from etl_assets.staging.area import ChangedError, KeyRange, ProblemKind, VanishedError
from etl_assets.staging.bucket import StagingBucket
from etl_assets_tests.s3.server import KEY, NOBODY, NOBODY_SECRET, SECRET, Server

pytestmark = pytest.mark.slow

MakePlace = Callable[..., Place]


@pytest.fixture
def place(make_place: MakePlace) -> Place:
    return make_place()


@pytest.fixture
def area(place: Place, storage: ObjectStorage) -> StagingBucket:
    return StagingBucket(place, storage)


@pytest.fixture
def put(server: Server, place: Place) -> Callable[[str, bytes], None]:
    client = server.client()
    return lambda key, data: client.put_object(Bucket=place.bucket, Key=f"{place.prefix}/{key}", Body=data)


def test_without_keys_of_its_own_the_usual_chain_is_asked(
    server: Server,
    place: Place,
    put: Callable[[str, bytes], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    put("a.csv", b"1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    object_storage._session_credentials.cache_clear()
    area = StagingBucket(place, ObjectStorage(endpoint=server.endpoint))

    listing = area.list()

    assert [one.key for one in listing.objects] == ["a.csv"], listing.problems
    fetched = area.fetch("a.csv", listing.objects[0].fingerprint, tmp_path)
    assert fetched.local_path("a.csv").read_bytes() == b"1"
    object_storage._session_credentials.cache_clear()


def test_a_listing_shows_each_object_below_the_prefix(
    area: StagingBucket, put: Callable[[str, bytes], None], server: Server
) -> None:
    odd = ["a b/2024 ü.csv", "100%.csv", "x#y?z.csv", "plus+plus.csv", " blank.csv", "日本.csv"]
    for key in ["orders/2024-03-01.csv", *odd]:
        put(key, key.encode())
    server.client().put_object(Bucket=area.place.bucket, Key="in/tinyother.csv", Body=b"not ours")
    server.client().put_object(Bucket=area.place.bucket, Key="in/tiny/orders/", Body=b"")

    listing = area.list()

    assert [one.key for one in listing.objects] == sorted(["orders/2024-03-01.csv", *odd])
    assert listing.problems == ()
    assert listing.whole
    for one in listing.objects:
        assert one.size == len(one.key.encode())
        assert abs(datetime.fromtimestamp(one.modified_ns / 1e9, UTC) - datetime.now(UTC)) < timedelta(
            minutes=5
        )
    assert listing.time is not None
    assert abs(listing.time - datetime.now(UTC)) < timedelta(seconds=10)


def test_an_object_is_fetched_as_it_was_listed(
    area: StagingBucket, put: Callable[[str, bytes], None], tmp_path: Path
) -> None:
    data = bytes(range(256)) * 20_000
    put("a b/ü.csv", data)
    (staged,) = area.list().objects

    folder = area.fetch(staged.key, staged.fingerprint, tmp_path, sha256=sha256(data).hexdigest())

    assert folder.local_path(staged.key).read_bytes() == data
    assert folder.stat(staged.key) == staged
    with folder.open(staged.key) as stream:
        assert stream.read(4) == data[:4]


def test_what_was_overwritten_or_deleted_meanwhile_is_not_read(
    area: StagingBucket, put: Callable[[str, bytes], None], server: Server, tmp_path: Path
) -> None:
    put("changed.csv", b"one")
    put("gone.csv", b"one")
    changed, gone = area.list().objects
    put("changed.csv", b"two")
    server.client().delete_object(Bucket=area.place.bucket, Key="in/tiny/gone.csv")

    with pytest.raises(ChangedError):
        area.fetch(changed.key, changed.fingerprint, tmp_path)
    with pytest.raises(VanishedError):
        area.fetch(gone.key, gone.fingerprint, tmp_path)
    assert list(tmp_path.iterdir()) == []
    (again,) = area.list().objects
    assert again.fingerprint != changed.fingerprint
    with pytest.raises(ChangedError, match="not the one that was registered"):
        area.fetch(again.key, again.fingerprint, tmp_path, sha256=sha256(b"one").hexdigest())
    assert list(tmp_path.iterdir()) == []


def test_the_same_bytes_again_are_no_change(area: StagingBucket, put: Callable[[str, bytes], None]) -> None:
    put("same.csv", b"one")
    before = area.list().objects
    put("same.csv", b"one")

    assert [one.fingerprint for one in area.list().objects] == [one.fingerprint for one in before]


def test_a_slice_and_what_is_expected(area: StagingBucket, put: Callable[[str, bytes], None]) -> None:
    keys = [f"orders/2024-03-{day:02}.csv" for day in range(1, 21)]
    for key in [*keys, "shops.csv", "shops-2.csv", "shop.csv", "zebra.csv"]:
        put(key, b"x")

    first = area.list(limit=5, also=[KeyRange("orders/", "orders/2024-03-19"), KeyRange("shops")])
    assert first.covers == ("", keys[4])
    assert [one.key for one in first.objects] == [*keys[:5], *keys[18:], "shops-2.csv", "shops.csv"]
    assert not first.whole

    seen, after = [], ""
    for _ in range(10):
        part = area.list(after=after, limit=7)
        seen += [one.key for one in part.objects]
        if part.covers is None or part.covers[1] is None:
            break
        after = part.covers[1]
    assert seen == sorted([*keys, "shops.csv", "shops-2.csv", "shop.csv", "zebra.csv"])


@pytest.mark.parametrize(
    ("change", "kind", "told"),
    [
        ({"access_key_id": "nonsense"}, ProblemKind.NO_PERMISSION, "does not accept the credentials"),
        ({"secret_access_key": "wr0ng-secret"}, ProblemKind.NO_PERMISSION, "does not accept the credentials"),
        (
            {"access_key_id": NOBODY, "secret_access_key": NOBODY_SECRET},
            ProblemKind.NO_PERMISSION,
            "no permission to list",
        ),
    ],
)
def test_refused_access_is_told_with_what_to_do(
    area: StagingBucket,
    put: Callable[[str, bytes], None],
    tmp_path: Path,
    change: dict[str, str],
    kind: ProblemKind,
    told: str,
) -> None:
    put("a.csv", b"one")
    (staged,) = area.list().objects
    refused = StagingBucket(area.place, replace(area.storage, **change))

    (problem,) = refused.list().problems
    with pytest.raises(StagingError) as raised:
        refused.fetch(staged.key, staged.fingerprint, tmp_path)

    assert problem.kind is kind
    assert told in problem.message
    assert area.place.bucket in problem.message
    assert raised.value.where["key"] == "in/tiny/a.csv"
    assert raised.value.hint
    assert problem.error_kind is raised.value.kind is ErrorKind.CONFIGURATION
    for text in (problem.message, str(raised.value), repr(refused.storage)):
        assert SECRET not in text
        assert "wr0ng-secret" not in text
        assert NOBODY_SECRET not in text


def test_a_bucket_that_is_not_there(storage: ObjectStorage) -> None:
    (problem,) = StagingBucket(Place("no-such-bucket", "in"), storage).list().problems

    assert problem.kind is ProblemKind.NO_AREA
    assert "There is no bucket no-such-bucket" in problem.message


def test_a_server_that_is_not_there_may_come_back(storage: ObjectStorage, tmp_path: Path) -> None:
    deaf = replace(storage, endpoint="http://127.0.0.1:9", retries=0)
    area = StagingBucket(Place("bucket"), deaf)

    listing = area.list()
    with pytest.raises(Exception, match="does not answer") as raised:
        area.fetch("a.csv", "1-a", tmp_path)

    assert [one.kind for one in listing.problems] == [ProblemKind.FAILED]
    assert "It is tried again" in listing.problems[0].message
    assert isinstance(raised.value, StagingUnreachableError)
    assert raised.value.kind is listing.problems[0].error_kind is ErrorKind.TRANSIENT


class OddNames(BaseHTTPRequestHandler):
    """Lists a few keys, as S3 does, among them one that SeaweedFS would not keep as it is."""

    keys = ("in/a.csv", "in/b//odd.csv", "in/b/", "in/c.csv")

    def do_GET(self) -> None:
        after = parse_qs(urlsplit(self.path).query).get("start-after", [""])[0]
        contents = "".join(
            f"<Contents><Key>{key}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>"
            "<ETag>&quot;abc&quot;</ETag><Size>3</Size></Contents>"
            for key in self.keys
            if key > after
        )
        body = f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


def test_one_odd_name_keeps_no_other_object_from_being_listed() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), OddNames) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        storage = ObjectStorage(endpoint=endpoint, access_key_id="key", secret_access_key="secret")
        listing = StagingBucket(Place("drop", "in"), storage).list()
        server.shutdown()

    assert [one.key for one in listing.objects] == ["a.csv", "c.csv"]
    assert [(one.key, one.kind) for one in listing.problems] == [("b//odd.csv", ProblemKind.ODD_NAME)]
