"""Three ways to install the same project: everything embedded, PostgreSQL, PostgreSQL and S3."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest
import yaml
from deltalake import DeltaTable

from etl_assets.settings import AppSettings, load_settings
from etl_assets_tests.s3.server import KEY, SECRET, Server

ROOT = Path(__file__).parents[2]

NAMES = ("embedded", "postgresql", "production")
"""embedded: all state in a folder. postgresql: ledger and Dagster there, the lake in a folder.
production: also staging and lake in buckets, with config/dagster.production.yaml as it is."""


@dataclass(frozen=True)
class SetUp:
    """An installation of retail, as its settings describe it."""

    home: Path
    own: Mapping[str, str] = field(default_factory=dict)
    server: Server | None = None
    bucket: str = ""

    @property
    def environment(self) -> dict[str, str]:
        """All variables of its processes."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ETL_", "DAGSTER_", "AWS_"))}
        return kept | {"ETL_HOME": str(self.home), "ETL_CONFIG_DIR": str(ROOT / "config")} | dict(self.own)

    @property
    def settings(self) -> AppSettings:
        return load_settings(
            ROOT / "config", {k: v for k, v in self.environment.items() if k.startswith("ETL_")}
        )

    def dq(self, *words: str) -> subprocess.CompletedProcess[str]:
        dq = Path(sys.executable).parent / "dq"
        return subprocess.run([dq, *words], env=self.environment, capture_output=True, text=True, timeout=500)

    def deliver(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Put files into the staging area, as whoever delivers them does."""
        client = self.server.client() if self.server else None
        folder = self.home / "staging" / "retail"
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files:
            if client:
                client.put_object(Bucket=self.bucket, Key=f"staging/{name}", Body=data)
                continue
            (folder / name).write_bytes(data)
            os.utime(folder / name, (1_700_000_000, 1_700_000_000))

    def delivered(self, name: str) -> bytes:
        """A file as it lies in the staging area."""
        if self.server:
            found = self.server.client().get_object(Bucket=self.bucket, Key=f"staging/{name}")
            return bytes(found["Body"].read())
        return (self.home / "staging" / "retail" / name).read_bytes()

    def table(self, path: str) -> pl.DataFrame:
        """A table of retail as any reader of Delta sees it, such as silver/sales."""
        return pl.scan_delta(f"{self.settings.lake}/retail/{path}", storage_options=self._options).collect()

    def files(self, path: str) -> list[str]:
        """The files of a table."""
        return DeltaTable(f"{self.settings.lake}/retail/{path}", storage_options=self._options).file_uris()

    @property
    def _options(self) -> dict[str, str] | None:
        return dict(self.settings.object_storage.delta_options(self.bucket)) if self.server else None


def set_up(name: str, home: Path, request: pytest.FixtureRequest) -> SetUp:
    """Install one of `NAMES` in a new folder; the servers that it needs are those of all tests."""
    if name == "embedded":
        return SetUp(home)
    make_database: Callable[[], str] = request.getfixturevalue("make_database")
    url = make_database()
    own = {"ETL_LEDGER_URL": url, "DAGSTER_PG_URL": url, "DAGSTER_HOME": str(home / "dagster")}
    if name == "postgresql":
        _write_instance_without_buckets(home / "dagster")
        return SetUp(home, own)
    server: Server = request.getfixturevalue("server")
    return SetUp(home, own | in_buckets(server, bucket := new_bucket(server)), server, bucket)


def new_bucket(server: Server) -> str:
    bucket = f"etl-{uuid.uuid4().hex[:12]}"
    server.client().create_bucket(Bucket=bucket)
    return bucket


def in_buckets(server: Server, bucket: str) -> dict[str, str]:
    """The variables with which staging, lake and what steps print are in a bucket."""
    own = {
        "ETL_ENVIRONMENT": "production",
        "ETL_LAKE_URL": f"s3://{bucket}/lake",
        "ETL_DATASETS__RETAIL__STAGING": f"s3://{bucket}/staging",
        "DAGSTER_LOGS_BUCKET": bucket,
        "DAGSTER_LOGS_PREFIX": "logs",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_ENDPOINT_URL_S3": server.endpoint,
    }
    return own | server.environment()


def _write_instance_without_buckets(dagster_home: Path) -> None:
    template = yaml.safe_load((ROOT / "config" / "dagster.production.yaml").read_text(encoding="utf-8"))
    del template["compute_logs"]
    dagster_home.mkdir(parents=True)
    (dagster_home / "dagster.yaml").write_text(yaml.safe_dump(template), encoding="utf-8")
