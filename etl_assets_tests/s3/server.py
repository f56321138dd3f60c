"""A real S3 server on this machine: SeaweedFS, from PyPI."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

WEED = Path(sys.executable).parent / "weed"

KEY, SECRET = "etlkey", "etl-secret-6c1f"
READER, READER_SECRET = "readerkey", "reader-secret-77ab"
NOBODY, NOBODY_SECRET = "nobodykey", "nobody-secret-0d1e"


class Server:
    """SeaweedFS with a folder of its own; it may be stopped and started again on the same port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, *self._others = _free_ports(4)
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "data").mkdir(parents=True)
        (folder / "s3.json").write_text(json.dumps({"identities": [
            _identity("all", KEY, SECRET, ["Admin", "Read", "Write", "List", "Tagging"]),
            _identity("reader", READER, READER_SECRET, ["Read", "List"]),
            _identity("nobody", NOBODY, NOBODY_SECRET, ["Read:elsewhere"]),
        ]}))  # fmt: skip

    @staticmethod
    def is_installed() -> bool:
        return WEED.exists()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        master, volume, filer = self._others
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            [
                str(WEED), "server", "-ip=127.0.0.1", f"-dir={self.folder / 'data'}",
                f"-master.port={master}", f"-volume.port={volume}", "-filer", f"-filer.port={filer}",
                *(f"-{name}.port.grpc={_free_ports(1)[0]}" for name in ("master", "volume", "filer", "s3")),
                "-s3", f"-s3.port={self.port}", f"-s3.config={self.folder / 's3.json'}", "-s3.iam=false",
                "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false",
                "-master.volumeSizeLimitMB=64", "-volume.max=1000",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        log.close()
        self._wait()

    def stop(self) -> None:
        """End the process that this object started, by its id."""
        if self.process is None:
            return
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children(recursive=True):
                child.kill()
        self.process.kill()
        self.process.wait(30)
        self.process = None

    def environment(self, key: str = KEY, secret: str = SECRET) -> dict[str, str]:
        return {
            "ETL_STORAGE__ENDPOINT": self.endpoint,
            "ETL_STORAGE__REGION": "us-east-1",
            "ETL_STORAGE__ACCESS_KEY_ID": key,
            "ETL_STORAGE__SECRET_ACCESS_KEY": secret,
        }

    def client(self) -> Any:
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
            config=Config(
                connect_timeout=2,
                read_timeout=10,
                retries={"max_attempts": 1},
                s3={"addressing_style": "path"},
            ),
        )

    def _wait(self) -> None:
        """Ready is when a bucket can be made and an object is kept."""
        client, deadline = self.client(), time.monotonic() + 90
        while True:
            assert self.process is not None
            assert self.process.poll() is None, (self.folder / "log").read_text()[-2000:]
            try:
                if "probe" not in [one["Name"] for one in client.list_buckets()["Buckets"]]:
                    client.create_bucket(Bucket="probe")
                client.put_object(Bucket="probe", Key="probe", Body=b"1")
                return
            except (BotoCoreError, ClientError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)


def _identity(name: str, key: str, secret: str, actions: list[str]) -> dict[str, object]:
    return {"name": name, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions}


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
