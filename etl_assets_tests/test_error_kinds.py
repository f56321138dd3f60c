"""The kinds of errors as libraries and the operating system really raise them."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import obstore
import polars as pl
import pytest
from botocore.exceptions import ClientError
from deltalake import DeltaTable
from sqlalchemy import create_engine, text

from etl_assets.connections import DatabaseError, DatabaseFault
from etl_assets.error_kinds import circuit_of, kind_of
from etl_assets.errors import (
    Circuit,
    ContractError,
    ErrorKind,
    EtlError,
    LeaseHeldError,
    LibraryPanicError,
    SettingsError,
    StagingUnreachableError,
)
from etl_assets.lake.places import LakeUnreachableError
from etl_assets.lake.probing import check_writable
from etl_assets.object_storage import ObjectStorage, Place

STORAGE = ObjectStorage(access_key_id="key", secret_access_key="secret", retries=0, retry_seconds=1)
NOBODY = "http://127.0.0.1:9"


def raised(work: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        work()
    return caught.value


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, ErrorKind.RESOURCE),
        (errno.EDQUOT, ErrorKind.RESOURCE),
        (errno.EMFILE, ErrorKind.RESOURCE),
        (errno.EACCES, ErrorKind.CONFIGURATION),
        (errno.EROFS, ErrorKind.CONFIGURATION),
        (errno.EIO, ErrorKind.TRANSIENT),
        (errno.ECONNRESET, ErrorKind.TRANSIENT),
        (errno.ENAMETOOLONG, ErrorKind.DATA),
    ],
)
def test_what_the_operating_system_says(number: int, kind: ErrorKind) -> None:
    assert kind_of(OSError(number, "said")) is kind


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (SettingsError("wrong"), ErrorKind.CONFIGURATION),
        (ContractError("wrong"), ErrorKind.BUG),
        (LeaseHeldError("held"), ErrorKind.TRANSIENT),
        (EtlError("it says so itself", kind=ErrorKind.DATA), ErrorKind.DATA),
        (DatabaseError(DatabaseFault.CREDENTIALS, "no", where={}, hint=""), ErrorKind.CONFIGURATION),
        (DatabaseError(DatabaseFault.TRANSIENT, "away", where={}, hint=""), ErrorKind.TRANSIENT),
        (MemoryError(), ErrorKind.RESOURCE),
        (LibraryPanicError("gave up"), ErrorKind.DATA),
        (TimeoutError("no answer"), ErrorKind.TRANSIENT),
        (KeyError("a mistake of ours"), ErrorKind.BUG),
        (ClientError({"Error": {"Code": "ExpiredToken"}}, "ListObjectsV2"), ErrorKind.CONFIGURATION),
        (ClientError({"Error": {"Code": "SlowDown"}}, "ListObjectsV2"), ErrorKind.TRANSIENT),
    ],
)
def test_errors_of_ours_and_of_python(error: Exception, kind: ErrorKind) -> None:
    assert kind_of(error) is kind


def cope(rows: pl.Series) -> pl.Series:
    raise ValueError(f"can't cope with {rows[0]}")


FRAME = pl.LazyFrame({"day": ["2024-01-01", "tomorrow"]})


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (FRAME.with_columns(pl.col("day").cast(pl.Date)), ErrorKind.DATA),
        (FRAME.with_columns(pl.col("day").map_batches(cope, return_dtype=pl.String)), ErrorKind.DATA),
        (FRAME.select("month"), ErrorKind.BUG),
    ],
)
def test_polars(frame: pl.LazyFrame, kind: ErrorKind) -> None:
    assert kind_of(raised(frame.collect)) is kind


def test_a_disk_that_is_full_concerns_the_whole_lake() -> None:
    # A device of the kernel's that has no room, ever.
    error = raised(lambda: FRAME.sink_parquet("/dev/full"))
    assert (kind_of(error), circuit_of(error)) == (ErrorKind.RESOURCE, Circuit.LAKE)


def test_a_log_that_is_damaged_is_for_a_person(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_delta(tmp_path)
    (log,) = (tmp_path / "_delta_log").glob("*.json")
    log.write_text('{"no": "log"}')
    assert kind_of(raised(lambda: DeltaTable(tmp_path))) is ErrorKind.CONFIGURATION


def test_a_ledger_on_a_full_disk_or_without_permission(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/l.db")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (x)"))
        connection.execute(text("PRAGMA max_page_count = 3"))
        fill = text("INSERT INTO t VALUES (zeroblob(100000))")
        full = raised(lambda: connection.execute(fill))
    engine.dispose()
    reader = sqlite3.connect(f"file:{tmp_path}/l.db?mode=ro", uri=True)
    refused = raised(lambda: reader.execute("DELETE FROM t"))
    reader.close()
    assert "full" in str(full)
    assert (kind_of(full), kind_of(refused)) == (ErrorKind.RESOURCE, ErrorKind.CONFIGURATION)


# -- object storage ---------------------------------------------------------------------------


class Plain(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_error(500)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def plain_port() -> Iterator[int]:
    """A server that speaks HTTP without TLS, and fails."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Plain)
    Thread(target=lambda: server.serve_forever(0.01), daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def all_clients(storage: ObjectStorage) -> list[BaseException]:
    """What each of the clients that we use says of the same trouble."""
    reached = {"storage_options": storage.polars_options("bucket"), "credential_provider": None}
    scan = pl.scan_parquet("s3://bucket/a.parquet", **reached)  # type: ignore[arg-type]
    return [
        raised(lambda: list(obstore.list(storage.store(Place("bucket"))))),
        raised(scan.collect),
        raised(lambda: storage.client().list_objects_v2(Bucket="bucket")),
    ]


@pytest.mark.slow
def test_a_server_that_is_away_may_come_back() -> None:
    errors = all_clients(replace(STORAGE, endpoint=NOBODY))
    assert [kind_of(one) for one in errors] == [ErrorKind.TRANSIENT] * 3


@pytest.mark.slow
def test_a_server_without_tls_is_for_a_person(plain_port: int) -> None:
    storage = replace(STORAGE, endpoint=f"https://127.0.0.1:{plain_port}")
    obstore_error, polars_error, boto_error = all_clients(storage)
    assert kind_of(obstore_error) is kind_of(boto_error) is ErrorKind.CONFIGURATION
    # Polars raises a ConnectionError of Python's, of which the lake says what it is.
    from etl_assets.lake.places import BucketPath, storage_error

    told = storage_error(polars_error, BucketPath(Place("bucket"), storage), "read")
    assert isinstance(told, LakeUnreachableError)
    assert told.kind is ErrorKind.CONFIGURATION
    assert "no trusted TLS connection" in told.what
    assert "speaks TLS" in told.hint


def test_one_object_on_which_the_server_fails_makes_no_bucket_sick(plain_port: int, tmp_path: Path) -> None:
    from etl_assets.staging.bucket import StagingBucket

    def fetch(endpoint: str) -> BaseException:
        area = StagingBucket(Place("bucket"), replace(STORAGE, endpoint=endpoint))
        return raised(lambda: area.fetch("a.csv", "1-a", tmp_path))

    failing, away = fetch(f"http://127.0.0.1:{plain_port}"), fetch(NOBODY)
    assert not isinstance(failing, StagingUnreachableError)
    assert isinstance(away, StagingUnreachableError)


# -- the lake's probe -------------------------------------------------------------------------


def test_a_lake_that_can_be_written_to_is_left_as_it_was(tmp_path: Path) -> None:
    check_writable(tmp_path / "lake" / "not made yet")
    assert list(tmp_path.iterdir()) == []


def test_a_lake_on_a_disk_that_can_only_be_read() -> None:
    # The kernel's own: nobody may write there, root included.
    with pytest.raises(LakeUnreachableError, match="can't be written to") as caught:
        check_writable(Path("/sys"))
    assert caught.value.kind is ErrorKind.CONFIGURATION
    assert "permissions" in caught.value.hint


def test_a_lake_on_a_disk_without_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl_assets.lake.probing.SPARE_BYTES", 1 << 60)
    with pytest.raises(LakeUnreachableError, match="The disk is full") as caught:
        check_writable(tmp_path)
    assert caught.value.kind is ErrorKind.RESOURCE
