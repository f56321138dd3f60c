"""A real `dagster dev`: webserver, daemon and code server on loopback, ended with its whole process group."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 120.0

T = TypeVar("T")


@dataclass(frozen=True)
class LiveDagster:
    port: int
    home: Path
    log: Path
    environment: Mapping[str, str]

    def query(self, text: str, **variables: Any) -> dict[str, Any]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql",
            json.dumps({"query": text, "variables": variables}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:
            answer = json.load(response)
        assert "errors" not in answer, answer["errors"]
        data: dict[str, Any] = answer["data"]
        return data

    def materializations(self, *path: str, partition: str | None = None) -> list[dict[str, Any]]:
        data = self.query(
            """query($key: AssetKeyInput!, $partitions: [String!]) {
                 assetOrError(assetKey: $key) { ... on Asset {
                   assetMaterializations(partitions: $partitions, limit: 10) {
                     partition runId metadataEntries { label ... on IntMetadataEntry { intValue } }
                   } } } }""",
            key={"path": list(path)},
            partitions=[partition] if partition else None,
        )
        found: list[dict[str, Any]] = data["assetOrError"].get("assetMaterializations", [])
        return found

    def active_runs(self) -> list[str]:
        data = self.query(
            """{ runsOrError(filter: {statuses: [QUEUED, NOT_STARTED, STARTING, STARTED]}) {
                   ... on Runs { results { runId } } } }"""
        )
        return [run["runId"] for run in data["runsOrError"]["results"]]

    def wait_for(self, what: str, look: Callable[[], T | None]) -> T:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                found = look()
                if found:
                    return found
            time.sleep(0.5)
        tail = self.log.read_text(errors="replace")[-4000:]
        raise AssertionError(f"waited {PATIENCE_SECONDS:.0f} s for {what}; the log ends:\n{tail}")


@contextlib.contextmanager
def live_dagster(home: Path, settings: Mapping[str, str]) -> Iterator[LiveDagster]:
    dagster_home = home / "dagster"
    dagster_home.mkdir(parents=True)
    shutil.copy(ROOT / "dagster.yaml", dagster_home)
    scripts = Path(sys.executable).parent
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("ETL_", "DAGSTER_"))},
        "ETL_HOME": str(home),
        "DAGSTER_HOME": str(dagster_home),
        "PATH": f"{scripts}:{os.environ['PATH']}",
        **settings,
    }
    port = free_port()
    log = home / "dagster.log"
    command = [str(scripts / "dagster"), "dev", "-w", "workspace.yaml", "-h", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
    live = LiveDagster(port, home, log, environment)
    try:
        live.wait_for("the webserver", lambda: live.query("{ version }"))
        yield live
    finally:
        end(process)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def end(process: subprocess.Popen[bytes]) -> None:
    # Its children, the daemon and the code server, are in the same group.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(20)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(20)
