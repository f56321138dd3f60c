"""What compose.yaml describes, started without an engine: the same commands, files, variables and secrets.

Only addresses differ: everything listens on loopback, each service on a free port of its own, and paths of
the containers lie below one folder.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from etl_assets_tests.deploy.dockerfile import DEPLOY, entry_point, lay_out, stages
from etl_assets_tests.end_to_end.live_dagster import free_port

COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SCRIPTS = Path(sys.executable).parent
PATIENCE_SECONDS = 300.0
OTHERS = ("ETL_", "DAGSTER_", "AWS_", "POLARS_")
"""Variables of this machine, which a container would not have."""


@dataclass
class Process:
    """One service: its command, and a supervisor that starts it again as `restart` says."""

    name: str
    command: list[str]
    environment: dict[str, str]
    work: Path
    log: Path
    process: subprocess.Popen[bytes] | None = None
    starts: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        assert COMPOSE["services"][self.name]["restart"] == "unless-stopped"
        self._spawn()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()

    def stop(self) -> None:
        self._over.set()
        self._supervisor.join(10)
        assert self.process is not None
        for sent in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, sent)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(10)

    def _spawn(self) -> None:
        self.starts += 1
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.work,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _supervise(self) -> None:
        while not self._over.wait(0.5):
            assert self.process is not None
            if self.process.poll() is not None:
                # A container's other processes end with its first.
                with suppress(ProcessLookupError):
                    os.killpg(self.process.pid, signal.SIGKILL)
                self._spawn()


class Installation:
    """All services of compose.yaml but PostgreSQL, whose URL is among the secrets."""

    def __init__(self, folder: Path, settings: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        self.folder = folder
        self.secrets = secrets
        self.work = lay_out(stages()[-1], folder / "image")
        self.ports: dict[tuple[str, str], int] = {}
        self.sites = {name: f"http://127.0.0.1:{free_port()}" for name in ("ETL_SITE", "ETL_VIEW_SITE")}
        self.health_port = str(free_port())
        example = (DEPLOY / "etl.env.example").read_text(encoding="utf-8").splitlines()
        self.env_file = dict(line.split("=", 1) for line in example if re.match("[A-Z]", line)) | dict(
            settings
        )
        self.services = {name: self._service(name) for name in COMPOSE["services"] if name != "postgres"}

    # -- what the file says, with addresses of this machine ---------------------------------------

    def _service(self, name: str) -> Process:
        service = COMPOSE["services"][name]
        ours = "build" in service
        said = {key: self._addressed(str(value)) for key, value in service["environment"].items()}
        image = stages()[-1].environment if ours else {}
        home = self.folder / ("scratch" if "scratch:/var/lib/etl" in service.get("volumes", ()) else name)
        own = {key: self._path(value, home) for key, value in (image | said).items()}
        environment = {
            **{
                k: v
                for k, v in os.environ.items()
                if not k.startswith(("ETL_", "DAGSTER_", "AWS_", "POLARS_"))
            },
            **(self.env_file if service.get("env_file") else {}),
            **own,
            "PATH": f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(home),
            "XDG_DATA_HOME": str(home),
        }
        # What an engine mounts: the secrets of this service, and no others.
        secrets = home / "run" / name
        secrets.mkdir(parents=True)
        for secret in service.get("secrets", ()):
            (secrets / secret).write_text(self.secrets[secret], encoding="utf-8")
        if "ETL_SECRETS_DIR" in environment:
            environment["ETL_SECRETS_DIR"] = str(secrets)
        if not ours:
            environment |= self.sites | {"ETL_HEALTH_PORT": self.health_port}
        words = self._words(name, service["command"])
        command = [*entry_point(), *words] if ours else [self._mounted(word) for word in words]
        command[0] = str(SCRIPTS / command[0])
        return Process(name, command, environment, self.work, self.folder / f"{name}.log")

    def _words(self, name: str, words: list[str]) -> list[str]:
        out = list(words)
        for index, (before, word) in enumerate(pairwise(words), start=1):
            if before == "-p":
                out[index] = str(self._port(name, word))
            if before == "-h":
                out[index] = "127.0.0.1"
        return out

    def _port(self, service: str, port: str) -> int:
        return self.ports.setdefault((service, port), free_port())

    def _addressed(self, value: str) -> str:
        """A service's address in the network of the containers, as one of this machine."""
        if value in COMPOSE["services"]:
            return "127.0.0.1"
        if match := re.fullmatch(r"([a-z-]+):(\d+)", value):
            return f"127.0.0.1:{self._port(match[1], match[2])}"
        if value == "4000":
            return str(self._port("code-server", value))
        return value

    def _path(self, value: str, home: Path) -> str:
        value = value.replace("/etc/caddy/users", str(self.folder / "users"))
        value = value.replace("/var/lib/etl", str(home))
        return re.sub("^/srv/etl", str(self.work), value)

    def _mounted(self, word: str) -> str:
        for volume in COMPOSE["services"]["proxy"]["volumes"]:
            source, target, *_ = volume.split(":")
            if word == target:
                return str(DEPLOY / source)
        return word

    # -- running ----------------------------------------------------------------------------------

    @contextmanager
    def running(self) -> Iterator[Installation]:
        started: list[Process] = []
        try:
            for name, process in self.services.items():  # in the file's order, which is that of depends_on
                process.start()
                started.append(process)
                if name == "code-server":
                    self.wait_for(f"{name} to be well", lambda: self.is_well("code-server"))
            yield self
        finally:
            for process in reversed(started):
                process.stop()

    def is_well(self, name: str) -> bool:
        """Do a service's health check, as its engine does."""
        test = [one.replace("127.0.0.1:3000", f"127.0.0.1:{self.ports.get((name, '3000'))}")
                for one in COMPOSE["services"][name]["healthcheck"]["test"][1:]]  # fmt: skip
        process = self.services[name]
        done = subprocess.run(
            self._words(name, test),
            cwd=self.work,
            env=process.environment,
            capture_output=True,
            timeout=60,
        )
        return done.returncode == 0

    def wait_for(self, what: str, look: Callable[[], object]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if look():
                return
            time.sleep(1)
        logs = "\n".join(
            f"--- {name}: started {one.starts} times\n{one.log.read_text(errors='replace')[-3000:]}"
            for name, one in self.services.items()
            if one.starts
        )
        raise AssertionError(f"waited {PATIENCE_SECONDS:.0f} s for {what}\n{logs}")
